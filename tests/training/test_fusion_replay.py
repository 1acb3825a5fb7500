"""Replaying votes."""

import numpy as np
import pytest

from classifier.assessment import Task
from router.core.evidence import TASKS, read_evidence
from training.fusion_replay import SPREADS, evidence, interval, replay, report
from training.replay_data import Domain


def domain(accuracies: tuple[float, ...], prompts: int = 4_000, task: Task = "math") -> Domain:
    """Models that are wrong independently, each in its own way: the case where voting must help."""
    rng = np.random.default_rng(1)
    right = rng.random((prompts, len(accuracies))) < np.array(accuracies)
    wrong = rng.integers(1, 6, right.shape)
    return Domain(
        "made up",
        task,
        tuple(f"m{index}" for index in range(len(accuracies))),
        np.where(right, 0, wrong),
        right.astype(float),
        np.tile(np.arange(len(accuracies), 0, -1.0), (prompts, 1)),
        np.arange(prompts),
        np.arange(prompts) % 2,
    )


def test_equals_who_err_apart_gain_by_voting() -> None:
    (part,) = replay(domain((0.7, 0.7, 0.7)), np.random.default_rng(0))
    expected = 0.7**3 + 3 * 0.7**2 * 0.3
    assert part.vote.mean() - part.solo.mean() > 0.05
    assert part.vote.mean() == pytest.approx(expected, abs=0.05)


def test_one_who_is_far_ahead_is_diluted() -> None:
    (part,) = replay(domain((0.95, 0.5, 0.5)), np.random.default_rng(0))
    assert SPREADS[part.spread] >= 0.12
    assert part.vote.mean() < part.solo.mean()


def test_whoever_goes_first_the_third_call_is_saved_when_two_agree() -> None:
    (part,) = replay(domain((0.9, 0.9, 0.9)), np.random.default_rng(0))
    assert part.lazy_scouts.mean() == pytest.approx(1 - 0.81 - 0.01 / 5, abs=0.03)
    assert part.cost_scouts.sum() < part.cost_vote.sum()


def test_who_gives_no_answer_agrees_with_nobody() -> None:
    silent = domain((0.7, 0.7, 0.7))
    silent.answers[:] = -1
    (part,) = replay(silent, np.random.default_rng(0))
    assert part.unanimous.sum() == 0
    assert part.lazy_scouts.mean() == 1


def test_the_interval_holds_the_mean_and_narrows_with_more_groups() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(2_000)
    mean, low, high = interval(values, np.arange(2_000), rng)
    _, wide_low, wide_high = interval(values, np.arange(2_000) // 100, rng)
    assert low < mean < high
    assert high - low < 0.03
    assert wide_high - wide_low > 0


def test_the_table_can_be_read_by_the_policy_and_speaks_of_every_task() -> None:
    rng = np.random.default_rng(0)
    found = replay(domain((0.7, 0.7, 0.7)), rng) + replay(domain((0.7, 0.7, 0.7), task="code"), rng)
    table = read_evidence(evidence(found, rng))
    assert table["math"].closed.pays
    assert not table["math"].open.pays
    assert not table["code"].closed.pays
    assert set(TASKS) == set(table)
    assert "math" in report(found, rng)
