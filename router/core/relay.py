"""Reading a provider's event stream on its way to the caller. Pure: bytes in, bytes out, however they are cut.

Laws:

* Nothing is passed on before the first event that carries content: until then the call may still be repeated.
* Events pass as the bytes they came in, but for the last one with a ``finish_reason`` and the usage event: these
  are held back, since the gateway's own facts ride in the last chunk. Lines that end in CR or CRLF, data in several
  lines, a byte order mark and what is not UTF-8 are put right on the way: most clients read none of these.
* A stream is complete when it said ``[DONE]``, or gave a ``finish_reason`` for its choices and then ended.
  Anything else is broken and is never made to look like an end.
"""

from codecs import BOM_UTF8
from typing import Any

import orjson

from router.core.types import Usage
from router.core.usage import read_usage
from router.core.whole_json import dumps, loads, mended
from router.errors import UpstreamBadReply, UpstreamEmpty, UpstreamError, UpstreamFailed, UpstreamRateLimited

_DONE = b"[DONE]"
_CONTENT_KEYS = ("content", "tool_calls", "reasoning_content", "reasoning", "refusal", "function_call", "audio")
MAX_EVENT_BYTES = 16 * 1024 * 1024
"""An event larger than this is not an event. A whole image in base64 fits."""


class Relay:
    """One stream's reader. ``feed`` what came, pass on what it returns, ``close`` at the end.

    Attributes:
        started: an event with content has been seen; bytes may have left.
        done: ``[DONE]`` was seen; what comes after it is dropped.
        finished: every choice has had its ``finish_reason``.
        usage: as the provider reported it, None until then.
        output_chars: characters of visible answer so far, for an estimate where usage never comes.
        texts: pieces of the first choice's visible answer, where they are to be kept.
        told: the error that the provider sent in the stream, as it would stand in a body; empty where it sent none.
    """

    __slots__ = (
        "_buffer",
        "_held",
        "_open_choices",
        "_waiting",
        "done",
        "finished",
        "output_chars",
        "raw_usage",
        "started",
        "template",
        "texts",
        "told",
        "usage",
    )

    def __init__(self, choices: int = 1, *, keeps_text: bool = False) -> None:
        """Start with nothing read; ``choices`` is how many answers the caller asked for (``n``)."""
        self.texts: list[str] | None = [] if keeps_text else None
        self._open_choices = set(range(choices))
        self._buffer = b""
        self._held: dict[str, Any] | None = None
        self._waiting = b""
        self.template: dict[str, Any] = {}
        self.started = False
        self.done = False
        self.finished = False
        self.usage: Usage | None = None
        self.raw_usage: dict[str, Any] | None = None
        self.output_chars = 0
        self.told = b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came and give back those that may leave now.

        Raises:
            UpstreamError: the provider sent an error event, or something that is not an event stream. Whether it
                may be retried depends on ``started``.
        """
        data = self._buffer + data if self._buffer else data
        if b"\r" in data:
            data = _with_newlines(data)
        *events, self._buffer = data.split(b"\n\n")
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise UpstreamBadReply("The provider's stream has an event of more than 16 MiB.", billed=True)
        passed = b"".join([self._event(event) for event in events if event])
        if not self.started:
            self._waiting += passed
            return b""
        if self._waiting:
            passed, self._waiting = self._waiting + passed, b""
        return passed

    def close(self) -> dict[str, Any]:
        """The provider's stream is over: give back the last chunk, held for the gateway's facts.

        Raises:
            UpstreamBadReply: it ended without an end.
            UpstreamEmpty: it ended properly and said nothing.
        """
        if self._buffer.strip() and not self.done:
            self._waiting += self._event(self._buffer.strip(b"\r\n"))
            self._buffer = b""
        if not self.done and not self.finished:
            raise UpstreamBadReply("The provider's stream ended before its answer did.", billed=True)
        if not self.started:
            raise UpstreamEmpty("The provider's stream ended without an answer.", billed=True)
        return self._held or {**self.template, "choices": []}

    def _event(self, event: bytes) -> bytes:
        if event.startswith(b"data: ") and b"\n" not in event:
            payload = event[6:]
        else:
            payload = _payload(event.removeprefix(BOM_UTF8))
            if not payload:
                return event + b"\n\n" if event.startswith(b":") else b""
        if self.done:
            return b""
        if payload.startswith(_DONE):
            self.done = True
            return b""
        try:
            chunk = loads(payload)
        except orjson.JSONDecodeError:
            payload = mended(payload)
            chunk = _parse(payload)
        if not isinstance(chunk, dict):
            raise UpstreamBadReply("The provider's stream has an event that is not an object.", billed=True)
        return self._chunk(chunk, payload)

    def _chunk(self, chunk: dict[str, Any], payload: bytes) -> bytes:
        if chunk.get("error"):
            raise self._failed(chunk["error"])
        if chunk.get("usage"):
            self.raw_usage = chunk["usage"]
            self.usage = read_usage(self.raw_usage)
        choices = chunk.get("choices")
        if not choices:
            return b""
        if not self.template:
            self.template = {key: chunk[key] for key in ("id", "object", "created", "model") if key in chunk}
        ends = self._read_choices(choices)
        passed = b""
        if self._held is not None:
            passed, self._held = event_bytes(self._held), None
        counted = chunk.pop("usage", None)
        if ends:
            self._held = chunk
            return passed
        return passed + (event_bytes(chunk) if counted else b"data: " + payload + b"\n\n")

    def _read_choices(self, choices: Any) -> bool:
        """Note what the choices say; True where one of them ends."""
        ends = False
        if not isinstance(choices, list):
            raise UpstreamBadReply("The provider's stream has `choices` that is not a list.", billed=True)
        for choice in choices:
            delta = choice.get("delta") if isinstance(choice, dict) else None
            if isinstance(delta, dict):
                content = delta.get("content")
                if isinstance(content, str):
                    self.output_chars += len(content)
                    if self.texts is not None and not choice.get("index"):
                        self.texts.append(content)
                if not self.started and any(delta.get(key) for key in _CONTENT_KEYS):
                    self.started = True
            if isinstance(choice, dict) and choice.get("finish_reason"):
                if choice["finish_reason"] == "error":  # OpenRouter's word for a provider that failed in the middle
                    raise self._failed(choice.get("error"))
                ends = True
                self._open_choices.discard(choice.get("index", 0))
                self.finished = not self._open_choices
        return ends

    def _failed(self, error: Any) -> UpstreamError:
        self.told = dumps({"error": error})
        code = error.get("code") if isinstance(error, dict) else None
        if code in (429, "429", "rate_limit_exceeded"):
            return UpstreamRateLimited("The provider's stream reported a rate limit.", billed=True)
        return UpstreamFailed("The provider's stream reported an error.", billed=True)


def event_bytes(chunk: dict[str, Any]) -> bytes:
    """A chunk as a server-sent event."""
    return b"data: " + dumps(chunk) + b"\n\n"


def _with_newlines(data: bytes) -> bytes:
    """The same lines, ended by LF; a CR at the end may be half of what ends one, and waits for the other."""
    data = data.replace(b"\r\n", b"\n")
    return data[:-1].replace(b"\r", b"\n") + data[-1:]


def _payload(event: bytes) -> bytes:
    """The data of an event with several fields, or with a ``data:`` without a blank after it; in one line, as JSON may be."""
    lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
    return b" ".join(lines)


def _parse(payload: bytes) -> Any:
    try:
        return loads(payload)
    except orjson.JSONDecodeError as error:
        raise UpstreamBadReply("The provider's stream has an event that is not JSON.", billed=True) from error
