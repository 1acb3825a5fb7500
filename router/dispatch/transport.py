"""How bytes reach a provider: the transport's protocol, and the pooled HTTP client that implements it.

A transport interprets nothing. Statuses, headers and bytes come back as the provider sent them, failures as the
exceptions of aiohttp; what they mean is said in one place, ``openai_dialect``, whichever transport carried them.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL


class ByteSource(Protocol):
    """A body that is still arriving."""

    async def readany(self) -> bytes:
        """Wait for bytes and give all that are there; ``b""`` means the body ended as announced."""
        ...


class WireReply(Protocol):
    """A reply whose status and headers are in; the parts of ``aiohttp.ClientResponse`` that we use."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The reply's headers; lookup ignores case."""
        ...

    @property
    def content(self) -> ByteSource:
        """The body."""
        ...


class Transport(Protocol):
    """Carries one POST. Leaving the reply's context before its end closes the connection."""

    @property
    def default_base(self) -> str | None:
        """The base URL of targets that name none; None where there is no such thing."""
        ...

    def post(
        self, url: URL, headers: Mapping[str, str], body: bytes, timeout: ClientTimeout
    ) -> AbstractAsyncContextManager[WireReply]:
        """Send a request; entering means that status and headers are in.

        ``timeout`` counts in seconds: ``connect`` for pool, name lookup and connection together, ``sock_read``
        for each silence, ``total`` for everything.
        """
        ...

    def set_idle_limit(self, reply: WireReply, idle_s: float) -> None:
        """From now on, let silences in this reply last no longer than this."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class HttpTransport:
    """One pool of connections, made inside the running loop by the first request.

    No cookies and no redirects: both would carry one tenant's credentials to a place nobody configured.

    Args:
        limit: connections at once, over all providers; 0 is no limit (the gateway bounds its requests itself).
        keepalive_s: seconds an unused connection stays open. Below the 5 s after which uvicorn, and with it
            vLLM, hangs up: a POST sent into a closing connection fails and must not be repeated blindly.
    """

    default_base: str | None = None

    def __init__(self, *, limit: int = 0, keepalive_s: float = 4.0) -> None:
        """Remember the limits; nothing is opened yet."""
        self._limit = limit
        self._keepalive_s = keepalive_s
        self._session: ClientSession | None = None

    def post(
        self, url: URL, headers: Mapping[str, str], body: bytes, timeout: ClientTimeout
    ) -> AbstractAsyncContextManager[WireReply]:
        """Send a request through the pool."""
        session = self._session or self._open()
        return session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)

    def set_idle_limit(self, reply: WireReply, idle_s: float) -> None:
        """Re-arm aiohttp's read timer, which costs nothing per chunk beyond what aiohttp does anyway."""
        protocol = getattr(getattr(reply, "connection", None), "protocol", None)
        if protocol is not None:  # None: the whole reply is already here
            protocol.read_timeout = idle_s
            protocol.start_timeout()

    async def aclose(self) -> None:
        """Close every connection; a later request opens the pool anew."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> ClientSession:
        connector = TCPConnector(limit=self._limit, keepalive_timeout=self._keepalive_s, ttl_dns_cache=60)
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(loop=asyncio.get_running_loop()),
            auto_decompress=True,
            raise_for_status=False,
            trust_env=False,
        )
        return self._session
