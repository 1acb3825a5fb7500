"""What is said to flip a decision does flip it."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from classifier.assessment import Assessment
from router.core.ask import Ask, Controls
from router.core.decision import Decision, decide
from router.core.evidence import Evidence, FusionPolicy, TaskEvidence
from router.core.flips import _BY_REQUEST, JUDGED, Flip, what_would_flip
from router.core.fusion import FusionControls, Member
from router.core.policy import Policy, Thresholds
from router.core.prompt import Prompt
from router.core.types import MODES, Deployment, Mode, Reason

POOL = {name: Deployment(name, f"scripted/{name}") for name in ("s", "b")}
share = st.floats(0, 1)
limits = st.builds(Thresholds, st.floats(0, 2), st.floats(-0.2, 2), st.sampled_from([0.0, 0.05]), st.floats(0.5, 1))
AT_ANSWER = frozenset({Reason.FALLBACK_ERROR, Reason.FALLBACK_TIMEOUT, Reason.FALLBACK_UNAVAILABLE})


def assessed(complexity: float, gain: float, novelty: float) -> Assessment:
    return Assessment(complexity, gain, "chat", novelty, False, 200, "test@1:0")


def decided(assessment: Assessment, policy: Policy, mode: Mode | None = None) -> Decision:
    return decide(Prompt("x", input_tokens=5), assessment, Ask("auto"), Controls(mode=mode), policy)


def policy(*thresholds: Thresholds) -> Policy:
    return Policy(POOL, ("s",), ("b",), "b", thresholds=dict(zip(MODES, thresholds, strict=True)))


def flips(assessment: Assessment, policy: Policy, mode: Mode | None = None) -> tuple[Flip, ...]:
    return what_would_flip(decided(assessment, policy, mode), policy, lambda other, then: decided(other, policy, then))


def just_beyond(flip: Flip, assessment: Assessment) -> Assessment:
    """The assessment with the flip's bounds met, a hair inside."""
    values = {}
    for name, bound in flip.needs.items():
        sign, number = bound.split()
        values[name] = float(number) + {">=": 1e-4, ">": 1e-4, "<": -1e-4, "<=": -1e-4}[sign]
    return replace(assessment, **values)


@given(share, st.floats(-0.5, 1), share, limits, limits, limits)
def test_meeting_the_bounds_that_are_named_takes_the_other_route(
    complexity: float, gain: float, novelty: float, cost: Thresholds, balanced: Thresholds, quality: Thresholds
) -> None:
    rules, assessment = policy(cost, balanced, quality), assessed(complexity, gain, novelty)
    decision = decided(assessment, rules)
    for flip in flips(assessment, rules):
        if flip.by == "assessment":
            assert decided(just_beyond(flip, assessment), rules).route == flip.route != decision.route


@given(share, st.floats(-0.5, 1), share, limits, limits, limits)
def test_the_modes_that_are_named_are_all_those_that_decide_otherwise(
    complexity: float, gain: float, novelty: float, cost: Thresholds, balanced: Thresholds, quality: Thresholds
) -> None:
    rules, assessment = policy(cost, balanced, quality), assessed(complexity, gain, novelty)
    decision = decided(assessment, rules)
    named = {flip.needs["mode"] for flip in flips(assessment, rules) if flip.by == "mode"}
    assert named == {mode for mode in MODES if decided(assessment, rules, mode).route != decision.route}


@given(share, st.floats(-0.5, 1), limits)
def test_a_prompt_sent_to_strong_by_the_scores_always_has_a_way_to_small(
    complexity: float, gain: float, rules: Thresholds
) -> None:
    assessment, same = assessed(complexity, gain, 0.1), policy(rules, rules, rules)
    assume(decided(assessment, same).route == "strong")
    assert [flip.route for flip in flips(assessment, same)] == ["small"]


tenths = st.integers(0, 20).map(lambda number: number / 10)
coarse = st.builds(Thresholds, tenths, tenths, st.sampled_from([0.0, 0.05]))
PAYS = TaskEvidence(Evidence(True, "test"), Evidence(True, "test"))
FUSES = FusionPolicy(
    FusionControls((Member("s"), Member("b")), "b"), {"chat": PAYS}, {"balanced": 0.5, "quality": 0.35}
)


@given(share, st.floats(-0.5, 1), coarse, coarse, coarse, st.sampled_from(MODES), st.sampled_from([100, 900]))
def test_with_a_panel_too_all_that_is_said_is_so_and_no_mode_is_left_out(
    complexity: float, gain: float, cost: Thresholds, balanced: Thresholds, quality: Thresholds, mode: Mode, tokens: int
) -> None:
    rules = replace(policy(cost, balanced, quality), fusion=FUSES)
    assessment = replace(assessed(complexity, gain, 0.1), expected_output_tokens=tokens)
    route = decided(assessment, rules, mode).route
    said = flips(assessment, rules, mode)
    for flip in said:
        if flip.by == "assessment":
            assert flip.route is not None
            assert decided(just_beyond(flip, assessment), rules, mode).route == flip.route != route
    modes = {flip.needs["mode"]: flip.route for flip in said if flip.by == "mode"}
    then = {other: decided(assessment, rules, other).route for other in MODES}
    assert modes == {other: to for other, to in then.items() if to != route}


def test_a_fused_answer_names_the_complexity_below_which_one_model_answers() -> None:
    rules = replace(policy(*[Thresholds(0.4)] * 3), fusion=FUSES)
    assessment = replace(assessed(0.6, 0.0, 0.1), expected_output_tokens=900)
    assert decided(assessment, rules).route == "fusion"
    said = {(flip.by, *flip.needs.items(), flip.route) for flip in flips(assessment, rules)}
    assert said == {
        ("assessment", ("complexity", "< 0.4"), "small"),
        ("assessment", ("complexity", "< 0.5"), "strong"),
        ("request", None),
        ("mode", ("mode", "cost"), "strong"),
    }


@pytest.mark.parametrize("reason", sorted(set(Reason) - JUDGED - AT_ANSWER))
def test_every_reason_that_scores_do_not_explain_has_words(reason: Reason) -> None:
    assert _BY_REQUEST[reason]
