from dataclasses import replace

import numpy as np
import pytest

from training.compare import Gates, compare, is_hardly_worse, table
from training.replay import Rows

from .conftest import HARD, make_rows


def judged_by(rows: Rows, complexity: np.ndarray, gain: np.ndarray) -> Rows:
    found = tuple(
        replace(a, complexity=float(c), gain=float(g))
        for a, c, g in zip(rows.assessments, complexity, gain, strict=True)
    )
    return replace(rows, assessments=found)


@pytest.fixture(scope="module")
def many() -> Rows:
    return make_rows(1500, seed=7)


def test_an_artifact_does_not_differ_from_itself(many: Rows) -> None:
    found = compare(many, many)
    assert all(row["difference"] == 0 for row in found["measures"].values())


def test_a_worse_ranking_is_not_promoted(many: Rows) -> None:
    noise = np.random.default_rng(0).random(len(many))
    found = compare(many, judged_by(many, noise, noise))
    assert not found["promote"]
    assert "FAILED" in table(found)


def test_a_better_ranking_within_the_gates_is_promoted(many: Rows) -> None:
    share = np.array([sum(word in HARD for word in text.split()) / 12 for text in many.texts])
    before = judged_by(many, np.random.default_rng(0).random(len(many)), many.gain * 0)
    found = compare(before, judged_by(many, share, share), Gates(most_ece=0.1))
    assert found["measures"]["auroc"]["difference_95"][0] > 0
    assert found["promote"], table(found)


@pytest.mark.parametrize(
    ("loss", "ends", "passes"),
    [
        (-0.01, (-0.08, 0.06), True),  # better on the rows, whatever the noise
        (0.002, (-0.06, 0.06), True),  # worse by less than the slack, and by less than the noise
        (0.002, (0.001, 0.019), True),  # surely worse, and surely by less than the slack
        (0.015, (0.005, 0.025), False),  # surely worse, and not surely by less
        (0.03, (-0.01, 0.07), False),  # more than the slack, though it may be noise
        (0.03, None, False),
        (float("nan"), None, False),
    ],
)
def test_a_gate_is_no_coin_that_is_tossed_for_equals(
    loss: float, ends: tuple[float, float] | None, passes: bool
) -> None:
    assert is_hardly_worse(loss, ends, 0.02) is passes


def test_other_prompts_cannot_be_compared(many: Rows) -> None:
    with pytest.raises(ValueError, match="same prompts"):
        compare(many, many.take([0, 1]))
