"""Asking the judge: in one piece, or streamed, with the answer cut from the analysis as it comes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from router.core.analysis import Analysis, read_analysis
from router.core.answer import text_of_reply
from router.core.frame import Frame, analysis_marker, judge_body
from router.core.plan import Step
from router.core.prompt import estimate_input_tokens
from router.core.split import AnswerSplit
from router.core.types import Attempt
from router.core.whole_json import loads
from router.dispatch.fusion.audience import Audience
from router.dispatch.fusion.calls import RunCalls, bounded
from router.dispatch.fusion.order import with_text
from router.errors import UpstreamBroken, UpstreamTimeout


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge wrote.

    Attributes:
        text: the answer; empty where it wrote none.
        analysis: None where it wrote none that can be read.
        raw: all it wrote, for a judge that only picks.
    """

    text: str
    analysis: Analysis | None
    reply: dict[str, Any]
    raw: str = ""


_NOT_FOR_JUDGES = ("stream", "stream_options", "n", "model")
_NOT_FOR_CHOICES = ("response_format", "max_tokens", "max_completion_tokens", "stop")


async def ask_judge(calls: RunCalls, frame: Frame, audience: Audience, *, picks: bool, is_split: bool) -> Judged:
    """Show the judge the candidates, and take what it makes of them.

    The caller's limit on tokens holds for what the judge writes: the answer first, the analysis as far as there is room.
    It does not hold for a choice, which is no answer. Under a cap the whole is bounded.

    Args:
        calls: the run's calls.
        frame: the candidates.
        audience: hears the answer as it comes, where it listens and may.
        picks: the judge picks a candidate instead of writing.
        is_split: an analysis may follow the answer; not where the answer itself is JSON, or a choice.

    Raises:
        UpstreamTimeout: it did not answer in the time of a stage; where its words leave as they come, it did not begin to.
        UpstreamBroken: the stream broke before the answer was whole, or before it began.
        GatewayError: the judge failed.
    """
    body = judge_body(calls.order.body, frame, "pick" if picks else "write", with_analysis=is_split)
    tokens = estimate_input_tokens(body)
    not_for_it = _NOT_FOR_JUDGES + (_NOT_FOR_CHOICES if picks else ())
    body = {key: value for key, value in body.items() if key not in not_for_it}
    body = bounded(body, calls.limit_within(calls.left_usd, calls.order.judge, tokens))
    limit = asyncio.timeout_at(calls.judge_ends_s())
    try:
        async with limit:
            if is_split and audience.is_live:
                return await judge_streamed(calls, body, frame, tokens, audience, lambda: limit.reschedule(None))
            return await judge_whole(calls, body, frame, tokens, is_split=is_split)
    except TimeoutError as error:
        raise UpstreamTimeout(f"{calls.order.judge} did not judge in time.", billed=True) from error


async def judge_whole(
    calls: RunCalls, body: Mapping[str, Any], frame: Frame, input_tokens: int, *, is_split: bool
) -> Judged:
    """The judge's text in one piece.

    Args:
        is_split: an analysis may follow the answer; not where the answer itself is JSON.

    Raises:
        GatewayError: the judge failed.
    """
    trip = calls.trip("judge", [], input_tokens)
    reply = await calls.complete(calls.order.judge, body, trip, calls.order.deadline_s)
    raw = text_of_reply(reply)
    if not is_split:
        return Judged(raw, None, reply, raw)
    split = AnswerSplit(analysis_marker(frame.key))
    passed = split.feed(raw)
    rest, analysis = split.close()
    text = (passed + rest).strip()
    return Judged(text, read_analysis(analysis), _ended(with_text(reply, text), analysis), raw)


async def judge_streamed(
    calls: RunCalls,
    body: Mapping[str, Any],
    frame: Frame,
    input_tokens: int,
    audience: Audience,
    on_first: Callable[[], None],
) -> Judged:
    """The judge's answer, said as it comes; the analysis stays here.

    ``on_first`` is told when the first words leave: from then on no candidate can take the answer's place.

    Raises:
        UpstreamBroken: the stream broke before the answer was whole, or before it began.
        GatewayError: the judge failed before its first word.
    """
    split, model = AnswerSplit(analysis_marker(frame.key)), calls.model_of(calls.order.judge)
    said: list[str] = []

    async def send(events: bytes) -> None:
        text = split.feed(_content(events))
        if text and (said or text.strip()):
            if not said:
                on_first()
            said.append(text)
            await audience.say(text, model)

    broken: UpstreamBroken | None = None
    last: dict[str, Any] = {}
    try:
        last = await _pumped(calls, body, input_tokens, send)
    except UpstreamBroken as error:
        broken = error
    rest = split.feed(_delta_text(last))
    held_back, analysis = split.close()
    if broken is not None and not analysis:
        raise broken  # otherwise what there is of an answer was whole, and only the analysis broke off
    rest += held_back
    if rest.strip():
        said.append(rest)
        await audience.say(rest, model)
    text = "".join(said)
    reply = {**last, "choices": [{"finish_reason": _finish(last)}]}
    return Judged(text, read_analysis(analysis), _ended(with_text(reply, text), analysis))


async def _pumped(
    calls: RunCalls, body: Mapping[str, Any], input_tokens: int, send: Callable[[bytes], Awaitable[None]]
) -> dict[str, Any]:
    """The last chunk of the judge's stream, when all before it has been sent; its lines are kept however it ends."""
    lines: list[Attempt] = []
    trip = calls.trip("judge", lines, input_tokens)
    streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
    plan = (Step(calls.order.judge, "fusion"),)
    try:
        live = await calls.dispatcher.open(plan, streamed, calls.order.deadline_s, trip)
        await calls.dispatcher.pump(live, calls.order.deadline_s, trip, _begun, send)
        return live.relay.close()
    finally:
        calls.attempts.extend(lines)


async def _begun() -> None:
    """The caller's stream has begun long before."""


def _content(events: bytes) -> str:
    """The text of whole events, as the relay passes them."""
    parts = []
    for event in events.split(b"\n\n"):
        if event.startswith(b"data: {"):
            parts.append(_delta_text(loads(event[6:])))
    return "".join(parts)


def _delta_text(chunk: Mapping[str, Any]) -> str:
    choices = chunk.get("choices") or [{}]
    delta = choices[0].get("delta") if isinstance(choices[0], dict) else None
    content = delta.get("content") if isinstance(delta, dict) else None
    return content if isinstance(content, str) else ""


def _ended(reply: dict[str, Any], analysis: str) -> dict[str, Any]:
    """An answer that an analysis followed was whole, also where the limit on tokens cut the analysis."""
    if analysis:
        reply["choices"][0]["finish_reason"] = "stop"
    return reply


def _finish(chunk: Mapping[str, Any]) -> str:
    choices = chunk.get("choices") or [{}]
    return str(choices[0].get("finish_reason") or "stop")
