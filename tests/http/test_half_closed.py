"""A caller who sends no more is answered where it waits for it, and is gone where it hung up, as soon as before."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest
from httpx import ReadTimeout
from openai import APITimeoutError, OpenAI

from tests.live import LiveGateway, gateway

POOL = """
pool:
  slow:  {model: "scripted/small?latency_ms=400&tokens_per_second=0&jitter=0"}
  hung:  {model: "scripted/small?fail=hang"}
  stuck: {model: "scripted/small?latency_ms=0&tokens_per_second=0&jitter=0&stall_after=2"}
  pause: {model: "scripted/strong?latency_ms=0&tokens_per_second=10&jitter=0&words=6"}
routing: {small: [slow], strong: [pause], baseline: pause}
limits: {idle_s: 30}
ledger: {enabled: false}
server: {access_log: false}
"""


@pytest.fixture(scope="module")
def live() -> Iterator[LiveGateway]:
    with gateway(POOL) as running:
        yield running


def connect(port: int) -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.connect()
    return connection


def ask(connection: HTTPConnection, model: str, *, stream: bool, version: int = 11) -> None:
    connection._http_vsn, connection._http_vsn_str = version, f"HTTP/{version / 10}"  # type: ignore[attr-defined]
    body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})


def outcome(live: LiveGateway, before: int, within_s: float) -> str:
    record = live.wait_for_records(before + 1, within_s)[before]
    assert live.front.in_flight == 0
    return record.outcome


def hang_up(connection: HTTPConnection, reply: HTTPResponse | None = None) -> None:
    if reply is not None:
        reply.close()
    connection.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ["slow", "pause"])
def test_a_caller_who_shuts_its_sending_side_gets_its_answer(live: LiveGateway, model: str, stream: bool) -> None:
    before = len(live.records)
    connection = connect(live.port)
    ask(connection, model, stream=stream)
    connection.sock.shutdown(socket.SHUT_WR)
    reply = connection.getresponse()
    body = reply.read()
    assert reply.status == 200
    assert body.endswith(b"data: [DONE]\n\n") if stream else json.loads(body)["choices"]
    assert reply.getheader("connection") == "close"
    assert connection.sock is None or connection.sock.recv(1) == b""
    assert outcome(live, before, 2) == "ok"
    hang_up(connection)


def test_between_two_events_it_is_sent_a_comment_and_nothing_else(live: LiveGateway) -> None:
    before = len(live.records)
    connection = connect(live.port)
    ask(connection, "pause", stream=True)
    reply = connection.getresponse()
    first = reply.readline()
    connection_socket(reply).shutdown(socket.SHUT_WR)
    events = [event for event in (first + reply.read()).split(b"\n\n") if event]
    assert b":" in events
    assert all(event == b":" or event.startswith(b"data: ") for event in events)
    assert events[-1] == b"data: [DONE]"
    assert outcome(live, before, 2) == "ok"


@pytest.mark.parametrize(("model", "stream"), [("hung", False), ("hung", True), ("stuck", True)])
@pytest.mark.parametrize("relays", [0, 1, 2])
def test_a_caller_who_hangs_up_is_gone_at_once_and_behind_relays_soon(
    live: LiveGateway, model: str, stream: bool, relays: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.http.half_closed.PROBES_S", (0.0, 0.1, 0.2, 0.3, 0.4))
    before = len(live.records)
    with relayed(live.port, relays) as port:
        connection = connect(port)
        ask(connection, model, stream=stream)
        reply = None
        if model == "stuck":
            reply = connection.getresponse()
            reply.readline()
        else:
            time.sleep(0.1)
        hang_up(connection, reply)
        assert outcome(live, before, 0.3 if not relays else 2) == "aborted"


@pytest.mark.parametrize(("model", "stream"), [("hung", False), ("hung", True), ("stuck", True)])
def test_openais_client_hangs_up_and_is_gone_at_once(live: LiveGateway, model: str, stream: bool) -> None:
    before = len(live.records)
    client = OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0, timeout=0.2)
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    with pytest.raises((APITimeoutError, ReadTimeout)):
        list(client.chat.completions.create(model=model, messages=messages, stream=stream))
    assert outcome(live, before, 0.3) == "aborted"


def test_a_caller_of_http_1_0_can_be_told_nothing_before_its_reply_and_has_hung_up(live: LiveGateway) -> None:
    before = len(live.records)
    connection = connect(live.port)
    ask(connection, "slow", stream=False, version=10)
    connection.sock.shutdown(socket.SHUT_WR)
    assert connection.sock.recv(1) == b""
    assert outcome(live, before, 2) == "aborted"
    ask(connection := connect(live.port), "pause", stream=True, version=10)
    reply = connection.getresponse()
    reply.readline()
    connection_socket(reply).shutdown(socket.SHUT_WR)
    assert reply.read().endswith(b"data: [DONE]\n\n")


def test_a_request_that_is_not_whole_gets_no_answer(live: LiveGateway) -> None:
    before = len(live.records)
    with socket.create_connection(("127.0.0.1", live.port), timeout=5) as stream:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        stream.sendall(head + b"content-length: 100\r\n\r\n{")
        stream.shutdown(socket.SHUT_WR)
        assert stream.recv(1) == b""
    assert outcome(live, before, 2) == "aborted"


def connection_socket(reply: HTTPResponse) -> socket.socket:
    """A reply that ends with its connection has taken it over."""
    found: Any = reply.fp.raw  # type: ignore[attr-defined]
    return found._sock  # type: ignore[no-any-return]


@contextmanager
def relayed(port: int, relays: int) -> Iterator[int]:
    """The port of a chain of relays, each of which passes on that one side sends no more, as ssh's forwarding does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if not relays:
            yield port
            return
        with relayed(port, relays - 1) as behind:
            threading.Thread(target=relay, args=(listener, behind), daemon=True).start()
            yield listener.getsockname()[1]


def relay(listener: socket.socket, port: int) -> None:
    with listener.accept()[0] as caller, socket.create_connection(("127.0.0.1", port)) as server:
        threading.Thread(target=carry, args=(caller, server), daemon=True).start()
        carry(server, caller)


def carry(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # the other side is gone: so are we
        source.close()
        target.close()
