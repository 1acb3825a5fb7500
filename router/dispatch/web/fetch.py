"""Fetching a page: checked addresses, redirects by hand, caps on size, time and kind.

The name is looked up once for each request, every address found is checked, and only those can be connected to: a
second answer of the name server is never asked for, so rebinding has nothing to rebind.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from router import __version__
from router.core.public_address import AddressRules, ends_in_number, literal
from router.dispatch.web.body import Body, read_body
from router.dispatch.web.found import Page, WebFailure
from router.dispatch.web.page import PageReader

MAX_REDIRECTS = 5
"""Source: twice what real chains of shorteners and language switches take."""

MAX_URL_CHARS = 2_048
CONNECT_S = 5.0

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""A name's addresses."""

_HEADERS = {
    "User-Agent": f"fusion-router/{__version__} (web_fetch)",
    "Accept": "text/html, application/xhtml+xml, text/plain, text/markdown, application/json;q=0.9, */*;q=0.1",
    "Accept-Encoding": "gzip, identity",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WEB_PORTS = frozenset({80, 443})


async def system_lookup(host: str) -> Sequence[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Reads pages.

    Attributes:
        rules: which addresses beyond the public ones may be connected to.
        max_bytes: of a page, unpacked; what is beyond is cut off.
        timeout_s: for a whole fetch, redirects and reading included.
    """

    rules: AddressRules = field(default_factory=AddressRules)
    max_bytes: int = 2 * 1024 * 1024
    timeout_s: float = 15.0
    lookup: Lookup = system_lookup
    reader: PageReader = field(default_factory=PageReader)

    async def fetch(self, address: str) -> Page:
        """Read one page.

        Raises:
            WebFailure: it may not or cannot be read; the message says why, for the model.
        """
        try:
            async with asyncio.timeout(self.timeout_s):
                url, body = await self._follow(address)
                return await self.reader.read(str(url), body)
        except TimeoutError:
            raise WebFailure(f"the page took longer than {self.timeout_s:g} s") from None
        except (ClientError, OSError, ValueError) as error:
            raise WebFailure(f"the page cannot be read ({type(error).__name__})") from None

    async def _follow(self, address: str) -> tuple[URL, Body]:
        url = checked_url(address, self.rules)
        for _ in range(MAX_REDIRECTS + 1):
            host = url.raw_host or ""
            addresses = await self._addresses(host)
            async with _session(addresses) as session, _get(session, url) as reply:
                if reply.status not in _REDIRECTS:
                    if reply.status != 200:
                        raise WebFailure(f"the server answered with status {reply.status}")
                    return url, await read_body(reply, self.max_bytes)
                target = reply.headers.get("Location", "")
            url = checked_url(_joined(url, target), self.rules)
        raise WebFailure(f"more than {MAX_REDIRECTS} redirects")

    async def _addresses(self, host: str) -> frozenset[str]:
        """Every address of a host; one that must not be connected to spoils them all."""
        if literal(host) is not None:
            found: Sequence[str] = [host]
        else:
            try:
                found = await self.lookup(host)
            except OSError:
                raise WebFailure("the host's name cannot be resolved") from None
        if not found or not all(self.rules.allow(host, address) for address in found):
            raise WebFailure("the host is not a public one")
        return frozenset(found)


def checked_url(address: str, rules: AddressRules) -> URL:
    """An address as a URL that may be asked for, without its fragment.

    Raises:
        WebFailure: another scheme, credentials, a number in disguise, a port that is not for the web.
    """
    if len(address) > MAX_URL_CHARS:
        raise WebFailure("the URL is too long")
    try:
        url = URL(address.strip()).with_fragment(None)
        host, port = url.raw_host, url.port
    except ValueError:
        raise WebFailure("the URL cannot be read") from None
    if url.scheme not in ("http", "https") or not host:
        raise WebFailure("only http and https URLs can be fetched")
    if url.user is not None or url.password is not None:
        raise WebFailure("URLs with a user or a password are not fetched")
    if ends_in_number(host) and literal(host) is None:
        raise WebFailure("the host is a number in an unusual notation")
    if port not in _WEB_PORTS and (port is None or port < 1024) and not rules.allows_host(host):
        raise WebFailure("the port is not one that web servers use")
    return url


def _joined(url: URL, target: str) -> str:
    try:
        return str(url.join(URL(target))) if target else ""
    except ValueError:
        raise WebFailure("the redirect leads nowhere") from None


def _session(addresses: frozenset[str]) -> ClientSession:
    """A session for one request: no pool, no cookies kept, no proxy, and no way to another address."""
    connector = TCPConnector(
        resolver=_Pinned(addresses), use_dns_cache=False, force_close=True, socket_factory=_sockets_to(addresses)
    )
    return ClientSession(
        connector=connector,
        auto_decompress=False,
        trust_env=False,
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_S),
    )


def _get(session: ClientSession, url: URL) -> AbstractAsyncContextManager[ClientResponse]:
    return session.get(url, headers=_HEADERS, allow_redirects=False)


class _Pinned(AbstractResolver):
    """Answers with the addresses that were checked, whatever the name server would say by now."""

    def __init__(self, addresses: frozenset[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in sorted(self._addresses, key=lambda address: ":" in address)
        ]

    async def close(self) -> None:
        """Nothing is open."""


def _sockets_to(addresses: frozenset[str]) -> Callable[[Any], socket.socket]:
    """Makes sockets for the checked addresses and no other, however a connection came to be wanted."""
    allowed = {literal(address) for address in addresses}

    def make(info: Any) -> socket.socket:
        family, kind, protocol, _, target = info
        if literal(str(target[0])) not in allowed:
            raise OSError("not an address that was checked")
        return socket.socket(family, kind, protocol)

    return make
