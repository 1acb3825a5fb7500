"""A whole reply as the stream that was asked for: some servers answer ``stream: true`` in one piece. Pure."""

from typing import Any

from router.core.relay import event_bytes


def events_of(reply: dict[str, Any]) -> bytes:
    """The events that say the same: each choice's message as one delta, its end, the usage, ``[DONE]``."""
    head = {key: value for key, value in reply.items() if key not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    events = []
    for number, choice in enumerate(reply["choices"]):
        index = choice.get("index", number)
        said = {key: value for key, value in choice.items() if key not in ("message", "finish_reason")}
        said |= {"index": index, "delta": _delta(choice["message"]), "finish_reason": None}
        ended = {"index": index, "delta": {}, "finish_reason": choice.get("finish_reason") or "stop"}
        events += [{**head, "choices": [said]}, {**head, "choices": [ended]}]
    if reply.get("usage"):
        events.append({**head, "choices": [], "usage": reply["usage"]})
    return b"".join(map(event_bytes, events)) + b"data: [DONE]\n\n"


def _delta(message: dict[str, Any]) -> dict[str, Any]:
    """A message as one piece of itself; pieces of tool calls say which call they are of."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    numbered = [{"index": number, **call} if isinstance(call, dict) else call for number, call in enumerate(calls)]
    return {**message, "tool_calls": numbered}
