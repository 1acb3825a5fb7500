"""Probabilities to log-odds and back, kept where neither overflows."""

from math import copysign, exp, log

_MOST = 30.0
"""Log-odds beyond which a probability is 0 or 1 to thirteen digits."""

_LEAST = 1e-4
"""How far from 0 and 1 a probability is kept, unless said otherwise."""


def sigmoid(odds: float) -> float:
    """Log-odds to a probability in [0, 1]."""
    return 1 / (1 + exp(-odds if -_MOST < odds < _MOST else -copysign(_MOST, odds)))


def log_odds(probability: float, least: float = _LEAST) -> float:
    """A probability to log-odds, after it has been kept ``least`` away from 0 and 1."""
    if probability < least:
        probability = least
    elif probability > 1 - least:
        probability = 1 - least
    return log(probability / (1 - probability))
