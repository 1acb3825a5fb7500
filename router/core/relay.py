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

from router.core.answer import is_cut, no_answer, says_something, text_in, words_of
from router.core.prompt import bytes_tokens
from router.core.types import Usage
from router.core.usage import read_usage
from router.core.whole_json import dumps, loads, mended
from router.errors import UpstreamBadReply, UpstreamError, UpstreamFailed, UpstreamRateLimited

_DONE = b"[DONE]"
MAX_EVENT_BYTES = 16 * 1024 * 1024
"""An event larger than this is not an event. A whole image in base64 fits."""


class Relay:
    """One stream's reader. ``feed`` what came, pass on what it returns; ``close`` at the end, and pass on the ``rest``.

    Attributes:
        started: an event with content has been seen; bytes may have left.
        done: ``[DONE]`` was seen; what comes after it is dropped.
        finished: every choice has had its ``finish_reason``.
        usage: as the provider reported it, None until then.
        service_tier: as the first chunk names it.
        texts: pieces of the first choice's visible answer, where they are to be kept.
        told: the error that the provider sent in the stream, as it would stand in a body; empty where it sent none.
    """

    __slots__ = (
        "_endings",
        "_held",
        "_is_ascii",
        "_kept_bytes",
        "_open_choices",
        "_parts",
        "_waiting",
        "_written_bytes",
        "done",
        "finished",
        "raw_usage",
        "service_tier",
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
        self._parts: list[bytes] = []
        self._kept_bytes = 0
        self._held: dict[str, Any] | None = None
        self._waiting = b""
        self.template: dict[str, Any] = {}
        self.started = False
        self.done = False
        self.finished = False
        self.usage: Usage | None = None
        self.raw_usage: dict[str, Any] | None = None
        self.service_tier: Any = None
        self._endings: list[Any] = []
        self._written_bytes = 0
        self._is_ascii = True
        self.told = b""

    @property
    def output_tokens(self) -> int:
        """Of all that was written so far, by our estimate, for where usage never comes."""
        return bytes_tokens(self._written_bytes, is_ascii=self._is_ascii)

    def feed(self, data: bytes) -> bytes:
        """Take bytes as they came and give back those that may leave now.

        Raises:
            UpstreamError: the provider sent an error event, or something that is not an event stream. Whether it
                may be retried depends on ``started``.
        """
        if self._parts:
            if not self._ends_an_event(data):
                return b""
            data = self._taken() + data
        if b"\r" in data:
            data = _with_newlines(data)
        *events, rest = data.split(b"\n\n")
        if rest:
            self._keep(rest)
        # mostly one, for which a list takes 0.1 µs of the 2 that a chunk takes
        passed = self._event(events[0]) if len(events) == 1 else b"".join([self._event(event) for event in events])
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
            UpstreamFiltered: it said nothing because the provider's filter took it out.
        """
        rest = self._taken().strip(b"\r\n")
        if rest and not self.done:
            self._waiting += self._event(rest)
        if not self.done and not self.finished:
            raise UpstreamBadReply("The provider's stream ended before its answer did.", billed=True)
        if not self.started:
            raise no_answer(self._endings, "The provider's stream")
        return self._held or {**self.template, "choices": []}

    def rest(self) -> bytes:
        """What the end of the stream let go, where its last event had no end of its own: it leaves before the last chunk."""
        passed, self._waiting = self._waiting, b""
        return passed

    def _ends_an_event(self, data: bytes) -> bool:
        """Whether what came ends the event that is kept; where it does not it is kept too.

        A large event comes in hundreds of parts: only where they meet is looked at, not at all of it each time.
        """
        last = self._parts[-1]
        if b"\n\n" in data or b"\r" in data or last.endswith(b"\r") or (data[:1] == last[-1:] == b"\n"):
            return True
        self._keep(data)
        return False

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._kept_bytes += len(part)
        if self._kept_bytes > MAX_EVENT_BYTES:
            raise UpstreamBadReply("The provider's stream has an event of more than 16 MiB.", billed=True)

    def _taken(self) -> bytes:
        """The beginning of an event that was kept until its end comes."""
        kept = b"".join(self._parts)
        self._parts.clear()
        self._kept_bytes = 0
        return kept

    def _event(self, event: bytes) -> bytes:
        if event.startswith(b"data: ") and b"\n" not in event:
            payload = event[6:]
        else:
            payload = _payload(event.removeprefix(BOM_UTF8))
            if not payload:
                is_comment = event.startswith(b":") and self.started  # before that nobody is kept awake by it
                return event + b"\n\n" if is_comment else b""
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
        counted = chunk.pop("usage", None)
        if counted:
            self.raw_usage = counted
            self.usage = read_usage(counted, chunk.get("service_tier") or self.service_tier) or self.usage
        choices = chunk.get("choices")
        if not choices:
            return b""
        if not self.template:
            self.template = {key: chunk[key] for key in ("id", "object", "created", "model") if key in chunk}
            self.service_tier = chunk.get("service_tier") or self.service_tier
        ends = self._read_choices(choices)
        passed = b""
        if self._held is not None:
            passed, self._held = event_bytes(self._held), None
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
            if not isinstance(choice, dict):
                continue
            delta = choice.get("delta")
            if isinstance(delta, dict):
                self._read_delta(delta, choice)
            ending = choice.get("finish_reason")
            if ending:
                if ending == "error":  # OpenRouter's word for a provider that failed in the middle
                    raise self._failed(choice.get("error"))
                ends = True
                if not self.started:
                    self._endings.append(ending)
                    self.started = is_cut(ending)
                index = choice.get("index", 0)
                if isinstance(index, int | float):  # some write 0.0
                    self._open_choices.discard(index)
                self.finished = not self._open_choices
        return ends

    def _read_delta(self, delta: dict[str, Any], choice: dict[str, Any]) -> None:
        content = delta.get("content")
        words = content if len(delta) == 1 and isinstance(content, str) else words_of(delta)
        if words.isascii():
            self._written_bytes += len(words)
        else:
            self._written_bytes += len(words.encode("utf-8", "surrogatepass"))
            self._is_ascii = False
        if self.texts is not None and not choice.get("index"):
            self.texts.append(text_in(content))
        if not self.started and says_something(delta):
            self.started = True

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
