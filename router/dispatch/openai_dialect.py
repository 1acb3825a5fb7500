"""The way out to whoever speaks OpenAI's dialect: send the body on, say what came back.

Laws:

* The request is the caller's with ``model`` replaced, serialised once; unknown fields are not looked at.
* A reply is parsed once; a stream not at all: its bytes pass as they come.
* Every failure leaves as an ``UpstreamError`` (``refusal`` for statuses, ``breakage`` for exceptions, ``reply``
  for bodies) that carries no key; cancellation passes through.
* Leaving a stream's context early closes the connection, which is how a provider learns to stop.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

import orjson
from aiohttp import ClientTimeout
from multidict import CIMultiDict
from yarl import URL

from router.dispatch.breakage import BREAKAGES, breakage
from router.dispatch.provider import Call, Operation, Target
from router.dispatch.refusal import refusal
from router.dispatch.reply import parsed_reply
from router.dispatch.transport import Transport, WireReply
from router.errors import (
    UpstreamAuthFailed,
    UpstreamBadReply,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)

MAX_REPLY_BYTES = 64 * 1024 * 1024
"""Above any answer: 128k tokens are under 1 MB; the rest is room for generated images and audio in base64."""

_MAX_REFUSAL_BYTES = 64 * 1024


class OpenAIProvider:
    """Calls deployments that speak OpenAI's dialect, over whatever transport it is given."""

    def __init__(self, transport: Transport) -> None:
        """Take the transport; it is not closed here, others may share it."""
        self.transport = transport
        self._addresses: dict[str, _Address] = {}

    async def complete(self, call: Call) -> dict[str, Any]:
        """Make a call and give back the parsed reply.

        ``first_byte_s`` does not count here: a provider that is not streaming sends its first byte when the whole
        answer is ready. The call's deadline bounds it.
        """
        target = call.target
        name = target.deployment.name
        begun = False
        try:
            async with self.open(call) as reply:
                begun = reply.status == 200
                raw = await _read(reply, MAX_REPLY_BYTES if begun else _MAX_REFUSAL_BYTES)
        except BREAKAGES as error:
            raise breakage(error, name, billed=begun) from None
        if reply.status != 200:
            raise refusal(reply.status, reply.headers, raw, target, now_s=time.time())
        if len(raw) > MAX_REPLY_BYTES:
            raise UpstreamBadReply(
                f"{name}: the reply is longer than {MAX_REPLY_BYTES} bytes", upstream_status=200, billed=True
            )
        if not _is(reply, "application/json"):
            raise UpstreamBadReply(
                f"{name}: the reply is not declared as application/json", upstream_status=200, billed=True
            )
        return parsed_reply(raw, call.operation, name)

    def stream(self, call: Call) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a stream; see ``Provider.stream``. Errors before the first byte can still be retried."""
        return _Stream(self, call)

    def open(self, call: Call, *, stream: bool = False) -> AbstractAsyncContextManager[WireReply]:
        """Send a call; the reply is not interpreted."""
        address = self._address(call.target)
        return self.transport.post(
            address.url(call.operation),
            _merged(address.stream_headers if stream else address.headers, call.headers),
            _written(call),
            _timeout(call, stream=stream),
        )

    def _address(self, target: Target) -> "_Address":
        known = self._addresses.get(target.deployment.name)
        if known is None or known.target is not target:
            known = _Address(target, self.transport.default_base)
            self._addresses[target.deployment.name] = known
        return known


class _Address:
    """What every request to a target shares, built once: parsed URLs, headers."""

    __slots__ = ("_base", "_urls", "headers", "stream_headers", "target")

    def __init__(self, target: Target, default_base: str | None) -> None:
        base = target.api_base or default_base
        if base is None:
            name = target.deployment.name
            raise UpstreamUnreachable(f"{name}: no api_base; set pool.{name}.api_base to the provider's base URL")
        self.target = target
        self._base = _absolute(base, target.deployment.name)
        self._urls: dict[Operation, URL] = {}
        self.headers = CIMultiDict({"Content-Type": "application/json", "Accept": "application/json"})
        if target.api_key is not None:
            self.headers["Authorization"] = f"Bearer {target.api_key}"
        self.stream_headers = CIMultiDict(self.headers)
        self.stream_headers["Accept"] = "text/event-stream"
        self.stream_headers["Accept-Encoding"] = "identity"  # compressors hold tokens back
        for headers in (self.headers, self.stream_headers):
            headers.update(target.headers)
        if any(char in value for value in self.headers.values() for char in "\r\n\0"):
            name = target.deployment.name
            raise UpstreamAuthFailed(
                f"{name}: a header holds a line break; check the end of pool.{name}.api_key and its headers"
            )

    def url(self, operation: Operation) -> URL:
        url = self._urls.get(operation)
        if url is None:
            path = f"{self._base.raw_path.rstrip('/')}/{operation}"
            # Azure's api-version is a query of the base
            url = self._urls[operation] = self._base.with_path(path, encoded=True, keep_query=True)
        return url


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
        except BREAKAGES as error:
            raise breakage(error, name) from None
        if reply.status == 200 and _is(reply, "text/event-stream"):
            return _Reader(self._provider.transport, reply, target)
        try:
            raw = await _read(reply, _MAX_REFUSAL_BYTES) if reply.status != 200 else b""
        except BREAKAGES as error:
            raise breakage(error, name) from None
        finally:
            await self._exchange.__aexit__(None, None, None)
        if reply.status != 200:
            raise refusal(reply.status, reply.headers, raw, target, now_s=time.time())
        raise UpstreamBadReply(f"{name}: the reply is not a stream of events", upstream_status=200, billed=True)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.__aexit__(kind, error, trace)


class _Reader:
    """Hands on the bytes of a stream. One coroutine per read, as aiohttp's own iterator."""

    __slots__ = ("_begun", "_readany", "_reply", "_target", "_transport")

    def __init__(self, transport: Transport, reply: WireReply, target: Target) -> None:
        self._transport = transport
        self._reply = reply
        self._target = target
        self._readany: Callable[[], Awaitable[bytes]] = reply.content.readany
        self._begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._readany()
        except BREAKAGES as error:
            raise breakage(error, self._target.deployment.name, sent_on=self._begun, billed=True) from None
        if not chunk:
            raise StopAsyncIteration
        if not self._begun:
            self._begun = True
            self._transport.set_idle_limit(self._reply, self._target.timeouts.idle_s)
        return chunk


def _merged(fixed: CIMultiDict[str], extra: Mapping[str, str]) -> Mapping[str, str]:
    if not extra:
        return fixed
    merged = fixed.copy()
    merged.update(extra)
    return merged


def _written(call: Call) -> bytes:
    try:
        return orjson.dumps({**call.body, "model": call.target.upstream_model})
    except orjson.JSONEncodeError as error:  # its text names a type, never a value
        raise UpstreamRejected(
            f"{call.target.deployment.name}: the request cannot be written as JSON: {error}"
        ) from None


def _absolute(base: str, deployment: str) -> URL:
    try:
        url = URL(base)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise UpstreamUnreachable(
            f"{deployment}: api_base is not an http(s) URL; set pool.{deployment}.api_base, e.g. http://127.0.0.1:8001/v1"
        )
    return url


def _timeout(call: Call, *, stream: bool) -> ClientTimeout:
    timeouts = call.target.timeouts
    left_s = min(call.deadline_s - asyncio.get_running_loop().time(), timeouts.total_s)
    if left_s <= 0:  # 0 would mean no limit to aiohttp
        raise UpstreamTimeout(f"{call.target.deployment.name}: no time left for this call")
    return ClientTimeout(total=left_s, connect=timeouts.connect_s, sock_read=timeouts.first_byte_s if stream else None)


async def _read(reply: WireReply, limit: int) -> bytes:
    """Read a body; one above the limit, in bytes, comes back cut but still above it."""
    readany = reply.content.readany
    first = await readany()
    if not (more := await readany()):
        return first
    parts, size = [first], len(first)
    while more:
        parts.append(more)
        size += len(more)
        more = await readany() if size <= limit else b""
    return b"".join(parts)


def _is(reply: WireReply, content_type: str) -> bool:
    declared = reply.headers.get("Content-Type", "")
    return declared == content_type or declared.split(";", 1)[0].strip().lower() == content_type
