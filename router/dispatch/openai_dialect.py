"""The way out to whoever speaks OpenAI's dialect: send the body on, say what came back.

Laws:

* The request is the caller's with ``model`` replaced, his own bytes where they can be cut around it; unknown fields
  are not looked at. What a deployment does not take as it stands is changed by the call's ``changes``, and by ``idioms``.
* A reply is parsed once; a stream not at all: its bytes pass as they come. A whole reply where a stream was asked for is
  an answer too, paid for as one, and passes as the events that say the same.
* Every failure leaves as an ``UpstreamError`` (``refusal`` for statuses, ``breakage`` for exceptions, ``reply``
  for bodies) that carries no key; cancellation passes through.
* Leaving a stream's context early closes the connection, which is how a provider learns to stop.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from time import monotonic
from types import TracebackType
from typing import Any

from router.core.at_once import events_of
from router.core.request import exact_body
from router.core.whole_json import dumps
from router.dispatch.address import Address, address_of
from router.dispatch.breakage import Breakage, meaning
from router.dispatch.idioms import as_taken
from router.dispatch.provider import Call, Operation, Target
from router.dispatch.refusal import refusal, refusal_under_200
from router.dispatch.reply import parsed_reply
from router.dispatch.tastes import rewritten
from router.dispatch.transport import Patience, Reply, Transport
from router.dispatch.tunnel import refused_by_proxy
from router.errors import (
    UpstreamBadReply,
    UpstreamRejected,
    UpstreamTimeout,
)

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""Above any answer: 128k tokens are under 1 MB; the rest is room for generated images and audio in base64."""

_MAX_REFUSAL_BYTES = 64 * 1024


class OpenAIProvider:
    """Calls deployments that speak OpenAI's dialect, over whatever transport it is given."""

    def __init__(self, transport: Transport) -> None:
        """Take the transport; it is not closed here, others may share it."""
        self.transport = transport
        self._addresses: dict[tuple[str, Operation, bool], tuple[Target, Address]] = {}

    async def complete(self, call: Call) -> dict[str, Any]:
        """Make a call and give back the parsed reply.

        ``first_byte_s`` does not count here: a provider that is not streaming sends its first byte when the whole
        answer is ready. The call's deadline bounds it.
        """
        name, begun = call.target.deployment.name, False
        try:
            async with self.open(call) as reply:
                begun = reply.status == 200
                raw = await _read(reply, MAX_REPLY_BYTES if begun else _MAX_REFUSAL_BYTES)
        except Breakage as error:
            raise meaning(error, name, billed=begun) from None
        return _answer_in(reply, raw, call)

    def stream(self, call: Call) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a stream; see ``Provider.stream``. Errors before the first byte can still be retried."""
        return _Stream(self, call)

    def open(self, call: Call, *, stream: bool = False) -> AbstractAsyncContextManager[Reply]:
        """Send a call; the reply is not interpreted."""
        return self.transport.post(
            self._address(call.target, call.operation, stream),
            call.headers,
            _written(call),
            _patience(call, stream=stream),
        )

    def _address(self, target: Target, operation: Operation, stream: bool) -> Address:
        """Worked out once; a reloaded config brings new targets under old names."""
        key = (target.deployment.name, operation, stream)
        known = self._addresses.get(key)
        if known is None or known[0] is not target:
            made = address_of(target, operation, stream=stream, default_base=self.transport.default_base)
            known = self._addresses[key] = (target, made)
        return known[1]


class _Stream:
    """The context of an open stream; its reader is the iterator handed out."""

    __slots__ = ("_call", "_exchange", "_provider")

    def __init__(self, provider: OpenAIProvider, call: Call) -> None:
        self._provider = provider
        self._call = call

    async def __aenter__(self) -> AsyncIterator[bytes]:
        target = self._call.target
        name = target.deployment.name
        try:
            self._exchange = self._provider.open(self._call, stream=True)
            reply = await self._exchange.__aenter__()
        except Breakage as error:
            raise meaning(error, name) from None
        begun = reply.status == 200
        if begun and _is(reply, "text/event-stream"):
            return _Reader(reply, target)
        try:
            if begun and not _is(reply, "application/json"):
                raise UpstreamBadReply(f"{name}: the reply is not a stream of events", upstream_status=200, billed=True)
            raw = await _read(reply, MAX_REPLY_BYTES if begun else _MAX_REFUSAL_BYTES)
            return _at_once(events_of(_answer_in(reply, raw, self._call)))
        except BaseException as error:
            await self._exchange.__aexit__(None, None, None)
            if isinstance(error, Breakage):
                raise meaning(error, name, billed=begun) from None
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.__aexit__(kind, error, trace)


class _Reader:
    """Hands on the bytes of a stream. A class, since an asynchronous generator costs twice as much per chunk."""

    __slots__ = ("_begun", "_readany", "_reply", "_target")

    def __init__(self, reply: Reply, target: Target) -> None:
        self._reply = reply
        self._target = target
        self._readany: Callable[[], Awaitable[bytes]] = reply.readany
        self._begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._readany()
        except Breakage as error:
            raise meaning(error, self._target.deployment.name, sent_on=self._begun, billed=True) from None
        if not chunk:
            raise StopAsyncIteration
        if not self._begun:  # whatever it is: a comment is a sign of life too
            self._begun = True
            self._reply.set_silence(self._target.timeouts.idle_s)
        return chunk


async def _at_once(events: bytes) -> AsyncIterator[bytes]:
    yield events


def _answer_in(reply: Reply, raw: bytes, call: Call) -> dict[str, Any]:
    """The answer in a reply's whole body.

    Raises:
        UpstreamError: there is none in it.
    """
    target, name = call.target, call.target.deployment.name
    if reply.status != 200:
        proxys = refused_by_proxy(reply.status, reply.headers, target)
        raise proxys or refusal(reply.status, reply.headers, raw, target, now_s=time.time())
    if len(raw) > MAX_REPLY_BYTES:
        raise UpstreamBadReply(
            f"{name}: the reply is longer than {MAX_REPLY_BYTES} bytes", upstream_status=200, billed=True
        )
    if not _is(reply, "application/json"):
        raise UpstreamBadReply(
            f"{name}: the reply is not declared as application/json", upstream_status=200, billed=True
        )
    try:
        return parsed_reply(raw, call.operation, name)
    except UpstreamBadReply as error:
        told = refusal_under_200(reply.headers, raw, target, now_s=time.time())
        if told is None:
            raise
        told.usage = error.usage
    raise told


def _written(call: Call) -> bytes:
    taken = as_taken(call)
    body = call.body if taken is None else taken
    if call.changes is not None:
        body = rewritten(exact_body(body, call.around_model) if taken is None else taken, call.changes)
    elif call.around_model is not None and taken is None:
        before, after = call.around_model
        return before + dumps(call.target.upstream_model) + after
    try:
        return dumps({**body, "model": call.target.upstream_model})
    except (TypeError, ValueError) as error:  # their text names a type, never a value
        raise UpstreamRejected(
            f"{call.target.deployment.name}: the request cannot be written as JSON: {error}"
        ) from None


def _patience(call: Call, *, stream: bool) -> Patience:
    timeouts, now_s = call.target.timeouts, monotonic()
    ends_s = min(call.deadline_s, now_s + timeouts.total_s)
    if ends_s <= now_s:
        raise UpstreamTimeout(f"{call.target.deployment.name}: no time left for this call")
    return Patience(ends_s, timeouts.connect_s, timeouts.first_byte_s if stream else None)


async def _read(reply: Reply, limit: int) -> bytes:
    """Read a body; one above the limit, in bytes, comes back cut but still above it."""
    readany = reply.readany
    first = await readany()
    if not (more := await readany()):
        return first
    parts, size = [first], len(first)
    while more:
        parts.append(more)
        size += len(more)
        more = await readany() if size <= limit else b""
    return b"".join(parts)


def _is(reply: Reply, content_type: str) -> bool:
    declared = reply.headers.get("content-type", "")
    return declared == content_type or declared.split(";", 1)[0].strip().lower() == content_type
