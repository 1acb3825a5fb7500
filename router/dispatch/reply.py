"""What a 200 must hold to be an answer. Reads the body once and gives it back as it came."""

from typing import Any

import orjson

from router.core.whole_json import loads, mended
from router.dispatch.provider import Operation
from router.errors import UpstreamBadReply, UpstreamEmpty, UpstreamError, UpstreamFailed, UpstreamFiltered

_ANSWERS = ("content", "tool_calls", "refusal", "reasoning_content", "reasoning", "audio", "function_call")


def parsed_reply(raw: bytes, operation: Operation, deployment: str) -> dict[str, Any]:
    """Parse a reply body and check it.

    Raises:
        UpstreamBadReply: not JSON, not an object, no ``choices`` (or ``data``), an ``error`` instead of them.
        UpstreamEmpty: well-formed, with nothing in it.
        UpstreamFiltered: nothing in it because the provider's filter took it out.
        UpstreamFailed: the provider failed in the middle of it.
    """
    try:
        body = loads(raw)
    except orjson.JSONDecodeError:
        body = _mended(raw, deployment)
    if not isinstance(body, dict):
        raise _bad(deployment, "the reply is not a JSON object")
    items = body.get("choices" if operation == "chat/completions" else "data")
    if not isinstance(items, list) or not items:
        what = "an error under status 200" if body.get("error") else f"no {_listed(operation)}"
        raise _bad(deployment, f"the reply holds {what}")
    if operation == "chat/completions":
        _check_choices(items, deployment)
    elif not all(isinstance(item, dict) and item.get("embedding") for item in items):
        raise _bad(deployment, "an entry of data has no embedding")
    return body


def _mended(raw: bytes, deployment: str) -> Any:
    try:
        return loads(mended(raw))
    except orjson.JSONDecodeError:
        raise _bad(deployment, "the reply is not valid JSON") from None


def _check_choices(choices: list[Any], deployment: str) -> None:
    answered = False
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise _bad(deployment, "a choice has no message")
        if choice.get("finish_reason") == "error":  # OpenRouter's word for it
            raise UpstreamFailed(
                f"{deployment}: the provider failed in the middle of its answer", upstream_status=200, billed=True
            )
        # an answer cut by the caller's own max_tokens is an answer: asking again would end the same way
        answered = answered or bool(message.get("content")) or choice.get("finish_reason") == "length"
        answered = answered or any(message.get(key) for key in _ANSWERS)
    if not answered:
        raise _nothing(choices, deployment)


def _nothing(choices: list[Any], deployment: str) -> UpstreamError:
    if all(choice.get("finish_reason") == "content_filter" for choice in choices):
        return UpstreamFiltered(
            f"{deployment}: the provider's content filter withheld the answer", upstream_status=200, billed=True
        )
    return UpstreamEmpty(f"{deployment}: the reply has neither text nor tool calls", upstream_status=200, billed=True)


def _listed(operation: Operation) -> str:
    return "choices" if operation == "chat/completions" else "data"


def _bad(deployment: str, what: str) -> UpstreamBadReply:
    return UpstreamBadReply(f"{deployment}: {what}", upstream_status=200, billed=True)
