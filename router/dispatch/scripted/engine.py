"""From a request's bytes to a performance: what is sent, when, and how it ends. No socket, no clock."""

import math
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal
from zlib import crc32

import orjson

from router.dispatch.scripted import wire
from router.dispatch.scripted.answer import Said, prompt_tokens, say
from router.dispatch.scripted.roster import scripted_profile, scripted_script
from router.dispatch.scripted.script import Script, UnknownScript, split_model

Ending = Literal["end", "cut", "hang", "reset"]

_JSON = "application/json"
_EVENTS = "text/event-stream; charset=utf-8"
_Z_99 = 2.3263  # standard normal quantile of 0.99
_MAX_CHOICES = 16
_KEEP_ALIVE = b": keep-alive\n\n"
_IN_THE_ANSWER = ("", "empty", "malformed")  # go wrong within a 200 of the right content type


@dataclass(frozen=True, slots=True)
class Performance:
    """A reply with its timing.

    Attributes:
        pieces: the body, in the pieces in which it is sent.
        wait_s: seconds before the status line.
        gap_s: seconds before each piece but the first.
        thought_s: seconds before the second piece and those behind it, instead of ``gap_s``, as far as they are given.
        ending: ``end`` as announced; ``cut`` drops the connection after the last piece, ``hang`` keeps it open
            and silent; with no pieces both happen before the status line, as ``reset`` always does.
    """

    pieces: tuple[bytes, ...] = ()
    status: int = 200
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()
    wait_s: float = 0.0
    gap_s: float = 0.0
    ending: Ending = "end"
    thought_s: tuple[float, ...] = ()

    def before_s(self, number: int) -> float:
        """Seconds before a piece, counted from 0."""
        if 0 < number <= len(self.thought_s):
            return self.thought_s[number - 1]
        return self.gap_s if number else 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a scripted provider says no."""

    status: int
    type: str
    code: str | None
    message: str


REFUSALS: dict[str, Refusal] = {
    "400": Refusal(400, "invalid_request_error", "invalid_value", "Scripted: a field of the request is invalid."),
    "401": Refusal(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: {key}."),
    "402": Refusal(402, "insufficient_quota", "insufficient_quota", "Scripted: no credit left."),
    "403": Refusal(403, "permission_error", "forbidden", "Scripted: key {key} may not use this model."),
    "404": Refusal(404, "invalid_request_error", "model_not_found", "Scripted: the model does not exist."),
    "408": Refusal(408, "timeout", None, "Scripted: request timed out."),
    "422": Refusal(422, "invalid_request_error", None, "Scripted: unprocessable."),
    "429": Refusal(429, "rate_limit_error", "rate_limit_exceeded", "Scripted: rate limit reached."),
    "content_filter": Refusal(400, "invalid_request_error", "content_filter", "Scripted: the prompt was filtered."),
    "context_length": Refusal(
        400, "invalid_request_error", "context_length_exceeded", "Scripted: maximum context length exceeded."
    ),
    **{
        status: Refusal(int(status), "server_error", None, "Scripted: the server failed.")
        for status in ("500", "502", "503", "504", "529")
    },
}


@dataclass(frozen=True, slots=True)
class _Pace:
    """Seconds before the first token, and between tokens."""

    wait_s: float
    token_s: float


class ScriptEngine:
    """Plays scripts. Counts calls per model name, so that the same sequence of calls goes the same way."""

    def __init__(self) -> None:
        """Begin with no calls counted."""
        self._calls: Counter[str] = Counter()

    def play(self, operation: str, raw: bytes, authorization: str = "") -> Performance:
        """Answer a request.

        Args:
            operation: ``chat/completions`` or ``embeddings``.
            raw: the request's body.
            authorization: its Authorization header; a scripted 401 echoes it, as real ones do.
        """
        try:
            request = orjson.loads(raw)
            model = str(request["model"])
            script = scripted_script(model)
        except UnknownScript as error:
            return _error(404, str(error), "model_not_found", "model")
        except ValueError as error:  # broken JSON is one
            return _error(400, str(error), "invalid_value", "model")
        except (TypeError, KeyError):
            return _error(400, "the body is a JSON object with a model", "missing_required_parameter", "model")
        number = self._calls[model]
        self._calls[model] = number + 1
        rng = Random(f"{script.seed}|{model}|{number}") if _is_random(script) else None  # noqa: S311 a script, no secret
        goes_wrong = _goes_wrong(script, number, rng)
        pace = _Pace(_latency_s(script, rng), _token_s(script, rng))
        if goes_wrong and script.fail not in _IN_THE_ANSWER:
            return _failure(script, authorization, pace.wait_s)
        try:
            if operation == "embeddings":
                return Performance((wire.embeddings(split_model(model)[0], request),), wait_s=pace.wait_s)
            return _chat(script, model, request, pace, goes_wrong=goes_wrong)
        except (TypeError, ValueError, AttributeError, LookupError, struct.error):
            # the fields are read without checks: whatever trips over one says that its type is wrong
            return _error(400, "a field of the request has the wrong type", "invalid_type", None)


def _is_random(script: Script) -> bool:
    return script.jitter > 0 or script.latency_tail > 1 or (script.misbehaves() and script.fail_rate < 1)


def _goes_wrong(script: Script, number: int, rng: Random | None) -> bool:
    if not script.misbehaves() or (script.fail_times and number >= script.fail_times):
        return False
    return rng is None or rng.random() < script.fail_rate


def _latency_s(script: Script, rng: Random | None) -> float:
    latency_s = script.latency_ms / 1000
    if rng is not None and latency_s > 0:
        latency_s *= math.exp(rng.gauss(0.0, 1.0) * math.log(script.latency_tail) / _Z_99)
        latency_s *= 1 + script.jitter * rng.uniform(-1, 1)
    return latency_s


def _token_s(script: Script, rng: Random | None) -> float:
    if script.tokens_per_second <= 0:
        return 0.0
    varied = 1.0 if rng is None else 1 + script.jitter * rng.uniform(-1, 1)
    return varied / script.tokens_per_second


def _failure(script: Script, authorization: str, wait_s: float) -> Performance:
    if script.fail == "hang":
        return Performance(ending="hang")
    if script.fail == "reset":
        return Performance(wait_s=wait_s, ending="reset")
    if script.fail == "content_type":
        return Performance((b"<html>Bad gateway?</html>",), content_type="text/html", wait_s=wait_s)
    refusal = REFUSALS[script.fail]
    message = refusal.message.format(key=authorization.removeprefix("Bearer "))
    body = wire.error_body(message, refusal.type, refusal.code)
    return Performance((body,), refusal.status, headers=_retry_after(script.retry_after), wait_s=wait_s)


def _retry_after(seconds: float) -> tuple[tuple[str, str], ...]:
    if seconds <= 0:
        return ()
    whole = ("retry-after", str(math.ceil(seconds)))
    return (whole,) if seconds == int(seconds) else (("retry-after-ms", f"{seconds * 1000:g}"), whole)


def _error(status: int, message: str, code: str, param: str | None) -> Performance:
    return Performance((wire.error_body(message, "invalid_request_error", code, param),), status)


def _chat(script: Script, model: str, request: Mapping[str, Any], pace: _Pace, *, goes_wrong: bool) -> Performance:
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(item, dict) for item in messages):
        return _error(400, "messages is a non-empty list of objects", "invalid_type", "messages")
    input_tokens = prompt_tokens(request)
    if script.context_window and input_tokens > script.context_window:
        refusal = REFUSALS["context_length"]
        return _error(refusal.status, refusal.message, "context_length_exceeded", "messages")
    said = _said(script, model, request, empty=goes_wrong and script.fail == "empty")
    reply_id = f"chatcmpl-scripted-{crc32(f'{model}|{messages[-1]}'.encode()):08x}"
    usage = wire.usage_of(said, input_tokens, script.cached) if script.usage else None
    top = int(request.get("top_logprobs") or 0) if request.get("logprobs") else None
    name = split_model(model)[0]
    if not request.get("stream"):
        # the whole answer is made before its first byte leaves
        wait_s = pace.wait_s + script.think_ms / 1000 + pace.token_s * sum(choice.output_tokens() for choice in said)
        body = wire.completion(reply_id, name, said, usage, top)
        return _broken_body(script, body, wait_s) if goes_wrong else Performance((body,), wait_s=wait_s)
    if not (request.get("stream_options") or {}).get("include_usage"):
        usage = None
    pieces = wire.chunks(reply_id, name, said, usage, top)
    ending: Ending = "end"
    if goes_wrong:
        pieces, ending = _broken_stream(script, pieces)
    thought_s: tuple[float, ...] = ()
    if script.think_ms and pieces:
        comments, rest_ms = divmod(script.think_ms, script.keep_alive_ms or math.inf)
        pieces = (pieces[0], *(_KEEP_ALIVE,) * int(comments), *pieces[1:])
        thought_s = (*(script.keep_alive_ms / 1000,) * int(comments), pace.token_s + rest_ms / 1000)
    return Performance(pieces, 200, _EVENTS, (), pace.wait_s, pace.token_s, ending, thought_s)


def _said(script: Script, model: str, request: Mapping[str, Any], *, empty: bool) -> tuple[Said, ...]:
    count = min(int(request.get("n") or 1), _MAX_CHOICES)
    if empty:
        return (Said(),) * count
    texts = scripted_profile(model).texts
    return tuple(say(script, texts, request, choice) for choice in range(count))


def _broken_stream(script: Script, pieces: tuple[bytes, ...]) -> tuple[tuple[bytes, ...], Ending]:
    if script.fail == "malformed":
        return (pieces[0], b'data: {"id": "chatcmpl-scripted", "choices": [{"ind\n\n', *pieces[-1:]), "end"
    if script.truncate_after >= 0:
        return pieces[: script.truncate_after], "cut"
    if script.stall_after >= 0:
        return pieces[: script.stall_after], "hang"
    if script.error_after >= 0:
        error = wire.error_body("Scripted: the stream failed.", "server_error", None)
        return (*pieces[: script.error_after], b"data: " + error + b"\n\n"), "end"
    return pieces, "end"


def _broken_body(script: Script, body: bytes, wait_s: float) -> Performance:
    half = (body[: len(body) // 2],)
    if script.fail == "malformed":
        return Performance(half, wait_s=wait_s)
    if script.truncate_after >= 0:
        return Performance(half, wait_s=wait_s, ending="cut")
    if script.stall_after >= 0:
        return Performance(half, wait_s=wait_s, ending="hang")
    if script.error_after >= 0:
        refusal = REFUSALS["500"]
        return Performance((wire.error_body(refusal.message, refusal.type, None),), 500, wait_s=wait_s)
    return Performance((body,), wait_s=wait_s)
