"""Rounds of revision: each member sees the others' answers, without names, and may write its own again."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from router.core.frame import frame_candidates, revision_body
from router.core.prompt import estimate_input_tokens, text_tokens
from router.core.verdict import Verdict
from router.dispatch.fusion.audience import Audience
from router.dispatch.fusion.calls import RunCalls, bounded
from router.dispatch.fusion.order import Panelist
from router.dispatch.fusion.panel import Ask, ask_panel

Compare = Callable[[Sequence[Panelist]], Awaitable[Verdict]]


async def debate(calls: RunCalls, usable: Sequence[Panelist], compare: Compare, audience: Audience) -> None:
    """Let members revise, as often as the request says and the budget allows; who fails or is late keeps what it had."""
    for number in range(calls.order.controls.rounds):
        if len(usable) < 2 or not _affords_round(calls, usable):
            break
        await audience.hear("debating", {"round": number + 1})
        bodies = [await _revision(calls, panelist, usable, compare, number) for panelist in usable]
        tokens = max(estimate_input_tokens(body) for body in bodies)
        asks: list[Ask] = [
            partial(calls.ask, panelist, body, input_tokens=tokens)
            for panelist, body in zip(usable, bodies, strict=True)
        ]
        await ask_panel(calls, usable, asks, audience, calls.stage_ends_s())


async def _revision(
    calls: RunCalls, panelist: Panelist, usable: Sequence[Panelist], compare: Compare, number: int
) -> dict[str, Any]:
    """The request to one member: its own answer, and the others' in a frame that only it sees."""
    others = [other for other in usable if other is not panelist]
    name = panelist.member.deployment
    frame = frame_candidates(
        [other.text for other in others],
        await compare(others),
        f"{calls.order.run_id}/{number}/{panelist.rank}",
        calls.candidate_tokens(name),
    )
    body = revision_body(calls.body_for(panelist.member), panelist.text, frame)
    return bounded(body, calls.shared_limit(name, estimate_input_tokens(body), len(usable)))


def _affords_round(calls: RunCalls, usable: Sequence[Panelist]) -> bool:
    left_usd = calls.left_usd
    if left_usd is None:
        return True
    shown = calls.order.input_tokens + sum(text_tokens(panelist.text) for panelist in usable)
    needed = sum(
        calls.prices.call_usd(panelist.member.deployment, shown, calls.order.output_tokens) for panelist in usable
    )
    if needed <= left_usd:
        return True
    calls.give_up("round")
    return False
