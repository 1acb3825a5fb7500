"""A response in the making: chunks of a chat completion in, the Responses API's events out, and the response itself.

Laws:

* One item is spoken at a time: reasoning ends where the message begins, and a message where a tool is called. Calls stay
  open until the end, since the chunks of several may alternate.
* Events are numbered, and the last says how the response ended: completed, incomplete or failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from router.core.answer import text_in
from router.core.whole_json import dumps, loads
from router.errors import GatewayError
from router.http.responses.kept import RESPONSE
from router.http.responses.read import Asked
from router.http.responses.tools import Tool

_CUT: Mapping[Any, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a response is incomplete, by the ``finish_reason`` of its choice."""

_WORDS = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}
"""Parts of what is spoken, and where their words stand."""


@dataclass(slots=True)
class _Item:
    """An item of the output, as the response shows it, and what is still open of it: a part, and pieces of its words."""

    index: int
    shown: dict[str, Any]
    tool: Tool | None = None
    part: dict[str, Any] | None = None
    pieces: list[str] = field(default_factory=list)


class Answer:
    """What becomes of one request."""

    def __init__(self, asked: Asked, request_id: str, created_at: int, model: str | None) -> None:
        """Begin with nothing said, by the model that is to answer."""
        self._asked, self._key = asked, request_id.removeprefix("req_")
        self._created_at, self._model = created_at, model
        self._output: list[dict[str, Any]] = []
        self._speaking: _Item | None = None
        self._calls: list[_Item] = []
        self._call_at: dict[Any, _Item] = {}
        self._told: dict[str, Any] = {}
        self._ending: Any = None
        self._number = 0

    @property
    def id(self) -> str:
        """The response's id."""
        return RESPONSE + self._key

    @property
    def items(self) -> list[Any]:
        """What request and answer add to the conversation."""
        return [*self._asked.items, *self._output]

    @property
    def status(self) -> str:
        """How it ends."""
        return "incomplete" if self._ending in _CUT else "completed"

    def begin(self) -> bytes:
        """Events that say that it has begun."""
        shown = self.response("in_progress")
        return self._event("response.created", response=shown) + self._event("response.in_progress", response=shown)

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        """Take a chunk; gives back the events that it makes."""
        self._model = chunk.get("model") or self._model
        self._told |= {name: chunk[name] for name in ("usage", "router", "service_tier") if chunk.get(name)}
        events = b""
        for choice in chunk.get("choices") or ():
            if isinstance(choice, dict) and not choice.get("index"):
                self._ending = choice.get("finish_reason") or self._ending
                delta = choice.get("delta")
                events += self._read(delta, choice.get("logprobs")) if isinstance(delta, dict) else b""
        return events

    def end(self) -> bytes:
        """The last events."""
        status = self.status
        events = self._stop_speaking(status) + b"".join([self._close_call(item, status) for item in self._calls])
        return events + self._event(f"response.{status}", response=self.response(status))

    def fail(self, error: GatewayError) -> bytes:
        """The last events of one that broke: the response's own, and the error by which OpenAI's SDKs raise theirs."""
        failed = {**self.response("failed"), "error": {"code": error.code, "message": error.message}}
        told = {"code": error.code, "message": error.message, "param": error.param, **error.body()}
        return self._event("response.failed", response=failed) + self._event("error", **told)

    def response(self, status: str) -> dict[str, Any]:
        """The response as it stands."""
        cut, left_out = _CUT.get(self._ending) if status == "incomplete" else None, self._asked.left_out
        shown = {
            "id": self.id,
            "object": "response",
            "created_at": self._created_at,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": cut} if cut else None,
            "model": self._model,
            "output": self._output,
            **self._asked.shown,
            "service_tier": self._told.get("service_tier"),
            "usage": _usage(self._told["usage"]) if "usage" in self._told else None,
        }
        if "router" in self._told:
            shown["router"] = {**self._told["router"], **({"left_out": left_out} if left_out else {})}
        return shown

    def _read(self, delta: Mapping[str, Any], logprobs: Any) -> bytes:
        events = b""
        if reasoning := text_in(delta.get("reasoning_content")) or text_in(delta.get("reasoning")):
            events += self._say("reasoning", "reasoning_text", reasoning)
        if text := text_in(delta.get("content")):
            found = logprobs.get("content") if isinstance(logprobs, dict) else None
            events += self._say("message", "output_text", text, logprobs=found or [])
        if refusal := text_in(delta.get("refusal")):
            events += self._say("message", "refusal", refusal)
        for annotation in delta.get("annotations") or ():
            events += self._cite(annotation.get("url_citation") if isinstance(annotation, dict) else None)
        for place, call in enumerate(delta.get("tool_calls") or ()):
            events += self._call(call, place) if isinstance(call, dict) else b""
        return events

    def _say(self, kind: str, part: str, words: str, **more: Any) -> bytes:
        """Say words in an item and a part of these kinds."""
        item, events = self._speak(kind, part)
        item.pieces.append(words)
        if item.part is not None and more.get("logprobs"):
            item.part["logprobs"] += more["logprobs"]
        return events + self._of(item, f"response.{part}.delta", content_index=_place(item), delta=words, **more)

    def _cite(self, cited: Any) -> bytes:
        """Name a source of the text; a response has it flat."""
        if not isinstance(cited, dict):
            return b""
        item, events = self._speak("message", "output_text")
        noted: list[Any] = item.part["annotations"] if item.part is not None else []
        noted.append({"type": "url_citation", **cited})
        told = {"content_index": _place(item), "annotation_index": len(noted) - 1, "annotation": noted[-1]}
        return events + self._of(item, "response.output_text.annotation.added", **told)

    def _speak(self, kind: str, part: str) -> tuple[_Item, bytes]:
        """The item, with a part open in it, that words of these kinds belong to; and the events of opening them."""
        item, events = self._speaking, b""
        if item is None or item.shown["type"] != kind:
            events += self._stop_speaking("completed")
            prefix, more = _SPOKEN[kind]
            item, opened = self._open(prefix, {"type": kind, "status": "in_progress", "content": [], **more})
            events += opened
            self._speaking = item
        if item.part is None or item.part["type"] != part:
            events += self._close_part(item)
            item.part = {
                "type": part,
                _WORDS[part]: "",
                **({"annotations": [], "logprobs": []} if part == "output_text" else {}),
            }
            events += self._of(item, "response.content_part.added", content_index=_place(item), part=item.part)
        return item, events

    def _stop_speaking(self, status: str) -> bytes:
        item, self._speaking = self._speaking, None
        return self._close_part(item) + self._close(item, status) if item is not None else b""

    def _close_part(self, item: _Item) -> bytes:
        part, place = item.part, _place(item)
        if part is None:
            return b""
        kind, item.part = part["type"], None
        part[_WORDS[kind]] = "".join(item.pieces)
        item.pieces.clear()
        item.shown["content"].append(part)
        told = {key: value for key, value in part.items() if key not in ("type", "annotations")}
        done = self._of(item, f"response.{kind}.done", content_index=place, **told)
        return done + self._of(item, "response.content_part.done", content_index=place, part=part)

    def _call(self, call: Mapping[str, Any], place: int) -> bytes:
        """Take a piece of a call; one with a new id is another call, whatever place it says it has."""
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        key, call_id, name = call.get("index", place), call.get("id"), function.get("name")
        item, events = self._call_at.get(key), b""
        if item is None or (call_id and name and call_id != item.shown["call_id"]):
            events = self._stop_speaking("completed")
            item, opened = self._open_call(call_id or f"call_{self._key}_{len(self._output)}", name or "")
            events += opened
            self._call_at[key] = item
        arguments = function.get("arguments")
        words = dumps(arguments).decode() if isinstance(arguments, dict) else arguments
        if not isinstance(words, str) or not words:
            return events
        item.pieces.append(words)
        if (
            item.shown["type"] == "custom_tool_call"
        ):  # what is inside of the function's one argument is known when it is whole
            return events
        return events + self._of(item, "response.function_call_arguments.delta", delta=words)

    def _open_call(self, call_id: str, name: str) -> tuple[_Item, bytes]:
        tool = self._asked.tools.by_name.get(name, Tool(name))
        called = {"call_id": call_id, "name": tool.name, **({"namespace": tool.namespace} if tool.namespace else {})}
        kind, prefix, words = _FREE_FORM if tool.is_custom else _FUNCTION
        item, opened = self._open(prefix, {"type": kind, "status": "in_progress", **called, words: ""})
        self._calls.append(item)
        return item, opened

    def _close_call(self, item: _Item, status: str) -> bytes:
        said = "".join(item.pieces)
        if item.shown["type"] == "function_call":
            item.shown["arguments"] = said or "{}"
            told = {"name": item.shown["name"], "arguments": item.shown["arguments"]}
            events = self._of(item, "response.function_call_arguments.done", **told)
        else:
            words = item.shown["input"] = _free_form(said)
            events = self._of(item, "response.custom_tool_call_input.delta", delta=words)
            events += self._of(item, "response.custom_tool_call_input.done", input=words)
        return events + self._close(item, status)

    def _open(self, prefix: str, shown: dict[str, Any]) -> tuple[_Item, bytes]:
        """Add an item to the output."""
        index = len(self._output)
        item = _Item(index, {"id": f"{prefix}_{self._key}_{index}", **shown})
        self._output.append(item.shown)
        return item, self._event("response.output_item.added", output_index=index, item=item.shown)

    def _close(self, item: _Item, status: str) -> bytes:
        item.shown["status"] = status
        return self._event("response.output_item.done", output_index=item.index, item=item.shown)

    def _of(self, item: _Item, kind: str, **told: Any) -> bytes:
        """An event about an item."""
        return self._event(kind, item_id=item.shown["id"], output_index=item.index, **told)

    def _event(self, kind: str, **told: Any) -> bytes:
        number, self._number = self._number, self._number + 1
        data = dumps({"type": kind, "sequence_number": number, **told})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


_SPOKEN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "reasoning": ("rs", {"summary": ()}),
    "message": ("msg", {"role": "assistant"}),
}
"""How the ids of what is spoken begin, and what else stands in it."""

_FUNCTION = ("function_call", "fc", "arguments")
_FREE_FORM = ("custom_tool_call", "ctc", "input")
"""A call's type, how its id begins, and where its words stand."""


def _place(item: _Item) -> int:
    """Where the part that is open stands, or is to stand."""
    return len(item.shown["content"])


def _free_form(arguments: str) -> str:
    """What a model wrote for a free-form tool, out of the one argument of its function; as it is where it wrote no such thing."""
    try:
        said = loads(arguments.encode())["input"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return arguments
    return said if isinstance(said, str) else arguments


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """A chat completion's ``usage`` in the words of the Responses API, the gateway's cost beside it."""
    asked, written = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    return {
        "input_tokens": usage.get("prompt_tokens"),
        "input_tokens_details": {"cached_tokens": asked.get("cached_tokens") or 0},
        "output_tokens": usage.get("completion_tokens"),
        "output_tokens_details": {"reasoning_tokens": written.get("reasoning_tokens") or 0},
        "total_tokens": usage.get("total_tokens"),
        "cost": usage.get("cost"),
    }
