"""Budgets, the order of giving up, and the bill."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.fusion import Member
from router.core.spend import Prices, RunPlan, bill, fit_budget, output_limit, panel_room_usd
from router.core.types import Attempt, Deployment, Price, Usage

POOL = {
    name: Deployment(
        name,
        f"scripted/{name}",
        None if usd is None else Price(usd / 5, usd, source="config"),
        supports={"tools": True},
    )
    for name, usd in {"cheap": 1e-6, "middle": 5e-6, "dear": 25e-6, "judge": 25e-6, "unknown": None}.items()
}
PRICES = Prices(POOL, input_tokens=1_000, output_tokens=500, candidate_tokens=24_000)
PANEL = tuple(Member(name) for name in ("cheap", "middle", "dear"))
PLAN = RunPlan(PANEL, "judge", tool_calls=4)
WHOLE_USD = PRICES.run_usd(PLAN)


def test_without_a_cap_or_within_it_nothing_is_given_up() -> None:
    assert fit_budget(PLAN, PRICES, None) is PLAN
    assert fit_budget(PLAN, PRICES, WHOLE_USD) is PLAN


def test_things_are_given_up_in_order() -> None:
    caps = [WHOLE_USD * share / 2_000 for share in range(2_000, 0, -1)]
    seen = list(dict.fromkeys(fit_budget(PLAN, PRICES, cap).given_up for cap in caps))
    assert seen == [
        (),
        ("tools",),
        ("tools", "member:dear"),
        ("tools", "member:dear", "judge"),
        ("tools", "member:dear", "judge", "panel"),
    ]


def test_two_members_stay_until_the_judge_is_gone() -> None:
    without_tools = PRICES.run_usd(RunPlan(PANEL, "judge"))
    assert len(fit_budget(PLAN, PRICES, without_tools / 3).panel) == 2


def test_alone_the_best_that_fits_is_asked_else_the_cheapest() -> None:
    room = PRICES.member_usd("middle", 0)
    assert fit_budget(PLAN, PRICES, room, solo=("dear", "middle")).panel == (Member("middle"),)
    assert fit_budget(PLAN, PRICES, 1e-9, solo=("dear",)).panel == (Member("cheap"),)
    assert fit_budget(PLAN, PRICES, 1e-9).solo


def test_the_unpriced_are_never_asked_under_a_cap_that_others_fit() -> None:
    plan = RunPlan((Member("cheap"), Member("unknown"), Member("middle")), "judge")
    assert Member("unknown") not in fit_budget(plan, PRICES, 1.0).panel
    assert PRICES.member_usd("unknown", 0) == inf


members = st.lists(st.sampled_from(["cheap", "middle", "dear"]), min_size=1, max_size=8)


@given(members, st.floats(1e-7, 1.0), st.integers(0, 16))
def test_what_is_left_fits_unless_one_call_alone_does_not(names: list[str], cap_usd: float, tools: int) -> None:
    plan = fit_budget(RunPlan(tuple(map(Member, names)), "judge", tools), PRICES, cap_usd, ("dear",))
    assert plan.panel
    assert PRICES.run_usd(plan) <= cap_usd or plan.solo


@given(members, st.floats(0.01, 1.0))
def test_a_larger_cap_never_gives_up_more(names: list[str], cap_usd: float) -> None:
    plan = RunPlan(tuple(map(Member, names)), "judge", 4)
    less, more = fit_budget(plan, PRICES, cap_usd / 2), fit_budget(plan, PRICES, cap_usd)
    assert len(more.given_up) <= len(less.given_up)


@given(members, st.floats(0.05, 1.0))
def test_bounded_members_and_the_judges_estimate_stay_within_the_cap(names: list[str], cap_usd: float) -> None:
    plan = fit_budget(RunPlan(tuple(map(Member, names)), "judge"), PRICES, cap_usd)
    spent = 0.0
    for member, room in zip(plan.panel, panel_room_usd(plan, PRICES, cap_usd), strict=True):
        limit = output_limit(PRICES, member.deployment, room, PRICES.input_tokens)
        assert limit is not None
        spent += PRICES.call_usd(member.deployment, PRICES.input_tokens, limit)
    judge = PRICES.judge_usd(plan.judge, len(plan.panel)) if plan.judge else 0.0
    assert spent + judge <= cap_usd * 1.000001


def test_what_costs_nothing_needs_no_limit() -> None:
    free = Prices({"local": Deployment("local", "ollama/x", Price(0, 0))}, 10, 10, 10)
    assert output_limit(free, "local", 0.0, 10) is None


money = st.floats(0, 0.1)


@given(st.lists(st.none() | money, max_size=8))
def test_the_total_is_the_sum_of_the_lines(costs: list[float | None]) -> None:
    attempts = [
        Attempt("cheap", "scripted/cheap", "panel", "ok", 0.1, Usage(1, 2) if cost is not None else None, cost)
        for cost in costs
    ]
    found = bill(attempts, POOL)
    known = [line["cost_usd"] for line in found["lines"] if line["cost_usd"] is not None]
    assert found["total_usd"] == (pytest.approx(sum(known), abs=1e-12) if known else None)


def test_a_line_says_who_what_and_where_the_price_is_from() -> None:
    attempts = [
        Attempt("dear", "scripted/dear", "judge", "ok", 1.5, Usage(10, 20), 0.01),
        Attempt("unknown", "scripted/unknown", "panel", "aborted", 0.5, Usage(10, 0, estimated=True), None),
    ]
    first, second = bill(attempts, POOL, frozenset({1}))["lines"]
    assert (first["role"], first["model"], first["price_source"], first["ms"]) == (
        "judge",
        "scripted/dear",
        "config",
        1500,
    )
    assert (second["status"], second["estimated"], second["cost_usd"], second["price_source"]) == (
        "late",
        True,
        None,
        None,
    )
