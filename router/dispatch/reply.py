"""What a 200 must hold to be an answer. Reads the body once and gives it back as it came."""

from typing import Any

import orjson

from router.core.answer import is_cut, no_answer, says_something
from router.core.usage import usage_with_tier
from router.core.whole_json import loads, mended
from router.dispatch.provider import Operation
from router.errors import UpstreamBadReply, UpstreamError, UpstreamFailed


def parsed_reply(raw: bytes, operation: Operation, deployment: str) -> dict[str, Any]:
    """Parse a reply body and check it.

    Raises:
        UpstreamBadReply: not JSON, or not an object.
        UpstreamError: as ``checked_reply`` does.
    """
    try:
        body = loads(raw)
    except orjson.JSONDecodeError:
        body = _mended(raw, deployment)
    if not isinstance(body, dict):
        raise _bad(deployment, "the reply is not a JSON object")
    return checked_reply(body, operation, deployment)


def checked_reply(body: dict[str, Any], operation: Operation, deployment: str) -> dict[str, Any]:
    """A parsed reply, if it is an answer.

    Raises:
        UpstreamBadReply: no ``choices`` (or ``data``), an ``error`` instead of them.
        UpstreamEmpty: well-formed, with nothing in it.
        UpstreamFiltered: nothing in it because the provider's filter took it out.
        UpstreamFailed: the provider failed in the middle of it.

    Each has the ``usage`` that came with it.
    """
    try:
        _check(body, operation, deployment)
    except UpstreamError as error:
        error.usage = usage_with_tier(body)
        raise
    return body


def _check(body: dict[str, Any], operation: Operation, deployment: str) -> None:
    items = body.get(_listed(operation))
    if not isinstance(items, list) or not items:
        what = "an error under status 200" if body.get("error") else f"no {_listed(operation)}"
        raise _bad(deployment, f"the reply holds {what}")
    if operation == "chat/completions":
        _check_choices(items, deployment)
    elif not all(isinstance(item, dict) and item.get("embedding") for item in items):
        raise _bad(deployment, "an entry of data has no embedding")


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
        answered = answered or says_something(message) or is_cut(choice.get("finish_reason"))
    if not answered:
        raise no_answer([choice.get("finish_reason") for choice in choices], deployment)


def _listed(operation: Operation) -> str:
    return "choices" if operation == "chat/completions" else "data"


def _bad(deployment: str, what: str) -> UpstreamBadReply:
    return UpstreamBadReply(f"{deployment}: {what}", upstream_status=200, billed=True)
