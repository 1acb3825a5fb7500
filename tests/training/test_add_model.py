from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from classifier.abilities import design, success
from training.add_model import estimate, learn, prior_of, read_outcomes
from training.data import DataError

from .conftest import WordJudge, make_rows

ROWS = make_rows(600, seed=9)


@pytest.mark.parametrize("side", ["small", "strong"])
def test_a_model_that_behaves_like_a_tier_is_placed_near_it(side: str) -> None:
    probability = success(design(ROWS.assessments), prior_of(side))
    score = (np.random.default_rng(0).random(len(probability)) < probability).astype(float)
    found = learn("new", ROWS.assessments, score)
    assert found.ability.like == side
    assert np.abs(found.ability.success(ROWS.assessments) - probability).mean() < 0.08


def test_fifty_outcomes_move_the_level_of_a_weaker_model() -> None:
    weaker = prior_of("small")
    weaker[0] = -2
    probability = success(design(ROWS.assessments), weaker)
    score = (np.random.default_rng(1).random(len(probability)) < probability).astype(float)
    found = learn("weak", ROWS.assessments[:50], score[:50], like="small")
    assert found.ability.weights[0] < -0.5
    assert found.log_loss < found.log_loss_before


def test_without_information_the_prior_stays() -> None:
    probability = success(design(ROWS.assessments[:20]), prior_of("small"))
    found = learn("same", ROWS.assessments[:20], probability, like="small")
    assert found.ability.coefficients == pytest.approx(prior_of("small"), abs=1e-6)


def test_too_few_outcomes_are_refused_with_a_way_out() -> None:
    with pytest.raises(DataError, match="at least 20"):
        estimate("new", [("hello", 1.0)] * 5, WordJudge())


def test_a_model_is_found_in_a_long_file_or_by_its_column(write_jsonl: Callable[..., Path]) -> None:
    path = write_jsonl([{"prompt": "one", "model": "a", "score": 1}, {"prompt": "two", "model": "b", "verdict": "bad"}])
    assert read_outcomes(path, "b") == [("two", 0.0)]
    path = write_jsonl([{"prompt": "one", "a": 0.5}, {"prompt": "", "a": 1}, {"prompt": "two", "a": 9}])
    assert read_outcomes(path, "a") == [("one", 0.5)]
    with pytest.raises(DataError, match="no usable row"):
        read_outcomes(path, "c")


def test_a_table_as_spreadsheets_write_it_is_read_and_another_s_columns_are_named(tmp_path: Path) -> None:
    table = tmp_path / "judged.csv"
    table.write_text("prompt,score\nhello,1\nbye,0.5\n", encoding="utf-8-sig")
    assert read_outcomes(table, "openai/mine") == [("hello", 1.0), ("bye", 0.5)]
    table.write_text("prompt;score\nhello;1\n", encoding="utf-8-sig")
    with pytest.raises(DataError, match="its columns: prompt;score"):
        read_outcomes(table, "openai/mine")
