"""Tests and bounds that hold for every sample size: what a certificate rests on."""

from math import log

import numpy as np
from scipy.stats import beta

from training.data import Floats

# Bets are cut where a single worst row would cost three quarters of the capital.
# Source: Waudby-Smith and Ramdas 2024, section 4 (they recommend 1/2 or 3/4).
_MOST_AT_STAKE = 0.75


def clopper_pearson_upper(failures: int, n: int, delta: float) -> float:
    """Upper bound on a failure probability that holds with confidence 1 - ``delta``.

    Source: Clopper and Pearson 1934, one-sided.
    """
    if n <= 0 or failures >= n:
        return 1.0
    return float(beta.ppf(1 - delta, failures + 1, n - failures))


def mean_is_below(values: Floats, limit: float, low: float, high: float, delta: float) -> bool:
    """True where the data refute "the mean is at least ``limit``" at level ``delta``.

    A gambler who bets on small values keeps a fair game's capital at most 1 / ``delta``, except with probability
    ``delta``; whoever exceeds it at any time has refuted the game's fairness. Rows must be independent and lie in
    [``low``, ``high``]; their order must not depend on their values.
    Source: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", the
    predictable plug-in bets; Angelopoulos et al. 2021, "Learn then test", use it as the p-value of one policy.
    """
    if len(values) == 0 or limit <= low:
        return False
    if limit >= high:
        return True
    unit, threshold = (values - low) / (high - low), (limit - low) / (high - low)
    n, steps = len(unit), np.arange(1, len(unit) + 1)
    mean = (0.5 + np.cumsum(unit)) / (steps + 1)
    variance = (0.25 + np.cumsum((unit - mean) ** 2)) / (steps + 1)
    known = np.concatenate([[0.25], variance[:-1]])
    bets = np.minimum(np.sqrt(2 * log(1 / delta) / (n * known)), _MOST_AT_STAKE / (1 - threshold))
    capital = np.cumsum(np.log1p(bets * (threshold - unit)))
    return bool(capital.max() >= log(1 / delta))


def mean_upper(values: Floats, low: float, high: float, delta: float) -> float:
    """Upper bound on the mean of bounded rows with confidence 1 - ``delta``: the least limit that is refuted.

    To four decimals, rounded up.
    """
    below, above = low, high
    while above - below > 1e-4:
        middle = (below + above) / 2
        if mean_is_below(values, middle, low, high, delta):
            above = middle
        else:
            below = middle
    return float(above)
