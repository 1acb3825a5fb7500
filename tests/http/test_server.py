"""The caller's side of the wire: heads and bodies go out together, in order, and never wait for each other."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from router.http.connection_limits import ConnectionLimits
from router.http.outbox import Outbox
from router.http.server import ON_HANG_UP, WHOLE_BODY, GuardedProtocol
from tests.live import POOL, LiveGateway, gateway

BODY = b'{"model":"auto","messages":[{"role":"user","content":"%s"}]}'


@pytest.fixture(scope="module")
def live() -> Iterator[LiveGateway]:
    with gateway(POOL) as running:
        yield running


def request(text: bytes, *headers: bytes, version: bytes = b"1.1", more: bytes = b"") -> bytes:
    body = b"{" + more + (BODY % text)[1:]
    lines = [b"POST /v1/chat/completions HTTP/" + version, b"host: x", b"content-type: application/json", *headers]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", body])


def read_reply(stream: socket.socket, buffer: bytes) -> tuple[bytes, bytes, bytes]:
    """The head and the body of the next reply, and what came behind it."""
    while b"\r\n\r\n" not in buffer:
        buffer += stream.recv(65536)
    head, _, rest = buffer.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(rest) < length:
        rest += stream.recv(65536)
    return head, rest[:length], rest[length:]


def read_to_end(stream: socket.socket) -> bytes:
    return b"".join(iter(lambda: stream.recv(65536), b""))


def connect(live: LiveGateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", live.port), timeout=5)


def test_requests_sent_before_their_replies_are_answered_in_order(live: LiveGateway) -> None:
    before = len(live.records)
    with connect(live) as stream:
        stream.sendall(b"".join(request(b"hi %d" % number) for number in range(5)))
        rest, ids = b"", []
        for _ in range(5):
            head, body, rest = read_reply(stream, rest)
            assert head.startswith(b"HTTP/1.1 200")
            ids.append(json.loads(body)["router"]["request_id"])
    assert ids == [record.request_id for record in live.wait_for_records(before + 5)[before:]]


def test_a_caller_who_waits_for_leave_to_send_the_body_gets_it(live: LiveGateway) -> None:
    head, _, body = request(b"hi", b"expect: 100-continue").partition(b"\r\n\r\n")
    with connect(live) as stream:
        stream.sendall(head + b"\r\n\r\n")
        told, _, rest = read_reply(stream, b"")
        assert told.startswith(b"HTTP/1.1 100")
        stream.sendall(body)
        assert read_reply(stream, rest)[0].startswith(b"HTTP/1.1 200")


def test_a_body_in_pieces_is_read_whole(live: LiveGateway) -> None:
    raw = request(b"hi")
    with connect(live) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(raw), 7):
            stream.sendall(raw[at : at + 7])
        assert read_reply(stream, b"")[0].startswith(b"HTTP/1.1 200")


async def test_a_large_body_that_came_whole_is_given_once_and_its_caller_is_listened_to_again() -> None:
    bodies: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        bodies.append(scope["extensions"][WHOLE_BODY]())
        bodies.append(wire.is_paused)
        bodies.append((await receive())["type"])

    protocol, wire = connected(app)
    protocol.data_received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000)
    assert wire.is_paused
    await asyncio.sleep(0)
    assert bodies == [b"x" * 100_000, False]
    protocol.connection_lost(ConnectionResetError())
    await asyncio.wait(protocol.tasks)
    assert bodies[2:] == ["http.disconnect"]


async def test_a_body_that_has_not_come_whole_is_left_to_be_received() -> None:
    bodies: list[bytes | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        bodies.append(scope["extensions"][WHOLE_BODY]())
        bodies.append((await receive())["body"])

    protocol, _ = connected(app)
    protocol.data_received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello")
    await asyncio.wait(protocol.tasks)
    assert bodies == [None, b"hello"]


class Wire(asyncio.Transport):
    """A caller's connection that keeps what is written to it, packet by packet."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = self.is_aborted = self.is_paused = False
        self.untaken = 0

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def get_write_buffer_size(self) -> int:
        return self.untaken


def served(*messages: dict[str, Any], keep_alive_s: float = 5) -> tuple[GuardedProtocol, Wire]:
    """A connection to an application that says just this to every request."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return connected(app, keep_alive_s)


def connected(app: Any, keep_alive_s: float = 5, state: ServerState | None = None) -> tuple[GuardedProtocol, Wire]:
    """A connection to an application."""
    config = Config(app, log_config=None, access_log=False, timeout_keep_alive=keep_alive_s)  # type: ignore[arg-type]
    config.load()
    config.loaded_app = app
    protocol, wire = GuardedProtocol(config, state or ServerState(), {}, asyncio.get_running_loop()), Wire()
    protocol.connection_made(wire)
    return protocol, wire


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def asked(protocol: GuardedProtocol, method: bytes = b"GET", version: bytes = b"1.1") -> None:
    protocol.data_received(method + b" / HTTP/" + version + b"\r\nhost: x\r\n\r\n")
    await asyncio.wait(protocol.tasks)
    await asyncio.sleep(0)


OFFER = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAAQAAP__")


@pytest.mark.parametrize("n_bytes_first", [0, 40, 260, 300])
def test_an_offer_of_another_protocol_is_left_and_the_body_behind_it_is_read(
    live: LiveGateway, n_bytes_first: int
) -> None:
    both = request(b"hi", *OFFER) + request(b"hi again")
    with connect(live) as stream:
        stream.sendall(both[:n_bytes_first])
        if n_bytes_first:
            time.sleep(0.05)
        stream.sendall(both[n_bytes_first:])
        rest = b""
        for _ in range(2):
            head, body, rest = read_reply(stream, rest)
            assert head.startswith(b"HTTP/1.1 200")
            assert json.loads(body)["choices"]


def test_offers_that_come_together_are_all_left_and_what_is_not_http_behind_one_ends_the_connection(
    live: LiveGateway,
) -> None:
    with connect(live) as stream:
        stream.sendall(request(b"hi", *OFFER) * 3)
        rest = b""
        for _ in range(3):
            head, _, rest = read_reply(stream, rest)
            assert head.startswith(b"HTTP/1.1 200")
    with connect(live) as stream:
        stream.sendall(b"\r\n".join([b"GET /healthz HTTP/1.1", b"host: x", *OFFER, b"", b"not HTTP at all\r\n\r\n"]))
        head, body, rest = read_reply(stream, b"")
        assert (head[:15], body, rest) == (b"HTTP/1.1 200 OK", b'{"status":"ok"}', b"")
        assert b"connection: close" in head
        assert read_to_end(stream) == b""


def test_an_offer_with_a_body_in_pieces_or_with_none_is_left_too(live: LiveGateway) -> None:
    body = BODY % b"hi"
    head = request(b"hi", *OFFER).partition(b"content-length")[0]
    with connect(live) as stream:
        stream.sendall(head + b"transfer-encoding: chunked\r\n\r\n")
        stream.sendall(b"%x\r\n%b\r\n" % (len(body), body))
        stream.sendall(b"0\r\n\r\n")
        reply, _, rest = read_reply(stream, b"")
        assert reply.startswith(b"HTTP/1.1 200")
        stream.sendall(b"\r\n".join([b"GET /healthz HTTP/1.1", b"host: x", *OFFER, b"", b""]))
        reply, _, rest = read_reply(stream, rest)
        assert reply.startswith(b"HTTP/1.1 200")
        stream.sendall(request(b"hi"))
        assert read_reply(stream, rest)[0].startswith(b"HTTP/1.1 200")


async def test_a_reply_goes_out_in_one_packet_head_and_body() -> None:
    protocol, wire = served(start(200, (b"content-length", b"4")), part(b"body"))
    await asked(protocol)
    assert wire.writes == [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody"]
    assert not wire.is_closed


async def test_an_empty_part_sends_the_head_alone_and_the_rest_follows_in_chunks() -> None:
    protocol, wire = served(start(), part(b"", more=True), part(b"one", more=True), part(b"two"))
    await asked(protocol)
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    assert wire.writes == [head, b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"]


@pytest.mark.parametrize(
    ("method", "version", "reply", "sent"),
    [
        (b"HEAD", b"1.1", [start(200, (b"content-length", b"4")), part(b"body")], b"content-length: 4\r\n\r\n"),
        (b"GET", b"1.1", [start(204), part(b"")], b"204 No Content\r\n\r\n"),
        (b"GET", b"1.0", [start(200, (b"content-length", b"1")), part(b"x")], b"connection: close\r\n\r\nx"),
        (b"GET", b"1.1", [start(200, (b"connection", b"close"), (b"content-length", b"0")), part(b"")], b": 0\r\n\r\n"),
    ],
)
async def test_a_reply_is_framed_as_its_request_and_its_status_ask_for(
    method: bytes, version: bytes, reply: list[dict[str, Any]], sent: bytes
) -> None:
    protocol, wire = served(*reply)
    await asked(protocol, method, version)
    (written,) = wire.writes
    assert written.endswith(sent)
    assert wire.is_closed == (b"connection: close" in written)


async def test_a_client_of_http_1_0_gets_no_chunks_and_a_body_that_ends_with_the_connection() -> None:
    protocol, wire = served(start(), part(b"", more=True), part(b"one", more=True), part(b"two"))
    await asked(protocol, b"GET", b"1.0")
    assert b"".join(wire.writes) == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nonetwo"
    assert wire.is_closed


@pytest.mark.parametrize("more", [[], [b"connection: keep-alive", b"expect: 100-continue"]], ids=["plain", "asking"])
def test_a_stream_to_a_client_of_http_1_0_is_bare_events(live: LiveGateway, more: list[bytes]) -> None:
    sent = request(b"hi", *more, version=b"1.0", more=b'"stream":true,')
    with connect(live) as stream:
        stream.sendall(sent)
        head, _, events = read_to_end(stream).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert events.startswith(b"data: {")
    assert events.endswith(b"}\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb"])
async def test_a_header_cannot_smuggle_in_another(value: bytes) -> None:
    protocol, wire = served(start(200, (b"x-model", value), (b"content-length", b"0")), part(b""))
    await asked(protocol)
    assert [written.partition(b"\r\n")[0] for written in wire.writes] == [b"HTTP/1.1 500 Internal Server Error"]


@pytest.mark.parametrize("body", [b"too long", b"no"])
async def test_a_body_of_another_length_than_was_said_costs_the_connection(body: bytes) -> None:
    protocol, wire = served(start(200, (b"content-length", b"4")), part(body))
    await asked(protocol)
    assert wire.is_closed
    assert body not in b"".join(wire.writes)


async def test_a_connection_is_closed_when_it_was_idle_for_long_enough_and_no_sooner() -> None:
    protocol, wire = served(start(200, (b"content-length", b"0")), part(b""), keep_alive_s=0.1)
    for _ in range(4):
        await asked(protocol)
        await asyncio.sleep(0.04)
    assert not wire.is_closed
    await asyncio.sleep(0.15)
    assert wire.is_closed


async def test_an_idle_connection_ends_with_the_server_at_once_and_a_busy_one_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("router.http.server.BUSY_S", 0.1)
    protocol, wire = served(start(200, (b"content-length", b"0")), part(b""))
    await asked(protocol)
    await asyncio.sleep(0.12)
    protocol.shutdown()
    assert wire.is_closed
    protocol, wire = served(start(200, (b"content-length", b"0")), part(b""))
    await asked(protocol)
    protocol.shutdown()
    protocol.shutdown()
    assert not wire.is_closed
    await asyncio.sleep(0.15)
    assert wire.is_closed


async def test_of_too_many_callers_the_one_that_is_idle_for_longest_goes() -> None:
    answers = asyncio.Event()
    app = slow(answers)
    app.connection_limits = ConnectionLimits(max_callers=3)
    state = ServerState()
    callers = [connected(app, state=state) for _ in range(3)]
    callers[0][0].data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    newest = connected(app, state=state)
    assert [wire.is_closed for _, wire in (*callers, newest)] == [False, True, False, False]
    callers[1][0].connection_lost(None)
    connected(app, state=state)
    assert [wire.is_closed for _, wire in (*callers, newest)] == [False, True, True, False]
    answers.set()
    await asyncio.wait(callers[0][0].tasks)
    assert not callers[0][1].is_closed


@pytest.mark.parametrize("asks_before", [0, 1])
async def test_who_asks_while_the_server_ends_is_answered_and_told_that_the_connection_ends(asks_before: int) -> None:
    protocol, wire = served(start(200, (b"content-length", b"0")), part(b""))
    for _ in range(asks_before):
        await asked(protocol)
    protocol.shutdown()
    assert not wire.is_closed
    await asked(protocol)
    assert wire.writes[-1].endswith(b"\r\nconnection: close\r\n\r\n")
    assert wire.is_closed


async def test_a_request_whose_reply_has_not_begun_when_the_server_ends_is_told_that_the_connection_does() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        protocol.shutdown()
        await send(start(200, (b"content-length", b"0")))
        await send(part(b""))

    protocol, wire = connected(app)
    await asked(protocol)
    assert b"connection: close" in wire.writes[0]
    assert wire.is_closed


async def test_a_stream_that_has_begun_when_the_server_ends_is_followed_by_one_more_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its head could not say that the connection ends, and its caller may ask on it as soon as it has all."""
    monkeypatch.setattr("router.http.server.BUSY_S", 0.1)
    for asks_again in (True, False):
        ends = asyncio.Event()
        protocol, wire = connected(slow(ends))
        protocol.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(0.01)
        protocol.shutdown()
        await asyncio.sleep(0.15)
        ends.set()
        await asyncio.wait(protocol.tasks)
        assert wire.writes[-1].endswith(b"0\r\n\r\n")
        assert not wire.is_closed
        if asks_again:
            await asked(protocol)
            assert b"\r\nconnection: close\r\n" in b"".join(wire.writes)
        else:
            await asyncio.sleep(0.15)
            assert b"connection: close" not in b"".join(wire.writes)
        assert wire.is_closed


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/v1/models", "/v1/models", b""),
        (b"/v1/models/a%2Fb%20c?after=1&x=%41?", "/v1/models/a/b c", b"after=1&x=%41?"),
        (b"http://gateway:8000/v1/models?x=1", "/v1/models", b"x=1"),
        (b"/?", "/", b""),
        (b"*", "*", b""),
    ],
)
async def test_a_requests_target_is_read_as_uvicorn_reads_it(target: bytes, path: str, query: bytes) -> None:
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await send(start(204))
        await send(part(b""))

    for kind in (GuardedProtocol, HttpToolsProtocol):
        config = Config(app, log_config=None, access_log=False)
        config.load()
        config.loaded_app = app
        protocol = kind(config, ServerState(), {"shared": 1}, asyncio.get_running_loop())
        protocol.connection_made(Wire())
        protocol.data_received(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nX-Two: a\r\nX-Two: b\r\n\r\n")
        await asyncio.wait(protocol.tasks)
    ours, theirs = scopes
    assert (ours["path"], ours["query_string"]) == (path, query)
    ours.pop("extensions")
    assert ours == theirs


@pytest.mark.parametrize("target", [b"/\xff", b"http://"])
async def test_a_target_that_cannot_be_read_is_a_bad_request(target: bytes) -> None:
    protocol, wire = served(start(204), part(b""))
    protocol.data_received(b"GET " + target + b" HTTP/1.1\r\nhost: x\r\n\r\n")
    assert wire.writes[0].startswith(b"HTTP/1.1 400 ")
    assert wire.is_closed


async def test_replies_of_one_turn_leave_at_its_end_and_in_their_order() -> None:
    wires, others = [Wire(), Wire()], {"one", "two"}
    first, second = (Outbox(wire, asyncio.get_running_loop(), others) for wire in wires)
    first.write(b"a")
    second.write(b"b")
    first.write(b"c")
    first.close()
    assert (wires[0].writes, wires[1].writes) == ([], [])
    assert first.is_closing()
    assert not wires[0].is_closed
    await asyncio.sleep(0)
    assert (wires[0].writes, wires[1].writes) == ([b"ac"], [b"b"])
    assert (wires[0].is_closed, wires[1].is_closed) == (True, False)
    others.clear()
    second.write(b"d")
    assert wires[1].writes == [b"b", b"d"], "who is alone does not wait"
    second.close()
    assert wires[1].is_closed


async def test_what_waits_for_a_connection_that_breaks_meanwhile_is_dropped() -> None:
    wire = Wire()
    outbox = Outbox(wire, asyncio.get_running_loop(), {"one", "two"})
    outbox.write(b"a")
    wire.close()
    await asyncio.sleep(0)
    assert wire.writes == []


async def test_lines_ends_behind_a_body_do_not_cut_its_reply_and_do_not_keep_the_connection_open() -> None:
    answers = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answers.wait()
        await send(start(200, (b"content-length", b"2")))
        await send(part(b"hi"))

    app.connection_limits = ConnectionLimits(head_s=0.05)  # type: ignore[attr-defined]
    protocol, wire = connected(app, keep_alive_s=0.1)
    protocol.data_received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n{")
    protocol.data_received(b"\r\n")
    await asyncio.sleep(0.1)
    answers.set()
    await asyncio.wait(protocol.tasks)
    assert [written[:15] for written in wire.writes] == [b"HTTP/1.1 200 OK"]
    for _ in range(6):
        await asyncio.sleep(0.03)
        protocol.data_received(b"\r\n")
    assert wire.is_closed
    assert len(wire.writes) == 1


def slow(answers: asyncio.Event) -> Any:
    """An application that says "one", and "two" when it may."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(part(b"one", more=True))
        await answers.wait()
        await send(part(b"two"))

    app.connection_limits = ConnectionLimits(head_s=0.05, max_head_bytes=100)  # type: ignore[attr-defined]
    return app


ONE = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"
TWO = b"3\r\ntwo\r\n0\r\n\r\n"


@pytest.mark.parametrize("behind", [b"GET / HTTP/1.1\r\nx: " + b"y" * 200, b"what is this\r\n\r\n"])
async def test_a_head_that_is_refused_does_not_cut_the_reply_before_it(
    behind: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answers = asyncio.Event()
    protocol, wire = connected(slow(answers))
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await asyncio.sleep(0)
    for data in (behind, b"\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"):
        protocol.data_received(data)
    assert not wire.is_closed
    answers.set()
    await asyncio.wait(protocol.tasks)
    assert (b"".join(wire.writes), wire.is_closed) == (ONE + TWO, True)
    assert len(caplog.records) <= 1


@pytest.mark.parametrize("ends", [True, False])
async def test_a_head_that_begins_behind_a_request_has_its_time_from_the_reply_on(*, ends: bool) -> None:
    answers = asyncio.Event()
    protocol, wire = connected(slow(answers))
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await asyncio.sleep(0)
    protocol.data_received(b"GET / HTTP")
    await asyncio.sleep(0.1)
    answers.set()
    await asyncio.wait(protocol.tasks)
    assert (b"".join(wire.writes), wire.is_closed) == (ONE + TWO, False)
    if ends:
        protocol.data_received(b"/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait(protocol.tasks)
        assert b"".join(wire.writes) == (ONE + TWO) * 2
    await asyncio.sleep(0.1)
    assert wire.is_closed is not ends
    assert wire.writes[-1].startswith(b"HTTP/1.1 408 ") is not ends


async def test_a_connection_is_not_idle_while_the_next_head_comes_or_is_answered() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.2 if scope["path"] == "/slow" else 0)
        await send(start(200, (b"content-length", b"0")))
        await send(part(b""))

    protocol, wire = connected(app, keep_alive_s=0.1)
    await asked(protocol)
    protocol.data_received(b"GET /slow HTTP/1.1\r\n")
    await asyncio.sleep(0.15)
    protocol.data_received(b"host: x\r\n\r\n")
    await asyncio.wait(protocol.tasks)
    assert not wire.is_closed
    assert len(wire.writes) == 2


async def test_a_hang_up_ends_the_request_that_is_served_and_those_behind_it_are_not_begun(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["path"])
        scope["extensions"][ON_HANG_UP].add(lambda serving: serving.cancel())
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)

    protocol, wire = connected(app)
    protocol.data_received(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(3)))
    await asyncio.sleep(0)
    wire.is_closed = True
    protocol.connection_lost(ConnectionResetError())
    await asyncio.wait(protocol.tasks)
    assert (begun, wire.writes, caplog.records) == (["/0"], [], [])


async def test_who_does_not_take_a_reply_in_its_time_is_hung_up_on_and_told_at_once() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"][ON_HANG_UP].add(lambda serving: serving.cancel())
        await send(start())
        await send(part(b"one", more=True))
        try:
            async with asyncio.timeout(0.1):
                await send(part(b"two"))
        except TimeoutError:
            blamed.append(scope)

    blamed: list[Any] = []
    app.connection_limits = ConnectionLimits(reply_s=0.1)  # type: ignore[attr-defined]
    protocol, wire = connected(app)
    for _ in range(2):
        protocol.resume_writing()
        protocol.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        protocol.pause_writing()
        if not wire.is_aborted:
            await asyncio.wait(protocol.tasks)
    assert (wire.is_aborted, blamed) == (True, [])


async def test_what_a_caller_takes_again_in_time_costs_it_nothing() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(200, (b"content-length", b"2")))
        await send(part(b"hi"))

    app.connection_limits = ConnectionLimits(reply_s=0.1)  # type: ignore[attr-defined]
    protocol, wire = connected(app)
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    protocol.pause_writing()
    await asyncio.sleep(0.03)
    assert wire.writes == []
    protocol.resume_writing()
    await asyncio.wait(protocol.tasks)
    await asyncio.sleep(0.15)
    assert len(wire.writes) == 1
    assert not wire.is_aborted


async def take_some(wire: Wire, *, times: int) -> None:
    """Take a little of what waits, again and again."""
    for _ in range(times):
        wire.untaken -= 10
        await asyncio.sleep(0.01)


def closed_outbox(untaken: int, linger_s: float) -> tuple[Wire, Outbox]:
    """An outbox that was closed while so much of what it sent was not taken yet."""
    wire = Wire()
    outbox = Outbox(wire, asyncio.get_running_loop(), (), linger_s=linger_s)
    outbox.write(b"a")
    wire.untaken = untaken
    outbox.close()
    return wire, outbox


async def test_who_goes_on_taking_a_reply_that_is_complete_is_not_hung_up_on_before_it_stops() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(200, (b"content-length", b"2")))
        await send(part(b"hi"))

    app.connection_limits = ConnectionLimits(reply_s=0.1)  # type: ignore[attr-defined]
    protocol, wire = connected(app)
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await asyncio.wait(protocol.tasks)
    wire.untaken = 1_000
    protocol.pause_writing()
    await take_some(wire, times=25)
    assert not wire.is_aborted
    await asyncio.sleep(0.25)
    assert wire.is_aborted


async def test_who_goes_on_taking_what_was_sent_before_a_close_gets_all_of_it() -> None:
    wire, _ = closed_outbox(untaken=1_000, linger_s=0.05)
    await take_some(wire, times=15)
    assert not wire.is_aborted
    await asyncio.sleep(0.15)
    assert wire.is_aborted


async def test_a_connection_that_is_closed_ends_though_nobody_takes_the_rest() -> None:
    wire, outbox = closed_outbox(untaken=1, linger_s=0.02)
    outbox.close()
    assert not wire.is_aborted
    await asyncio.sleep(0.05)
    assert wire.is_aborted
