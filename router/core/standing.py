"""How the members of a panel stand to each other: who is near the best one, and who is too far behind to help it. Pure.

A vote of near-equals beats its best member; a clear leader is only diluted. What is known of members, in this order:
``fusion.priors`` of the config, else their prices, which say little and are believed only when they are far apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from router.core.fusion import Member, output_price
from router.core.types import Deployment

NEAR_EQUAL = 0.07
"""Largest distance in accuracy to the best member. Source: ``python -m training fusion-replay``: votes within seven points
gain, beyond twelve they lose."""

PRICE_RATIO = 10.0
"""Largest ratio of output prices to the dearest member's. Judgement, not measured: a tenth of the price is another class of
model, while near-equals of one class differ by up to about six."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a panel's members stand.

    Attributes:
        by: what it was judged by; ``nothing`` where neither priors nor prices are known of all members.
        near: those near the best one, itself included, in the panel's order.
        behind: deployments that are too far behind.
        best: the best deployment; empty where nothing is known.
    """

    by: Literal["priors", "prices", "nothing"]
    near: tuple[Member, ...]
    behind: tuple[str, ...] = ()
    best: str = ""


def standing(panel: Sequence[Member], pool: Mapping[str, Deployment], priors: Mapping[str, float]) -> Standing:
    """Judge a panel by what is known of all its members."""
    names = [member.deployment for member in panel]
    if names and all(name in priors for name in names):
        best = max(names, key=lambda name: priors[name])
        near = {name for name in names if priors[best] - priors[name] <= NEAR_EQUAL + 1e-9}
        return _standing("priors", panel, near, best)
    prices = {name: output_price(pool[name].price) for name in names if name in pool}
    if len(prices) < len(set(names)) or float("inf") in prices.values() or not any(prices.values()):
        return Standing("nothing", tuple(panel))
    best = max(names, key=lambda name: prices[name])
    return _standing("prices", panel, {name for name in names if prices[name] * PRICE_RATIO >= prices[best]}, best)


def _standing(by: Literal["priors", "prices"], panel: Sequence[Member], near: set[str], best: str) -> Standing:
    behind = dict.fromkeys(member.deployment for member in panel if member.deployment not in near)
    return Standing(by, tuple(member for member in panel if member.deployment in near), tuple(behind), best)
