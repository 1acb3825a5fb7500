import numpy as np
import pytest

from training.data import Data, from_columns
from training.labels import label, task_of

TIERS = {"small-1": "small", "small-2": "tiny", "big": "strong"}


def data(outcomes: list[tuple[str, str, float | None, bool]]) -> Data:
    ids = ["p", "q"]
    prompts = {
        "prompt_id": [*ids, "p", "r", "s"],
        "source": ["x"] * 5,
        "subset": [""] * 5,
        "prompt": ["What?", "Why?", "Again?", "  ", "How?"],
        "category": [None] * 5,
        "language": ["en"] * 5,
        "kind": ["mcq"] * 5,
        "group": [1, 2, 1, 3, 4],
        "split": ["train", "test", "train", "train", "nowhere"],
    }
    columns = list(zip(*outcomes, strict=True))
    rows = {
        "prompt_id": columns[0],
        "model": columns[1],
        "score": columns[2],
        "suspect": columns[3],
        "output_tokens": [None] * len(outcomes),
        "output_chars": [40] * len(outcomes),
    }
    return from_columns(prompts, rows, TIERS)


def test_rejected_rows_are_counted_by_reason() -> None:
    scores = [("p", 1.0), ("p", 0.0), ("z", 1.0), ("q", None)]
    outcomes = [(name, "big", score, False) for name, score in scores]
    assert data(outcomes).rejected == {
        "outcome: repeated": 1,
        "outcome: score missing or outside [0, 1]": 1,
        "outcome: unknown prompt": 1,
        "prompt: empty": 1,
        "prompt: id missing or repeated": 1,
        "prompt: unknown split": 1,
    }


def test_tier_means_leave_suspect_outcomes_out() -> None:
    outcomes = [
        ("p", "small-1", 1.0, False),
        ("p", "small-2", 0.0, False),
        ("p", "big", 1.0, False),
        ("q", "small-1", 1.0, True),
    ]
    labels = label(data(outcomes))
    assert labels.small[0] == 0.5
    assert np.isnan(labels.small[1])
    assert labels.judged.tolist() == [True, False]
    assert labels.output_tokens.tolist()[0] == 10


def test_equal_data_has_an_equal_fingerprint_and_other_data_another() -> None:
    one, two = [("p", "big", 1.0, False)], [("p", "big", 0.0, False)]
    assert data(one).fingerprint() == data(one).fingerprint() != data(two).fingerprint()


@pytest.mark.parametrize(("category", "task"), [("code_contest_hard", "code"), ("biology", "knowledge")])
def test_categories_stand_for_tasks(category: str, task: str) -> None:
    assert task_of(category) == task
