"""One HTTP/1.1 connection to a provider, and one reply on it: bytes in, status, headers and body out.

Laws, held by tests that cut the bytes everywhere:

* A reply is what HTTP says it is, however its bytes are cut; a body that does not end as announced is ``Cut``.
* Bytes that nobody asked for (a second reply, a greeting) never become part of another call's reply: they cost
  the connection.
* A reader who does not read stops the sender: no more than ``HIGH_WATER`` and one packet wait in memory.

Source: RFC 9112 for framing. The parser is llhttp, with the leniences that aiohttp's client grants to servers. An
aiohttp request costs 107 µs of CPU where this one costs 28 (one core, kept connections, replies of 800 bytes): most of
the former is cookies, redirects, tracing and multipart forms, of which a gateway uses none.
"""

import asyncio
import select
import ssl
import zlib
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from router.dispatch.breakage import Breakage, Cut, Garbled, HungUp, OutOfTime, Silent

HIGH_WATER = 256 * 1024
"""Bytes of a body that may wait for their reader."""

MAX_HEAD_BYTES = 64 * 1024
"""Far above any reply's head; aiohttp allows 8 kB a line."""

MAX_UNPACKED_BYTES = 64 * 1024 * 1024
"""What one packet may unpack to: above any answer, below what hurts."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class WireReply:
    """A reply, from the sending of its request to its last byte."""

    __slots__ = (
        "_connection", "_ends_s", "_inflater", "_is_packed", "_loop", "_parts", "_silence_s", "_size", "_waiter",
        "ended", "error", "has_head", "headers", "heard_s", "status",
    )  # fmt: skip

    def __init__(self, connection: "Connection", ends_s: float, silence_s: float | None) -> None:
        """Begin to wait. ``ends_s`` and ``silence_s`` are as in ``Patience``."""
        self._connection = connection
        self._loop = loop = connection.loop
        self._ends_s, self._silence_s = ends_s, silence_s
        self.status = 0
        self.headers: dict[str, str] = {}
        self.has_head = self.ended = self._is_packed = False
        self.error: Breakage | None = None
        self._inflater: zlib._Decompress | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self.heard_s = loop.time()
        connection.watch(self._due_s())

    async def head(self) -> None:
        """Wait for the status and the headers."""
        while not self.has_head:
            if self.error is not None:
                raise self.error
            await self._wait()

    async def readany(self) -> bytes:
        """Wait for bytes of the body; see ``Reply.readany``."""
        while not self._parts:
            if self.error is not None:
                raise self.error
            if self.ended:
                return b""
            await self._wait()
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        self._connection.resume()
        return data

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body wait to be read."""
        return bool(self._parts)

    def set_silence(self, silence_s: float) -> None:
        """Change how long a silence may last, from now on."""
        self._silence_s, self.heard_s = silence_s, self._loop.time()
        if not self.ended and self.error is None:
            self._connection.watch(self._due_s())

    # What the connection tells.

    def take_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which we do not use."""
        if not self.has_head:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            known = self.headers.get(key)
            self.headers[key] = text if known is None else f"{known}, {text}"

    def take_head(self, status: int) -> bool:
        """The head is complete; True where a body or its end may follow, False where another head will."""
        if 100 <= status < 200 and status != 101:
            return False
        self.status, self.has_head = status, True
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        self._is_packed = encoding in ("gzip", "x-gzip", "deflate")
        if not self._is_packed and encoding not in ("identity", ""):
            self.fail(Garbled())
        self._wake()
        return True

    def take_body(self, data: bytes) -> None:
        """Bytes of the body, without their framing. Only they end a silence: a head says nothing of an answer."""
        if self._silence_s is not None:
            self.heard_s = self._loop.time()
        if self._is_packed:
            data = self._unpack(data)
        if data and self.error is None:
            self._parts.append(data)
            self._size += len(data)
            if self._size > HIGH_WATER:
                self._connection.pause()
            self._wake()

    def take_end(self) -> None:
        """The body ended as announced."""
        if self._inflater is not None and not self._inflater.eof:
            self.fail(Cut())
            return
        self.ended = True
        self._wake()

    def take_hang_up(self, error: Exception | None) -> None:
        """The connection is gone: the end of a body that has no other end, or a break."""
        if self.ended:
            return
        if self.has_head and error is None and self._ends_with_the_connection:
            self.take_end()
        else:
            self.fail(Cut() if self.has_head else HungUp())

    def fail(self, error: Breakage) -> None:
        """Break off, unless it is over; what came before is still read first."""
        if not self.ended and self.error is None:
            self.error = error
            self._wake()

    def look_at_the_clock(self, now_s: float) -> float | None:
        """Break off if the time is over; else give back when to look again, None where nothing is waited for any more."""
        if self.ended or self.error is not None:
            return None
        if now_s >= self._ends_s:
            self.fail(OutOfTime())
            return None
        if self._connection.is_paused:  # it is our reader who is slow
            self.heard_s = now_s
        elif self._silence_s is not None and now_s >= self.heard_s + self._silence_s:
            self.fail(Silent())
            return None
        return self._due_s()

    @property
    def _ends_with_the_connection(self) -> bool:
        chunked = self.headers.get("transfer-encoding", "").lower().rstrip().endswith("chunked")
        return not chunked and "content-length" not in self.headers

    def _unpack(self, data: bytes) -> bytes:
        inflater = self._inflater = self._inflater or zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            unpacked = inflater.decompress(data, MAX_UNPACKED_BYTES)
        except zlib.error:
            self.fail(Garbled())
            return b""
        if inflater.unconsumed_tail or inflater.unused_data:
            self.fail(Garbled())
        return unpacked

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _due_s(self) -> float:
        return self._ends_s if self._silence_s is None else min(self._ends_s, self.heard_s + self._silence_s)


class Connection(asyncio.Protocol):
    """One connection. It carries one exchange at a time, and knows when it can carry another."""

    def __init__(self) -> None:
        """Begin unconnected."""
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self.loop = asyncio.get_running_loop()
        self._reply: WireReply | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._incoming: select.poll | None = None
        self._is_interim = self._is_spent = self._keeps_alive = self.is_paused = False
        self.idle_since_s = 0.0

    def send(self, data: bytes, ends_s: float, silence_s: float | None) -> WireReply:
        """Send a whole request and begin to wait for its reply."""
        self._head_bytes = 0
        reply = self._reply = WireReply(self, ends_s, silence_s)
        self.loop.call_soon(self._write, data)  # behind the other requests of this turn: see router.http.outbox
        return reply

    def leave(self) -> bool:
        """End the exchange. True where another may follow; else the connection is closed, which stops the provider."""
        reply, self._reply = self._reply, None
        if reply is None:
            return False
        is_clean = reply.ended and self._keeps_alive and not self._is_spent and not self.is_paused
        if is_clean and self.is_open and not self._transport.get_write_buffer_size():
            self.idle_since_s = self.loop.time()
            return True
        self._transport.abort()
        return False

    async def secure(self, tls: ssl.SSLContext, host: str) -> "Connection":
        """Leave the exchange, which has opened a tunnel, and go on over TLS: the connection to use from here on.

        Raises:
            OSError: the handshake failed.
        """
        bare, inner = self._transport, Connection()
        self._unwatch()
        self._reply = self._parser = None
        inner.connection_made(bare)  # where the provider speaks or hangs up too early, this is what is closed
        transport = await self.loop.start_tls(bare, inner, tls, server_hostname=host)
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        inner.connection_made(transport)
        return inner

    def close(self) -> None:
        """Close an idle connection."""
        self._transport.close()

    def break_off(self) -> None:
        """Close a connection whatever it carries."""
        if self._reply is not None:
            self._reply.fail(Cut())
        self._transport.abort()

    @property
    def is_open(self) -> bool:
        """Whether the provider has not hung up, as far as we have heard."""
        return not self._transport.is_closing()

    @property
    def is_quiet(self) -> bool:
        """Whether it is open and nothing has come on it, also nothing that the loop has yet to read; takes 0.3 µs."""
        return self.is_open and not (self._incoming is not None and self._incoming.poll(0))

    def pause(self) -> None:
        """Let the provider wait: our reader is slower."""
        if not self.is_paused and not self._transport.is_closing():
            self.is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self.is_paused:
            self.is_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def watch(self, due_s: float) -> None:
        """Look at the clock no later than ``due_s``.

        A timer that goes off earlier will do, be it from an exchange before this one: setting one and taking it back
        takes 2 µs of a request, which is over long before.
        """
        if self._timer is None or due_s < self._timer.when():
            self._unwatch()
            self._timer = self.loop.call_at(due_s, self._look_at_the_clock)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at_the_clock(self) -> None:
        self._timer = None
        due_s = self._reply.look_at_the_clock(self.loop.time()) if self._reply is not None else None
        if due_s is not None:
            self.watch(due_s)

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(select, "poll"):  # not on Windows
            self._incoming = select.poll()
            self._incoming.register(sock.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        reply, parser = self._reply, self._parser
        if reply is None or parser is None:
            self._transport.abort()
            return
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._is_spent = True
            reply.fail(Garbled())
        if not reply.has_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                reply.fail(Garbled())

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._reply is not None:
            self._reply.take_hang_up(exc)
        self._unwatch()
        self._parser = None  # it holds our methods: a cycle that only the collector would find

    # The parser's side. A second reply to one request is not read, but it costs the connection.

    def on_message_begin(self) -> None:
        """A reply begins."""
        self._is_spent = self._is_spent or self._reply is None or self._reply.ended

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is complete."""
        if self._reply is not None and not self._is_spent:
            self._reply.take_header(name, value)

    def on_headers_complete(self) -> None:
        """All headers are here."""
        if self._reply is not None and self._parser is not None and not self._is_spent:
            self._is_interim = not self._reply.take_head(self._parser.get_status_code())
            self._keeps_alive = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """A piece of the body is here."""
        if self._reply is not None and not self._is_spent:
            self._reply.take_body(data)

    def on_message_complete(self) -> None:
        """The reply is here, or was one of those that announce another."""
        if self._reply is None or self._is_spent:
            return
        if self._is_interim:
            self._reply.headers.clear()
        else:
            self._reply.take_end()
