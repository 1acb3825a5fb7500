"""The caller's side of the wire: heads and bodies go out together, in order, and never wait for each other."""

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest

from router.http.server import _HeadHolder
from tests.live import POOL, LiveGateway, gateway

BODY = b'{"model":"auto","messages":[{"role":"user","content":"%s"}]}'


@pytest.fixture(scope="module")
def live() -> Iterator[LiveGateway]:
    with gateway(POOL) as running:
        yield running


def request(text: bytes, *headers: bytes) -> bytes:
    body = BODY % text
    lines = [b"POST /v1/chat/completions HTTP/1.1", b"host: x", b"content-type: application/json", *headers]
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


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.writes.append(data)

    def is_closing(self) -> bool:
        return b"closed" in self.writes

    def close(self) -> None:
        self.writes.append(b"closed")


async def test_a_head_goes_out_with_the_body_or_at_the_end_of_the_turn() -> None:
    together, alone, cut_off = Wire(), Wire(), Wire()
    loop = asyncio.get_running_loop()
    holder = _HeadHolder(together, loop)
    holder.write(b"head ")
    holder.write(b"body")
    holder.write(b"more")
    _HeadHolder(alone, loop).write(b"head ")
    holder = _HeadHolder(cut_off, loop)
    holder.write(b"head ")
    holder.close()
    assert (together.writes, alone.writes, cut_off.writes) == ([b"head body", b"more"], [], [b"head ", b"closed"])
    await asyncio.sleep(0)
    assert (together.writes, alone.writes, cut_off.writes) == (
        [b"head body", b"more"],
        [b"head "],
        [b"head ", b"closed"],
    )
    assert holder.is_closing()
