"""What a reply's body, and a stream's last chunks, say of the request: usage, cost and our facts."""

from collections.abc import Mapping
from typing import Any

from router.core.types import Usage
from router.core.usage import write_usage
from router.record.record import Draft, facts


def whole_body(body: dict[str, Any], draft: Draft) -> dict[str, Any]:
    """A provider's reply with the usage of every call and our facts in it."""
    body["usage"] = write_usage(usages_of(draft), body.get("usage"), draft.cost_usd)
    body["router"] = facts(draft)
    return body


def last_chunks(last: dict[str, Any], raw_usage: Any, include_usage: bool, draft: Draft) -> list[dict[str, Any]]:
    """The held chunk with our facts in it; or, where usage was asked for, followed by the usage chunk with them."""
    usage = write_usage(usages_of(draft), raw_usage, draft.cost_usd)
    if not include_usage:
        return [{**last, "router": {**facts(draft), "usage": usage}}]
    head = {key: value for key, value in last.items() if key not in ("choices", "usage")}
    return [*([last] if last.get("choices") else []), {**head, "choices": [], "usage": usage, "router": facts(draft)}]


def answer_of(body: Mapping[str, Any]) -> str:
    """The first choice's text; empty where it has none, as a tool call."""
    choices = body.get("choices") or [{}]
    message = choices[0].get("message") if isinstance(choices[0], Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    return content if isinstance(content, str) else ""


def usages_of(draft: Draft) -> list[Usage]:
    """Usage of every call that has any."""
    return [attempt.usage for attempt in draft.attempts if attempt.usage is not None]
