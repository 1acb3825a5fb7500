"""What a run may cost: estimates before each stage, the order in which it is cut down, and the bill.

Law: with a cap, the calls of a stage are bounded so that together they stay within what is left for them; only the
one call that ends a run (the judge, or a last solo call) can go beyond its estimate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from router.core.cost import call_cost_usd, total_cost_usd
from router.core.frame import CANDIDATE_TOKENS
from router.core.fusion import Member
from router.core.rounding import rounded
from router.core.types import Attempt, Deployment, Usage

TOOL_CALL_TOKENS = 2_000
"""Input that one web search or fetch adds to a panelist's prompt: the cap on quoted text."""

TOOL_WISH_TOKENS = 100
"""Output that asking for a search or a fetch takes: a name and one argument."""

TOOLS_TOKENS = 300
"""Input that the tools' definitions and the fences around what is quoted add to each call."""

ANALYSIS_TOKENS = 400
"""Output that the judge's analysis takes. Source: the keys asked for, two short entries each."""

RULES_TOKENS = 450
"""Input that the judge's rules and fences add to the candidates."""

MIN_OUTPUT_TOKENS = 16
"""A call bounded below this could not say anything."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Who is asked what, and what was given up for the budget.

    Attributes:
        judge: None where no judge is called.
        tool_calls: allowed per panelist.
        solo: the panel is a single member and nobody judges.
        given_up: ``tools``, ``member:NAME``, ``judge``, ``panel``, in order.
    """

    panel: tuple[Member, ...]
    judge: str | None
    tool_calls: int = 0
    solo: bool = False
    given_up: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prices:
    """What calls of this run are estimated to cost.

    Attributes:
        input_tokens: of the caller's request.
        output_tokens: expected of each answer.
        candidate_tokens: what the judge is shown at the most.
        search_usd: what one web search costs; infinite where unknown.
    """

    pool: Mapping[str, Deployment]
    input_tokens: int
    output_tokens: int
    candidate_tokens: int = CANDIDATE_TOKENS
    rounds: int = 0
    search_usd: float = 0.0

    def member_usd(self, name: str, tool_calls: int) -> float:
        """One panelist, its tool calls one by one, and its revisions; infinite where unpriced."""
        usd = self.call_usd(name, self.input_tokens, self.output_tokens)
        if tool_calls and can_use_tools(self.pool[name]):
            usd = tool_calls * self.search_usd if self.search_usd else 0.0
            for call in range(tool_calls):
                usd += self.call_usd(name, self.researched_tokens(call), TOOL_WISH_TOKENS)
            usd += self.call_usd(name, self.researched_tokens(tool_calls), self.output_tokens)
        if self.rounds:
            usd += self.rounds * self.call_usd(name, self.input_tokens + 3 * self.output_tokens, self.output_tokens)
        return usd

    def researched_tokens(self, tool_calls: int) -> int:
        """Input of a panelist's call after so many tool calls."""
        return self.input_tokens + TOOLS_TOKENS + tool_calls * (TOOL_CALL_TOKENS + TOOL_WISH_TOKENS)

    def judge_usd(self, name: str, candidates: int) -> float:
        """The judge over so many candidates."""
        shown = min(candidates * self.output_tokens, self.candidate_tokens) + RULES_TOKENS
        return self.call_usd(name, self.input_tokens + shown, self.output_tokens + ANALYSIS_TOKENS)

    def call_usd(self, name: str, input_tokens: int, output_tokens: int) -> float:
        """One call; infinite where unpriced, so that under a cap it is never made."""
        price = self.pool[name].price
        return inf if price is None else call_cost_usd(Usage(input_tokens, output_tokens), price)

    def run_usd(self, plan: RunPlan) -> float:
        """A whole run."""
        panel = sum(self.member_usd(member.deployment, plan.tool_calls) for member in plan.panel)
        return panel + (self.judge_usd(plan.judge, len(plan.panel)) if plan.judge is not None else 0.0)


def can_use_tools(deployment: Deployment) -> bool:
    """Whether a deployment is known to call tools; one that refuses them would be lost to the panel."""
    return deployment.supports.get("tools") is True


def fit_budget(plan: RunPlan, prices: Prices, cap_usd: float | None, solo: Sequence[str] = ()) -> RunPlan:
    """Cut a run down until its estimate fits: no tools, then without the dearest member, no judge, one call alone.

    Members go one by one while two are left. The last call alone is the first of ``solo`` (the best first) that
    fits, else the cheapest member: somebody is always left, and who may not be asked at all is not decided here.
    """
    if cap_usd is None or prices.run_usd(plan) <= cap_usd:
        return plan
    if plan.tool_calls:
        plan = replace(plan, tool_calls=0, given_up=(*plan.given_up, "tools"))
    while len(plan.panel) > 2 and prices.run_usd(plan) > cap_usd:
        plan = _without_dearest(plan, prices)
    if plan.judge is not None and prices.run_usd(plan) > cap_usd:
        plan = replace(plan, judge=None, given_up=(*plan.given_up, "judge"))
    if prices.run_usd(plan) > cap_usd:
        plan = _alone(plan, prices, cap_usd, solo)
    return plan


def output_limit(prices: Prices, name: str, room_usd: float, input_tokens: int) -> int | None:
    """Output tokens that a call may have so that it costs at most ``room_usd``; None where it costs nothing."""
    price = prices.pool[name].price
    if price is None:
        return MIN_OUTPUT_TOKENS
    if price.above is not None and price.above_tokens is not None and input_tokens > price.above_tokens:
        price = price.above
    per_token = max(price.output, price.reasoning or 0.0)
    if per_token <= 0:
        return None
    left_usd = room_usd - call_cost_usd(Usage(input_tokens), price)
    return max(MIN_OUTPUT_TOKENS, int(left_usd / per_token))


def panel_room_usd(plan: RunPlan, prices: Prices, left_usd: float) -> tuple[float, ...]:
    """What each member's call may cost, so that all of them and the judge's estimate stay within what is left.

    What the estimates leave over is shared in proportion to them.
    """
    judge_usd = prices.judge_usd(plan.judge, len(plan.panel)) if plan.judge is not None else 0.0
    needs = [prices.member_usd(member.deployment, plan.tool_calls) for member in plan.panel]
    total = sum(needs)
    if not 0 < total < inf:
        return tuple(needs)
    return tuple(need * max(0.0, left_usd - judge_usd) / total for need in needs)


def _without_dearest(plan: RunPlan, prices: Prices) -> RunPlan:
    dearest = max(plan.panel, key=lambda member: prices.member_usd(member.deployment, plan.tool_calls))
    at = len(plan.panel) - 1 - plan.panel[::-1].index(dearest)
    return replace(
        plan,
        panel=plan.panel[:at] + plan.panel[at + 1 :],
        given_up=(*plan.given_up, f"member:{dearest.deployment}"),
    )


def _alone(plan: RunPlan, prices: Prices, cap_usd: float, solo: Sequence[str]) -> RunPlan:
    single = replace(prices, rounds=0)
    names = [*solo, *(member.deployment for member in plan.panel)]
    fitting = [name for name in names if single.member_usd(name, 0) <= cap_usd]
    chosen = fitting[0] if fitting else min(names, key=lambda name: single.member_usd(name, 0))
    return replace(plan, panel=(Member(chosen),), judge=None, solo=True, given_up=(*plan.given_up, "panel"))


def bill(
    attempts: Sequence[Attempt], pool: Mapping[str, Deployment], late: frozenset[int] = frozenset()
) -> dict[str, Any]:
    """The run's bill: a line for each call, and their sum.

    Args:
        attempts: every call of the run.
        pool: for where the prices are from.
        late: positions in ``attempts`` of members that were cut off because the panel was over.
    """
    lines = [
        {
            "role": attempt.stage,
            "deployment": attempt.deployment,
            "model": attempt.model,
            "input_tokens": attempt.usage.input_tokens if attempt.usage else 0,
            "output_tokens": attempt.usage.output_tokens if attempt.usage else 0,
            "estimated": attempt.usage.estimated if attempt.usage else False,
            "cost_usd": attempt.cost_usd,
            "price_source": price_source(attempt, pool),
            "status": "late" if index in late else attempt.outcome,
            "ms": rounded(attempt.duration_s * 1000, 1e3),
        }
        for index, attempt in enumerate(attempts)
    ]
    return {"total_usd": total_cost_usd(attempt.cost_usd for attempt in attempts), "lines": lines}


def price_source(attempt: Attempt, pool: Mapping[str, Deployment]) -> str | None:
    """Where a line's price is from; a search has no deployment."""
    if attempt.deployment not in pool:
        return "fusion.web.search" if attempt.cost_usd is not None else None
    price = pool[attempt.deployment].price
    if price is None:
        return None
    special = attempt.usage.special if attempt.usage is not None else None
    if special is None or not special.tier:
        return price.source
    return f"{price.source}, {'not that of' if attempt.is_plain else 'of'} tier {special.tier}"
