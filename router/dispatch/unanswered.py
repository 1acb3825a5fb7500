"""What a caller is told when nobody answered: the last failure, or that nobody could be asked; and when to come back."""

from collections.abc import Collection, Sequence

from router.core.plan import Failed
from router.dispatch.health_book import HealthBook
from router.dispatch.provider import Operation
from router.errors import AllRateLimited, NothingAvailable, UpstreamError, UpstreamRateLimited

LEAST_WAIT_S = 1.0
"""Said where a cooldown is about to end, or has ended and its probe is under way."""


def all_failed(
    names: Collection[str], failed: Sequence[Failed], health: HealthBook, operation: Operation
) -> UpstreamError:
    """The last failure, with the shortest wait of which anything is known.

    Args:
        names: who could have answered.
        failed: who was asked, and what came of it.
        health: who is left out now.
        operation: what they were asked for.
    """
    error = failed[-1].error
    if error.next_step == "give_up":
        return error
    said_s = {
        failure.step.deployment: failure.error.retry_after_s
        for failure in failed
        if failure.error.retry_after_s is not None
    }
    waits_s = list(said_s.values())
    if isinstance(error, UpstreamRateLimited):
        left_out = [name for name in names if name not in said_s and not health.is_available(name, operation)]
        if left_out:
            waits_s.append(_wait_s(left_out, health, operation))
    error.retry_after_s = min(waits_s, default=None)
    return error


def nobody_asked(names: Collection[str], health: HealthBook, operation: Operation) -> NothingAvailable:
    """That all who could have answered are left out now; where that is for their rate limits, it is a 429."""
    wait_s = _wait_s(names, health, operation)
    if health.are_rate_limited(names, operation):
        return AllRateLimited(
            f"All deployments that could answer are at their providers' rate limits: {', '.join(names)}.",
            retry_after_s=wait_s,
        )
    return NothingAvailable(
        f"All deployments that could answer are cooling down after failures: {', '.join(names)}.", retry_after_s=wait_s
    )


def _wait_s(names: Collection[str], health: HealthBook, operation: Operation) -> float:
    return max(health.wait_s(names, operation), LEAST_WAIT_S)
