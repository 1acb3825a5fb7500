"""The decision: which route, why, and which deployments in which order. Pure; the only place that chooses.

Laws, each held by a property test:

* A harder prompt (higher complexity or gain) never gets a cheaper route.
* A deployment known to lack what the request needs is never in the plan; one whose support is unknown comes last, behind
  the other route's too, unless it has answered this very turn before.
* Nothing here fails a request for want of a classifier: no assessment means strong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from math import isfinite

from classifier.assessment import Assessment
from classifier.value import value
from router.core.ask import Ask, Controls
from router.core.budget import EstimateOf, affordable, budget_too_small, estimator, output_tokens_of
from router.core.eligibility import able_by_route, doubt, is_allowed, missing_need, refuse_if_empty
from router.core.fusion import FusionWish, Member
from router.core.memory import Pin
from router.core.panel_choice import choose_panel
from router.core.plan import Step
from router.core.policy import Policy, Thresholds
from router.core.prompt import Prompt
from router.core.spend import Prices, RunPlan
from router.core.types import Mode, Reason, Route
from router.errors import BadControl


@value
class Recalled:
    """What the memory holds that bears on this request: its turn, the turn before, its session."""

    turn: Pin | None = None
    previous_turn: Pin | None = None
    session: Pin | None = None


NOTHING_RECALLED = Recalled()


@value
class Decision:
    """What we mean to do.

    Attributes:
        plan: deployments in the order in which they may be tried; the first is meant to answer. Steps of another
            route at the end are there for when all of this route's fail.
        leads: who would answer on each route, were it not for the budget.
        panel: who is asked at once; empty but for route ``fusion``, whose plan begins with the judge and goes on with
            those who may answer alone should the panel not.
        is_novel: the prompt lies farther from the training data than the mode's threshold allows.
        run_usd: what the panel's run would cost; None without a panel, or where it is unpriced.
    """

    route: Route
    reason: Reason
    mode: Mode
    plan: tuple[Step, ...]
    assessment: Assessment | None
    leads: Mapping[Route, str] = field(default_factory=dict)
    is_novel: bool = False
    panel: tuple[Member, ...] = ()
    run_usd: float | None = None


def decide(
    prompt: Prompt,
    assessment: Assessment | None,
    ask: Ask,
    controls: Controls,
    policy: Policy,
    recalled: Recalled = NOTHING_RECALLED,
    previous: Assessment | None = None,
    wish: FusionWish | None = None,
) -> Decision:
    """Choose a route and order its deployments.

    Args:
        prompt: what was asked.
        assessment: the classifier's view of it; None where the classifier failed or was not asked.
        ask: what the model name means.
        controls: the caller's ``router`` object.
        policy: the pool and the thresholds.
        recalled: earlier decisions that bind this one.
        previous: the classifier's view of the turn before, for a follow-up whose earlier route is not recalled.
        wish: what the request says of fusion; None where it says nothing.

    Raises:
        CapabilityUnavailable, ContextTooLong, BudgetTooSmall, BadControl: no deployment may answer this request.
    """
    mode = controls.mode or ask.mode or policy.mode
    if ask.kind == "direct" and ask.deployment is not None:
        return _straight_to(ask.deployment, prompt, assessment, ask, controls, policy, mode)
    wanted, why, pinned = _wish(prompt, assessment, ask, policy.thresholds[mode], recalled, previous)
    lists: dict[Route, tuple[str, ...]] = {
        "small": _order(policy.small, pinned),
        "strong": _order(policy.strong, pinned),
    }
    proven = pinned if why is Reason.TURN_PINNED else None
    able, obstacle = able_by_route(lists, wanted, prompt, controls, policy.deployments, proven)
    route, reason = (wanted, why) if able[wanted] else (_other(wanted), obstacle.reason)
    if ask.kind in ("small", "strong"):
        refuse_if_empty(able[wanted], obstacle, prompt)
        able[_other(wanted)], route, reason = (), wanted, why
    refuse_if_empty(able[route], obstacle, prompt)
    within = able
    if controls.max_cost_usd is not None:
        cost_of = estimator(prompt, assessment, policy.deployments)
        within = {r: affordable(names, cost_of, controls) for r, names in able.items()}
        if not within[route]:
            route, reason = _over_budget(route, within, able, cost_of, controls)
    plan = tuple([Step(name, r) for r in (route, _other(route)) for name in within[r]])
    if prompt.needs:
        plan, doubted = _known_first(plan, prompt, policy, proven)
        if plan[0].route != route and doubted is not None:
            route, reason = plan[0].route, doubted
    leads = {r: names[0] for r, names in able.items() if names}
    is_novel = assessment is not None and assessment.novelty > policy.thresholds[mode].novelty
    decision = Decision(route, reason, mode, plan, assessment, leads, is_novel)
    if not policy.fusion.controls.panel:
        return decision
    return _with_panel(decision, prompt, ask, controls, policy, wish or FusionWish(None, policy.fusion.controls))


def _known_first(
    plan: tuple[Step, ...], prompt: Prompt, policy: Policy, proven: str | None
) -> tuple[tuple[Step, ...], Reason | None]:
    """The plan with those first who are known to be able; and the doubt about the one that was first before."""
    doubts = [
        None if step.deployment == proven else doubt(prompt, policy.deployments[step.deployment]) for step in plan
    ]
    if not any(doubts):
        return plan, None
    known = [step for step, doubted in zip(plan, doubts, strict=True) if doubted is None]
    unknown = [step for step, doubted in zip(plan, doubts, strict=True) if doubted is not None]
    return (*known, *unknown), doubts[0]


def _straight_to(
    name: str,
    prompt: Prompt,
    assessment: Assessment | None,
    ask: Ask,
    controls: Controls,
    policy: Policy,
    mode: Mode,
) -> Decision:
    """The named deployment, unless the controls forbid it, it costs too much, or it is known not to be able to."""
    refuse_where_ruled_out(name, estimator(prompt, assessment, policy.deployments)(name), controls)
    obstacle = missing_need(prompt, policy.deployments[name])
    if obstacle is not None:
        refuse_if_empty((), obstacle, prompt)
    reason = Reason.FORCED_BY_POLICY if ask.by_policy else Reason.DIRECT
    return Decision("direct", reason, mode, (Step(name, "direct"),), assessment, {"direct": name})


def refuse_where_ruled_out(name: str, cost_usd: float | None, controls: Controls) -> None:
    """Hold a deployment that the caller names, and what it would cost, against the rest of what it says.

    Raises:
        BadControl, BudgetTooSmall: it may not answer, or costs too much.
    """
    if not is_allowed(name, controls):
        raise BadControl(f"`model` names {name!r}, which `router.models` or `router.exclude` rules out.", param="model")
    if not affordable((name,), lambda _: cost_usd, controls):
        raise budget_too_small((cost_usd,), controls)


def _with_panel(
    decision: Decision, prompt: Prompt, ask: Ask, controls: Controls, policy: Policy, wish: FusionWish
) -> Decision:
    """The same decision, or the panel's where it was asked for or pays; by itself it never goes over the budget."""

    def is_able(name: str) -> bool:
        return is_allowed(name, controls) and missing_need(prompt, policy.deployments[name]) is None

    chosen = choose_panel(
        prompt, decision.assessment, ask, wish, policy.fusion, decision.mode, decision.route, decision.reason, is_able,
        policy.deployments, policy.priors,
    )  # fmt: skip
    if not chosen.members:
        return decision if chosen.reason is None else replace(decision, reason=chosen.reason)
    output_tokens, search_usd = output_tokens_of(prompt, decision.assessment), policy.fusion.search_usd
    prices = Prices(policy.deployments, prompt.input_tokens, output_tokens, search_usd=search_usd or 0.0)
    plan = RunPlan(chosen.members, chosen.judge)
    by_itself = chosen.reason is Reason.FUSION_WORTHWHILE
    if by_itself and controls.max_cost_usd is not None and prices.run_usd(plan) > controls.max_cost_usd:
        return decision
    has_web = search_usd is not None and "json_schema" not in prompt.needs
    cost_usd = prices.run_usd(replace(plan, tool_calls=wish.controls.max_tool_calls if has_web else 0))
    return replace(
        decision,
        route="fusion",
        reason=chosen.reason or decision.reason,
        plan=(Step(chosen.judge, "fusion"), *decision.plan),
        panel=chosen.members,
        run_usd=cost_usd if isfinite(cost_usd) else None,
    )


def judge_thresholds(assessment: Assessment, thresholds: Thresholds) -> tuple[Route, Reason]:
    """Hold an assessment against a mode's thresholds: small only when sure."""
    if assessment.complexity >= thresholds.complexity or assessment.gain >= thresholds.gain:
        return "strong", Reason.ABOVE_THRESHOLD
    if assessment.novelty > thresholds.novelty:
        return "strong", Reason.NOVEL_INPUT
    near = assessment.complexity >= thresholds.complexity - thresholds.band
    if near or assessment.gain >= thresholds.gain - thresholds.band:
        return "strong", Reason.UNCERTAIN
    return "small", Reason.BELOW_THRESHOLD


def estimate_routes_usd(decision: Decision, prompt: Prompt, policy: Policy) -> dict[Route, float | None]:
    """What each route would cost, None where unpriced: for explanations, since nothing is decided by it."""
    cost_of = estimator(prompt, decision.assessment, policy.deployments)
    estimates = {route: cost_of(name) for route, name in decision.leads.items()}
    return {**estimates, "fusion": decision.run_usd} if decision.panel else estimates


def _wish(
    prompt: Prompt,
    assessment: Assessment | None,
    ask: Ask,
    thresholds: Thresholds,
    recalled: Recalled,
    previous: Assessment | None,
) -> tuple[Route, Reason, str | None]:
    """The route we would like, why, and the deployment that a pin asks for."""
    if ask.kind in ("small", "strong"):
        route: Route = "small" if ask.kind == "small" else "strong"
        return route, Reason.FORCED_BY_POLICY if ask.by_policy else Reason.FORCED_BY_CALLER, None
    if prompt.in_tool_loop and recalled.turn is not None and recalled.turn.route in ("small", "strong"):
        return recalled.turn.route, Reason.TURN_PINNED, recalled.turn.deployment
    if ask.kind == "fusion":
        return "strong", Reason.FORCED_BY_POLICY if ask.by_policy else Reason.FORCED_BY_CALLER, None
    if assessment is None:
        return "strong", Reason.CLASSIFIER_UNAVAILABLE, None
    route, reason = _by_turns(prompt, assessment, thresholds, recalled, previous)
    pin = recalled.session
    if pin is not None and pin.route in ("small", "strong") and (route == "small" or pin.route == "strong"):
        return pin.route, Reason.SESSION_PINNED, pin.deployment
    return route, reason, None


def _by_turns(
    prompt: Prompt,
    assessment: Assessment,
    thresholds: Thresholds,
    recalled: Recalled,
    previous: Assessment | None,
) -> tuple[Route, Reason]:
    """Judge the newest turn; a short follow-up inherits, unless it is hard in its own right."""
    route, reason = judge_thresholds(assessment, thresholds)
    if not prompt.is_followup or reason is Reason.ABOVE_THRESHOLD:
        return route, reason
    if recalled.previous_turn is not None and recalled.previous_turn.route in ("small", "strong"):
        return recalled.previous_turn.route, Reason.FOLLOWUP_INHERITS
    if previous is not None:
        return judge_thresholds(previous, thresholds)[0], Reason.FOLLOWUP_INHERITS
    return route, reason


def _other(route: Route) -> Route:
    return "strong" if route == "small" else "small"


def _order(names: tuple[str, ...], pinned: str | None) -> tuple[str, ...]:
    """The configured order, with a pinned deployment first."""
    if pinned is not None and pinned in names:
        return (pinned, *(name for name in names if name != pinned))
    return names


def _over_budget(
    route: Route,
    within: Mapping[Route, Sequence[str]],
    able: Mapping[Route, Sequence[str]],
    cost_of: EstimateOf,
    controls: Controls,
) -> tuple[Route, Reason]:
    if within[_other(route)]:
        return _other(route), Reason.BUDGET_DOWNGRADE
    raise budget_too_small([cost_of(name) for names in able.values() for name in names], controls)
