"""Scores to probabilities: fit on the calibration split, never on the test split."""

import numpy as np
import numpy.typing as npt

from training.data import Bools, Floats


def platt(log_odds: Floats, target: Floats, weight: Floats | None = None) -> tuple[float, float]:
    """Slope and intercept that turn raw log-odds into calibrated ones; targets may be shares in [0, 1].

    Source: Platt 1999, by Newton's method on the weighted log-likelihood.
    """
    weights = np.ones_like(log_odds) if weight is None else weight
    design = np.column_stack([log_odds, np.ones_like(log_odds)])
    beta = np.zeros(2)
    for _ in range(50):
        expected = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (weights * (target - expected))
        curvature = (design * (weights * expected * (1 - expected))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    return float(beta[0]), float(beta[1])


def expected_calibration_error(probability: Floats, happened: Bools, n_bins: int = 15) -> float:
    """Mean distance of probability and frequency over equally filled bins, weighted by their size.

    Source: Nguyen and O'Connor 2015 (adaptive bins).
    """
    order = np.argsort(probability, kind="stable")
    bins: list[npt.NDArray[np.int64]] = [part for part in np.array_split(order, n_bins) if len(part)]
    gaps = [abs(probability[part].mean() - happened[part].mean()) * len(part) for part in bins]
    return float(sum(gaps) / max(len(order), 1))
