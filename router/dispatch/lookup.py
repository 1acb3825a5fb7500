"""Where hosts are: their addresses, looked up so that one whose name server hangs holds up nobody else.

Laws:

* Of a host there is one look-up at a time; whoever needs its addresses meanwhile waits for that one.
* Every look-up has a thread of its own: the event loop's are few, and hosts that hang would take them all.
* Addresses that were good serve on while a fresh look-up fails or hangs. That a name does not exist any more is an
  answer, not a failure: what it meant may be somebody else's by now.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from ipaddress import ip_address
from typing import cast

FRESH_S = 60.0
"""How long addresses are taken to be good."""

PATIENCE_S = 0.5
"""How long a fresh look-up is waited for where older addresses are at hand. Judgement: name servers answer in less, and
who lost a query is asked again after 5 s only (glibc)."""

RECHECK_S = 5.0
"""How long older addresses serve after a failed look-up before another. Judgement."""

STALE_S = 86_400.0
"""Older addresses are not used. Source: RFC 8767 section 5 recommends one to three days."""

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]

_GONE = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class AddressBook:
    """The addresses of hosts, kept for a while."""

    def __init__(self) -> None:
        """Begin empty."""
        self._entries: dict[str, _Entry] = {}

    async def addresses(self, host: str, port: int) -> list[AddressInfo]:
        """Where a host's port is.

        Raises:
            OSError: the host has no address, as far as can be known.
        """
        entry = self._entries.get(host) or self._entries.setdefault(host, _Entry())
        loop = asyncio.get_running_loop()
        if entry.fresh_until_s <= loop.time():
            await self._renew(entry, host, loop)
        if not entry.found:
            raise OSError(entry.error, "no address")
        return [(*info[:4], (info[4][0], port, *info[4][2:])) for info in entry.found]

    def doubt(self, host: str) -> None:
        """Nobody answered there: it may have moved, and is looked up afresh."""
        if host in self._entries:
            self._entries[host].fresh_until_s = 0.0

    async def _renew(self, entry: "_Entry", host: str, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        if entry.found and entry.found_s + STALE_S < now_s:
            entry.found = []
        if entry.under_way is None:
            if _is_address(host):
                entry.take(_ask(host), now_s)
                return
            entry.under_way, entry.begun_s = _begin(entry, host, loop), now_s
        left_s = entry.begun_s + PATIENCE_S - now_s if entry.found else None
        if left_s is None or left_s > 0:
            await asyncio.wait([entry.under_way], timeout=left_s)


class _Entry:
    """What is known of a host, and the look-up that is under way."""

    __slots__ = ("begun_s", "error", "found", "found_s", "fresh_until_s", "under_way")

    def __init__(self) -> None:
        self.found: list[AddressInfo] = []
        self.found_s = self.fresh_until_s = self.begun_s = 0.0
        self.error: int | None = None
        self.under_way: asyncio.Future[None] | None = None

    def take(self, found: list[AddressInfo], now_s: float) -> None:
        """The look-up has brought addresses."""
        self.found, self.found_s, self.fresh_until_s = found, now_s, now_s + FRESH_S

    def fail(self, error: OSError, now_s: float) -> None:
        """The look-up has failed; what is known stays, unless it said that there is no such host."""
        self.error = error.errno
        if isinstance(error, socket.gaierror) and error.errno in _GONE:
            self.found = []
        self.fresh_until_s = now_s + RECHECK_S if self.found else 0.0


def _begin(entry: _Entry, host: str, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """Look a host up in a thread of its own, which the end of the process does not wait for."""
    under_way: asyncio.Future[None] = loop.create_future()

    def end(found: list[AddressInfo] | OSError) -> None:
        if isinstance(found, OSError):
            entry.fail(found, loop.time())
        else:
            entry.take(found, loop.time())
        entry.under_way = None
        under_way.set_result(None)

    def look_up() -> None:
        found: list[AddressInfo] | OSError
        try:
            found = _ask(host)
        except OSError as error:
            found = error
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(end, found)

    try:
        threading.Thread(target=look_up, name="look-up", daemon=True).start()
    except RuntimeError:
        raise OSError("no thread can be started") from None
    return under_way


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _ask(host: str) -> list[AddressInfo]:
    try:
        return cast("list[AddressInfo]", socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM))
    except ValueError:  # a letter or a length that no name has
        raise socket.gaierror(socket.EAI_NONAME, "no name") from None
