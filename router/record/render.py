"""What a reply's body, and a stream's last chunks, say of the request: usage, cost and our facts."""

from typing import Any

from router.core.usage import write_usage
from router.record.record import Draft, facts


def whole_body(body: dict[str, Any], draft: Draft) -> dict[str, Any]:
    """A provider's reply with the usage of every call and our facts in it."""
    body["usage"] = usage_of(draft, body.get("usage"))
    body["router"] = facts(draft)
    return body


def last_chunks(last: dict[str, Any], raw_usage: Any, include_usage: bool, draft: Draft) -> list[dict[str, Any]]:
    """The held chunk with our facts in it; or, where usage was asked for, followed by the usage chunk with them."""
    usage = usage_of(draft, raw_usage)
    if not include_usage:
        return [{**last, "router": {**facts(draft), "usage": usage}}]
    head = {key: value for key, value in last.items() if key not in ("choices", "usage")}
    return [*([last] if last.get("choices") else []), {**head, "choices": [], "usage": usage, "router": facts(draft)}]


def usage_of(draft: Draft, answered: Any) -> dict[str, Any]:
    """The ``usage`` of every call; its cost is left open where one of them has no known price: half a sum misleads.

    Args:
        draft: of the request.
        answered: the ``usage`` object of the provider that answered, as it came.
    """
    usages, bill = [attempt.usage for attempt in draft.attempts if attempt.usage is not None], draft.bill
    return write_usage(usages, answered, None if bill.unpriced else bill.cost_usd)
