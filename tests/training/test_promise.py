import itertools
from dataclasses import replace

import numpy as np
import pytest

from training.promise import Promise, Sample, broken_by, kept, naive, path, routed, search
from training.promise_check import best_here, certified, draw, simulate, synthetic, table

SAMPLE = synthetic(3000, seed=1)
COARSE = path(2.0, 1.0, gains=tuple(-0.3 + 0.03 * step for step in range(24)))


def test_a_later_policy_of_the_path_never_escalates_more() -> None:
    strong = [routed(SAMPLE, policy) for policy in COARSE]
    assert all((later <= earlier).all() for earlier, later in itertools.pairwise(strong))


@pytest.mark.parametrize("kind", ["quality", "failures"])
def test_the_search_stops_at_the_first_policy_it_cannot_prove(kind: str) -> None:
    promise = Promise(0.05, 0.05, kind)
    found, tested = search(SAMPLE, COARSE, promise)
    assert found == COARSE[tested - 2]
    assert not kept(SAMPLE, routed(SAMPLE, COARSE[tested - 1]), promise)


@pytest.mark.parametrize("kind", ["quality", "failures"])
def test_more_confidence_never_escalates_less(kind: str) -> None:
    gains = [
        found.gain for delta in (0.5, 0.1, 0.01) if (found := search(SAMPLE, COARSE, Promise(0.05, delta, kind))[0])
    ]
    assert gains == sorted(gains, reverse=True)


def test_too_few_rows_prove_nothing() -> None:
    assert search(SAMPLE.take(np.arange(30)), COARSE, Promise(0.01, 0.05)) == (None, 1)


def test_near_duplicates_count_once() -> None:
    copies = SAMPLE.take(np.repeat(np.arange(200), 50))
    once = SAMPLE.take(np.arange(200))
    assert search(copies, COARSE, Promise(0.1, 0.05)) == search(once, COARSE, Promise(0.1, 0.05))


def test_naive_thresholds_are_never_more_cautious_than_certified_ones() -> None:
    promise = Promise(0.05, 0.05)
    found = search(SAMPLE, COARSE, promise)[0]
    assert found is not None
    assert naive(SAMPLE, COARSE, promise).gain >= found.gain


@pytest.mark.parametrize("promise", [Promise(0.05, 0.1), Promise(0.05, 0.1, "failures")], ids=["quality", "failures"])
def test_a_promise_is_broken_no_more_often_than_it_says_in_300_resamples(promise: Promise) -> None:
    population = synthetic(700, seed=2)
    safe = simulate(population, promise, lambda s, p: search(s, COARSE, p)[0], 300)
    assert safe.broken <= promise.delta
    assert safe.answered == 1
    careless = simulate(population, promise, lambda s, p: naive(s, COARSE, p), 60)
    assert careless.broken > promise.delta


def test_a_group_drawn_twice_counts_as_two() -> None:
    drawn = draw(SAMPLE, np.random.default_rng(0))
    assert len(np.unique(drawn.group)) == len(np.unique(SAMPLE.group))


def test_strong_for_everyone_breaks_no_promise() -> None:
    everyone = np.ones(len(SAMPLE.gain), dtype=bool)
    assert broken_by(SAMPLE, everyone, Promise(0.01, 0.05)) <= 0
    assert broken_by(SAMPLE, everyone, Promise(0.01, 0.05, "failures")) <= 0


def test_graded_scores_are_bounded_too() -> None:
    rng = np.random.default_rng(3)
    graded: Sample = replace(SAMPLE, small=rng.random(3000), strong=rng.random(3000) * 0.2 + 0.8)
    assert search(graded, COARSE, Promise(0.05, 0.05))[0] is not None


def test_the_table_has_a_line_for_each_way() -> None:
    text = table({"made-up": synthetic(300)}, 2, (Promise(0.2, 0.1),))
    assert [line.split()[4] for line in text.splitlines()[1:]] == ["certified", "recalibrated", "naive"]
    assert certified(SAMPLE, Promise(0.1, 0.05)) is not None
    assert best_here(SAMPLE, Promise(0.1, 0.05)) is not None
