"""The hallway: read → assess → decide → dispatch → record. One request, one record, whatever happens."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Any, Protocol

from classifier.assessment import Assessor
from router.consider import Consideration, assess, new_draft, read_asked, remember, settle, turn_of
from router.core.answer import text_of_reply
from router.core.ask import read_controls
from router.core.budget import output_tokens_of
from router.core.embedding import decide_embeddings, embedded_tokens
from router.core.memory import Memory
from router.core.plan import Step, fallback_reason
from router.core.policy import Policy
from router.core.request import ModelRequest
from router.dispatch.confined import Confined
from router.dispatch.fusion import DEPTH_HEADERS, SCHEMA_CHECKER, RunStore
from router.dispatch.single import Dispatcher
from router.dispatch.trip import Trip
from router.dispatch.web import Web
from router.errors import GatewayError, InternalError, Overloaded
from router.fuse import answer_by_panel
from router.judging import Docket
from router.record.record import EMBEDDINGS, Draft, RequestRecord, StoredText
from router.record.render import last_chunks, usage_of, whole_body

log = logging.getLogger("router")


class Exchange(Protocol):
    """The caller's side of one request, whatever the dialect."""

    session_header: str | None
    fusion_depth: int
    traceparent: str | None
    closed: bool
    has_company: bool

    async def receive(self, draft: Draft) -> bytes:
        """Authenticate, say who calls, and read the body within the limits."""
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
    docket: Docket = field(default_factory=Docket)
    checker: Confined = field(default_factory=lambda: Confined(SCHEMA_CHECKER))


async def answer_chat(services: Services, exchange: Exchange) -> None:
    """Answer one chat completion."""
    await _recorded(services, exchange, "chat/completions", _chat)


async def answer_responses(services: Services, exchange: Exchange) -> None:
    """Answer one request to the Responses API, which the exchange makes a chat completion of."""
    await _recorded(services, exchange, "responses", _chat)


async def answer_embeddings(services: Services, exchange: Exchange) -> None:
    """Pass an embeddings request to the deployment it names; there is nothing to decide."""
    await _recorded(services, exchange, EMBEDDINGS, _embeddings)


async def _chat(services: Services, exchange: Exchange, draft: Draft) -> None:
    raw = await exchange.receive(draft)
    began_s = perf_counter()
    request = exchange.parse(raw)
    draft.asked_model, draft.stream = request.model, request.stream
    asked = read_asked(services, request, exchange.session_header, draft, began_s, exchange.fusion_depth)
    turn = turn_of(asked, draft)
    if turn is not None:
        await services.docket.judge(turn, has_company=exchange.has_company)
    assessed = assess(services, asked, turn, draft, services.memory.recall)
    considered = settle(asked, assessed, draft)
    trip = Trip(
        asked.prompt.input_tokens,
        draft.attempts,
        output_tokens=output_tokens_of(asked.prompt, assessed.assessment),
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
    remember(services, considered, draft)


async def _embeddings(services: Services, exchange: Exchange, draft: Draft) -> None:
    request = exchange.parse(await exchange.receive(draft))
    draft.asked_model = request.model
    policy, tokens = services.policy, embedded_tokens(request.body["input"])
    controls = read_controls(request.controls, policy.names, exchange.session_header)
    draft.session_id = controls.session_id
    draft.decision = decide_embeddings(request.model, tokens, controls, policy)
    trip = Trip(tokens, draft.attempts, around_model=request.around_model)
    step, body = await services.dispatcher.complete(
        draft.decision.plan, request.body, _deadline(services), trip, operation="embeddings"
    )
    _answered_by(draft, services, step, trip)
    body["usage"] = usage_of(draft, body.get("usage"))
    await exchange.reply(draft, body)


async def _recorded(
    services: Services,
    exchange: Exchange,
    endpoint: str,
    answer: Callable[[Services, Exchange, Draft], Awaitable[None]],
) -> None:
    """Answer, leave exactly one record, and answer every error.

    A function, no context manager: the event loop keeps a list of asynchronous generators, which takes 5 µs a request.
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
        await exchange.fail(draft, defect(draft))
    finally:
        services.keep(draft.finish(outcome, perf_counter() - draft.began_s))


def defect(draft: Draft) -> InternalError:
    """Log the exception that is being handled, a defect of ours, under the request's id; returns what the caller is told."""
    log.exception("request %s failed inside the gateway", draft.request_id)
    return InternalError(f"The gateway failed; its log has more under {draft.request_id}.")


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
        draft.keep_answer(text_of_reply(body))
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


def _answered_by(draft: Draft, services: Services, step: Step, trip: Trip) -> None:
    """Say who answers, and why another than the one meant, where that is so."""
    pool = services.dispatcher.pool
    draft.deployment, draft.route = pool[step.deployment], step.route
    if draft.decision is not None:
        draft.reason = fallback_reason(draft.decision.plan, step, trip.failed, pool) or draft.decision.reason


def _deadline(services: Services) -> float:
    return monotonic() + services.total_s
