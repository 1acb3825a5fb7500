"""A response in the making: chunks of a chat completion in, the Responses API's events out, and the response itself.

Laws:

* One item is spoken at a time: reasoning ends where the message begins, and a message where a tool is called. Calls stay
  open until the end, since the chunks of several may alternate.
* Events are numbered, and the last says how the response ended: completed, incomplete or failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from router.core.answer import text_in
from router.core.types import Usage
from router.core.usage import read_usage
from router.core.whole_json import dumps
from router.errors import GatewayError
from router.http.responses.kept import RESPONSE
from router.http.responses.pieces import CallPiece, a_text, calls_in, logprobs_in, object_in, objects_in
from router.http.responses.read import Asked
from router.http.responses.thoughts import sealed, thoughts_in
from router.http.responses.tools import SEARCH, Tool, free_form

_CUT: Mapping[Any, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a response is incomplete, by the ``finish_reason`` of its choice."""

_WORDS = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}
"""Parts of what is spoken, and where their words stand."""


@dataclass(slots=True)
class _Item:
    """An item of the output, as the response shows it, and what is still open of it: a part, and pieces of its words."""

    index: int
    shown: dict[str, Any]
    part: dict[str, Any] | None = None
    pieces: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Call:
    """A call of a tool; ``item`` is None until it is opened."""

    call_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    item: _Item | None = None


class Answer:
    """What becomes of one request."""

    def __init__(self, asked: Asked, request_id: str, created_at: int, model: str | None) -> None:
        """Begin with nothing said, by the model that is to answer."""
        self._asked, self._key = asked, request_id.removeprefix("req_")
        self._created_at, self._model = created_at, model
        self._output: list[dict[str, Any]] = []
        self._speaking: _Item | None = None
        self._calls: list[_Call] = []
        self._call_at: dict[float, _Call] = {}
        self._told: dict[str, Any] = {}
        self._ending = ""
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
        self._model = a_text(chunk.get("model")) or self._model
        self._told |= {name: chunk[name] for name in ("usage", "router", "service_tier") if chunk.get(name)}
        events = b""
        for choice in objects_in(chunk.get("choices")):
            if not choice.get("index"):
                self._ending = a_text(choice.get("finish_reason")) or self._ending
                delta = choice.get("delta")
                events += self._read(delta, choice.get("logprobs")) if isinstance(delta, dict) else b""
        return events

    def tell(self, kind: str, data: Mapping[str, Any]) -> bytes:
        """An event of the gateway's own, with what all events of the API have."""
        return self._event(kind, **data)

    def close(self) -> bytes:
        """Nothing more is said: events of what is still open, which :meth:`response` has whole from then on."""
        status = self.status
        events = self._stop_speaking(status) + self._open_calls()
        return events + b"".join([self._close_call(call, status) for call in self._calls])

    def end(self) -> bytes:
        """The last events."""
        return self.close() + self._event(f"response.{self.status}", response=self.response(self.status))

    def fail(self, error: GatewayError) -> bytes:
        """The last events of one that broke: the response's own, and the error by which OpenAI's SDKs raise theirs."""
        code = "rate_limit_exceeded" if error.status == 429 else "server_error"  # of OpenAI's list; ours is not on it
        failed = {**self.response("failed"), "error": {"code": code, "message": error.message}}
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
            events += self._say("message", "output_text", text, logprobs=logprobs_in(logprobs))
        if refusal := text_in(delta.get("refusal")):
            events += self._say("message", "refusal", refusal)
        for annotation in objects_in(delta.get("annotations")):
            events += self._cite(annotation.get("url_citation"))
        for piece in calls_in(delta):
            events += self._call(piece)
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
        if item is None:
            return b""
        events = self._close_part(item)
        if item.shown["type"] == "reasoning" and self._asked.seals_thoughts:
            item.shown["encrypted_content"] = sealed(thoughts_in(item.shown))
        return events + self._close(item, status)

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

    def _call(self, piece: CallPiece) -> bytes:
        """Take a piece of a call. It is opened where its arguments begin: until then its name may come in pieces."""
        call, events = self._call_at.get(piece.place), b""
        if call is None or piece.is_of_another(call.call_id, call.arguments):
            events += self._stop_speaking("completed") + self._open_calls()
            call = self._call_at[piece.place] = _Call()
            self._calls.append(call)
        if call.item is None:
            call.call_id = call.call_id or piece.call_id
            call.name += piece.name if piece.name != call.name else ""  # some say it whole in each piece
        if piece.arguments:
            call.arguments.append(piece.arguments)
            if call.name:
                events += self._open_call(call) if call.item is None else self._argue(call, piece.arguments)
        return events

    def _open_calls(self) -> bytes:
        return b"".join([self._open_call(call) for call in self._calls if call.item is None])

    def _open_call(self, call: _Call) -> bytes:
        tool = self._asked.tools.by_name.get(call.name, Tool(call.name))
        call.call_id = call.call_id or f"call_{self._key}_{len(self._output)}"
        prefix, shown = _CALLED[tool.kind]
        told = {"call_id": call.call_id, "name": tool.name} if tool.kind != SEARCH else {"call_id": call.call_id}
        if tool.namespace:
            told["namespace"] = tool.namespace
        call.item, opened = self._open(prefix, {"status": "in_progress", **shown, **told})
        return opened + self._argue(call, "".join(call.arguments))

    def _argue(self, call: _Call, words: str) -> bytes:
        # what is inside of a free-form tool's one argument is known when that is whole, and a search has no events for it
        if not words or call.item is None or call.item.shown["type"] != "function_call":
            return b""
        return self._of(call.item, "response.function_call_arguments.delta", delta=words)

    def _close_call(self, call: _Call, status: str) -> bytes:
        item, said, events = call.item, "".join(call.arguments), b""
        if item is None:
            return b""
        if item.shown["type"] == "function_call":
            item.shown["arguments"] = said or "{}"
            told = {"name": item.shown["name"], "arguments": item.shown["arguments"]}
            events = self._of(item, "response.function_call_arguments.done", **told)
        elif item.shown["type"] == "custom_tool_call":
            words = item.shown["input"] = free_form(said)
            events = self._of(item, "response.custom_tool_call_input.delta", delta=words)
            events += self._of(item, "response.custom_tool_call_input.done", input=words)
        else:
            item.shown["arguments"] = object_in(said) or {}
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

    def _event(self, kind: str, /, **told: Any) -> bytes:
        number, self._number = self._number, self._number + 1
        data = dumps({"type": kind, "sequence_number": number, **told})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


_SPOKEN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "reasoning": ("rs", {"summary": ()}),
    "message": ("msg", {"role": "assistant"}),
}
"""How the ids of what is spoken begin, and what else stands in it."""

_CALLED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "function": ("fc", {"type": "function_call", "arguments": ""}),
    "custom": ("ctc", {"type": "custom_tool_call", "input": ""}),
    SEARCH: ("tsc", {"type": "tool_search_call", "execution": "client", "arguments": {}}),
}
"""How the ids of calls begin, by the kind of the tool, and what stands in them before anything was written."""


def _place(item: _Item) -> int:
    """Where the part that is open stands, or is to stand."""
    return len(item.shown["content"])


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """A chat completion's ``usage`` in the words of the Responses API, the gateway's cost beside it."""
    counted = read_usage(usage) or Usage()
    cached, written = counted.cached_tokens, counted.cache_write_tokens
    return {
        "input_tokens": counted.input_tokens,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": counted.output_tokens,
        "output_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
        "total_tokens": counted.input_tokens + counted.output_tokens,
        "cost": usage.get("cost"),
    }
