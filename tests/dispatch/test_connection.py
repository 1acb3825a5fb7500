"""One connection: replies are what HTTP says they are, however their bytes are cut, and never another call's."""

import asyncio
import gzip
import itertools
import zlib
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router.dispatch import connection as connections
from router.dispatch.breakage import Breakage, Cut, Garbled, HungUp, OutOfTime, Silent
from router.dispatch.connection import HIGH_WATER, MAX_UNPACKED_BYTES, Connection, WireReply

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b'{"a": 1}'
PLAIN = OK + b"Content-Length: 8\r\nX-A: 1\r\nx-a: 2\r\n\r\n" + BODY
PACKED = gzip.compress(BODY)

REPLIES: dict[str, tuple[bytes, int, bytes]] = {
    "a length": (PLAIN, 200, BODY),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n5\r\n\": 1}\r\n0\r\n\r\n", 200, BODY),
    "chunks with extensions and trailers": (
        OK + b"Transfer-Encoding: chunked\r\nTrailer: x-a\r\n\r\n8;q=1\r\n" + BODY + b"\r\n0\r\nx-status: late\r\n\r\n",
        200,
        BODY,
    ),
    "an interim reply first": (b"HTTP/1.1 100 Continue\r\nx-old: 1\r\n\r\n" + PLAIN, 200, BODY),
    "early hints twice": (b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" * 2 + PLAIN, 200, BODY),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "not modified, with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n", 304, b""),
    "an empty body": (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500, b""),
    "gzip": (OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED, 200, BODY),
    "deflate in chunks": (
        OK + b"content-encoding: Deflate\r\ntransfer-encoding: Chunked\r\n\r\n"
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(zlib.compress(BODY)), zlib.compress(BODY)),
        200,
        BODY,
    ),
    "an empty body said to be gzip": (OK + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 200, b""),
}  # fmt: skip
TO_THE_END = {
    "no length": (OK + b"Content-Type: text/plain\r\n\r\n" + BODY, 200, BODY),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + BODY, 200, BODY),
}
BROKEN: dict[str, tuple[bytes, type[Breakage]]] = {
    "nothing": (b"", HungUp),
    "half a head": (PLAIN[:20], HungUp),
    "half a body": (PLAIN[:-1], Cut),
    "half the chunks": (REPLIES["chunks"][0][:-3], Cut),
    "half of what was packed": (
        OK + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\n" + PACKED[:9],
        Cut,
    ),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", Garbled),
    "no number for a status": (b"HTTP/1.1 abc OK\r\n\r\n", Garbled),
    "no number for a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", Garbled),
    "a length and chunks": (OK + b"Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Garbled),
    "two lengths": (OK + b"Content-Length: 8\r\nContent-Length: 9\r\n\r\n" + BODY, Garbled),
    "an endless head": (OK + b"X: " + b"x" * 100_000, Garbled),
    "endless interim replies": (b"HTTP/1.1 102 Wait\r\n\r\n" * 10_000, Garbled),
    "not gzip": (OK + b"Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\n" + BODY, Garbled),
    "packed as nobody asked": (OK + b"Content-Encoding: br\r\nContent-Length: 8\r\n\r\n" + BODY, Garbled),
    "more behind what was packed": (
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % (len(PACKED) + 3) + PACKED + b"abc",
        Garbled,
    ),
}


class Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closing = self.reading_paused = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False


def connected() -> tuple[Connection, Wire]:
    connection, wire = Connection(), Wire()
    connection.connection_made(wire)
    return connection, wire


def asked(connection: Connection, silence_s: float | None = None, within_s: float = 5.0) -> WireReply:
    return connection.send(b"a request", asyncio.get_running_loop().time() + within_s, silence_s)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


async def read(reply: WireReply) -> tuple[int, bytes]:
    await reply.head()
    body = b""
    while data := await reply.readany():
        body += data
    return reply.status, body


def replay(pieces: list[bytes], *, hang_up: bool) -> tuple[tuple[int, bytes], dict[str, str], bool]:
    """What a reader sees who reads while the pieces come, and whether the connection can be used again."""

    async def run() -> tuple[tuple[int, bytes], dict[str, str], bool]:
        connection, wire = connected()
        reply = asked(connection)
        reading = asyncio.create_task(read(reply))
        for piece in pieces:
            await asyncio.sleep(0)
            connection.data_received(piece)
        if hang_up:
            wire.close()  # as transports have it that have lost their connection
            connection.connection_lost(None)
        try:
            return await reading, reply.headers, connection.leave()
        finally:
            connection.leave()

    return asyncio.run(run())


CUTS = st.lists(st.integers(0, 500), max_size=30)


@pytest.mark.parametrize("name", REPLIES)
@settings(max_examples=25, deadline=None)
@given(places=CUTS)
def test_a_reply_is_the_same_however_it_is_cut_and_the_connection_can_be_used_again(name, places):
    data, status, body = REPLIES[name]
    read_back, headers, is_kept = replay(cut(data, places), hang_up=False)
    assert read_back == (status, body)
    assert is_kept
    assert not {"x-status", "x-old", "link"} & set(headers), "of interim replies and trailers nothing is kept"


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_the_same_byte_by_byte(name):
    data, status, body = REPLIES[name]
    assert replay([data[at : at + 1] for at in range(len(data))], hang_up=False)[0] == (status, body)


@pytest.mark.parametrize("name", TO_THE_END)
@settings(max_examples=25, deadline=None)
@given(places=CUTS)
def test_a_body_without_a_length_ends_with_the_connection(name, places):
    data, status, body = TO_THE_END[name]
    read_back, _, is_kept = replay(cut(data, places), hang_up=True)
    assert read_back == (status, body)
    assert not is_kept


@pytest.mark.parametrize("name", BROKEN)
@settings(max_examples=15, deadline=None)
@given(places=CUTS)
def test_a_broken_reply_is_said_to_be_broken_in_the_same_way_however_it_is_cut(name, places):
    data, error = BROKEN[name]
    with pytest.raises(error):
        replay(cut(data, places), hang_up=True)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), CUTS)
@example(b"0\r\n\r\n", [])
def test_whatever_comes_is_a_reply_or_a_breakage(data, places):
    for pieces in (
        cut(data, places),
        cut(OK + data, places),
        cut(OK + b"Transfer-Encoding: chunked\r\n\r\n" + data, places),
    ):
        with suppress(Breakage):
            (status, body), headers, is_kept = replay(pieces, hang_up=True)
            assert status == 101 or status >= 200, "what announces a reply is none"
            assert len(body) <= MAX_UNPACKED_BYTES
            assert all(name == name.lower() for name in headers)
            assert not is_kept, "the provider hung up"


def test_headers_of_one_name_are_joined_and_names_are_in_lower_case():
    assert replay([PLAIN], hang_up=False)[1] == {"content-length": "8", "x-a": "1, 2"}


@pytest.mark.parametrize(
    "data",
    [PLAIN + PLAIN, PLAIN + b"HTTP/1.1 200 OK\r\nContent-Le", PLAIN + b"garbage", PLAIN.replace(b"X-A: 1", b"Connection: close"),
     b"HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\n" + BODY],
)  # fmt: skip
def test_a_reply_with_something_behind_it_is_read_and_its_connection_not_used_again(data):
    read_back, headers, is_kept = replay([data], hang_up=False)
    assert read_back == (200, BODY)
    assert headers["content-length"] == "8"
    assert not is_kept


def test_a_provider_that_wants_to_speak_another_protocol_loses_the_connection():
    switching = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    read_back, _, is_kept = replay([switching + b"PRI * HTTP/2.0"], hang_up=False)
    assert read_back == (101, b"")
    assert not is_kept


async def test_bytes_that_nobody_asked_for_cost_the_connection():
    connection, wire = connected()
    reply = asked(connection)
    connection.data_received(PLAIN)
    assert await read(reply) == (200, BODY)
    assert connection.leave()
    connection.data_received(PLAIN)
    assert wire.closing
    assert not connection.is_open


async def test_one_connection_carries_one_reply_after_another():
    connection, wire = connected()
    for number in range(3):
        reply = asked(connection)
        await asyncio.sleep(0)  # requests are sent at the end of the turn
        connection.data_received(OK + b"Content-Length: 1\r\n\r\n%d" % number)
        assert await read(reply) == (200, b"%d" % number)
        assert connection.leave()
    assert wire.sent == b"a request" * 3


async def test_leaving_before_the_end_closes_the_connection():
    connection, wire = connected()
    reply = asked(connection)
    connection.data_received(PLAIN[:-1])
    await reply.head()
    assert not connection.leave()
    assert wire.closing


async def test_what_came_before_a_break_is_read_first():
    connection, _ = connected()
    reply = asked(connection)
    connection.data_received(PLAIN[:-1])
    connection.connection_lost(ConnectionResetError())
    await reply.head()
    assert await reply.readany() == BODY[:-1]
    with pytest.raises(Cut):
        await reply.readany()


async def test_a_body_without_a_length_that_is_reset_is_cut():
    connection, _ = connected()
    reply = asked(connection)
    connection.data_received(TO_THE_END["no length"][0])
    connection.connection_lost(ConnectionResetError())
    with pytest.raises(Cut):
        await read(reply)


async def test_a_sender_waits_for_a_slow_reader():
    connection, wire = connected()
    reply = asked(connection)
    connection.data_received(OK + b"Content-Length: 1000000\r\n\r\n")
    sent = 0
    while not wire.reading_paused:
        connection.data_received(b"x" * 50_000)
        sent += 50_000
    assert HIGH_WATER < sent <= HIGH_WATER + 50_000
    assert len(await reply.readany()) == sent
    assert not wire.reading_paused
    connection.leave()


async def test_a_silence_ends_the_call_but_not_while_our_reader_is_the_slow_one():
    connection, wire = connected()
    reply = asked(connection, silence_s=0.05)
    connection.data_received(OK + b"Content-Length: 1000000\r\n\r\n" + b"x" * (HIGH_WATER + 1))
    assert wire.reading_paused
    await asyncio.sleep(0.15)
    assert len(await reply.readany()) == HIGH_WATER + 1
    connection.data_received(b"x")
    assert await reply.readany() == b"x"
    with pytest.raises(Silent):
        await reply.readany()


async def test_bytes_end_a_silence_and_the_limit_can_be_changed():
    connection, _ = connected()
    reply = asked(connection, silence_s=0.1)
    connection.data_received(OK + b"Content-Length: 100\r\n\r\n")
    for _ in range(5):
        await asyncio.sleep(0.04)
        connection.data_received(b"x")
        assert await reply.readany() == b"x"
    reply.set_silence(0.5)
    await asyncio.sleep(0.2)
    connection.data_received(b"x")
    assert await reply.readany() == b"x"
    connection.leave()


async def test_a_head_ends_no_silence_however_slowly_it_comes():
    connection, _ = connected()
    reply = asked(connection, silence_s=0.1)
    for part in (OK, b"X-A: a\r\n", b"Content-Length: 100\r\n\r\n"):
        await asyncio.sleep(0.03)
        connection.data_received(part)
    await reply.head()
    await asyncio.sleep(0.03)
    with pytest.raises(Silent):
        await reply.readany()


async def test_the_end_of_the_time_ends_a_call_that_never_pauses():
    connection, _ = connected()
    reply = asked(connection, silence_s=1.0, within_s=0.1)
    connection.data_received(OK + b"Transfer-Encoding: chunked\r\n\r\n")

    async def keep_talking() -> None:
        while True:
            connection.data_received(b"1\r\nx\r\n")
            await reply.readany()
            await asyncio.sleep(0.01)

    with pytest.raises(OutOfTime):
        await keep_talking()


async def test_what_unpacks_to_more_than_anybody_answers_is_garbled(monkeypatch):
    monkeypatch.setattr(connections, "MAX_UNPACKED_BYTES", 100_000)
    bomb = gzip.compress(b"0" * 10_000_000)
    connection, _ = connected()
    reply = asked(connection)
    connection.data_received(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)
    with pytest.raises(Garbled):
        await read(reply)


async def test_a_call_that_is_cancelled_leaves_no_timer_behind():
    connection, wire = connected()
    reply = asked(connection, silence_s=0.05)
    waiting = asyncio.create_task(reply.head())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not connection.leave()
    assert wire.closing
    await asyncio.sleep(0.1)
    assert reply.error is None


async def test_each_call_of_a_kept_connection_has_its_own_deadline():
    connection, _ = connected()

    async def answered(within_s: float, after_s: float) -> tuple[int, bytes]:
        reply = asked(connection, within_s=within_s)
        asyncio.get_running_loop().call_later(after_s, connection.data_received, OK + b"Content-Length: 2\r\n\r\nhi")
        return await read(reply)

    assert await answered(within_s=0.05, after_s=0.0) == (200, b"hi")
    assert connection.leave()
    assert await answered(within_s=5, after_s=0.1) == (200, b"hi"), "the deadline of the call before does not count"
    assert connection.leave()
    with pytest.raises(OutOfTime):
        await answered(within_s=0.05, after_s=1)
