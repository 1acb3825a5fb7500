"""Numbers that say how well prompts were ranked, judged and spent on.

A curve orders prompts by a score and sends the first ones to strong: share of calls to strong against mean score.
Cost is in units of always-strong: the small model costs ``SMALL_PRICE_SHARE`` of it, unless told what it does cost.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from training.data import Bools, Floats

SMALL_PRICE_SHARE = 0.06
"""Price of a small call over a strong one. Source: the share that this data's reference numbers were measured at."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean score against share of calls to strong, from none to all.

    Attributes:
        share: of calls to strong, ascending from 0 to 1.
        quality: mean score at each share, in [0, 1].
        small_price: of a small call over a strong one.
    """

    share: Floats
    quality: Floats
    small_price: float = SMALL_PRICE_SHARE

    @property
    def cost(self) -> Floats:
        """Cost at each share, always-strong being 1."""
        return cost_of_share(self.share, self.small_price)

    @property
    def recovered(self) -> Floats:
        """Share of the gap between small and strong that is recovered (PGR). Source: RouteLLM (Ong et al. 2024)."""
        gap = self.quality[-1] - self.quality[0]
        recovered: Floats = (self.quality - self.quality[0]) / (gap if gap else np.nan)
        return recovered


def cost_of_share(share: Floats, small_price: float = SMALL_PRICE_SHARE) -> Floats:
    """Cost when ``share`` of the calls go to strong."""
    cost: Floats = small_price + (1 - small_price) * share
    return cost


def curve(score: Floats, small: Floats, strong: Floats, small_price: float = SMALL_PRICE_SHARE) -> Curve:
    """Spend on the highest scores first; ties fall in an order that has nothing to do with the rows."""
    n = len(score)
    lottery = np.random.default_rng(0).permutation(n)
    order = lottery[np.argsort(-score[lottery], kind="stable")]
    lifted = np.cumsum((strong - small)[order])
    quality = (small.sum() + np.concatenate([[0.0], lifted])) / n
    return Curve(np.arange(n + 1) / n, quality, small_price)


def apgr(found: Curve) -> float:
    """Area under recovered gap against share of calls to strong; random scores 0.5. Source: RouteLLM."""
    return float(np.trapezoid(found.recovered, found.share))


def calls_for(found: Curve, recovered: float) -> float:
    """Least share of calls to strong that recovers ``recovered`` of the gap (CPT). Source: RouteLLM."""
    return float(found.share[int(np.argmax(found.recovered >= recovered))])


def cost_for(found: Curve, quality_share: float) -> float:
    """Least cost that keeps ``quality_share`` of always-strong's mean score."""
    return float(found.cost[int(np.argmax(found.quality >= quality_share * found.quality[-1]))])


def aiq(found: Curve) -> float:
    """Mean height of the non-decreasing convex hull over cost. Source: RouterBench (Hu et al. 2024)."""
    hull: list[tuple[float, float]] = []
    for x, y in zip(found.cost, np.maximum.accumulate(found.quality), strict=True):
        while len(hull) > 1 and _turns_left(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((float(x), float(y)))
    xs, ys = np.array(hull).T
    return float(np.trapezoid(ys, xs) / (xs[-1] - xs[0]))


def _turns_left(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) >= 0


def auroc(score: Floats, happened: Bools) -> float:
    """Probability that a positive outranks a negative; NaN where one kind is missing."""
    n_positive, n_negative = int(happened.sum()), int((~happened).sum())
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[happened].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def brier(probability: Floats, happened: Bools) -> float:
    """Mean squared distance of probability and event."""
    return float(np.mean((probability - happened) ** 2))


def reliability(probability: Floats, happened: Bools, n_bins: int = 15) -> list[tuple[float, float, int]]:
    """Mean probability, frequency and size of equally filled bins. Source: Nguyen and O'Connor 2015."""
    order = np.argsort(probability, kind="stable")
    bins = [part for part in np.array_split(order, n_bins) if len(part)]
    return [(float(probability[part].mean()), float(happened[part].mean()), len(part)) for part in bins]


def spending(score: Floats, small: Floats, strong: Floats) -> dict[str, float]:
    """Everything a ranking is judged by, by name."""
    found = curve(score, small, strong)
    return {
        "apgr": apgr(found),
        "cpt50": calls_for(found, 0.5),
        "cpt80": calls_for(found, 0.8),
        "aiq": aiq(found),
        "cost_at_99": cost_for(found, 0.99),
        "cost_at_95": cost_for(found, 0.95),
    }
