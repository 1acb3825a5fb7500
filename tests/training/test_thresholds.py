from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from router.core.policy import Thresholds
from router.core.types import MODES
from training.data import DataError
from training.replay import Rows
from training.thresholds import Target, choose, unmet

from .conftest import make_rows


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.bootstrap.N_RESAMPLES", 30)


def chosen(rows: Rows, target: Target) -> dict[str, Any]:
    return choose(rows, target, "fake@1:0", "f" * 64, {"from": None, "to": None})


@pytest.fixture(scope="module")
def many() -> Rows:
    return make_rows(2400, seed=5)


def test_each_mode_is_the_arguments_of_the_gateways_thresholds(many: Rows) -> None:
    found = chosen(many, Target(max_quality_loss=0.03))
    assert all(isinstance(Thresholds(**found[mode]), Thresholds) for mode in MODES)
    assert unmet(found) == []


def test_a_cheaper_mode_never_costs_more_and_each_keeps_what_it_promises(many: Rows) -> None:
    found = chosen(many, Target(max_quality_loss=0.03))
    costs = [found["expected"][mode]["cost_share"] for mode in ("quality", "balanced", "cost")]
    assert costs == sorted(costs, reverse=True)
    for mode, row in found["certificate"]["modes"].items():
        assert row["certified"], mode
        assert row["quality_loss"] <= row["alpha"]


def test_a_target_cost_is_met_at_the_price_of_the_models_that_are_used(many: Rows) -> None:
    dear = replace(many, small_price=0.4)
    found = chosen(dear, Target(max_quality_loss=None, cost_share=0.6))["expected"]["balanced"]
    assert found["cost_share"] == pytest.approx(0.6, abs=0.01)
    assert found["strong_share"] == pytest.approx((0.6 - 0.4) / (1 - 0.4), abs=0.01)
    with pytest.raises(DataError, match=r"between 0.4 \(always small\)"):
        chosen(dear, Target(max_quality_loss=None, cost_share=0.3))


def test_no_threshold_is_an_answer() -> None:
    found = chosen(make_rows(60), Target(max_quality_loss=0.001))
    assert unmet(found) == list(MODES)
    assert all(found[mode]["complexity"] == 0 for mode in MODES)


def test_naive_thresholds_are_labelled_uncertified(many: Rows) -> None:
    found = chosen(many, Target(max_quality_loss=0.03, certified=False))
    assert found["certificate"]["certified"] is False
    assert not any(row["certified"] for row in found["certificate"]["modes"].values())


def test_failures_are_promised_by_clopper_pearson(many: Rows) -> None:
    found = chosen(many, Target(max_quality_loss=0.02, promise="failures"))
    assert found["certificate"]["bound"] == "clopper-pearson"
    assert all(row["failure_share_upper"] <= row["alpha"] for row in found["certificate"]["modes"].values())


@pytest.mark.parametrize("share", [0.2, 0.3, 0.6])
def test_a_cost_share_is_met_on_the_calibration_rows(many: Rows, share: float) -> None:
    found = chosen(many, Target(max_quality_loss=None, cost_share=share))
    assert found["expected"]["balanced"]["cost_share"] == pytest.approx(share, abs=0.03)
    assert found["certificate"]["certified"] is False


def test_dearer_calls_are_used_less(many: Rows) -> None:
    costs = [
        chosen(many, Target(max_quality_loss=None, cost_weight=weight))["expected"]["balanced"]["cost_share"]
        for weight in (0.05, 0.2, 0.8)
    ]
    assert costs == sorted(costs, reverse=True)


def test_the_certificate_expires_by_the_date_given_and_never_by_the_clock(many: Rows) -> None:
    dated = chosen(many, Target(valid_from=date(2026, 1, 1), valid_days=30))["certificate"]
    assert (dated["valid_from"], dated["expires"]) == ("2026-01-01", "2026-01-31")
    undated = chosen(many, Target())["certificate"]
    assert undated["expires"] is None
    assert undated["term"].startswith("none: the data has no dates")


def test_the_term_counts_from_the_last_day_of_dated_data(many: Rows) -> None:
    window = {"from": "2026-02-01", "to": "2026-03-01"}
    found = choose(many, Target(), "fake@1:0", "f" * 64, window)["certificate"]
    assert (found["valid_from"], found["expires"]) == ("2026-03-01", "2026-05-30")
    assert found["term"] == "90 days from the last day of the data"
    assert found["calibrated_on"] == "other prompts"


def test_equal_rows_give_equal_thresholds(many: Rows) -> None:
    assert chosen(many, Target()) == chosen(many, Target())


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"cost_share": 0.3}, "exactly one"),
        ({"max_quality_loss": None, "cost_share": 1.01}, "--target-cost-share"),
        ({"confidence": 1.0}, "--confidence"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        Target(**given)
