"""How the members of a panel stand to each other: who is near the best one, and who is too far behind to help it. Pure.

A vote of near-equals beats its best member; a clear leader is only diluted. What is known of members, in this order:
``fusion.priors`` of the config, else what the classifier estimates of their models, else their prices, which say little and
are believed only when they are far apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from router.core.fusion import Member, output_price
from router.core.types import Deployment

NEAR_EQUAL = 0.07
"""Largest distance in accuracy to the best member. Source: ``python -m training fusion-replay``: votes within seven points
gain, beyond twelve they lose."""

PRICE_RATIO = 10.0
"""Largest ratio of output prices to the dearest member's. Judgement, not measured: a tenth of the price is another class of
model, while near-equals of one class differ by up to about six."""


Known = Literal["priors", "estimates", "prices", "nothing"]
_WORDS: Mapping[Known, str] = MappingProxyType(
    {
        "priors": f"by fusion.priors, more than {NEAR_EQUAL * 100:.0f} points",
        "estimates": f"by the classifier's estimates, more than {NEAR_EQUAL * 100:.0f} points",
        "prices": f"by price alone, more than {PRICE_RATIO:g} times",
    }
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a panel's members stand.

    Attributes:
        by: what it was judged by; ``nothing`` where nothing is known of all members.
        near: those near the best one, itself included, in the panel's order.
        behind: deployments that are too far behind.
        best: the best deployment; empty where nothing is known.
    """

    by: Known
    near: tuple[Member, ...]
    behind: tuple[str, ...] = ()
    best: str = ""

    def doubt(self) -> str:
        """What is doubtful about such a panel, with what would help; empty where nobody is behind."""
        if not self.behind:
            return ""
        left = "automatic runs leave them out" if len(self.near) > 1 else "no run begins by itself"
        fix = "seat near-equals" + ("" if self.by == "priors" else ", or say in fusion.priors what you know of them")
        who = f"{', '.join(self.behind)} far behind {self.best} ({_WORDS[self.by]})"
        return f"fusion.panel: {who}: a vote dilutes a clear leader, and {left}; {fix}"


def standing(
    panel: Sequence[Member],
    pool: Mapping[str, Deployment],
    priors: Mapping[str, float],
    estimates: Mapping[str, float] = MappingProxyType({}),
) -> Standing:
    """Judge a panel by what is known of all its members.

    Args:
        panel: who sits.
        pool: for their prices.
        priors: accuracy by deployment, as the config says.
        estimates: likewise, as the classifier does.
    """
    names = [member.deployment for member in panel]
    known: tuple[tuple[Known, Mapping[str, float]], ...] = (("priors", priors), ("estimates", estimates))
    for by, accuracy in known:
        if names and all(name in accuracy for name in names):
            best = max(names, key=lambda name: accuracy[name])
            near = {name for name in names if accuracy[best] - accuracy[name] <= NEAR_EQUAL + 1e-9}
            return _standing(by, panel, near, best)
    prices = {name: output_price(pool[name].price) for name in names if name in pool}
    if len(prices) < len(set(names)) or float("inf") in prices.values() or not any(prices.values()):
        return Standing("nothing", tuple(panel))
    best = max(names, key=lambda name: prices[name])
    return _standing("prices", panel, {name for name in names if prices[name] * PRICE_RATIO >= prices[best]}, best)


def _standing(by: Known, panel: Sequence[Member], near: set[str], best: str) -> Standing:
    behind = dict.fromkeys(member.deployment for member in panel if member.deployment not in near)
    return Standing(by, tuple(member for member in panel if member.deployment in near), tuple(behind), best)
