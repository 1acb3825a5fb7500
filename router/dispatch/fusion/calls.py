"""The calls of one run: what each may cost, what it is told, and the lines that it leaves."""

from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

from router.core.cost import total_cost_usd
from router.core.fusion import Member
from router.core.plan import Step
from router.core.spend import (
    ANALYSIS_TOKENS,
    RULES_TOKENS,
    Prices,
    RunPlan,
    can_use_tools,
    fit_budget,
    output_limit,
    panel_room_usd,
)
from router.core.types import Attempt, Stage, Usage
from router.dispatch.fusion.order import DEPTH_HEADERS, Panelist, RunOrder
from router.dispatch.single import Dispatcher
from router.dispatch.trip import Trip
from router.dispatch.web import Web

_NOT_FOR_MEMBERS = ("stream", "stream_options", "n", "model")


SEARCHES = "web_search"
"""Stands for a deployment in the lines of web searches."""

LEAVING_S = 0.5
"""Kept of a run's time for the candidate that is the answer where the judge's does not come."""

LEAST_CANDIDATE_TOKENS = 500
"""Shown of the candidates in any case; a window too small even for that refuses the call by itself."""


class RunCalls:
    """Makes a run's calls and keeps its money together.

    Attributes:
        attempts: the lines of every call; the record's own list.
        plan: who is asked what, after the budget.
        web: what panelists may use of the web; None without any.
    """

    def __init__(self, order: RunOrder, dispatcher: Dispatcher, attempts: list[Attempt], web: Web | None) -> None:
        """Fit the run into its budget."""
        self.order, self.dispatcher, self.attempts, self.web = order, dispatcher, attempts, web
        rounds = order.controls.rounds if order.controls.mode == "debate" else 0
        search_usd = web.estimate_usd if web is not None else 0.0
        self.prices = Prices(
            dispatcher.pool, order.input_tokens, order.output_tokens, rounds=rounds, search_usd=search_usd
        )
        has_tools = web is not None and any(can_use_tools(dispatcher.pool[seat.deployment]) for seat in order.panel)
        wanted = RunPlan(order.panel, order.judge, tool_calls=order.tool_calls if has_tools else 0)
        self.plan = fit_budget(wanted, self.prices, order.cap_usd, [step.deployment for step in order.alone])
        self._members_body = {key: value for key, value in order.body.items() if key not in _NOT_FOR_MEMBERS}

    def model_of(self, name: str) -> str:
        """A deployment's model."""
        return self.dispatcher.pool[name].model

    @property
    def left_usd(self) -> float | None:
        """What may still be spent; None without a cap."""
        if self.order.cap_usd is None:
            return None
        return self.order.cap_usd - (total_cost_usd(attempt.cost_usd for attempt in self.attempts) or 0.0)

    def stage_ends_s(self) -> float:
        """When a stage that begins now has to be over: by its own deadline and by the run's."""
        return min(monotonic() + self.order.controls.deadline_s, self.order.deadline_s)

    def judge_ends_s(self) -> float:
        """When a judge that is asked now has to have answered, or begun to where it is streamed: in time for a candidate to leave."""
        return min(self.stage_ends_s(), self.order.deadline_s - LEAVING_S)

    def affords(self, name: str, input_tokens: int, output_tokens: int) -> bool:
        """Whether one more call is estimated to fit."""
        return self.left_usd is None or self.prices.call_usd(name, input_tokens, output_tokens) <= self.left_usd

    def give_up(self, *what: str) -> None:
        """Note what was given up for the budget."""
        self.plan = replace(self.plan, given_up=(*self.plan.given_up, *what))

    def member_rooms(self) -> list[float | None]:
        """What each member may spend on its answer; None without a cap."""
        left_usd = self.left_usd
        if left_usd is None:
            return [None] * len(self.plan.panel)
        return list(panel_room_usd(self.plan, self.prices, left_usd))

    def limit_within(self, room_usd: float | None, name: str, input_tokens: int) -> int | None:
        """Output tokens that keep a call within what it may cost; None without a cap."""
        return None if room_usd is None else output_limit(self.prices, name, room_usd, input_tokens)

    def body_for(self, member: Member, limit: int | None = None) -> dict[str, Any]:
        """The caller's request for one member, in one piece, with its own temperature and seed."""
        body = dict(self._members_body)
        if member.temperature is not None:
            body["temperature"] = member.temperature
        if member.seed is not None:
            body["seed"] = member.seed
        return bounded(body, smallest(limit, self.order.controls.max_output_tokens))

    def candidate_tokens(self, name: str) -> int:
        """How much of the candidates a deployment can be shown beside the conversation and its own answer."""
        window = self.dispatcher.pool[name].context_window
        if window is None:
            return self.prices.candidate_tokens
        used = self.order.input_tokens + self.order.output_tokens + RULES_TOKENS + ANALYSIS_TOKENS
        return max(LEAST_CANDIDATE_TOKENS, min(self.prices.candidate_tokens, window - used))

    def shared_limit(self, name: str, input_tokens: int, callers: int) -> int | None:
        """Output tokens for one of several calls at once, so that the judge's stay affordable; None without a cap."""
        left_usd = self.left_usd
        if left_usd is None:
            return None
        judge_usd = self.prices.judge_usd(self.plan.judge, callers) if self.plan.judge is not None else 0.0
        return output_limit(self.prices, name, max(0.0, left_usd - judge_usd) / callers, input_tokens)

    def trip(self, stage: Stage, calls: list[Attempt], input_tokens: int | None = None) -> Trip:
        """One call's way through the providers; under a cap it is not repeated."""
        return Trip(
            self.order.input_tokens if input_tokens is None else input_tokens,
            calls,
            first_stage=stage,
            output_tokens=self.order.output_tokens,
            once=self.order.cap_usd is not None,
            headers=DEPTH_HEADERS,
        )

    async def ask(
        self, panelist: Panelist, body: Mapping[str, Any], deadline_s: float, input_tokens: int | None = None
    ) -> dict[str, Any]:
        """One answer of a panelist.

        Raises:
            GatewayError: it failed, or is cooling down.
        """
        panelist.trip = self.trip("panel", panelist.calls, input_tokens)
        return await self.complete(panelist.member.deployment, body, panelist.trip, deadline_s)

    def note_search(self, panelist: Panelist, outcome: str, duration_s: float) -> None:
        """Write the line of one web search; one that failed may have cost nothing."""
        web = self.web
        if web is None:
            return
        usage = None if outcome == "failed" else Usage(estimated=outcome == "aborted")
        line = Attempt(
            SEARCHES, web.search_model, "panel", outcome, duration_s, usage, web.search_usd if usage else None
        )
        panelist.calls.append(line)
        self.attempts.append(line)

    async def complete(self, name: str, body: Mapping[str, Any], trip: Trip, deadline_s: float) -> dict[str, Any]:
        """One answer of one deployment; its lines are kept however it ends.

        Raises:
            GatewayError: it failed, or is cooling down.
        """
        calls, began = trip.attempts, len(trip.attempts)
        try:
            _, reply = await self.dispatcher.complete((Step(name, "fusion"),), body, deadline_s, trip)
        finally:
            self.attempts.extend(calls[began:])
        return reply


def bounded(body: dict[str, Any], limit: int | None) -> dict[str, Any]:
    """A body whose answer is at most so long; a smaller limit of the caller's stays."""
    if limit is None:
        return body
    key = "max_completion_tokens" if body.get("max_completion_tokens") else "max_tokens"
    return {**body, key: smallest(limit, body.get(key))}


def smallest(one: int | None, other: int | None) -> int | None:
    """The smaller of two limits, where None is no limit."""
    return min((limit for limit in (one, other) if limit is not None), default=None)
