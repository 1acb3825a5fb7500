"""The transport over sockets: a pool of kept-alive connections to the providers.

No cookies, no redirects: they would carry one tenant's credentials to a place nobody configured.
"""

import asyncio
import errno
import ssl
from collections.abc import Mapping
from time import monotonic
from types import TracebackType

from aiohappyeyeballs import start_connection

from router.dispatch.address import Address, Origin, header_lines
from router.dispatch.breakage import (
    HungUp,
    NoConnection,
    NoConnectionInTime,
    NoMoreFiles,
    NoProxy,
    NotTrusted,
    NoTunnelInTime,
)
from router.dispatch.connection import Connection, WireReply
from router.dispatch.lookup import AddressBook
from router.dispatch.provider import Proxy
from router.dispatch.transport import Patience
from router.dispatch.tunnel import open_tunnel

STALE_S = 1.0
"""A kept connection that closes this soon after a request, without a byte of reply, was closing already."""

NEXT_ADDRESS_S = 0.25
"""Head start of a host's first address over its second. Source: RFC 8305."""


_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)


class HttpTransport:
    """One pool of connections, made inside the running loop by the first request.

    Args:
        keepalive_s: seconds an unused connection stays open. Below the 5 s after which uvicorn, and with it
            vLLM, hangs up: a request sent into a closing connection has to be sent again.
    """

    default_base: str | None = None

    def __init__(self, *, keepalive_s: float = 4.0) -> None:
        """Remember the limit; nothing is opened yet."""
        self._keepalive_s = keepalive_s
        self._idle: dict[Origin, list[Connection]] = {}
        self._busy: set[Connection] = set()
        self._book = AddressBook()
        self._sweeper: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None

    def post(self, address: Address, extra: Mapping[str, str], body: bytes, patience: Patience) -> "_Exchange":
        """Send a request through the pool; see ``Transport.post``."""
        return _Exchange(self, address, extra, body, patience)

    async def aclose(self) -> None:
        """Close every connection; a later request opens the pool anew."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        idle, self._idle = self._idle, {}
        for kept in idle.values():
            for connection in kept:
                connection.close()
        for connection in self._busy:
            connection.break_off()

    def counts(self) -> tuple[int, int]:
        """How many connections are in use, and how many wait for a use."""
        return len(self._busy), sum(len(kept) for kept in self._idle.values())

    def take_kept(self, origin: Origin) -> Connection | None:
        """A kept connection that is still good: the one used last, so that the others may close.

        One on which bytes wait is not: they would be taken for the reply to the next request.
        """
        kept = self._idle.get(origin)
        while kept:
            connection = kept.pop()
            if connection.is_quiet:
                self._busy.add(connection)
                return connection
            connection.break_off()
        return None

    async def open(self, origin: Origin, patience: Patience) -> Connection:
        """A new connection.

        Raises:
            Breakage: there is none.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(patience.ends_s, loop.time() + patience.connect_s)):
                if origin.proxy is None:
                    connection = await self._connect(loop, origin)
                else:
                    connection = await self._connect_through(loop, origin, origin.proxy, patience.ends_s)
        except TimeoutError:
            self._book.doubt(origin.host if origin.proxy is None else origin.proxy.host)
            raise (NoConnectionInTime if origin.proxy is None else NoTunnelInTime) from None
        except ssl.SSLError:
            raise NotTrusted from None
        except OSError as error:
            if error.errno in _NO_MORE_FILES:
                raise NoMoreFiles from None
            self._book.doubt(origin.host)
            raise NoConnection from None
        self._busy.add(connection)
        return connection

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """End an exchange; a connection that can carry another is kept for a while."""
        self._busy.discard(connection)
        if not connection.leave():
            return
        self._idle.setdefault(origin, []).append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._keepalive_s, self._sweep)

    async def _connect(self, loop: asyncio.AbstractEventLoop, origin: Origin) -> Connection:
        found = await self._book.addresses(origin.host, origin.port)
        sock = await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_S, interleave=1, loop=loop)
        try:
            if not origin.tls:
                return (await loop.create_connection(Connection, sock=sock))[1]
            tls = self._trust()
            return (await loop.create_connection(Connection, sock=sock, ssl=tls, server_hostname=origin.host))[1]
        except BaseException:
            sock.close()
            raise

    async def _connect_through(
        self, loop: asyncio.AbstractEventLoop, origin: Origin, proxy: Proxy, ends_s: float
    ) -> Connection:
        try:
            connection = await self._connect(loop, Origin(proxy.host, proxy.port, proxy.tls))
        except OSError as error:
            if error.errno in _NO_MORE_FILES:
                raise
            self._book.doubt(proxy.host)
            raise NoProxy from None
        return await open_tunnel(connection, origin, proxy, self._trust(), ends_s) if origin.tls else connection

    def _trust(self) -> ssl.SSLContext:
        self._tls = self._tls or _tls_context()
        return self._tls

    def _sweep(self) -> None:
        """Close what has been idle for too long; one timer for all, since most connections are used again."""
        loop = asyncio.get_running_loop()
        expired_s = loop.time() - self._keepalive_s
        for origin, kept in list(self._idle.items()):
            for connection in kept:
                if connection.idle_since_s <= expired_s:
                    connection.close()
            kept[:] = [connection for connection in kept if connection.is_open]
            if not kept:
                del self._idle[origin]
        self._sweeper = loop.call_later(self._keepalive_s / 4, self._sweep) if self._idle else None


class _Exchange:
    """The context of one request: a connection is taken on entering, and given back on leaving."""

    __slots__ = ("_address", "_body", "_connection", "_extra", "_patience", "_transport")

    def __init__(
        self, transport: HttpTransport, address: Address, extra: Mapping[str, str], body: bytes, patience: Patience
    ) -> None:
        self._transport, self._address, self._extra = transport, address, extra
        self._body, self._patience = body, patience

    async def __aenter__(self) -> WireReply:
        origin, body = self._address.origin, self._body
        more = header_lines(self._extra) if self._extra else b""
        request = b"".join((self._address.head, b"content-length: %d\r\n" % len(body), more, b"\r\n", body))
        kept = self._transport.take_kept(origin)
        if kept is not None:
            began_s = monotonic()
            try:
                return await self._send_on(kept, request)
            except HungUp:
                if monotonic() - began_s > STALE_S:
                    raise
        return await self._send_on(await self._transport.open(origin, self._patience), request)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.give_back(self._address.origin, self._connection)

    async def _send_on(self, connection: Connection, request: bytes) -> WireReply:
        self._connection = connection
        try:
            reply = connection.send(request, self._patience.ends_s, self._patience.silence_s)
            await reply.head()
        except BaseException:
            self._transport.give_back(self._address.origin, connection)
            raise
        return reply


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
