"""Which deployments to leave alone for a while. States move in pure functions; time is an argument.

::

    up ──several failures, or one 429 ────────▶ cooling ──time passes──▶ probe ──success──▶ up
                                                   ▲                       │
                                                   └───────failure─────────┘  (for twice as long)
"""

from dataclasses import dataclass, replace
from typing import Literal

Availability = Literal["up", "probe", "cooling"]


@dataclass(frozen=True, slots=True)
class CooldownRules:
    """When a deployment is left out, and for how long.

    Attributes:
        failures: consecutive failures that start a cooldown.
        first_s: length of a first cooldown, doubled at each failed probe.
        longest_s: no cooldown is longer, whatever a provider asks for in Retry-After.
    """

    failures: int = 3
    first_s: float = 5.0
    longest_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Health:
    """How a deployment has been doing."""

    failures: int = 0
    cooldown_s: float = 0.0
    cooling_until_s: float = 0.0
    probing: bool = False


def availability(health: Health, now_s: float) -> Availability:
    """Say whether a call may go there: freely, as the one probe, or not at all."""
    if not health.cooling_until_s:
        return "up"
    if health.probing or now_s < health.cooling_until_s:
        return "cooling"
    return "probe"


def before_call(health: Health, now_s: float) -> Health:
    """Mark the probe as taken, so that a single call tries a deployment that had failed."""
    return replace(health, probing=True) if availability(health, now_s) == "probe" else health


def after_success(health: Health) -> Health:
    """Forget all failures."""
    return Health() if health.failures or health.cooling_until_s else health


def after_first_content(health: Health) -> Health:
    """A stream has begun: calls may go there again, but its failures count until it has ended well."""
    return replace(health, cooling_until_s=0.0, probing=False) if health.cooling_until_s else health


def after_abandon(health: Health) -> Health:
    """Give an unfinished probe back: the caller hung up, or the fault was not the deployment's."""
    return replace(health, probing=False) if health.probing else health


def after_failure(health: Health, now_s: float, rules: CooldownRules, retry_after_s: float | None = None) -> Health:
    """Count a failure; start or lengthen the cooldown where it is due.

    ``retry_after_s`` (a provider's own word, on 429) starts one at once and sets its length.
    """
    failures = health.failures + 1
    if retry_after_s is None and failures < rules.failures and not health.cooling_until_s:
        return replace(health, failures=failures, probing=False)
    length_s = health.cooldown_s * 2 or rules.first_s
    length_s = min(length_s if retry_after_s is None else retry_after_s, rules.longest_s)
    return Health(failures, length_s, now_s + length_s)
