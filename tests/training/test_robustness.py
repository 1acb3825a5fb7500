import random

import pytest

from router.core.policy import Thresholds
from training.robustness import (
    dropped_format_line,
    dropped_options,
    preface,
    robustness,
    shuffled_options,
    typos,
    white_space,
)

from .conftest import ROWS_TEXTS, WordJudge

QUESTION = "Which is red?\n(A) the sky\n(B) a rose\n(C) snow\nAnswer with a letter."


def test_shuffling_keeps_labels_in_place_and_every_option() -> None:
    shuffled = [shuffled_options(QUESTION, random.Random(seed)) for seed in range(9)]
    assert len(set(shuffled)) > 1
    for text in shuffled:
        assert sorted(line[4:] for line in text.split("\n")[1:4]) == ["a rose", "snow", "the sky"]
        assert [line[:3] for line in text.split("\n")[1:4]] == ["(A)", "(B)", "(C)"]


def test_options_and_format_lines_are_dropped_and_nothing_else() -> None:
    assert dropped_options(QUESTION, random.Random()) == "Which is red?\nAnswer with a letter."
    assert dropped_format_line(QUESTION, random.Random()).endswith("(C) snow")
    assert dropped_format_line("Answer me", random.Random()) == "Answer me"


@pytest.mark.parametrize("change", [typos, white_space, preface])
def test_a_change_of_form_loses_nothing(change: object) -> None:
    text = "Constraint optimisation of asymptotic polynomials " * 20
    changed = change(text, random.Random(0))  # type: ignore[operator]
    assert changed != text
    assert set(changed) >= set(text)
    assert len(changed) >= len(text)


def test_a_judge_of_words_is_not_moved_by_case_or_space() -> None:
    found = robustness(ROWS_TEXTS, WordJudge(), Thresholds(0.5))
    assert found["lower case"]["n"] in (0, len(ROWS_TEXTS))
    assert found["30 tool schemas"]["same_pick"] == 1
    assert found["4,000-token system prompt"]["median_move"] == 0
    assert found["RAG context"]["median_move"] > 0
