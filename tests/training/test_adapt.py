"""Learning from judged requests without their texts."""

import numpy as np
import pytest

from training.adapt import LEAST_ROWS, Lessons, adapt, corrected
from training.data import DataError, Floats
from training.metrics import auroc


def lessons(n: int, *, signal: float = 1.5, level: float = 0.0, seed: int = 0) -> Lessons:
    """Traffic on which the third feature says what the model does not know, and everything is ``level`` harder."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 6))
    base = rng.normal(size=n)
    complexity = 1 / (1 + np.exp(-base))
    fails = rng.random(n) < 1 / (1 + np.exp(-(base + level + signal * features[:, 2])))
    strong_fails = fails & (rng.random(n) < 0.5)
    return Lessons(
        features, complexity, complexity * 0.5, 1.0 - fails, 1.0 - strong_fails, np.arange(n, dtype=np.int64)
    )


def area(found: Lessons, complexity: Floats) -> float:
    return auroc(complexity, found.small < 0.5)


def test_a_few_hundred_rows_teach_what_the_model_did_not_know() -> None:
    learned, facts = adapt(lessons(400))
    held_out = lessons(2_000, seed=1)
    assert area(held_out, corrected(learned, held_out)[0]) > area(held_out, held_out.complexity) + 0.05
    assert facts["small"]["rows"] == 400


def test_a_shift_of_level_is_learned_from_a_hundred_rows() -> None:
    learned, _ = adapt(lessons(100, signal=0.0, level=1.5))
    held_out = lessons(2_000, signal=0.0, level=1.5, seed=1)
    before = abs(held_out.complexity.mean() - (held_out.small < 0.5).mean())
    after = abs(corrected(learned, held_out)[0].mean() - (held_out.small < 0.5).mean())
    assert after < before / 3


@pytest.mark.parametrize("sure", [2.0, 3.0, 4.0, 6.0])
@pytest.mark.parametrize("seed", [0, 3, 4])
def test_a_model_that_is_sure_of_the_opposite_is_put_right(sure: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fails = np.arange(200) % 2 == 0
    features = np.where(fails, -1.0, 1.0)[:, None] + rng.normal(scale=0.05, size=(200, 5))
    complexity = 1 / (1 + np.exp(np.where(fails, sure, -sure) + rng.normal(scale=0.3, size=200)))
    wrong = Lessons(features, complexity, complexity * 0.5, 1.0 - fails, np.full(200, np.nan), np.arange(200))
    learned, facts = adapt(wrong)
    assert abs(facts["small"]["bias"]) < 1
    assert area(wrong, corrected(learned, wrong)[0]) > 0.99


def test_verdicts_without_rhyme_or_reason_teach_nothing() -> None:
    found = lessons(400)
    order = np.random.default_rng(3).permutation(400)
    noise = Lessons(found.features, found.complexity, found.gain, found.small[order], found.strong[order], found.group)
    learned, _ = adapt(noise)
    held_out = lessons(2_000, signal=0.0, seed=1)
    assert area(held_out, corrected(learned, held_out)[0]) <= area(held_out, held_out.complexity) + 0.01


def test_a_tier_that_nobody_judged_moves_in_level_as_the_other_does() -> None:
    found = lessons(300)
    one_sided = Lessons(found.features, found.complexity, found.gain, found.small, np.full(300, np.nan), found.group)
    learned, facts = adapt(one_sided)
    assert facts["strong"]["penalty"] is None
    assert learned.blend[1, 0] == 1  # a slope belongs to the weights it was fitted with
    assert learned.blend[1, 1] != 0
    assert not learned.weights[:, 1].any()


@pytest.mark.parametrize("n_strong", [0, 40])
def test_a_tier_s_own_few_verdicts_outweigh_what_the_other_says(n_strong: int) -> None:
    rng = np.random.default_rng(3)
    n = 1_000
    small_fails, strong_fails = rng.random(n) < 0.9, rng.random(n) < 0.1  # the model says 0.3 and 0.1
    strong = np.where(np.arange(n) < n_strong, 1.0 - strong_fails, np.nan)
    found = Lessons(rng.normal(size=(n, 4)), np.full(n, 0.3), np.full(n, 0.2), 1.0 - small_fails, strong, np.arange(n))
    complexity, gain = corrected(adapt(found)[0], found)
    assert complexity.mean() == pytest.approx(0.9, abs=0.03)
    failing = (complexity - gain).mean()
    assert (failing > 0.5) if not n_strong else (failing < 0.3)


def test_verdicts_that_are_all_the_same_are_refused() -> None:
    found = lessons(300)
    same = Lessons(found.features, found.complexity, found.gain, np.ones(300), np.ones(300), found.group)
    with pytest.raises(DataError, match="all verdicts are the same"):
        adapt(same)


def test_a_tier_of_which_no_answer_was_bad_is_moved_far_and_not_without_end() -> None:
    found = lessons(300)
    good = Lessons(found.features, found.complexity, found.gain, found.small, np.ones(300), found.group)
    learned, facts = adapt(good)
    assert facts["strong"]["penalty"] is not None
    complexity, gain = corrected(learned, good)
    assert 0.0005 < (complexity - gain).mean() < 0.02
    assert area(good, complexity) == pytest.approx(area(good, corrected(adapt(found)[0], found)[0]))


def test_too_few_verdicts_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match="feedback"):
        adapt(lessons(LEAST_ROWS - 1))


def test_equal_rows_and_seed_give_equal_bytes() -> None:
    first, second = adapt(lessons(200))[0], adapt(lessons(200))[0]
    assert all(np.array_equal(a, second.arrays()[name]) for name, a in first.arrays().items())
