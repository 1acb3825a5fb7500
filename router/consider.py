"""Thinking a request through without calling anybody: what is asked, how hard it is, what is to be done."""

from __future__ import annotations

from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING

from classifier.value import value
from router.core.ask import Ask, Controls, read_ask, read_controls
from router.core.decision import Decision, Recalled, decide
from router.core.fusion_controls import read_fusion, settle_ask
from router.core.memory import Pin, Recall
from router.core.policy import Policy
from router.core.prompt import Prompt, read_prompt
from router.core.types import Reason
from router.judging import Turn, judge_alone
from router.record.record import Draft, Texts

if TYPE_CHECKING:
    from classifier.assessment import Assessment, Assessor
    from router.core.fusion import FusionWish
    from router.core.request import ModelRequest
    from router.core.types import Route
    from router.pipeline import Services


_PASSING = frozenset({
    Reason.BUDGET_DOWNGRADE, Reason.CONTEXT_WINDOW, Reason.FORCED_BY_CALLER,
    Reason.CAPABILITY_VISION, Reason.CAPABILITY_TOOLS, Reason.CAPABILITY_JSON,
})  # fmt: skip
"""Reasons that lie in the request and not in its prompt: such a detour binds no later request."""


@value
class Asked:
    """What a request asks, and by whom it is judged: a new artifact may come while it waits between two stations."""

    prompt: Prompt
    ask: Ask
    controls: Controls
    wish: FusionWish
    policy: Policy
    assessor: Assessor | None


@value
class Assessed:
    """How hard it is, and what was decided before that binds it."""

    assessment: Assessment | None
    recalled: Recalled
    previous: Assessment | None


@value
class Consideration:
    """A request thought through, before anybody is called."""

    asked: Asked
    assessed: Assessed
    decision: Decision


def consider(
    services: Services,
    request: ModelRequest,
    draft: Draft | None = None,
    session_header: str | None = None,
    *,
    explain: bool = False,
    fusion_depth: int = 0,
) -> Consideration:
    """Think a request through that nobody is going to answer.

    Raises:
        GatewayError: the request cannot be served; see ``read_ask``, ``read_controls`` and ``decide``.
    """
    draft = draft or new_draft(services, "route")
    asked = read_asked(services, request, session_header, draft, perf_counter(), fusion_depth)
    turn = turn_of(asked, draft)
    if turn is not None:
        judge_alone(turn, explain=explain)
    return settle(asked, assess(services, asked, turn, draft, services.memory.peek), draft)


def new_draft(services: Services, endpoint: str) -> Draft:
    """An empty record for a request that has just arrived."""
    policy = services.policy
    draft = Draft(services.new_id(), services.now(), endpoint, policy.deployments[policy.baseline], policy.version)
    _judged_by(draft, policy, services.assessor)
    return draft


def _judged_by(draft: Draft, policy: Policy, assessor: Assessor | None) -> None:
    """Say by whom a request is judged."""
    draft.policy = policy.version
    draft.classifier = assessor.artifact if assessor is not None else ""
    draft.features_id = getattr(assessor, "features_id", None)  # an assessor need not have features


def read_asked(
    services: Services,
    request: ModelRequest,
    session_header: str | None,
    draft: Draft,
    began_s: float,
    fusion_depth: int,
) -> Asked:
    """The first station, ``parse``: read what is asked; ``began_s`` is when the body's reading began.

    From here on a new artifact is for the next request: it may have come while the body did.
    """
    policy, assessor = services.policy, services.assessor
    _judged_by(draft, policy, assessor)
    ask = read_ask(request.model, policy.deployments, policy.aliases, fusion=bool(policy.fusion.controls.panel))
    controls = read_controls(request.controls, policy.names, session_header)
    wish = read_fusion(controls.fusion, request.fusion_forms, policy.names, policy.fusion.controls, policy.deployments)
    ask, wish = settle_ask(ask, wish, policy.fusion.controls)
    prompt = read_prompt(request.body, draft.caller, fusion_depth)
    draft.prompt_digest, draft.session_id = prompt.digest, controls.session_id
    if services.stores != "none":
        draft.texts = Texts(prompt.text, prompt.context)
    draft.overhead_s["parse"] = perf_counter() - began_s
    return Asked(prompt, ask, controls, wish, policy, assessor)


def turn_of(asked: Asked, draft: Draft) -> Turn | None:
    """What the classifier is to judge; nothing where the caller has named a deployment."""
    prompt = asked.prompt
    if asked.ask.kind == "direct":
        return None
    context = "" if prompt.is_followup else prompt.context  # a follow-up inherits; here it is judged by itself
    key = _judged_as(prompt, context)
    return Turn(asked.assessor, prompt.text, context, prompt.instructions, draft.request_id, key)


def _judged_as(prompt: Prompt, context: str) -> str:
    """The key of a turn and of the context and instructions that it is judged with."""
    if not context and not prompt.instructions:
        return prompt.turn_key
    around = f"{context}\0{prompt.instructions}".encode("utf-8", "surrogatepass")
    return f"{prompt.turn_key}\0{sha256(around).hexdigest()}"


def assess(services: Services, asked: Asked, turn: Turn | None, draft: Draft, recall: Recall) -> Assessed:
    """The second station, ``assess``: take what the classifier said of the turn, and ask the memory.

    ``recall`` is how: ``Memory.recall`` for a request that will be answered; ``Memory.peek`` for a dry run, which must
    not keep a pin alive.
    """
    began_s, judged_s, assessment = perf_counter(), 0.0, None
    if turn is not None:
        judged_s, assessment = turn.took_s, turn.assessment
        draft.classifier_failed = assessment is None
    recalled, previous = _recall(services, asked, draft, recall)
    draft.overhead_s["assess"] = judged_s + perf_counter() - began_s
    return Assessed(assessment, recalled, previous)


def settle(asked: Asked, assessed: Assessed, draft: Draft) -> Consideration:
    """The third station, ``decide``: say what is to be done."""
    began_s = perf_counter()
    decision = decide(
        asked.prompt, assessed.assessment, asked.ask, asked.controls, asked.policy, assessed.recalled,
        assessed.previous, asked.wish,
    )  # fmt: skip
    draft.decision, draft.route, draft.reason = decision, decision.route, decision.reason
    draft.thresholds = asked.policy.thresholds[decision.mode]
    draft.overhead_s["decide"] = perf_counter() - began_s
    return Consideration(asked, assessed, decision)


def remember(services: Services, considered: Consideration, draft: Draft) -> None:
    """Pin what was decided by routing; what a caller forced binds nobody, and a detour binds only its own turn."""
    asked = considered.asked
    if draft.route is None or draft.deployment is None or asked.ask.kind != "auto":
        return
    # one model carries on what a panel began: a follow-up rarely needs several
    route: Route = "strong" if draft.route == "fusion" else draft.route
    pin, now_s = Pin(route, draft.deployment.name), services.now()
    services.memory.remember(asked.prompt.turn_key, pin, now_s)
    binds = draft.route == considered.decision.route and considered.decision.reason not in _PASSING
    if binds and not asked.prompt.is_housekeeping:
        services.memory.remember(_session_key(asked.controls, draft.caller), pin, now_s)


def _recall(services: Services, asked: Asked, draft: Draft, recall: Recall) -> tuple[Recalled, Assessment | None]:
    """What binds this request; a follow-up to a turn that is not remembered has what it carries on assessed anew."""
    now_s, prompt = services.now(), asked.prompt
    turn = recall(prompt.turn_key, now_s) if prompt.in_tool_loop else None
    previous_turn = recall(prompt.previous_turn_key, now_s) if prompt.is_followup else None
    session = None if prompt.is_housekeeping else recall(_session_key(asked.controls, draft.caller), now_s)
    previous = None
    if prompt.is_followup and previous_turn is None:
        turn_before = Turn(asked.assessor, prompt.carried_on, "", prompt.instructions, draft.request_id)
        judge_alone(turn_before)
        previous = turn_before.assessment
        draft.classifier_failed |= previous is None
    return Recalled(turn, previous_turn, session), previous


def _session_key(controls: Controls, caller: str) -> str | None:
    return f"{caller}\0{controls.session_id}" if controls.session_id else None
