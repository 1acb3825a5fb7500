"""Probabilities to log-odds and back, kept where neither overflows."""

from math import exp, log

_MOST = 30.0
"""Log-odds beyond which a probability is 0 or 1 to thirteen digits."""

_LEAST = 1e-4
"""How far from 0 and 1 a probability is kept, unless said otherwise."""


def sigmoid(odds: float) -> float:
    """Log-odds to a probability in [0, 1]."""
    return 1 / (1 + exp(-min(max(odds, -_MOST), _MOST)))


def log_odds(probability: float, least: float = _LEAST) -> float:
    """A probability to log-odds, after it has been kept ``least`` away from 0 and 1."""
    kept = min(max(probability, least), 1 - least)
    return log(kept / (1 - kept))
