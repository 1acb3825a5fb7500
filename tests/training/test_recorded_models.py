from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.add_model import Learned, learn
from training.calibrate import prompt_mix
from training.data import Data, load
from training.recorded_models import Outcomes, judge_recorded, learn_recorded
from training.replay import replay

from .conftest import WordJudge, make_rows


@pytest.fixture(scope="module")
def recorded(tables: Path) -> Data:
    return load(tables)


def test_every_model_with_enough_trusted_outcomes_on_train_is_learned(recorded: Data) -> None:
    found = {each.model: each for each in learn_recorded(recorded, WordJudge())}
    assert set(found) == set(recorded.models)
    assert all(each.ability.outcomes == (recorded.split == "train").sum() for each in found.values())
    assert found["s1"].mean_score < found["g1"].mean_score
    doubtful = replace(recorded, suspect=recorded.model_of == recorded.models.index("s1"))
    assert {each.model for each in learn_recorded(doubtful, WordJudge())} == set(recorded.models) - {"s1"}


def test_a_large_source_does_not_drown_what_the_others_say(recorded: Data) -> None:
    model, one = recorded.models.index("g1"), recorded.source[recorded.prompt_of] == "one"
    bad_at_one = np.where(one & (recorded.model_of == model), 0.0, recorded.score)
    mixed = replace(recorded, score=bad_at_one)
    twice = np.flatnonzero(
        one | (np.arange(len(one)) % 8 == 0)
    )  # of the other sources an eighth of the outcomes is left
    few = replace(
        mixed,
        prompt_of=mixed.prompt_of[twice],
        model_of=mixed.model_of[twice],
        score=mixed.score[twice],
        suspect=mixed.suspect[twice],
    )
    found, plain = (
        next(each for each in learned if each.model == "g1").ability.weights[0]
        for learned in (learn_recorded(few, WordJudge()), [_unweighted(few, model)])
    )
    assert found > plain


def _unweighted(data: Data, model: int) -> Learned:
    rows = np.flatnonzero(data.split == "train")
    places, score = Outcomes(data).of(model, rows)
    return learn(data.models[model], [WordJudge().assess(data.texts[rows[place]]) for place in places], score)


def test_what_happened_outside_train_moves_no_ability(recorded: Data) -> None:
    outside = recorded.split[recorded.prompt_of] != "train"
    turned = replace(recorded, score=np.where(outside, 1 - recorded.score, recorded.score))
    assert learn_recorded(turned, WordJudge()) == learn_recorded(recorded, WordJudge())


def test_a_model_is_foretold_better_than_by_its_tier_or_its_mean(recorded: Data) -> None:
    entries = {each.model: each.as_json() for each in learn_recorded(recorded, WordJudge())}
    rows = replay(recorded, "calibration", WordJudge())
    found = judge_recorded(recorded, rows, entries)
    assert found["mean"]["models"] == len(recorded.models)
    assert found["mean"]["log_loss"] < found["mean"]["log_loss_mean"]
    assert found["mean"]["log_loss"] <= found["mean"]["log_loss_tier"]
    assert found["models"]["s1"]["learned_from"] == (recorded.split == "train").sum()
    assert judge_recorded(recorded, rows, {}) == {}


def test_outcomes_are_found_by_prompt_and_the_last_of_several_counts(recorded: Data) -> None:
    data = replace(
        recorded,
        prompt_of=np.array([3, 1, 3, 2]),
        model_of=np.array([0, 0, 0, 1]),
        score=np.array([0.0, 0.5, 1.0, 0.25]),
        suspect=np.zeros(4, dtype=np.bool_),
    )
    places, score = Outcomes(data).of(0, np.array([1, 2, 3]))
    assert dict(zip(places.tolist(), score.tolist(), strict=True)) == {0: 0.5, 2: 1.0}


def test_the_mix_holds_every_prompt_once_and_gives_nearly_the_mean_of_their_successes(recorded: Data) -> None:
    rows = make_rows(500, seed=2)
    mix = prompt_mix(rows)
    assert sum(mix["share"]) == pytest.approx(1, abs=1e-3)
    able = learn_recorded(recorded, WordJudge())[0].ability
    assert able.mean_success(mix) == pytest.approx(float(able.success(rows.assessments).mean()), abs=0.01)
