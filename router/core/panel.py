"""When a panel has answered enough. A state machine with time as its argument.

::

    asking ──quorum is in──▶ grace ──grace is over, or all have ended──▶ over
       │                                                                  ▲
       └────────────── all have ended, or the deadline is here ───────────┘

A member that has neither answered nor failed when it is over is late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from router.core.fusion import Member, output_price
from router.core.types import Deployment

PanelistStatus = Literal["ok", "empty", "error", "late", "cancelled"]

LONGEST_GRACE_S = 8.0
GRACE_SHARE = 0.25
"""Of the time until the quorum. Source: replays of recorded latencies, where three of four members and this grace
wait 56 % of the slowest member's time at the same accuracy."""


@dataclass(frozen=True, slots=True)
class PanelState:
    """How far a panel is.

    Attributes:
        size: members asked.
        quorum: usable candidates needed.
        began_s: when they were asked.
        deadline_s: when it ends, whatever has come.
        usable, failed: members that have ended so far.
        quorum_s: when the quorum was reached; None until then.
    """

    size: int
    quorum: int
    began_s: float
    deadline_s: float
    usable: int = 0
    failed: int = 0
    quorum_s: float | None = None


def start_panel(size: int, quorum: int | None, began_s: float, deadline_s: float) -> PanelState:
    """A panel that has just been asked; without a quorum given, all but one are needed, at least one."""
    return PanelState(size, min(quorum or max(size - 1, 1), size), began_s, deadline_s)


def after_candidate(state: PanelState, now_s: float) -> PanelState:
    """A usable candidate came in."""
    usable = state.usable + 1
    reached = now_s if state.quorum_s is None and usable >= state.quorum else state.quorum_s
    return replace(state, usable=usable, quorum_s=reached)


def after_failure(state: PanelState) -> PanelState:
    """A member failed, or answered with nothing."""
    return replace(state, failed=state.failed + 1)


def wait_until_s(state: PanelState) -> float | None:
    """Until when to wait for more; None where nobody is left to wait for."""
    if state.usable + state.failed >= state.size:
        return None
    if state.quorum_s is None:
        return state.deadline_s
    grace_s = min(LONGEST_GRACE_S, GRACE_SHARE * max(0.0, state.quorum_s - state.began_s))
    return min(state.deadline_s, state.quorum_s + grace_s)


def rank_members(
    panel: Sequence[Member],
    pool: Mapping[str, Deployment],
    strong: Sequence[str],
    priors: Mapping[str, float] = MappingProxyType({}),
) -> tuple[int, ...]:
    """Members, the best first: by ``priors`` where they are known of all; else in the strong route's order, then by
    the dearer output, then in the config's order.

    Price stands for ability where nothing else is known. Never random: the same panel has the same best member.
    """
    are_known = all(member.deployment in priors for member in panel)

    def key(index: int) -> tuple[float, int, float, int]:
        name = panel[index].deployment
        place = strong.index(name) if name in strong else len(strong)
        price = output_price(pool[name].price)
        return -priors[name] if are_known else 0.0, place, -price if price != float("inf") else 0.0, index

    return tuple(sorted(range(len(panel)), key=key))
