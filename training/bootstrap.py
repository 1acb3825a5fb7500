"""Intervals by bootstrap over near-duplicate groups: rows of a group come and go together."""

from collections.abc import Sequence

import numpy as np

from training.data import Floats, Ints

N_RESAMPLES = 200
"""Enough for the 2.5 % and 97.5 % quantiles to be stable to a tenth of the interval's width."""


def resamples(group: Ints, seed: int = 0) -> list[Ints]:
    """Row numbers of ``N_RESAMPLES`` resamples; each draws as many groups as there are, with replacement."""
    order = np.argsort(group, kind="stable")
    _, starts, sizes = np.unique(group[order], return_index=True, return_counts=True)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(N_RESAMPLES):
        chosen = rng.integers(0, len(starts), len(starts))
        lengths = sizes[chosen]
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        draws.append(order[np.repeat(starts[chosen], lengths) + offsets])
    return draws


def interval(values: Sequence[float] | Floats) -> tuple[float, float] | None:
    """The middle 95 % of resampled values; None where too few of them exist."""
    found = np.asarray(values, dtype=np.float64)
    found = found[~np.isnan(found)]
    if len(found) < 20:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
