"""The hallway's one branch: a request that the panel answers. What the run does is in ``router.dispatch.fusion``."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from router.core.budget import output_tokens_of
from router.core.prompt import text_tokens
from router.core.request import exact_body
from router.core.types import Usage
from router.core.usage import special_of
from router.dispatch.fusion import Answer, Audience, FusionRun, NoAudience, RunOrder, StreamAudience
from router.dispatch.trip import Trip
from router.record.record import Draft
from router.record.render import last_chunks, whole_body

if TYPE_CHECKING:
    from router.consider import Consideration
    from router.core.request import ModelRequest
    from router.pipeline import Exchange, Services


async def answer_by_panel(
    services: Services,
    exchange: Exchange,
    request: ModelRequest,
    considered: Consideration,
    draft: Draft,
    deadline_s: float,
) -> None:
    """Answer one chat completion by the panel that was decided on."""
    order = _order(request, considered, draft, deadline_s)
    if request.stream:
        await _stream(services, exchange, request, order, draft)
    else:
        answer = await _run(services, order, NoAudience(), draft)
        began_s = perf_counter()
        body = whole_body(answer.reply, draft)
        draft.overhead_s["render"] = perf_counter() - began_s
        await exchange.reply(draft, body)


async def _stream(services: Services, exchange: Exchange, request: ModelRequest, order: RunOrder, draft: Draft) -> None:
    """Begin the stream at once; the headers leave before anybody knows who will have answered, and name the judge."""
    judge = draft.deployment = services.dispatcher.pool[order.judge]
    try:
        await exchange.begin(draft)
    finally:
        draft.deployment = None  # the record is about who was called, and nobody has been
    head = {
        "id": f"chatcmpl-{draft.request_id}",
        "object": "chat.completion.chunk",
        "created": int(draft.started_at),
        "model": judge.model,
    }

    def note_first() -> None:
        draft.first_token_s = services.now() - draft.started_at

    audience = StreamAudience(exchange.send, head, events=order.controls.events, on_first=note_first)
    async with audience.kept_awake():
        answer = await _run(services, order, audience, draft)
    began_s = perf_counter()
    chunks = last_chunks(
        audience.chunk({}, answer.finish_reason), answer.reply.get("usage"), request.include_usage, draft
    )
    draft.overhead_s["render"] = perf_counter() - began_s
    await exchange.end(chunks)


def _order(request: ModelRequest, considered: Consideration, draft: Draft, deadline_s: float) -> RunOrder:
    asked, decision, policy = considered.asked, considered.decision, considered.asked.policy
    controls, assessment = asked.wish.controls, decision.assessment
    caps = [cap for cap in (asked.controls.max_cost_usd, controls.max_cost_usd) if cap is not None]
    return RunOrder(
        run_id=draft.request_id,
        body=exact_body(request.body, request.around_model),
        panel=decision.panel,
        judge=decision.plan[0].deployment,
        alone=decision.plan[1:],
        strong=policy.strong,
        controls=controls,
        closed_answer=assessment.closed_answer if assessment is not None else None,
        input_tokens=asked.prompt.input_tokens,
        output_tokens=output_tokens_of(asked.prompt, assessment),
        cap_usd=min(caps, default=None),
        deadline_s=deadline_s,
        tool_calls=controls.max_tool_calls,
        priors=policy.fusion.priors or policy.priors,
    )


async def _run(services: Services, order: RunOrder, audience: Audience, draft: Draft) -> Answer:
    """Go through the run; whatever becomes of it, the record gets its facts and the store the run."""
    began_s = perf_counter()
    run = FusionRun(order, services.dispatcher, audience, draft.attempts, services.checker, services.web)
    try:
        answer = await run.answer()
        _answered_by(services, draft, order, answer)
    except asyncio.CancelledError:  # one call would have been cut off too
        one = Trip(order.input_tokens, [], output_tokens=order.output_tokens)
        draft.fused = one.cut_off(perf_counter() - began_s)
        raise
    finally:
        draft.fusion = run.facts()
        waited_s = run.panel_s + run.judge_s + run.alone_s
        draft.overhead_s["dispatch"] = max(0.0, perf_counter() - began_s - waited_s)
        services.runs.keep(draft.caller, draft.fusion, run.responses())
    return answer


def _answered_by(services: Services, draft: Draft, order: RunOrder, answer: Answer) -> None:
    """Say who answers, and what one call for this answer would have used: the counterfactual is priced by it."""
    draft.deployment = services.dispatcher.pool[answer.step.deployment]
    if services.stores == "all":
        draft.keep_answer(answer.text)
    own = [call.usage for call in draft.attempts if call.deployment == answer.step.deployment and call.outcome == "ok"]
    special = own[-1].special if own and own[-1] is not None else None
    tier = special_of(special.tier) if special is not None else None
    draft.fused = Usage(order.input_tokens, text_tokens(answer.text), estimated=True, special=tier)
    if answer.why_alone is not None:
        draft.route, draft.reason = answer.step.route, answer.why_alone
