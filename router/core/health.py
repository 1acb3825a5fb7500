"""Which deployments to leave alone for a while. States move in pure functions; time is an argument.

::

    up ──several failures, or one Retry-After ──▶ cooling ──time passes──▶ probe ──success──▶ up
                                                     ▲                       │
                                                     └───────failure─────────┘  (for twice as long)

Every cooldown and every probe begins a new epoch, and a call belongs to the one it began in. What becomes of a call of
an earlier epoch moves nothing any more: a burst of calls that fail together is one cooldown, and an answer that was
under way before says nothing about now. Only a provider's Retry-After counts whenever it comes, and never shortens.
"""

from dataclasses import dataclass, replace
from typing import Literal

from router.errors import LONGEST_WAIT_S

Availability = Literal["up", "probe", "cooling"]


@dataclass(frozen=True, slots=True)
class CooldownRules:
    """When a deployment is left out, and for how long.

    Attributes:
        failures: consecutive failures that start a cooldown.
        first_s: length of a first cooldown, doubled at each failed probe.
        longest_s: no cooldown is longer, whatever a provider asks for in Retry-After.
    """

    failures: int
    first_s: float
    longest_s: float = LONGEST_WAIT_S


@dataclass(frozen=True, slots=True)
class Health:
    """How a deployment has been doing.

    Attributes:
        failures: consecutive ones.
        cooldown_s: length of the last cooldown, 0 after a success.
        cooling_until_s: 0 where it is up.
        probing: the one call that tries it after a cooldown is under way.
        epoch: which cooldown or probe this is, counted from the start.
    """

    failures: int = 0
    cooldown_s: float = 0.0
    cooling_until_s: float = 0.0
    probing: bool = False
    epoch: int = 0


def availability(health: Health, now_s: float) -> Availability:
    """Say whether a call may go there: freely, as the one probe, or not at all."""
    if not health.cooling_until_s:
        return "up"
    if health.probing or now_s < health.cooling_until_s:
        return "cooling"
    return "probe"


def before_call(health: Health, now_s: float) -> Health:
    """A call begins. It belongs to the epoch of what is returned; a probe begins an epoch of its own."""
    if availability(health, now_s) != "probe":
        return health
    return replace(health, probing=True, epoch=health.epoch + 1)


def after_success(health: Health, epoch: int) -> Health:
    """Forget all failures."""
    if epoch != health.epoch or not (health.failures or health.cooling_until_s):
        return health
    return Health(epoch=epoch)


def after_first_content(health: Health, epoch: int) -> Health:
    """A stream has begun: calls may go there again, but its failures count until it has ended well."""
    if epoch != health.epoch or not health.cooling_until_s:
        return health
    return replace(health, cooling_until_s=0.0, probing=False)


def after_abandon(health: Health, epoch: int) -> Health:
    """Give an unfinished probe back: the caller hung up, or the fault was not the deployment's."""
    return replace(health, probing=False) if health.probing and epoch == health.epoch else health


def after_failure(
    health: Health, epoch: int, now_s: float, rules: CooldownRules, retry_after_s: float | None = None
) -> Health:
    """Count a failure; start or lengthen the cooldown where it is due.

    ``retry_after_s`` (a provider's own word, on 429) starts one at once and sets its length.
    """
    failures = health.failures + 1
    if retry_after_s is not None:
        length_s = retry_after_s
    elif epoch != health.epoch or (health.cooling_until_s and not health.probing):
        return health
    elif failures < rules.failures and not health.probing:
        return replace(health, failures=failures)
    else:
        length_s = health.cooldown_s * 2 or rules.first_s
    length_s = min(length_s, rules.longest_s)
    if now_s + length_s <= health.cooling_until_s:
        return health
    return Health(failures, length_s, now_s + length_s, epoch=health.epoch + 1)
