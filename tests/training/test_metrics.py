import numpy as np
import pytest

from training.metrics import aiq, apgr, auroc, brier, calls_for, cost_for, cost_of_share, curve, spending

RNG = np.random.default_rng(0)
SMALL, STRONG = RNG.random(5000), RNG.random(5000) * 0.5 + 0.5


def test_spending_by_lot_recovers_half_of_the_gap() -> None:
    assert apgr(curve(RNG.random(5000), SMALL, STRONG)) == pytest.approx(0.5, abs=0.03)


def test_no_ranking_spends_better_than_the_true_gain() -> None:
    oracle = spending(STRONG - SMALL, SMALL, STRONG)
    guess = spending(STRONG - SMALL + RNG.normal(size=5000), SMALL, STRONG)
    assert oracle["apgr"] > guess["apgr"]
    assert oracle["cost_at_95"] < guess["cost_at_95"]


def test_a_curve_runs_from_always_small_to_always_strong() -> None:
    found = curve(RNG.random(5000), SMALL, STRONG)
    assert found.quality[0] == pytest.approx(SMALL.mean())
    assert found.quality[-1] == pytest.approx(STRONG.mean())
    assert found.cost[0] == pytest.approx(0.06)
    assert found.cost[-1] == 1


def test_equal_scores_are_spent_on_by_lot() -> None:
    better_first = np.sort(RNG.random(5000))[::-1]
    assert apgr(curve(np.zeros(5000), 1 - better_first, np.ones(5000))) == pytest.approx(0.5, abs=0.03)


def test_calls_and_cost_say_the_same_of_a_straight_curve() -> None:
    found = curve(np.arange(1000.0), np.zeros(1000), np.ones(1000))
    assert calls_for(found, 0.5) == pytest.approx(0.5)
    assert cost_for(found, 0.95) == pytest.approx(cost_of_share(np.array([0.95]))[0])
    assert aiq(found) == pytest.approx(0.5)


def test_the_hull_never_lies_below_the_curve() -> None:
    found = curve(RNG.random(300), SMALL[:300], STRONG[:300])
    assert aiq(found) >= np.trapezoid(found.quality, found.cost) / (found.cost[-1] - found.cost[0]) - 1e-9


def test_ties_count_half_in_the_auroc() -> None:
    assert auroc(np.zeros(10), np.arange(10) < 5) == 0.5
    assert auroc(np.array([0.1, 0.9]), np.array([False, True])) == 1
    assert np.isnan(auroc(np.zeros(3), np.zeros(3, dtype=bool)))


def test_a_sure_and_right_forecast_has_no_brier_score() -> None:
    assert brier(np.array([0.0, 1.0]), np.array([False, True])) == 0
