"""The pool of connections, over real sockets: kept, shared, stale, refused, encrypted."""

import asyncio
import os
import resource
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from router.core.types import Deployment
from router.dispatch import http_transport
from router.dispatch.address import Address, address_of
from router.dispatch.breakage import (
    Breakage,
    Cut,
    HungUp,
    NoConnection,
    NoConnectionInTime,
    NoMoreFiles,
    NotTrusted,
    meaning,
)
from router.dispatch.http_transport import HttpTransport
from router.dispatch.lookup import AddressBook
from router.dispatch.provider import Target
from router.dispatch.transport import Patience
from router.errors import UpstreamAuthFailed, UpstreamUnreachable

CERTIFICATE = Path(__file__).with_name("localhost.pem")
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[int, int, asyncio.StreamWriter], Awaitable[bool]]
"""Answers a request, given which connection it came on and which request it is there; False hangs up."""


async def answer(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
    writer.write(REPLY)
    return True


@asynccontextmanager
async def server(serve: Serve = answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Address, list[int]]]:
    """A server that keeps connections; gives its address, and how many requests each connection has brought."""
    seen: list[int] = []

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(seen)
        seen.append(0)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                seen[number] += 1
                if not await serve(number, seen[number] - 1, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the caller or the test is over
        writer.close()

    listening = await asyncio.start_server(on_connection, "127.0.0.1", 0, ssl=tls)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        base = f"https://localhost:{port}/v1" if tls else f"http://127.0.0.1:{port}/v1"
        yield address_of(target(base), "chat/completions"), seen


@pytest.fixture(
    scope="module", params=[asyncio.DefaultEventLoopPolicy(), uvloop.EventLoopPolicy()], ids=["asyncio", "uvloop"]
)
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Their transports differ in what they do at a connection's end."""
    return request.param


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport()
    yield made
    await made.aclose()


def target(base: str, **more: object) -> Target:
    return Target(Deployment("small", "openai/x"), "openai", "x", base, **more)  # type: ignore[arg-type]


def patience(within_s: float = 5.0, connect_s: float = 2.0) -> Patience:
    return Patience(asyncio.get_running_loop().time() + within_s, connect_s)


async def post(transport: HttpTransport, address: Address, body: bytes = b"{}", **limits: float) -> bytes:
    async with transport.post(address, {}, body, patience(**limits)) as reply:
        parts = []
        while data := await reply.readany():
            parts.append(data)
        return b"".join(parts)


async def test_a_connection_that_was_used_just_now_outlives_the_sweeping_out_of_idle_ones(transport):
    async with server() as (address, seen):
        await post(transport, address)
        transport._sweep()
        assert transport.counts() == (0, 1)
        await post(transport, address)
        assert seen == [2]


async def test_calls_one_after_another_share_a_connection_and_calls_at_once_do_not(transport):
    async with server() as (address, seen):
        for _ in range(4):
            assert await post(transport, address) == b"ok"
        assert seen == [4]
        await asyncio.gather(*(post(transport, address) for _ in range(3)))
        assert len(seen) == 3
        assert transport.counts() == (0, 3)


async def test_every_one_of_many_calls_gets_its_own_reply(transport):
    async def echo(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.001 * (connection % 7))
        told = b"%d/%d" % (connection, request)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))
        return True

    async with server(echo) as (address, seen):
        got = [
            reply for _ in range(10) for reply in await asyncio.gather(*(post(transport, address) for _ in range(20)))
        ]
        assert len(set(got)) == len(got) == 200 == sum(seen)


async def test_an_unused_connection_is_closed_after_a_while():
    transport = HttpTransport(keepalive_s=0.1)
    async with server() as (address, seen):
        await post(transport, address)
        await asyncio.sleep(0.25)
        assert transport.counts() == (0, 0)
        await post(transport, address)
        assert seen == [1, 1]
    await transport.aclose()


async def test_a_connection_that_the_provider_has_closed_is_not_used_again(transport):
    async def once(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
        writer.write(REPLY)
        return False

    async with server(once) as (address, seen):
        for _ in range(3):
            assert await post(transport, address) == b"ok"
            await asyncio.sleep(0.02)
        assert seen == [1, 1, 1]


async def close_on_the_second(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
    if request:
        return False
    writer.write(REPLY)
    return True


async def test_a_request_into_a_connection_that_is_just_closing_is_sent_again_on_a_new_one(transport):
    async with server(close_on_the_second) as (address, seen):
        await asyncio.gather(*(post(transport, address) for _ in range(2)))
        assert await post(transport, address) == b"ok"
        assert sorted(seen) == [1, 1, 2], "once, and not on another kept one that may be closing too"


async def test_a_second_reply_that_nobody_has_read_yet_is_not_taken_for_the_next_requests(transport):
    writers = []

    async def keep(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
        writers.append(writer)
        return await answer(connection, request, writer)

    async with server(keep) as (address, seen):
        assert await post(transport, address) == b"ok"
        await asyncio.sleep(0.02)
        socket = writers[0].transport.get_extra_info("socket")
        os.write(socket.fileno(), REPLY.replace(b"ok", b"no"))  # at once: the loop has no turn to read it
        assert await post(transport, address) == b"ok"
        assert seen == [1, 1]


async def test_a_request_that_the_provider_worked_on_before_it_hung_up_is_not_sent_again(transport, monkeypatch):
    monkeypatch.setattr(http_transport, "STALE_S", 0.05)

    async def work_then_crash(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
        if request:
            await asyncio.sleep(0.15)
        return await close_on_the_second(connection, request, writer)

    async with server(work_then_crash) as (address, seen):
        await post(transport, address)
        with pytest.raises(HungUp):
            await post(transport, address)
        assert seen == [2]


async def test_a_new_connection_that_is_closed_without_a_reply_is_not_tried_again(transport):
    async def refuse(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
        return False

    async with server(refuse) as (address, seen):
        with pytest.raises(HungUp):
            await post(transport, address)
        assert seen == [1]
        assert transport.counts() == (0, 0)


async def test_a_refusal_that_comes_before_the_body_is_sent_is_read_and_its_connection_not_kept(transport):
    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await asyncio.sleep(0.2)
        writer.close()

    listening = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    async with listening:
        base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
        address = address_of(target(base), "chat/completions")
        async with transport.post(address, {}, b"x" * 20_000_000, patience()) as reply:
            assert (reply.status, await reply.readany()) == (413, b"big")
        assert transport.counts() == (0, 0)


async def test_a_large_request_and_a_large_reply_arrive_whole(transport):
    big = bytes(range(256)) * 40_000

    async def send_back(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(big) + big)
        await writer.drain()
        return True

    async with server(send_back) as (address, seen):
        assert await post(transport, address, big) == big
        assert await post(transport, address, big) == big
        assert seen == [2]


async def test_closing_the_transport_breaks_off_what_is_under_way(transport):
    async def hang(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(5)
        return False

    async with server(hang) as (address, _):
        calling = asyncio.create_task(post(transport, address))
        while transport.counts() != (1, 0):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.02)
        await transport.aclose()
        with pytest.raises(Cut):
            await calling
        assert transport.counts() == (0, 0)


async def test_a_host_without_address_and_a_port_without_listener_are_no_connection(transport):
    for base in ("http://no-such-host.invalid/v1", "http://127.0.0.1:9/v1"):
        with pytest.raises(NoConnection):
            await post(transport, address_of(target(base), "chat/completions"))


async def test_a_process_that_may_open_no_more_files_says_so_and_blames_no_provider(transport):
    async with server() as (address, seen):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            with pytest.raises(NoMoreFiles):
                await post(transport, address)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert not meaning(NoMoreFiles(), "a").cools_down
        await post(transport, address)
        assert seen == [1]


async def test_a_name_is_tried_at_each_of_its_addresses(transport, monkeypatch):
    async with server() as (address, seen):
        there = ("127.0.0.1", address.origin.port)

        async def addresses(book: object, host: str, port: int) -> list[object]:
            return [(2, 1, 6, "", ("127.0.0.1", 9)), (2, 1, 6, "", there)]

        monkeypatch.setattr(AddressBook, "addresses", addresses)
        assert await post(transport, address) == b"ok"
        assert seen == [1]


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


async def test_a_trusted_certificate_carries_calls_and_one_that_nobody_vouches_for_does_not(transport, monkeypatch):
    async with server(tls=server_tls()) as (address, seen):
        with pytest.raises(NotTrusted):
            await post(transport, address)
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        trusting = HttpTransport()
        for _ in range(3):
            assert await post(trusting, address) == b"ok"
        assert seen == [3]
        elsewhere = address_of(target(f"https://127.0.0.1:{address.origin.port}/v1"), "chat/completions")
        with pytest.raises(NotTrusted):
            await post(trusting, elsewhere)
        await trusting.aclose()


async def test_plain_http_behind_an_https_base_is_not_trusted(transport):
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with listening:
        base = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
        with pytest.raises(NotTrusted):
            await post(transport, address_of(target(base), "chat/completions"))


async def test_a_handshake_that_never_ends_is_no_connection_in_time(transport):
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with listening:
        base = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
        with pytest.raises(NoConnectionInTime):
            await post(transport, address_of(target(base), "chat/completions"), connect_s=0.1)
        assert transport.counts() == (0, 0)


@pytest.mark.parametrize("when", [0.0, 0.001, 0.005, 0.02])
async def test_a_call_that_is_cancelled_at_any_time_leaves_no_connection_in_use(transport, when):
    async def slow(connection: int, request: int, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.05)
        return await answer(connection, request, writer)

    async with server(slow) as (address, _):
        calling = asyncio.create_task(post(transport, address))
        await asyncio.sleep(when)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert transport.counts()[0] == 0
        assert await post(transport, address) == b"ok"


@pytest.mark.parametrize(
    ("base", "origin", "host", "path"),
    [
        ("https://api.openai.com/v1", ("api.openai.com", 443, True), "api.openai.com", "/v1/embeddings"),
        ("http://127.0.0.1:8001/v1/", ("127.0.0.1", 8001, False), "127.0.0.1:8001", "/v1/embeddings"),
        ("HTTP://Host:80", ("host", 80, False), "host", "/embeddings"),
        ("http://[::1]:8000/v1", ("::1", 8000, False), "[::1]:8000", "/v1/embeddings"),
        ("https://bücher.example/ä b/v1", ("xn--bcher-kva.example", 443, True), "xn--bcher-kva.example", "/%C3%A4%20b/v1/embeddings"),
        ("https://x.example/a%2Fb?api-version=1", ("x.example", 443, True), "x.example", "/a%2Fb/embeddings?api-version=1"),
    ],
)  # fmt: skip
def test_a_base_says_whom_to_connect_to_and_what_to_ask_for(base, origin, host, path):
    address = address_of(target(base), "embeddings")
    assert address.origin == (*origin, None)
    assert address.head.startswith(f"POST {path} HTTP/1.1\r\nhost: {host}\r\n".encode())


def test_a_user_in_the_base_is_sent_as_basic_unless_there_is_a_key():
    base = "http://me:p%40ss@127.0.0.1/v1"
    assert address_of(target(base), "embeddings").headers["authorization"] == "Basic bWU6cEBzcw=="
    assert address_of(target(base, api_key="sk-1"), "embeddings").headers["authorization"] == "Bearer sk-1"


@pytest.mark.parametrize(
    "headers", [{"x-a": "b\r\nx-c: d"}, {"x a": "b"}, {"x-a\r\nx-b": "c"}, {"x-a": "b\0"}, {"": "b"}]
)
def test_a_header_that_would_become_two_is_refused(headers):
    with pytest.raises(UpstreamAuthFailed, match=r"pool\.small"):
        address_of(target("http://127.0.0.1/v1", headers=headers), "embeddings")


@pytest.mark.parametrize(
    "base", ["", "nonsense", "//host/v1", "ftp://host", "http://", "http://a..b/", "http://h:99999/"]
)
def test_a_base_that_is_no_url_is_unreachable(base):
    with pytest.raises(UpstreamUnreachable, match=r"pool\.small\.api_base"):
        address_of(target(base), "embeddings")


async def test_a_break_says_nothing_of_the_address(transport):
    base = "http://user:secret@127.0.0.1:9/v1"
    with pytest.raises(Breakage) as caught:
        await post(transport, address_of(target(base), "chat/completions"))
    assert "secret" not in f"{caught.value!r}{caught.value.__cause__!r}"
