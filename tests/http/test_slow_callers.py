"""A caller who does not take its reply, or does not send what it announced, has its time, and takes nobody's place."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.live import LiveGateway, gateway
from tests.record.ledgers import wait_until

KEY = {"authorization": "Bearer sk-app", "content-type": "application/json"}
AUTH = f"auth: {{keys: [{{name: app, sha256: {sha256(b'sk-app').hexdigest()}}}]}}\n"
POOL = """
pool:
  small: {{model: openai/x-small, api_base: "http://127.0.0.1:{port}/v1", api_key: k}}
routing: {{small: [small], strong: [small], baseline: small}}
server: {{access_log: false, log_level: error}}
"""
NO_LEDGER = "ledger: {enabled: false}\n"


@contextmanager
def deaf(live: LiveGateway, sent: bytes) -> Iterator[socket.socket]:
    """A caller who sends, as far as it is read, and reads nothing."""
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.settimeout(10)
        stream.connect(("127.0.0.1", live.port))

        def send() -> None:
            with suppress(OSError):
                stream.sendall(sent)

        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        yield stream
    sending.join(5)


def request(body: dict[str, Any], *headers: bytes) -> bytes:
    raw = json.dumps({"model": "small", "messages": [{"role": "user", "content": "hi"}], **body}).encode()
    head = [b"POST /v1/chat/completions HTTP/1.1", b"host: x", b"content-type: application/json", *headers]
    return b"\r\n".join([*head, b"content-length: %d" % len(raw), b"", raw])


def status(live: LiveGateway, model: str = "nobody") -> int:
    """Of a request of somebody else, which calls no provider."""
    connection = HTTPConnection("127.0.0.1", live.port, timeout=5)
    connection.request("POST", "/v1/chat/completions", json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}), KEY)  # fmt: skip
    reply = connection.getresponse().status
    connection.close()
    return reply


@asynccontextmanager
async def endless(config: str) -> AsyncIterator[LiveGateway]:
    """A gateway in front of a model whose stream does not end."""
    event = b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n' % (
        b"z" * 60_000
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        try:
            while True:
                writer.write(event)
                await writer.drain()
        except OSError:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        with gateway(POOL.format(port=server.sockets[0].getsockname()[1]) + config) as live:
            yield live


async def test_who_does_not_read_its_stream_is_hung_up_on_and_no_provider_is_blamed() -> None:
    async with endless(NO_LEDGER + "limits: {total_s: 0.5, max_in_flight: 1}\n") as live:
        with deaf(live, request({"stream": True})):
            records = await asyncio.to_thread(live.wait_for_records, 1)
            assert [(record.outcome, [call.outcome for call in record.attempts]) for record in records] == [
                ("aborted", ["aborted"])
            ]
            assert await asyncio.to_thread(status, live) == 404
        assert live.front.services.dispatcher.health.is_available("small")


def test_who_has_no_key_takes_no_place_whatever_it_does_not_read() -> None:
    config = POOL.format(port=1) + NO_LEDGER + AUTH + "limits: {total_s: 1.5, max_in_flight: 1}\n"
    with gateway(config) as live, deaf(live, request({}) * 20_000) as stream:
        refused = -1
        while refused != len(live.records) or not refused:  # until no more is taken
            refused = len(live.records)
            time.sleep(0.2)
        assert (live.front.in_flight, status(live)) == (0, 404)
        assert {record.outcome for record in live.records} == {"invalid_api_key", "model_not_found"}
        wait_until(lambda: not live.server.server_state.connections)
        stream.close()


def test_a_body_that_is_announced_and_never_comes_keeps_no_connection_open_behind_its_refusal() -> None:
    with gateway(POOL.format(port=1) + NO_LEDGER + AUTH) as live:
        live.server.config.timeout_keep_alive = 1
        with socket.create_connection(("127.0.0.1", live.port), timeout=5) as stream:
            stream.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
            assert stream.recv(65536).startswith(b"HTTP/1.1 401 ")
            stream.sendall(b"x")
            assert stream.recv(65536) == b""


def test_a_verdict_has_as_long_to_arrive_as_any_body_and_takes_a_place(tmp_path: Path) -> None:
    config = f'ledger: {{url: "sqlite:///{tmp_path}/ledger.db"}}\nlimits: {{request_read_s: 1, max_in_flight: 1}}\n'
    with gateway(POOL.format(port=1) + config) as live:
        with socket.create_connection(("127.0.0.1", live.port), timeout=5) as stream:
            stream.sendall(
                b"POST /v1/feedback HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
            )
            wait_until(lambda: live.front.in_flight == 1)
            assert status(live) == 503
            refused = stream.recv(65536)
            assert b" 408 " in refused
            assert b"connection: close" in refused, "what comes of the body now is no new request"
        assert (live.front.in_flight, status(live)) == (0, 404)
