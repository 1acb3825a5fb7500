"""The hallway: read → assess → decide → dispatch → record. One request, one record, whatever happens."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Any, Protocol

from classifier.assessment import Assessment, Assessor
from router.core.ask import Ask, Controls, read_ask, read_controls
from router.core.fusion import FusionWish
from router.core.fusion_controls import read_fusion, settle_ask
from router.core.memory import Memory, Pin
from router.core.plan import fallback_reason
from router.core.policy import Decision, Policy, Recalled, Step, decide
from router.core.prompt import Prompt, read_prompt
from router.core.request import ModelRequest
from router.core.types import Reason, Route
from router.core.value import value
from router.dispatch.fusion import DEPTH_HEADERS, RunStore
from router.dispatch.single import Dispatcher, Trip
from router.dispatch.web import Web
from router.errors import BadRequest, GatewayError, InternalError, Overloaded
from router.fuse import answer_by_panel
from router.record.record import EMBEDDINGS, Draft, RequestRecord, StoredText, Texts
from router.record.render import answer_of, last_chunks, usage_of, whole_body

log = logging.getLogger("router")


class Exchange(Protocol):
    """The caller's side of one request, whatever the dialect."""

    caller: str
    session_header: str | None
    fusion_depth: int
    traceparent: str | None
    closed: bool

    async def receive(self) -> bytes:
        """Authenticate, and read the body within the limits."""
        ...

    def parse(self, raw: bytes) -> ModelRequest:
        """Check the body."""
        ...

    async def reply(self, draft: Draft, body: dict[str, Any]) -> None:
        """Send an answer in one piece."""
        ...

    async def begin(self, draft: Draft) -> None:
        """Start an event stream: from here on the status is 200."""
        ...

    async def send(self, data: bytes) -> None:
        """Send events."""
        ...

    async def end(self, chunks: list[dict[str, Any]]) -> None:
        """Send the last chunks and say that the stream is complete."""
        ...

    async def fail(self, draft: Draft, error: GatewayError) -> None:
        """Send an error: a body with its status, or an event where the stream has begun."""
        ...


@dataclass(slots=True)
class Services:
    """What the hallway uses. ``assessor`` and ``policy`` change when a new artifact is loaded.

    ``stores`` says whose text goes into the record: nobody's unless the operator opted in.
    """

    assessor: Assessor | None
    policy: Policy
    dispatcher: Dispatcher
    memory: Memory
    keep: Callable[[RequestRecord], None]
    new_id: Callable[[], str]
    now: Callable[[], float]
    total_s: float
    runs: RunStore = field(default_factory=RunStore)
    stores: StoredText = "none"
    web: Web | None = None


@value
class Consideration:
    """A request thought through, before anybody is called."""

    prompt: Prompt
    ask: Ask
    controls: Controls
    assessment: Assessment | None
    decision: Decision
    wish: FusionWish
    recalled: Recalled
    previous: Assessment | None


async def answer_chat(services: Services, exchange: Exchange) -> None:
    """Answer one chat completion."""
    await _recorded(services, exchange, "chat/completions", _chat)


async def answer_embeddings(services: Services, exchange: Exchange) -> None:
    """Pass an embeddings request to the deployment it names; there is nothing to decide."""
    await _recorded(services, exchange, EMBEDDINGS, _embeddings)


async def _chat(services: Services, exchange: Exchange, draft: Draft) -> None:
    raw = await exchange.receive()
    draft.caller = exchange.caller
    began_s = perf_counter()
    request = exchange.parse(raw)
    draft.asked_model, draft.stream = request.model, request.stream
    considered = consider(
        services, request, exchange.caller, exchange.session_header, draft,
        began_s=began_s, fusion_depth=exchange.fusion_depth,
    )  # fmt: skip
    trip = Trip(
        considered.prompt.input_tokens,
        draft.attempts,
        headers=DEPTH_HEADERS if exchange.fusion_depth else {},
        keeps_text=services.stores == "all",
        around_model=request.around_model,
    )
    if considered.decision.panel:
        await answer_by_panel(services, exchange, request, considered, draft, _deadline(services))
    elif request.stream:
        await _stream(services, exchange, request, considered, draft, trip)
    else:
        await _complete(services, exchange, request, considered, draft, trip)
    _remember(services, considered, draft)


async def _embeddings(services: Services, exchange: Exchange, draft: Draft) -> None:
    request = exchange.parse(await exchange.receive())
    draft.caller, draft.asked_model = exchange.caller, request.model
    policy = services.policy
    name = policy.aliases.get(request.model, request.model)
    if name not in policy.deployments:
        read_ask(request.model, policy.deployments, policy.aliases)
        raise BadRequest("Embeddings are not routed: name a deployment of the pool as `model`.", param="model")
    plan = (Step(name, "direct"),)
    draft.decision = Decision("direct", Reason.DIRECT, policy.mode, plan, None)
    trip = Trip(len(str(request.body.get("input", ""))) // 4, draft.attempts, around_model=request.around_model)
    step, body = await services.dispatcher.complete(
        plan, request.body, _deadline(services), trip, operation="embeddings"
    )
    _answered_by(draft, services, step, trip)
    body["usage"] = usage_of(draft, body.get("usage"))
    await exchange.reply(draft, body)


def consider(
    services: Services,
    request: ModelRequest,
    caller: str = "",
    session_header: str | None = None,
    draft: Draft | None = None,
    *,
    explain: bool = False,
    began_s: float | None = None,
    fusion_depth: int = 0,
) -> Consideration:
    """Think a request through without calling anybody: what is asked, how hard it is, what is to be done.

    Raises:
        GatewayError: the request cannot be served; see ``read_ask``, ``read_controls`` and ``decide``.
    """
    draft = draft or new_draft(services, "route")
    policy = services.policy
    began_s = perf_counter() if began_s is None else began_s
    ask = read_ask(request.model, policy.deployments, policy.aliases, fusion=bool(policy.fusion.controls.panel))
    controls = read_controls(request.controls, policy.names, session_header)
    wish = read_fusion(controls.fusion, request.fusion_forms, policy.names, policy.fusion.controls, policy.deployments)
    ask, wish = settle_ask(ask, wish, policy.fusion.controls)
    prompt = read_prompt(request.body, caller, fusion_depth)
    draft.prompt_digest, draft.session_id = prompt.digest, controls.session_id
    if services.stores != "none":
        draft.texts = Texts(prompt.text, prompt.context)
    read_s = _lap(draft, "parse", began_s)
    context = "" if prompt.is_followup else prompt.context  # a follow-up inherits; here it is judged by itself
    assessment = _assess(services, prompt.text, context, draft, explain) if ask.kind != "direct" else None
    recalled, previous = _recall(services, prompt, controls, caller, draft)
    assessed_s = _lap(draft, "assess", read_s)
    decision = decide(prompt, assessment, ask, controls, policy, recalled, previous, wish)
    draft.decision, draft.route, draft.reason = decision, decision.route, decision.reason
    draft.thresholds = policy.thresholds[decision.mode]
    _lap(draft, "decide", assessed_s)
    return Consideration(prompt, ask, controls, assessment, decision, wish, recalled, previous)


def new_draft(services: Services, endpoint: str) -> Draft:
    """An empty record for a request that has just arrived."""
    policy = services.policy
    draft = Draft(services.new_id(), services.now(), endpoint, policy.deployments[policy.baseline], policy.version)
    draft.classifier = services.assessor.artifact if services.assessor is not None else ""
    draft.features_id = getattr(services.assessor, "features_id", None)  # an assessor need not have features
    return draft


async def _recorded(
    services: Services,
    exchange: Exchange,
    endpoint: str,
    answer: Callable[[Services, Exchange, Draft], Awaitable[None]],
) -> None:
    """Answer, leave exactly one record, and answer every error.

    A function and no context manager: the loop keeps a list of asynchronous generators, which takes 5 µs a request.
    """
    outcome = "aborted"
    draft = new_draft(services, endpoint)
    draft.began_s, draft.traceparent = perf_counter(), exchange.traceparent
    try:
        await answer(services, exchange, draft)
        outcome = "ok"
    except GatewayError as error:
        outcome = error.code
        await exchange.fail(draft, error)
    except asyncio.CancelledError:
        if not exchange.closed:  # the gateway is going, not the caller
            await exchange.fail(draft, Overloaded("The gateway is shutting down.", retry_after_s=1.0))
        raise
    except Exception:
        outcome = InternalError.code
        log.exception("request %s failed inside the gateway", draft.request_id)
        await exchange.fail(draft, InternalError(f"The gateway failed; its log has more under {draft.request_id}."))
    finally:
        services.keep(draft.finish(outcome, perf_counter() - draft.began_s))


async def _complete(
    services: Services, exchange: Exchange, request: ModelRequest, considered: Consideration, draft: Draft, trip: Trip
) -> None:
    began_s = perf_counter()
    try:
        step, body = await services.dispatcher.complete(
            considered.decision.plan, request.body, _deadline(services), trip
        )
    finally:
        draft.overhead_s["dispatch"] = perf_counter() - began_s - trip.waited_s
    began_s = perf_counter()
    _answered_by(draft, services, step, trip)
    if trip.keeps_text:
        draft.keep_answer(answer_of(body))
    body = whole_body(body, draft)
    draft.overhead_s["render"] = perf_counter() - began_s
    await exchange.reply(draft, body)


async def _stream(
    services: Services, exchange: Exchange, request: ModelRequest, considered: Consideration, draft: Draft, trip: Trip
) -> None:
    began_s, deadline_s = perf_counter(), _deadline(services)
    try:
        live = await services.dispatcher.open(considered.decision.plan, request.body, deadline_s, trip)
    finally:
        draft.overhead_s["dispatch"] = perf_counter() - began_s - trip.waited_s
    draft.first_token_s = services.now() - draft.started_at
    _answered_by(draft, services, live.step, trip)
    try:
        await services.dispatcher.pump(live, deadline_s, trip, lambda: exchange.begin(draft), exchange.send)
    finally:
        if live.relay.texts is not None:
            draft.keep_answer("".join(live.relay.texts))
    began_s = perf_counter()
    chunks = last_chunks(live.relay.close(), live.relay.raw_usage, request.include_usage, draft)
    draft.overhead_s["render"] = trip.relayed_s + perf_counter() - began_s
    await exchange.end(chunks)


def _assess(services: Services, text: str, context: str, draft: Draft, explain: bool = False) -> Assessment | None:
    """Routing never fails a request: no assessor, or a failing one, gives None."""
    if services.assessor is not None:
        try:
            return services.assessor.assess(text, context, explain=explain)
        except Exception:
            log.exception("the classifier failed on request %s", draft.request_id)
    draft.classifier_failed = True
    return None


def _recall(
    services: Services, prompt: Prompt, controls: Controls, caller: str, draft: Draft
) -> tuple[Recalled, Assessment | None]:
    """What binds this request; a follow-up to a turn that is not remembered has that turn assessed anew."""
    memory, now_s = services.memory, services.now()
    turn = memory.recall(prompt.turn_key, now_s) if prompt.in_tool_loop else None
    previous_turn = memory.recall(prompt.previous_turn_key, now_s) if prompt.is_followup else None
    session = memory.recall(_session_key(controls, caller), now_s)
    previous = None
    if prompt.is_followup and previous_turn is None:
        previous = _assess(services, prompt.previous_text, "", draft)
    return Recalled(turn, previous_turn, session), previous


def _remember(services: Services, considered: Consideration, draft: Draft) -> None:
    """Pin what was decided by routing; what a caller forced binds nobody, and a fallback binds only its own turn."""
    if draft.route is None or draft.deployment is None or considered.ask.kind != "auto":
        return
    # one model carries on what a panel began: a follow-up rarely needs several
    route: Route = "strong" if draft.route == "fusion" else draft.route
    pin, now_s = Pin(route, draft.deployment.name), services.now()
    services.memory.remember(considered.prompt.turn_key, pin, now_s)
    if draft.route == considered.decision.route:
        services.memory.remember(_session_key(considered.controls, draft.caller), pin, now_s)


def _session_key(controls: Controls, caller: str) -> str | None:
    return f"{caller}\0{controls.session_id}" if controls.session_id else None


def _answered_by(draft: Draft, services: Services, step: Step, trip: Trip) -> None:
    """Say who answers, and why another than the one meant, where that is so."""
    pool = services.dispatcher.pool
    draft.deployment, draft.route = pool[step.deployment], step.route
    if draft.decision is not None:
        draft.reason = fallback_reason(draft.decision.plan, step, trip.failed, pool) or draft.decision.reason


def _deadline(services: Services) -> float:
    return monotonic() + services.total_s


def _lap(draft: Draft, station: str, began_s: float) -> float:
    now_s = perf_counter()
    draft.overhead_s[station] += now_s - began_s
    return now_s
