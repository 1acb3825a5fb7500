"""What a provider's refusal means: one table from HTTP statuses to our errors, and what may be repeated of it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from router.dispatch.provider import Target
from router.errors import (
    UpstreamAuthFailed,
    UpstreamBadReply,
    UpstreamContextTooLong,
    UpstreamError,
    UpstreamFailed,
    UpstreamFiltered,
    UpstreamIncapable,
    UpstreamModelMissing,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)

_MESSAGE_CHARS = 500
_REDACTED = "[redacted]"

BY_STATUS: dict[int, tuple[type[UpstreamError], str]] = {
    400: (UpstreamRejected, "the provider rejects the request"),
    401: (UpstreamAuthFailed, "the provider refuses the key; check api_key"),
    402: (UpstreamAuthFailed, "the provider's account has no credit left"),
    403: (UpstreamAuthFailed, "the key may not use this model; check api_key and the account's rights"),
    404: (UpstreamModelMissing, "the provider does not know the model; check model and api_base"),
    405: (UpstreamModelMissing, "the provider does not serve this endpoint; check api_base"),
    408: (UpstreamTimeout, "the provider timed out"),
    410: (UpstreamModelMissing, "the provider has withdrawn the model"),
    413: (UpstreamContextTooLong, "the request is too large for the provider"),
    422: (UpstreamRejected, "the provider rejects the request"),
    429: (UpstreamRateLimited, "the provider's rate limit or quota is reached"),
    504: (UpstreamTimeout, "the provider timed out"),
    524: (UpstreamTimeout, "the provider timed out"),
}
"""Statuses with a meaning of their own; ``BY_CLASS`` has the rest. 524 is Cloudflare's origin time-out."""

BY_CLASS: dict[int, tuple[type[UpstreamError], str]] = {
    1: (UpstreamBadReply, "the provider answers with an unfinished exchange"),
    2: (UpstreamBadReply, "the provider answers with a success that is not 200"),
    3: (UpstreamBadReply, "the provider redirects; set api_base to where it redirects to"),
    4: (UpstreamRejected, "the provider rejects the request"),
    5: (UpstreamFailed, "the provider failed"),
}

BY_CODE: dict[str, type[UpstreamError]] = {
    "context_length_exceeded": UpstreamContextTooLong,
    "string_above_max_length": UpstreamContextTooLong,
    "exceed_context_size_error": UpstreamContextTooLong,
    "content_filter": UpstreamFiltered,
    "content_policy_violation": UpstreamFiltered,
    "ResponsibleAIPolicyViolation": UpstreamFiltered,
    "model_not_found": UpstreamModelMissing,
    "unsupported_parameter": UpstreamIncapable,
    "unsupported_value": UpstreamIncapable,
    "unknown_parameter": UpstreamIncapable,
    "extra_forbidden": UpstreamIncapable,
    "invalid_api_key": UpstreamAuthFailed,
    "API_KEY_INVALID": UpstreamAuthFailed,
}
"""The ``code`` or ``type`` of a status that may be about the request. Source: OpenAI, Azure, llama.cpp and Gemini error references, pydantic's
error types for servers made with FastAPI."""

REFINED: dict[type[UpstreamError], str] = {
    UpstreamContextTooLong: "the prompt exceeds the context window of the model",
    UpstreamFiltered: "the provider's content filter refuses the prompt",
    UpstreamIncapable: "the model, or whoever serves it, cannot do what the request asks",
    UpstreamRejected: BY_STATUS[400][1],
    UpstreamModelMissing: BY_STATUS[404][1],
    UpstreamAuthFailed: BY_STATUS[401][1],
}
"""What to say where the body, not the status, told what is wrong."""

_BY_WORDS: tuple[tuple[re.Pattern[str], type[UpstreamError]], ...] = (
    (
        re.compile(
            r"maximum context length|context (window|length|size)|prompt is too long"
            r"|input is too long|too many (input )?tokens|exceeds? the (maximum|limit).{0,40}tokens",
            re.I,
        ),
        UpstreamContextTooLong,
    ),
    (re.compile(r"api[ _]key (is )?(not valid|invalid)|(invalid|incorrect) api[ _]key", re.I), UpstreamAuthFailed),
    (re.compile(r"no endpoints (found|available) (that|matching)|no allowed providers", re.I), UpstreamIncapable),
    (re.compile(r"input was flagged|requires moderation", re.I), UpstreamFiltered),
    (
        re.compile(
            r"unsupported (parameter|value): |not supported (with|by|for|on) this model|does not support parameter"
            r"|(deprecated|not enabled) for (this model|models?/)|cannot both be specified|unrecognized request argument"
            r"|unknown name .{0,40}cannot find field|only supported by certain models",
            re.I,
        ),
        UpstreamIncapable,
    ),
    (
        re.compile(
            r"property '.{1,80}' is unsupported|unknown variant `|unexpected message role|roles must alternate"
            r"|expected last role|system role not supported|reasoning_content.{0,40} must be passed back",
            re.I,
        ),
        UpstreamIncapable,  # of a conversation as other models have it
    ),
    (re.compile(r"not a valid model|model .{0,80}(does not exist|not found)", re.I), UpstreamModelMissing),
)
"""For providers that put it in words only: vLLM (its models' templates too), Anthropic, OpenRouter, Gemini, xAI, Groq, Cerebras, DeepSeek, and
OpenAI for images."""

_PERHAPS_THE_REQUEST = (400, 403, 404, 413, 422)
"""Statuses whose body is read: it may say that this request is at fault, not the deployment that all others use too."""

_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|nvapi)[-_][A-Za-z0-9_\-*.]{6,}|\bAIza[\w\-*]{6,}|\b[Bb]earer\s+[^\s\"',;]+"
)
_CODE = re.compile("[a-z][a-z_.]{1,59}", re.I)
"""A provider's word for a kind of error, told from a sentence, a key or a number."""

_ERROR_STATUS = re.compile("[45][0-9][0-9]")
_DURATION = re.compile(r"(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m(?!s))?(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+(?:\.\d+)?)ms)?")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a provider's error body says, as far as it can be read."""

    message: str = ""
    codes: tuple[str, ...] = ()
    param: str | None = None


def refusal(status: int, headers: Mapping[str, str], raw: bytes, target: Target, *, now_s: float) -> UpstreamError:
    """Say what a reply that is not a success means.

    Only what the provider says about the *request* is repeated, with keys scrubbed; a 401 or a 5xx speaks
    about the deployment, and providers echo keys there.

    Args:
        status: the provider's status, never 200.
        headers: of the reply.
        raw: its body, perhaps cut.
        target: whom we called.
        now_s: seconds since the epoch, to read dates in ``Retry-After``.
    """
    complaint = read_complaint(raw)
    kind, text = BY_STATUS.get(status) or BY_CLASS.get(status // 100, BY_CLASS[5])
    if status in _PERHAPS_THE_REQUEST:
        finer = refined(kind, complaint)
        kind, text = finer, REFINED.get(finer, text)
    told = repeated(kind, complaint, target)
    return kind(
        f"{target.deployment.name}: {text} (status {status})" + (f": {told}" if told else ""),
        param=scrubbed(complaint.param, target) if told and complaint.param else None,
        retry_after_s=retry_after_s(headers, now_s=now_s),
        upstream_status=status,
        upstream_code=next((scrubbed(code, target) for code in complaint.codes if _CODE.fullmatch(code)), None),
        should_retry={"true": True, "false": False}.get(headers.get("x-should-retry", "").lower()),
    )


def refusal_under_200(headers: Mapping[str, str], raw: bytes, target: Target, *, now_s: float) -> UpstreamError | None:
    """What an error means that came instead of an answer under status 200; None where it says no status, nor what is wrong.

    OpenRouter answers so, and some of the gateways that stand in front of providers.
    """
    complaint = read_complaint(raw)
    status = next((int(code) for code in complaint.codes if _ERROR_STATUS.fullmatch(code)), None)
    if status is None and refined(UpstreamBadReply, complaint) is not UpstreamBadReply:
        status = 400
    return refusal(status, headers, raw, target, now_s=now_s) if status is not None else None


def repeated(kind: type[UpstreamError], complaint: Complaint, target: Target) -> str:
    """The provider's own words, where they are about the request and not about the deployment; else nothing."""
    about_the_request = (UpstreamRejected, UpstreamContextTooLong, UpstreamFiltered, UpstreamIncapable)
    return scrubbed(complaint.message, target) if kind in about_the_request else ""


def refined(kind: type[UpstreamError], complaint: Complaint) -> type[UpstreamError]:
    """What is wrong, where the body says it more exactly than the status did."""
    for code in complaint.codes:
        if code in BY_CODE:
            return BY_CODE[code]
    finer = next((finer for words, finer in _BY_WORDS if words.search(complaint.message)), kind)
    if finer is UpstreamModelMissing and complaint.param not in (None, "", "model"):
        return UpstreamRejected  # something is missing that the request names: a file, an item
    return finer


def read_complaint(raw: bytes) -> Complaint:
    """Read an error body: OpenAI's, Gemini's list of them, Ollama's bare string, FastAPI's ``detail``, its list of faults too."""
    try:
        body: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Complaint()
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return Complaint()
    error = body.get("error", body)
    if not isinstance(error, dict):
        return Complaint(message=str(error))
    if (fault := _first_fault(error)) is not None:
        return fault
    inner = error.get("innererror")
    values = (error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, dict) else None)
    message, param = error.get("message", error.get("detail", "")), error.get("param")
    return Complaint(
        message=message if isinstance(message, str) else "",
        codes=tuple(str(value) for value in values if isinstance(value, str) or type(value) is int),
        param=param if isinstance(param, str) else None,
    )


def _first_fault(error: dict[str, Any]) -> Complaint | None:
    """The first entry of a list of faults under ``detail``; Mistral puts that under ``message``. What was sent is not repeated."""
    message = error.get("message")
    faults = (message if isinstance(message, dict) else error).get("detail")
    if not isinstance(faults, list) or not faults or not isinstance(faults[0], dict):
        return None
    text, kind, path = (faults[0].get(name) for name in ("msg", "type", "loc"))
    steps = [str(step) for step in path if isinstance(step, str | int)] if isinstance(path, list) else []
    return Complaint(
        message=text if isinstance(text, str) else "",
        codes=(kind,) if isinstance(kind, str) else (),
        param=".".join(steps).removeprefix("body.") or None,
    )


def scrubbed(text: str, target: Target) -> str:
    """Take the target's secrets, and whatever looks like a key, out of a provider's words; shorten them."""
    for secret in (target.api_key, *target.headers.values()):
        if secret and len(secret) >= 4:
            text = text.replace(secret, _REDACTED)
    return _KEY_LIKE.sub(_REDACTED, text)[:_MESSAGE_CHARS]


def retry_after_s(headers: Mapping[str, str], *, now_s: float) -> float | None:
    """Read when to come back, in seconds from now; None where the provider does not say.

    ``retry-after-ms``, then ``retry-after`` (seconds or an HTTP date), then ``x-ratelimit-reset`` (seconds,
    or a point in time in seconds or milliseconds), then OpenAI's ``-requests`` and ``-tokens`` durations of
    whichever budget is used up.
    Source: RFC 9110 section 10.2.3; OpenAI's and OpenRouter's rate limit guides.
    """
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    if (value := headers.get("retry-after")) is not None:
        seconds = _number(value)
        return seconds if seconds is not None else _until(value, now_s)
    if (value := headers.get("x-ratelimit-reset")) is not None:
        return _reset(value, now_s)
    resets = [
        _reset(headers.get(f"x-ratelimit-reset-{budget}", ""), now_s)
        for budget in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{budget}") == "0"
    ]
    return max((reset for reset in resets if reset is not None), default=None)


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(date: str, now_s: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - now_s)
    except (ValueError, TypeError, OverflowError):
        return None


def _reset(value: str, now_s: float) -> float | None:
    number = _number(value)
    if number is None:
        return _duration(value)
    if number > 1e12:  # milliseconds since the epoch
        return max(0.0, number / 1000 - now_s)
    if number > 1e9:  # seconds since the epoch
        return max(0.0, number - now_s)
    return number


def _duration(value: str) -> float | None:
    match = _DURATION.fullmatch(value.strip())
    if match is None or not any(match.groups()):
        return None
    h, m, s, ms = (float(match[unit] or 0) for unit in ("h", "m", "s", "ms"))
    return h * 3600 + m * 60 + s + ms / 1000
