"""A panelist with the web: it asks for searches and pages, is told what they say, and answers in the end.

Laws:

* Never more tool calls than the run allows, and always a call left in which the panelist can answer without any.
* Under a cap every call is bounded so that the whole of them stays within the panelist's share.
* Tools that fail cost the panelist their help, not its answer: it is told, or asked again without them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from router.core.cost import total_cost_usd
from router.core.frame import frame_key
from router.core.prompt import estimate_input_tokens
from router.core.spend import TOOL_WISH_TOKENS
from router.dispatch.fusion.audience import Audience
from router.dispatch.fusion.calls import RunCalls, bounded
from router.dispatch.fusion.order import Panelist
from router.dispatch.web import Found, Web, Wish, wishes_of
from router.dispatch.web.tools import SEARCH, TOOLS
from router.errors import UpstreamContextTooLong, UpstreamIncapable, UpstreamRejected

_NO_MORE = Found("No more tool calls are allowed: answer with what you have.", failed=True)


class Research:
    """One panelist's way to its answer."""

    def __init__(
        self, calls: RunCalls, panelist: Panelist, web: Web, room_usd: float | None, audience: Audience
    ) -> None:
        """Take who is asked, the web, what all of it may cost (None without a cap), and who hears of it."""
        self._calls, self._panelist, self._web, self._room_usd = calls, panelist, web, room_usd
        self._audience = audience
        self._left = calls.plan.tool_calls
        # not the judge's key: a panelist sees this one, and must not be able to write that one
        self._key = frame_key(f"{calls.order.run_id}/web/{panelist.rank}")

    async def answer(self, ends_s: float) -> dict[str, Any]:
        """The reply that the panelist comes to.

        Raises:
            GatewayError: it failed, also without the web.
        """
        asked = {**self._calls.body_for(self._panelist.member), "tools": self._web.definitions}
        while True:
            tokens = estimate_input_tokens(asked)
            if not self._affords(tokens):
                return await self._plainly(ends_s)
            body = bounded(asked, self._limit(tokens))
            try:
                reply = await self._calls.ask(self._panelist, body, ends_s, tokens)
            except (UpstreamRejected, UpstreamContextTooLong, UpstreamIncapable):
                return await self._plainly(ends_s)
            message = _message(reply)
            wishes = wishes_of(message)
            if not wishes:
                return reply
            if self._left <= 0:
                return await self._plainly(ends_s)
            found = await self._look_up(wishes)
            asked = {**asked, "messages": [*asked["messages"], message, *_told(wishes, found)]}
            if self._left <= 0:
                asked["tool_choice"] = "none"

    async def _plainly(self, ends_s: float) -> dict[str, Any]:
        """The caller's request as it is, without the web: the call that is always left."""
        name, tokens = self._panelist.member.deployment, self._calls.order.input_tokens
        limit = self._calls.limit_within(self._left_usd(), name, tokens)
        return await self._calls.ask(self._panelist, self._calls.body_for(self._panelist.member, limit), ends_s)

    async def _look_up(self, wishes: Sequence[Wish]) -> list[Found]:
        """What each call of a tool came to, all at once; what is beyond the limit is not done."""
        allowed = wishes[: self._left]
        self._left -= len(allowed)
        self._panelist.tool_calls += len(allowed)
        model = self._calls.dispatcher.pool[self._panelist.member.deployment].model
        for wish in allowed:
            tool = wish.name if wish.name in TOOLS else "unknown"
            await self._audience.hear("tool_called", {"model": model, "tool": tool})
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._use(wish)) for wish in allowed]
        found = [task.result() for task in tasks]
        for source in (source for each in found for source in each.sources):
            known = self._panelist.sources.get(source.url)
            if known is None or source.read:
                self._panelist.sources[source.url] = source
        return found + [_NO_MORE] * (len(wishes) - len(allowed))

    async def _use(self, wish: Wish) -> Found:
        if wish.name != SEARCH:
            return await self._web.use(wish, self._key)
        began_s, outcome = perf_counter(), "aborted"
        try:
            found = await self._web.use(wish, self._key)
            outcome = "failed" if found.failed else "ok"
        finally:
            self._calls.note_search(self._panelist, outcome, perf_counter() - began_s)
        return found

    def _left_usd(self) -> float | None:
        if self._room_usd is None:
            return None
        return self._room_usd - (total_cost_usd(call.cost_usd for call in self._panelist.calls) or 0.0)

    def _spendable_usd(self) -> float | None:
        """What the next call may cost: while tools are offered, a plain answer and the searches stay paid for."""
        left_usd = self._left_usd()
        if left_usd is None or not self._left:
            return left_usd
        order, prices = self._calls.order, self._calls.prices
        plain_usd = prices.call_usd(self._panelist.member.deployment, order.input_tokens, order.output_tokens)
        return left_usd - plain_usd - (self._left * prices.search_usd if prices.search_usd else 0.0)

    def _affords(self, tokens: int) -> bool:
        spendable_usd = self._spendable_usd()
        if spendable_usd is None:
            return True
        says = TOOL_WISH_TOKENS if self._left else self._calls.order.output_tokens
        return self._calls.prices.call_usd(self._panelist.member.deployment, tokens, says) <= spendable_usd

    def _limit(self, tokens: int) -> int | None:
        return self._calls.limit_within(self._spendable_usd(), self._panelist.member.deployment, tokens)


def _message(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The panelist's message, to be sent back to it: with whatever its provider put in, without what is empty."""
    choices = reply.get("choices") or [{}]
    message = choices[0].get("message") if isinstance(choices[0], dict) else None
    if not isinstance(message, dict):
        return {}
    return {key: value for key, value in message.items() if value or key == "content"}


def _told(wishes: Sequence[Wish], found: Sequence[Found]) -> list[dict[str, Any]]:
    """Each call of a tool is answered, in order, as every dialect demands."""
    return [
        {"role": "tool", "tool_call_id": wish.id, "content": each.text}
        for wish, each in zip(wishes, found, strict=True)
    ]
