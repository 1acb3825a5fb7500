"""The decision's laws."""

import os
import subprocess
import sys
from dataclasses import replace
from math import inf, nextafter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.assessment import Assessment
from router.core.ask import Ask, Controls
from router.core.decision import Recalled, decide, estimate_routes_usd
from router.core.evidence import Evidence, FusionPolicy, TaskEvidence
from router.core.fusion import FusionControls, FusionWish, Member
from router.core.memory import Pin
from router.core.policy import Policy, Thresholds
from router.core.prompt import Prompt, read_prompt
from router.core.types import Capability, Deployment, Price, Reason
from router.errors import BadControl, BudgetTooSmall, CapabilityUnavailable, ContextTooLong

AUTO = Ask("auto")
CHEAP, DEAR = Price(1e-7, 4e-7), Price(3e-6, 1.5e-5)
ALL: dict[Capability, bool] = {"tools": True, "vision": True, "json_schema": True}


def assessed(complexity: float, gain: float = 0.0, novelty: float = 0.1) -> Assessment:
    return Assessment(
        complexity, gain, "chat", novelty, closed_answer=True, expected_output_tokens=200, artifact="test@1:0"
    )


def deployment(name: str, price: Price | None = CHEAP, window: int | None = 8_000, supports: Any = ALL) -> Deployment:
    return Deployment(name, f"scripted/{name}", price, window, 2_000, supports)


def policy(
    *more: Deployment, small: tuple[str, ...] = ("s1", "s2"), strong: tuple[str, ...] = ("b1",), **kw: Any
) -> Policy:
    pool = {d.name: d for d in (deployment("s1"), deployment("s2"), deployment("b1", DEAR, 100_000), *more)}
    thresholds = {mode: Thresholds(0.5, 0.3, 0.1, 0.95) for mode in ("cost", "balanced", "quality")}
    return Policy(pool, small, strong, "b1", thresholds=thresholds, **kw)


def choose(prompt: Prompt, assessment: Assessment | None, **kw: Any) -> tuple[str, str, list[str]]:
    arguments: dict[str, Any] = {"ask": AUTO, "controls": Controls(), "policy": policy(), **kw}
    decision = decide(prompt, assessment, **arguments)
    return decision.route, decision.reason.value, [step.deployment for step in decision.plan]


HI = Prompt("hi", input_tokens=10)


@pytest.mark.parametrize(
    "other",
    [
        {"small": ("s2", "s1")},
        {"mode": "cost"},
        {"aliases": {"gpt-4o": "auto"}},
        {"thresholds": {"balanced": Thresholds(0.51)}},
        {"priors": {"s1": 0.5}},
        {"fusion": FusionPolicy(FusionControls((Member("s1"), Member("s2"))))},
        {"fusion": FusionPolicy(search_usd=inf)},
        {"deployments": {"s1": deployment("s1", DEAR), "s2": deployment("s2"), "b1": deployment("b1")}},
    ],
)
def test_whatever_decides_otherwise_has_another_version(other: dict[str, Any]) -> None:
    assert replace(policy(), **other).version != policy().version == replace(policy()).version


def test_a_policys_version_is_the_same_in_every_process() -> None:
    code = (
        "from router.core.policy import Policy; from router.core.types import Deployment;"
        "it = Deployment('a', 'x/a', refuses=frozenset(('n', 'audio', 'logprobs', 'modalities')));"
        "print(Policy({'a': it}, ('a',), ('a',), 'a').version)"
    )
    runs = [[sys.executable, "-c", code] for _ in range(3)]
    said = {
        subprocess.check_output(run, env={**os.environ, "PYTHONHASHSEED": str(seed)}) for seed, run in enumerate(runs)
    }
    assert len(said) == 1


def test_easy_goes_to_small_with_strong_behind_it() -> None:
    assert choose(HI, assessed(0.1)) == ("small", "below_threshold", ["s1", "s2", "b1"])


def test_hard_goes_to_strong_with_small_as_the_last_resort() -> None:
    assert choose(HI, assessed(0.7)) == ("strong", "above_threshold", ["b1", "s1", "s2"])


def test_a_gain_above_its_threshold_escalates_too() -> None:
    assert choose(HI, assessed(0.2, gain=0.4))[:2] == ("strong", "above_threshold")


def test_a_prompt_in_the_band_is_uncertain_and_goes_to_strong() -> None:
    assert choose(HI, assessed(0.45))[:2] == ("strong", "uncertain")


def test_the_band_ends_where_it_says() -> None:
    assert choose(HI, assessed(0.4))[:2] == ("strong", "uncertain")
    assert choose(HI, assessed(nextafter(0.4, 0)))[:2] == ("small", "below_threshold")


def test_a_novel_prompt_goes_to_strong() -> None:
    assert choose(HI, assessed(0.1, novelty=0.99))[:2] == ("strong", "novel_input")


def test_no_assessment_means_strong() -> None:
    assert choose(HI, None)[:2] == ("strong", "classifier_unavailable")


@pytest.mark.parametrize("route", ["small", "strong"])
def test_a_forced_route_is_taken_and_never_left(route: Any) -> None:
    got = choose(HI, assessed(0.99 if route == "small" else 0.01), ask=Ask(route))
    assert got[:2] == (route, "forced_by_caller")
    assert got[2] == (["s1", "s2"] if route == "small" else ["b1"])


def test_an_alias_forces_by_policy() -> None:
    assert choose(HI, assessed(0.1), ask=Ask("strong", by_policy=True))[1] == "forced_by_policy"


def test_a_named_deployment_goes_straight_there() -> None:
    assert choose(HI, None, ask=Ask("direct", deployment="s2")) == ("direct", "direct", ["s2"])


def test_a_named_deployment_obeys_the_controls_too() -> None:
    straight: dict[str, Any] = {"ask": Ask("direct", deployment="s2")}
    for controls in (Controls(exclude=frozenset({"s2"})), Controls(models=frozenset({"s1"}))):
        with pytest.raises(BadControl):
            choose(HI, None, **straight, controls=controls)
    with pytest.raises(BudgetTooSmall):
        choose(HI, None, **straight, controls=Controls(max_cost_usd=1e-9))
    with pytest.raises(ContextTooLong):
        choose(Prompt("hi", input_tokens=10**6), None, **straight)


def test_a_known_lack_rules_out_and_the_unknown_comes_last() -> None:
    pool = policy(
        deployment("s1", supports={"tools": False}),
        deployment("s2", supports={}),
        deployment("s3"),
        small=("s1", "s2", "s3"),
    )
    prompt = Prompt("hi", needs=frozenset({"tools"}), input_tokens=10)
    assert choose(prompt, assessed(0.1), policy=pool)[2] == ["s3", "b1", "s2"]
    assert decide(prompt, assessed(0.1), AUTO, Controls(), pool).leads["small"] == "s3", "whose price is shown"


def test_of_two_of_whom_not_all_is_known_the_better_known_comes_first() -> None:
    half: dict[Capability, bool] = {"tools": True}
    pool = policy(deployment("s1", supports={}), deployment("s2", supports=half), deployment("b1", supports={}))
    prompt = Prompt("hi", needs=frozenset({"tools", "vision"}), input_tokens=10)
    assert choose(prompt, assessed(0.1), policy=pool)[2] == ["s2", "s1", "b1"]


@pytest.mark.parametrize(
    ("need", "reason"),
    [("vision", "capability_vision"), ("tools", "capability_tools"), ("json_schema", "capability_json")],
)
def test_what_small_cannot_do_goes_to_strong(need: Any, reason: str) -> None:
    pool = policy(deployment("s1", supports={need: False}), small=("s1",))
    prompt = Prompt("hi", needs=frozenset({need}), input_tokens=10)
    assert choose(prompt, assessed(0.1), policy=pool) == ("strong", reason, ["b1"])


@pytest.mark.parametrize(
    ("need", "reason"),
    [("vision", "capability_vision"), ("tools", "capability_tools"), ("json_schema", "capability_json"),
     ("audio", "capability_vision")],
)  # fmt: skip
def test_who_is_known_to_be_able_goes_before_a_route_of_which_nobody_knows(need: Any, reason: str) -> None:
    prompt = Prompt("hi", needs=frozenset({need}), input_tokens=10)
    able: Any = {need: True}
    one = policy(deployment("s1", supports={}), deployment("b1", supports=able), small=("s1",))
    assert choose(prompt, assessed(0.1), policy=one) == ("strong", reason, ["b1", "s1"])
    assert choose(prompt, assessed(0.9), policy=one) == ("strong", "above_threshold", ["b1", "s1"])
    other = policy(deployment("s1", supports=able), deployment("b1", supports={}), small=("s1",))
    assert choose(prompt, assessed(0.9), policy=other) == ("small", reason, ["s1", "b1"])
    nobody = policy(deployment("s1", supports={}), deployment("b1", supports={}), small=("s1",))
    assert choose(prompt, assessed(0.1), policy=nobody) == ("small", "below_threshold", ["s1", "b1"])
    assert choose(HI, assessed(0.1), policy=one) == ("small", "below_threshold", ["s1", "b1"]), "nothing is needed"


def test_a_forced_route_a_named_deployment_and_a_tool_loop_stay_with_who_is_not_known_to_be_able() -> None:
    pool = policy(deployment("s1", supports={}), deployment("s2", supports={}))
    prompt = Prompt("hi", needs=frozenset({"tools"}), input_tokens=10)
    assert choose(prompt, assessed(0.1), policy=pool, ask=Ask("small"))[2] == ["s1", "s2"]
    assert choose(prompt, assessed(0.1), policy=pool, ask=Ask("direct", deployment="s2"))[2] == ["s2"]
    loop, recalled = replace(prompt, in_tool_loop=True), Recalled(turn=Pin("small", "s2"))
    assert choose(loop, assessed(0.1), policy=pool, recalled=recalled) == ("small", "turn_pinned", ["s2", "b1", "s1"])
    kept = choose(loop, assessed(0.1), policy=policy(deployment("s2", supports={})), recalled=recalled)
    assert kept == ("small", "turn_pinned", ["s2", "s1", "b1"]), "it has answered this turn before"


def test_where_the_budget_leaves_only_one_who_is_not_known_to_be_able_it_is_asked() -> None:
    pool = policy(deployment("s1", supports={}), small=("s1",))
    prompt = Prompt("hi", needs=frozenset({"tools"}), input_tokens=10)
    cheap = Controls(max_cost_usd=0.001)
    assert choose(prompt, assessed(0.1), policy=pool, controls=cheap) == ("small", "below_threshold", ["s1"])


def test_what_nobody_can_do_is_refused() -> None:
    pool = policy(
        deployment("s1", supports={"vision": False}), deployment("b1", supports={"vision": False}), small=("s1",)
    )
    with pytest.raises(CapabilityUnavailable, match="vision"):
        choose(Prompt("hi", needs=frozenset({"vision"})), assessed(0.1), policy=pool)


def test_a_field_that_a_provider_is_known_not_to_have_leads_past_its_deployments() -> None:
    pool = policy(replace(deployment("b1", DEAR), refuses=frozenset({"n", "logprobs"})))
    twice = Prompt("hi", shape=frozenset({"n"}), input_tokens=10, choices=2)
    assert choose(twice, assessed(0.9), policy=pool) == ("small", "forced_by_caller", ["s1", "s2"])
    assert choose(twice, assessed(0.1), policy=pool) == ("small", "below_threshold", ["s1", "s2"])
    audible = replace(twice, shape=frozenset({"audio"}))
    assert choose(audible, assessed(0.9), policy=pool)[2] == ["b1", "s1", "s2"]
    for ask in (Ask("strong"), Ask("direct", deployment="b1")):
        with pytest.raises(CapabilityUnavailable, match=r"\(n\)") as caught:
            choose(twice, assessed(0.9), policy=pool, ask=ask)
        assert caught.value.param == "n"


def test_who_lacks_audio_is_not_asked_to_speak() -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "modalities": ["text", "audio"], "audio": {"voice": "a"}}
    spoken, mute = read_prompt(body), deployment("s1", supports={**ALL, "audio": False})
    pool = policy(mute, deployment("b1", DEAR, supports={**ALL, "audio": True}), small=("s1",))
    assert choose(spoken, assessed(0.1), policy=pool) == ("strong", "capability_vision", ["b1"])
    assert choose(read_prompt({**body, "modalities": ["text"]}), assessed(0.1), policy=pool)[0] == "small"
    with pytest.raises(CapabilityUnavailable, match="audio") as caught:
        choose(spoken, assessed(0.1), policy=pool, ask=Ask("small"))
    assert caught.value.param == "modalities"


def test_only_the_fields_that_were_refused_are_blamed() -> None:
    pool = policy(replace(deployment("b1", DEAR), refuses=frozenset({"top_logprobs"})))
    likely = Prompt("hi", shape=frozenset({"logprobs", "top_logprobs"}), input_tokens=10)
    for ask in (Ask("strong"), Ask("direct", deployment="b1")):
        with pytest.raises(CapabilityUnavailable, match=r"\(top_logprobs\)") as caught:
            choose(likely, assessed(0.9), policy=pool, ask=ask)
        assert caught.value.param == "top_logprobs"


@pytest.mark.parametrize("ask", [Ask("auto"), Ask("strong")])
def test_the_callers_lists_are_blamed_where_nobody_was_asked_for_the_field(ask: Ask) -> None:
    pool = policy(replace(deployment("b1", DEAR), refuses=frozenset({"n"})))
    for shape in (frozenset[str](), frozenset({"n"})):
        prompt = Prompt("hi", shape=shape, input_tokens=10, choices=1 + len(shape))
        with pytest.raises(BadControl) as caught:
            choose(
                prompt, assessed(0.9), policy=pool, ask=ask, controls=Controls(exclude=frozenset({"s1", "s2", "b1"}))
            )
        assert caught.value.param == "router.models"


def test_a_prompt_too_long_for_small_goes_to_strong_and_too_long_for_all_is_refused() -> None:
    assert choose(Prompt("hi", input_tokens=9_000), assessed(0.1))[:2] == ("strong", "context_window")
    with pytest.raises(ContextTooLong) as caught:
        choose(Prompt("hi", input_tokens=200_000), assessed(0.1))
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    ("wanted", "route"),
    [
        (1_000, "small"),  # 8,000 are all there is room for
        (1_001, "strong"),
        (90_000, "strong"),
    ],
)
def test_a_window_holds_the_prompt_and_as_much_of_an_answer_as_is_asked_for(wanted: int, route: str) -> None:
    pool = policy(*(replace(deployment(name), max_output_tokens=None) for name in ("s1", "s2")))
    assert choose(Prompt("hi", input_tokens=7_000, max_output_tokens=wanted), assessed(0.1), policy=pool)[0] == route


def test_a_limit_beyond_what_a_model_can_write_takes_no_more_of_its_window_than_that() -> None:
    prompt = Prompt("hi", input_tokens=6_000, max_output_tokens=90_000)
    assert choose(prompt, assessed(0.1))[0] == "small"  # 2,000 is all that it writes, and what it is sent


def test_an_oversized_limit_of_the_answer_is_blamed_by_its_name() -> None:
    pool = policy(*(replace(deployment(name), max_output_tokens=None) for name in ("s1", "s2", "b1")))
    body = {"messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 1_000_000}
    with pytest.raises(ContextTooLong, match="lower max_completion_tokens") as caught:
        choose(read_prompt(body), assessed(0.1), policy=pool)
    assert caught.value.param == "max_completion_tokens"


def test_a_tool_loop_stays_on_the_model_that_began_the_turn() -> None:
    recalled = Recalled(turn=Pin("small", "s2"))
    prompt = Prompt("hi", in_tool_loop=True, input_tokens=10)
    assert choose(prompt, assessed(0.9), recalled=recalled) == ("small", "turn_pinned", ["s2", "s1", "b1"])


def test_a_session_stays_on_its_model_but_may_rise() -> None:
    on_strong, on_small = Recalled(session=Pin("strong", "b1")), Recalled(session=Pin("small", "s2"))
    assert choose(HI, assessed(0.1), recalled=on_strong)[:2] == ("strong", "session_pinned")
    assert choose(HI, assessed(0.1), recalled=on_small) == ("small", "session_pinned", ["s2", "s1", "b1"])
    assert choose(HI, assessed(0.9), recalled=on_small)[:2] == ("strong", "above_threshold")


def test_a_follow_up_inherits_unless_it_is_hard_itself() -> None:
    prompt = Prompt("yes", is_followup=True, input_tokens=10)
    for route in ("small", "strong"):
        recalled = Recalled(previous_turn=Pin(route, "x"))
        assert choose(prompt, assessed(0.45), recalled=recalled)[:2] == (route, "followup_inherits")
    assert choose(prompt, assessed(0.9), recalled=Recalled(previous_turn=Pin("small", "s1")))[1] == "above_threshold"


def test_a_follow_up_to_a_forgotten_turn_is_judged_by_that_turns_words() -> None:
    prompt = Prompt("yes", is_followup=True, input_tokens=10)
    assert choose(prompt, assessed(0.1), previous=assessed(0.9))[:2] == ("strong", "followup_inherits")


def test_allow_list_and_exclusions_hold_for_fallbacks_too() -> None:
    assert choose(HI, assessed(0.1), controls=Controls(models=frozenset({"s2", "b1"})))[2] == ["s2", "b1"]
    assert choose(HI, assessed(0.1), controls=Controls(exclude=frozenset({"s1", "b1"})))[2] == ["s2"]
    only_strong = choose(HI, assessed(0.1), controls=Controls(models=frozenset({"b1"})))
    assert only_strong == ("strong", "forced_by_caller", ["b1"])
    with pytest.raises(BadControl):
        choose(HI, assessed(0.1), ask=Ask("small"), controls=Controls(models=frozenset({"b1"})))


def test_a_budget_downgrades_and_an_impossible_one_is_refused_with_the_cheapest_estimate() -> None:
    prompt = Prompt("hi", input_tokens=1_000)
    got = choose(prompt, assessed(0.9), controls=Controls(max_cost_usd=0.001))
    assert got == ("small", "budget_downgrade", ["s1", "s2"])
    with pytest.raises(BudgetTooSmall, match=r"is \$1e-09, but .* \$0\.000180"):
        choose(prompt, assessed(0.9), controls=Controls(max_cost_usd=1e-9))


def test_every_choice_that_is_asked_for_counts_against_the_budget() -> None:
    one, twenty = (Prompt("hi", input_tokens=1_000, choices=choices, max_output_tokens=100) for choices in (1, 20))
    estimates = [
        estimate_routes_usd(decide(p, assessed(0.9), AUTO, Controls(), policy()), p, policy()) for p in (one, twenty)
    ]
    assert [round(routes["strong"] or 0, 6) for routes in estimates] == [0.0045, 0.033], (
        "3e-3 of input, 1.5e-3 a choice"
    )
    budget = Controls(max_cost_usd=0.01)
    assert choose(one, assessed(0.9), controls=budget)[:2] == ("strong", "above_threshold")
    assert choose(twenty, assessed(0.9), controls=budget)[:2] == ("small", "budget_downgrade")


def test_under_a_budget_an_unpriced_deployment_is_out() -> None:
    pool = policy(deployment("s1", price=None))
    assert choose(HI, assessed(0.1), policy=pool, controls=Controls(max_cost_usd=0.5))[2] == ["s2", "b1"]


unit = st.floats(0, 1)
ORDER = {"small": 0, "strong": 1, "fusion": 2}
YES = Evidence(True, "test")
FUSION = FusionPolicy(
    FusionControls((Member("b1"), Member("s1"), Member("s2")), "b1"),
    {"chat": TaskEvidence(YES, YES)},
    priors={"b1": 0.8, "s1": 0.78, "s2": 0.75},
)


@given(unit, unit, st.floats(-1, 1), st.floats(-1, 1), unit, st.booleans())
def test_a_harder_prompt_never_gets_a_cheaper_route(
    c1: float, c2: float, g1: float, g2: float, novelty: float, is_followup: bool
) -> None:
    prompt = Prompt("x", input_tokens=10, is_followup=is_followup)
    for pool in (policy(), policy(fusion=FUSION)):
        easy = choose(prompt, assessed(min(c1, c2), min(g1, g2), novelty), policy=pool)[0]
        hard = choose(prompt, assessed(max(c1, c2), max(g1, g2), novelty), policy=pool)[0]
        assert ORDER[hard] >= ORDER[easy]


capabilities = st.dictionaries(st.sampled_from(["tools", "vision", "json_schema", "audio"]), st.booleans())


@given(
    st.lists(capabilities, min_size=3, max_size=3),
    st.frozensets(st.sampled_from(["tools", "vision", "json_schema", "audio"])),
    unit,
    st.integers(0, 200_000),
    st.frozensets(st.sampled_from(["s1", "s2", "b1"]), max_size=2),
)
def test_who_cannot_or_may_not_answer_is_never_in_a_plan(
    supports: list[Any], needs: frozenset[Capability], complexity: float, tokens: int, exclude: frozenset[str]
) -> None:
    pool = policy(
        *(deployment(name, supports=s) for name, s in zip(("s1", "s2", "b1"), supports, strict=True)), fusion=FUSION
    )
    prompt = Prompt("x", needs=needs, input_tokens=tokens)
    try:
        decision = decide(prompt, assessed(complexity), AUTO, Controls(exclude=exclude), pool)
    except (CapabilityUnavailable, ContextTooLong, BadControl):
        return
    assert not any(member.deployment in exclude for member in decision.panel)
    for step in decision.plan:
        found = pool.deployments[step.deployment]
        assert step.deployment not in exclude
        assert all(found.supports.get(need) is not False for need in needs)
        assert found.context_window is None or found.context_window >= tokens
    routed = [pool.deployments[step.deployment].supports for step in decision.plan if step.route != "fusion"]
    doubtful = [any(need not in found for need in needs) for found in routed]
    assert doubtful == sorted(doubtful), "unknown support comes last"
    assert decision.reason in set(Reason)


def fused(prompt: Prompt = HI, complexity: float = 0.9, asked: bool | None = None, **kw: Any) -> tuple[str, str, int]:
    arguments: dict[str, Any] = {"ask": AUTO, "controls": Controls(), "policy": policy(fusion=FUSION), **kw}
    wish = FusionWish(asked, FUSION.controls)
    decision = decide(prompt, assessed(complexity), wish=wish, **arguments)
    return decision.route, decision.reason.value, len(decision.panel)


def test_a_hard_prompt_of_a_task_that_pays_goes_to_the_panel() -> None:
    assert fused() == ("fusion", "fusion_worthwhile", 3)
    assert fused(controls=Controls(mode="cost")) == ("strong", "above_threshold", 0)
    assert fused(policy=policy()) == ("strong", "above_threshold", 0)


def test_where_one_member_is_far_ahead_no_panel_is_asked_unless_a_caller_asks_for_it() -> None:
    ahead = policy(fusion=replace(FUSION, priors={"b1": 0.9, "s1": 0.6, "s2": 0.6}))
    assert fused(policy=ahead) == ("strong", "above_threshold", 0)
    assert fused(policy=ahead, ask=Ask("fusion")) == ("fusion", "forced_by_caller", 3)
    by_price = policy(fusion=replace(FUSION, priors={}))  # the dear one costs forty times the others
    assert fused(policy=by_price)[0] == "strong"


def test_a_member_far_behind_is_left_out_of_automatic_runs() -> None:
    four = FusionControls((*FUSION.controls.panel, Member("b2")), "b1")
    known = replace(FUSION, controls=four, priors={"b1": 0.9, "s1": 0.6, "s2": 0.88, "b2": 0.85})
    decision = decide(HI, assessed(0.9), AUTO, Controls(), policy(deployment("b2"), fusion=known))
    assert [member.deployment for member in decision.panel] == ["b1", "s2", "b2"]


@pytest.mark.parametrize("prompt", [Prompt("hi", needs=frozenset({"tools"})), Prompt("hi", choices=2)])
def test_where_a_panel_would_pay_but_the_turn_cannot_be_merged_the_reason_says_so(prompt: Prompt) -> None:
    assert fused(prompt) == ("strong", "fusion_not_worthwhile", 0)
    assert fused(prompt, complexity=0.1)[1] == "below_threshold"
    assert fused(prompt, policy=policy())[1] == "above_threshold", "without a panel nothing is bypassed"


def test_the_panels_plan_begins_with_the_judge_and_goes_on_with_who_may_answer_alone() -> None:
    decision = decide(HI, assessed(0.9), AUTO, Controls(), policy(fusion=FUSION))
    assert [(step.deployment, step.route) for step in decision.plan][:2] == [("b1", "fusion"), ("b1", "strong")]
    estimates = estimate_routes_usd(decision, HI, policy(fusion=FUSION))
    assert estimates["fusion"] > estimates["strong"]  # type: ignore[operator]


def run_usd(search_usd: float | None, prompt: Prompt = HI) -> float | None:
    pool = policy(fusion=replace(FUSION, search_usd=search_usd))
    return decide(
        prompt, assessed(0.9), Ask("fusion"), Controls(), pool, wish=FusionWish(True, FUSION.controls)
    ).run_usd


def test_a_panels_estimate_has_its_searches_in_it_where_there_is_a_web_and_the_answer_is_text() -> None:
    alone_usd = run_usd(None)
    assert alone_usd is not None
    assert run_usd(0.01) > alone_usd  # type: ignore[operator]
    assert run_usd(inf) is None, "searches of unknown price"
    shaped = replace(HI, needs=frozenset({"json_schema"}))
    assert run_usd(0.01, shaped) == run_usd(None, shaped) == alone_usd


def test_fusion_can_be_forced_and_forbidden() -> None:
    assert fused(complexity=0.1, ask=Ask("fusion")) == ("fusion", "forced_by_caller", 3)
    assert fused(complexity=0.1, ask=Ask("fusion", by_policy=True))[1] == "forced_by_policy"
    tight = Controls(max_cost_usd=0.001)
    assert fused(Prompt("hi", input_tokens=1_000), ask=Ask("fusion"), controls=tight)[:2] == (
        "fusion",
        "forced_by_caller",
    )
    assert fused(asked=False) == ("strong", "above_threshold", 0)


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt("hi", needs=frozenset({"tools"})),
        Prompt("hi", in_tool_loop=True),
        Prompt("hi", choices=2),
        Prompt("hi", fusion_depth=1),
    ],
)
def test_turns_that_cannot_be_merged_bypass_the_panel(prompt: Prompt) -> None:
    assert fused(prompt, ask=Ask("fusion")) == ("strong", "fusion_not_worthwhile", 0)
    assert fused(prompt)[0] != "fusion"


def test_the_panel_never_goes_over_the_budget_by_itself() -> None:
    assert fused(controls=Controls(max_cost_usd=0.004)) == ("strong", "above_threshold", 0)
    assert fused(controls=Controls(max_cost_usd=1.0))[0] == "fusion"


def test_excluded_members_do_not_sit() -> None:
    assert fused(ask=Ask("fusion"), controls=Controls(exclude=frozenset({"s1"})))[2] == 2
