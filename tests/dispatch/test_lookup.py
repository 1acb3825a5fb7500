"""Look-ups of hosts, against a name server that answers, fails and hangs as told."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvloop

from router.dispatch import lookup
from router.dispatch.address import address_of
from router.dispatch.breakage import NoConnection, NoConnectionInTime
from router.dispatch.http_transport import HttpTransport
from router.dispatch.lookup import AddressBook
from router.dispatch.transport import Patience
from tests.dispatch.test_http_transport import server, target

WORKS, FAILS, GONE, HANGS = "works", "fails", "gone", "hangs"


class NameServer:
    """Answers by host; ``asked`` has every look-up of a name."""

    def __init__(self, real: object) -> None:
        self.real = real
        self.does: dict[str, str] = {}
        self.asked: list[str] = []
        self.over = threading.Event()

    def getaddrinfo(self, host: str, port: object, *args: object, **kwargs: object) -> object:
        if not host.endswith(".test"):
            return self.real(host, port, *args, **kwargs)  # type: ignore[operator]
        assert threading.current_thread() is not threading.main_thread(), "the loop would wait for it"
        self.asked.append(host)
        does = self.does.get(host, WORKS)
        if does == HANGS:
            self.over.wait(20)
        if does == GONE:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if does != WORKS:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self.real("127.0.0.1", port, *args, **kwargs)  # type: ignore[operator]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    made = NameServer(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.over.set()


@pytest.fixture(
    scope="module", params=[asyncio.DefaultEventLoopPolicy(), uvloop.EventLoopPolicy()], ids=["asyncio", "uvloop"]
)
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Their ways to look a host up differ."""
    return request.param


async def host_of(book: AddressBook, host: str = "a.test") -> str:
    return (await book.addresses(host, 80))[0][4][0]


def expire(monkeypatch: pytest.MonkeyPatch, recheck_s: float = 0.0) -> None:
    monkeypatch.setattr(lookup, "FRESH_S", 0.0)
    monkeypatch.setattr(lookup, "RECHECK_S", recheck_s)


async def test_many_who_need_a_host_at_once_ask_for_it_once(names):
    book = AddressBook()
    found = await asyncio.gather(*(book.addresses("a.test", port) for port in (80, 443, 80, 443)))
    assert [infos[0][4] for infos in found] == [("127.0.0.1", port) for port in (80, 443, 80, 443)]
    assert await host_of(book) == "127.0.0.1"
    assert names.asked == ["a.test"]


async def test_a_caller_who_gives_up_waiting_leaves_the_others_their_look_up(names):
    names.does["a.test"] = HANGS
    book = AddressBook()
    first, second = (asyncio.create_task(host_of(book)) for _ in range(2))
    await asyncio.sleep(0.02)
    first.cancel()
    await asyncio.sleep(0.02)
    assert first.cancelled()
    names.does["a.test"] = WORKS
    assert not second.done()
    names.over.set()
    with pytest.raises(OSError):  # noqa: PT011 -- what hung has failed in the end
        await second
    assert await host_of(book) == "127.0.0.1"
    assert names.asked == ["a.test"] * 2


async def test_hosts_whose_name_servers_hang_hold_up_nobody_else(names):
    transport = HttpTransport()
    async with server() as (there, _):
        names.does = {f"{number}.test": HANGS for number in range(40)}  # more than any pool has threads
        ends_s = asyncio.get_running_loop().time() + 10
        calls = [asyncio.create_task(send(transport, f"http://{host}:9/v1", ends_s)) for host in [*names.does] * 3]
        await asyncio.sleep(0.05)
        assert await send(transport, f"http://well.test:{there.origin.port}/v1", ends_s) == 200
        assert not any(call.done() for call in calls)
        assert sorted(names.asked) == sorted([*names.does, "well.test"])
        names.over.set()
        assert {type(each) for each in await asyncio.gather(*calls, return_exceptions=True)} == {NoConnection}
    await transport.aclose()


async def test_a_look_up_that_takes_too_long_is_no_connection_in_time(names):
    names.does["a.test"] = HANGS
    with pytest.raises(NoConnectionInTime):
        await send(HttpTransport(), "http://a.test/v1", asyncio.get_running_loop().time() + 0.05)


async def send(transport: HttpTransport, base: str, ends_s: float) -> int:
    async with transport.post(address_of(target(base), "chat/completions"), {}, b"{}", Patience(ends_s, 5.0)) as reply:
        return reply.status


async def test_the_last_good_addresses_serve_on_while_a_fresh_look_up_hangs_and_only_the_first_wait_for_it(
    names, monkeypatch
):
    expire(monkeypatch)
    monkeypatch.setattr(lookup, "PATIENCE_S", 0.1)
    book = AddressBook()
    await host_of(book)
    names.does["a.test"] = HANGS
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    assert await host_of(book) == "127.0.0.1"
    assert loop.time() - began_s >= 0.09
    await asyncio.sleep(0.02)  # uvloop's clock has milliseconds, and its timers may be one early
    monkeypatch.setattr(asyncio, "wait", None)  # nobody waits any more
    assert [await host_of(book) for _ in range(20)] == ["127.0.0.1"] * 20
    assert names.asked == ["a.test"] * 2


async def test_the_last_good_addresses_serve_on_where_a_look_up_fails_and_it_is_not_repeated_at_once(
    names, monkeypatch
):
    expire(monkeypatch, recheck_s=60.0)
    book = AddressBook()
    await host_of(book)
    names.does["a.test"] = FAILS
    assert [await host_of(book) for _ in range(3)] == ["127.0.0.1"] * 3
    assert names.asked == ["a.test"] * 2
    book.doubt("a.test")
    assert await host_of(book) == "127.0.0.1"
    assert names.asked == ["a.test"] * 3, "nobody answered there: it may have moved"


async def test_a_host_that_there_is_no_more_is_not_taken_to_be_where_it_was(names, monkeypatch):
    expire(monkeypatch)
    book = AddressBook()
    await host_of(book)
    names.does["a.test"] = GONE
    with pytest.raises(OSError):  # noqa: PT011
        await host_of(book)
    names.does["a.test"] = WORKS
    assert await host_of(book) == "127.0.0.1"


async def test_addresses_of_days_ago_are_not_used(names, monkeypatch):
    expire(monkeypatch)
    monkeypatch.setattr(lookup, "STALE_S", -1.0)
    book = AddressBook()
    await host_of(book)
    names.does["a.test"] = FAILS
    with pytest.raises(OSError):  # noqa: PT011
        await host_of(book)


async def test_an_address_is_its_own_and_takes_no_thread(names, monkeypatch):
    monkeypatch.setattr(threading, "Thread", None)
    for host in ("127.0.0.1", "::1"):
        assert await host_of(AddressBook(), host) == host


async def test_a_name_that_is_none_has_no_address():
    for none in ("a\0b", "x" * 64 + ".test"):
        with pytest.raises(OSError):  # noqa: PT011
            await host_of(AddressBook(), none)


async def test_a_thread_that_cannot_be_started_is_no_connection(names, monkeypatch):
    def refuse(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(NoConnection):
        await send(HttpTransport(), "http://a.test/v1", asyncio.get_running_loop().time() + 5)
