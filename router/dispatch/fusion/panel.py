"""Asking the panel: all at once, until enough have answered; the others are cancelled, awaited and billed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from time import monotonic
from typing import Any

from router.core.answer import text_of_reply
from router.core.panel import after_candidate, after_failure, start_panel, wait_until_s
from router.core.rounding import rounded
from router.dispatch.fusion.audience import Audience
from router.dispatch.fusion.calls import RunCalls
from router.dispatch.fusion.order import Panelist
from router.errors import GatewayError, InternalError, UpstreamEmpty

log = logging.getLogger("router")

AFTERWARDS_S = 1.0
"""A member's own deadline lies this far behind the panel's: the panel says who is late, not a race of two timers."""
Ask = Callable[[float], Awaitable[dict[str, Any]]]
"""Gets a panelist's reply by a deadline; fails with a ``GatewayError``."""


async def ask_panel(
    calls: RunCalls,
    panelists: Sequence[Panelist],
    asks: Sequence[Ask],
    audience: Audience,
    ends_s: float,
) -> None:
    """Ask panelists for candidates and keep what comes before the panel is over.

    A panelist that already has a candidate keeps it where it fails or is late.

    Args:
        calls: the run's calls.
        panelists: who is asked.
        asks: how each of them is.
        audience: who hears of it.
        ends_s: by when they must have answered, by ``time.monotonic``.
    """
    state = start_panel(len(panelists), calls.order.controls.quorum, monotonic(), ends_s)
    async with asyncio.TaskGroup() as group:
        tasks = {
            group.create_task(_ask(panelist, ask, ends_s + AFTERWARDS_S)): panelist
            for panelist, ask in zip(panelists, asks, strict=True)
        }
        pending = set(tasks)
        while (until_s := wait_until_s(state)) is not None and (left_s := until_s - monotonic()) > 0:
            done, pending = await asyncio.wait(pending, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            for task in (task for task in tasks if task in done):
                is_candidate = tasks[task].status == "ok"
                state = after_candidate(state, monotonic()) if is_candidate else after_failure(state)
                await audience.hear("member_done" if is_candidate else "member_failed", _facts(calls, tasks[task]))
        likely_tokens = _likely_tokens(panelists)
        for task in pending:
            if not task.done():
                _cut_off(tasks[task], likely_tokens)
                task.cancel()


async def _ask(panelist: Panelist, ask: Ask, ends_s: float) -> None:
    try:
        reply = await ask(ends_s)
    except UpstreamEmpty as error:
        panelist.status, panelist.error = "empty", error
    except GatewayError as error:
        panelist.status, panelist.error = "error", error
    except Exception:  # a defect of ours, perhaps met only by what this member wrote: it costs the run one member
        log.exception("asking %s failed inside the gateway", panelist.member.deployment)
        panelist.status, panelist.error = "error", InternalError("The gateway failed; its log has more.")
    else:
        text = text_of_reply(reply)
        panelist.status = "ok" if text else "empty"
        if text:
            panelist.text, panelist.reply, panelist.error = text, reply, None


def _cut_off(panelist: Panelist, likely_tokens: int | None) -> None:
    """Say what a member is that had not ended: late, or failed if it was being asked again after a failure."""
    failure = panelist.failure
    panelist.status = "late" if failure is None else "empty" if failure == UpstreamEmpty.code else "error"
    if panelist.trip is not None and likely_tokens is not None:
        panelist.trip.written_tokens = likely_tokens


def _likely_tokens(panelists: Sequence[Panelist]) -> int | None:
    """How much a late member has likely written: as much as the others did, which it is at least as late as."""
    written = [
        call.usage.output_tokens
        for panelist in panelists
        for call in panelist.calls[-1:]
        if panelist.status == "ok" and call.outcome == "ok" and call.usage is not None
    ]
    return int(median(written)) if written else None


def _facts(calls: RunCalls, panelist: Panelist) -> dict[str, Any]:
    return {
        "model": calls.model_of(panelist.member.deployment),
        "status": panelist.status,
        "ms": rounded(sum(call.duration_s for call in panelist.calls) * 1000, 1e3),
    }
