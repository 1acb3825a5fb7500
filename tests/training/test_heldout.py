import numpy as np

from training.calibration import expected_calibration_error, platt
from training.metrics import apgr, auroc, cost_for, curve


def test_perfect_knowledge_recovers_the_gap_with_the_fewest_escalations() -> None:
    small, strong = np.array([1.0, 0, 1, 0]), np.ones(4)
    found = curve(strong - small, small, strong)
    assert found.quality.tolist() == [0.5, 0.75, 1, 1, 1]
    assert cost_for(found, 1.0) == 0.06 + 0.94 / 2
    assert apgr(found) == 0.75


def test_ranking_backwards_mirrors_the_auroc() -> None:
    happened, score = np.array([True, False, True]), np.array([0.9, 0.1, 0.4])
    assert auroc(score, happened) == 1.0
    assert auroc(-score, happened) == 0.0
    assert np.isnan(auroc(np.array([0.5]), np.array([True])))


def test_platt_undoes_a_known_distortion() -> None:
    random = np.random.default_rng(1)
    odds = random.normal(size=20_000)
    happened = (random.uniform(size=20_000) < 1 / (1 + np.exp(-(2 * odds - 1)))).astype(float)
    slope, bias = platt(odds, happened)
    assert abs(slope - 2) < 0.1
    assert abs(bias + 1) < 0.1


def test_calibrated_probabilities_have_no_calibration_error() -> None:
    assert expected_calibration_error(np.full(100, 0.25), np.arange(100) % 4 == 0, n_bins=1) == 0
    assert expected_calibration_error(np.full(100, 0.9), np.zeros(100, dtype=bool), n_bins=1) > 0.89
