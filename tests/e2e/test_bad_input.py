"""What callers get wrong: each gets its error with the field named, no crash, and a record."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NoReturn

import aiohttp
import httpx
import pytest

from router.http import astray
from tests.live import POOL, LiveGateway, gateway
from tests.record.ledgers import wait_until

LIMITS = "limits: {request_read_s: 0.5, header_read_s: 0.5, max_header_bytes: 16384, max_body_bytes: 8388608}\n"


@pytest.fixture(scope="module")
def strict() -> Iterator[LiveGateway]:
    with gateway(POOL + LIMITS) as running:
        yield running


def body(**more: Any) -> bytes:
    return json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hi"}], **more}).encode()


def deep(levels: int, **more: Any) -> bytes:
    return body(**more).replace(b'"DEEP"', b"[" * levels + b"]" * levels)


NESTED = b'{"model": "auto", "messages": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
CASES: list[tuple[str, bytes, int, str | None]] = [
    ("broken JSON", b'{"model": "auto", ', 400, "body"),
    ("no body", b"", 400, "body"),
    ("not an object", b"[1, 2]", 400, "body"),
    ("no model", b'{"messages": [{"role": "user", "content": "hi"}]}', 400, "model"),
    ("model of the wrong type", body(model=7), 400, "model"),
    ("no messages", b'{"model": "auto"}', 400, "messages"),
    ("empty messages", body(messages=[]), 400, "messages"),
    ("message not an object", body(messages=["hi"]), 400, "messages[0]"),
    ("wrong role", body(messages=[{"role": "robot", "content": "hi"}]), 400, "messages[0].role"),
    ("unhashable role", body(messages=[{"role": ["user"], "content": "hi"}]), 400, "messages[0].role"),
    ("content of the wrong type", body(messages=[{"role": "user", "content": 7}]), 400, "messages[0].content"),
    ("part without a type", body(messages=[{"role": "user", "content": [{}]}]), 400, "messages[0].content[0]"),
    ("text of the wrong type", body(messages=[{"role": "user", "content": [{"type": "text", "text": 1}]}]), 400,
     "messages[0].content[0].text"),
    ("stream not a boolean", body(stream="yes"), 400, "stream"),
    ("tools not a list", body(tools={}), 400, "tools"),
    ("tool not an object", body(tools=["x"]), 400, "tools"),
    ("temperature too high", body(temperature=99), 400, "temperature"),
    ("temperature a boolean", body(temperature=True), 400, "temperature"),
    ("max_tokens negative", body(max_tokens=-1), 400, "max_tokens"),
    ("NaN", b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}], "temperature": NaN}', 400, "temperature"),
    ("infinite", b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}], "top_p": 1e999, "n": 1e300}', 400,
     "top_p"),
    ("broken behind a large number", b'{"model": "auto", "top_p": 1e300, "n"}', 400, "body"),
    ("invalid UTF-8", b'{"model": "auto", "messages": [{"role": "user", "content": "\xff\xfe"}]}', 400, "body"),
    ("deep nesting", NESTED, 400, "body"),
    ("deep tools", deep(990, tools=[{"x": "DEEP"}]), 400, "tools"),
    ("deep tools of two levels too many", deep(252, tools=[{"x": "DEEP"}]), 400, "tools"),
    ("deep and written anew", deep(900, metadata="DEEP", router={}), 400, "metadata"),
    ("deep beside a long number", deep(900, metadata="DEEP", router={}, seed=12345678901234567890), 400, "metadata"),
    ("deep beside half an emoji", deep(400, metadata="DEEP", user="\ud83d"), 400, "metadata"),
    ("20 MB", body(padding="x" * 20_000_000), 413, "body"),
    ("unknown model", body(model="gpt-9"), 404, "model"),
    ("unknown control", body(router={"mood": 1}), 400, "router.mood"),
    ("contradictory allow-list", body(router={"models": ["small"], "exclude": ["small"]}), 400, "router.models"),
    ("router not an object", body(router="cost"), 400, "router"),
    ("lone surrogate in broken JSON", b'{"model": "auto", "messages": [{"role": "user", "content": "\\ud800"}]', 400, "body"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "status", "param"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_bad_bodies_are_named_and_recorded(
    strict: LiveGateway, raw: bytes, status: int, param: str | None
) -> None:
    before = len(strict.records)
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{strict.url}/v1/chat/completions", data=raw, headers={"content-type": "application/json"}
        ) as reply,
    ):
        answer = await reply.json()
    assert reply.status == status
    assert answer["error"]["param"] == param
    assert answer["error"]["code"]
    assert answer["error"]["message"]
    records = strict.wait_for_records(before + 1)[before:]
    assert [(record.outcome, record.status) for record in records] == [(answer["error"]["code"], status)]
    assert reply.headers["x-router-request-id"] == records[0].request_id


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/v1/chat/completions", {}, 405, "method_not_allowed"),
        ("POST", "/v1/models", {}, 405, "method_not_allowed"),
        ("POST", "/v1/responses/resp_1/cancel", {}, 404, "unknown_url"),
        ("GET", "/nothing", {}, 404, "unknown_url"),
        ("POST", "/v1/chat/completions", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
    ],
)
async def test_wrong_ways_in_get_openai_shaped_errors(
    strict: LiveGateway, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.request(method, strict.url + path, data=body(), headers=headers) as reply:
            assert reply.status == status
            assert (await reply.json())["error"]["code"] == code
            assert ("Allow" in reply.headers) == (status == 405)
            assert reply.headers["x-router-request-id"].startswith("req_")
            assert reply.headers["x-request-id"] == reply.headers["x-router-request-id"]


def test_a_defect_outside_the_model_paths_is_told_in_openais_shape_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(services: Any) -> NoReturn:
        raise KeyError("a defect")

    monkeypatch.setattr("router.http.endpoints._models", fail)
    with gateway(POOL) as live:
        reply = httpx.get(f"{live.url}/v1/models")
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal_error")
    assert "defect" not in reply.text


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/v1/responses/resp_1/cancel", astray.RESPONSES),
        ("/v1/messages", astray.MESSAGES),
        ("/v1/completions", astray.COMPLETIONS),
        ("/api/chat", astray.OLLAMA),
        ("/v1/v1/chat/completions", astray.BASE_URL),
        ("/v1/chat/completions/chat/completions", astray.BASE_URL),
        ("/v1/v1/responses", astray.BASE_URL),
        ("/v1/responses/chat/completions", astray.BASE_URL),
    ],
)
async def test_who_asks_for_another_api_is_told_which_setting_leads_here_and_what_there_is(
    strict: LiveGateway, path: str, advice: str
) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(strict.url + path, data=body()) as reply:
            message = (await reply.json())["error"]["message"]
    assert message.startswith(f"Unknown URL: POST {path}. {advice} Served are POST /v1/chat/completions, ")
    for served in ("POST /v1/embeddings", "GET /v1/models", "GET /v1/models/{name}", "GET /v1/decisions"):
        assert f", {served}" in message


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions"])
async def test_paths_work_with_and_without_v1(strict: LiveGateway, path: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(strict.url + path, data=body(), headers={"content-type": "application/json"}) as reply:
            assert reply.status == 200


def talk(port: int, *parts: bytes, pause_s: float = 0.0, wait_s: float = 4.0) -> bytes:
    """Send raw bytes with pauses, and read until the other side closes or goes quiet."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_s) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break
            time.sleep(pause_s)
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except OSError:
            pass
        return received


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def test_a_body_that_trickles_is_timed_out_recorded_and_closed(strict: LiveGateway) -> None:
    before = len(strict.records)
    got = talk(strict.port, HEAD + b"content-length: 100\r\n\r\n{", b"a", b"b", pause_s=0.3)
    assert b" 408 " in got.split(b"\r\n")[0]
    assert b"request_timeout" in got
    assert strict.wait_for_records(before + 1)[-1].outcome == "request_timeout"


@pytest.mark.parametrize("read_s", [0.5, 0.9])
def test_a_body_has_one_time_however_many_parts_it_comes_in(read_s: float) -> None:
    raw = body()
    parts = [raw[:1], raw[1:2], raw[2:3], raw[3:]]
    with gateway(POOL + f"limits: {{request_read_s: {read_s}}}\n") as live:
        got = talk(live.port, HEAD + b"content-length: %d\r\n\r\n" % len(raw), *parts, pause_s=0.2, wait_s=0.5)
    assert got[:12] == (b"HTTP/1.1 200" if read_s > 0.8 else b"HTTP/1.1 408")


@pytest.mark.parametrize("how", ["declared", "in chunks"])
def test_a_body_that_is_too_large_is_refused_before_it_has_come(how: str) -> None:
    with gateway(POOL + "limits: {max_body_bytes: 1000}\n") as live:
        if how == "declared":
            got = talk(live.port, HEAD + b"content-length: 1001\r\n\r\n", wait_s=1)
        else:
            chunk = b"1f4\r\n" + b" " * 500 + b"\r\n"
            got = talk(live.port, HEAD + b"transfer-encoding: chunked\r\n\r\n", *[chunk] * 3, pause_s=0.05, wait_s=1)
        assert got.startswith(b"HTTP/1.1 413 ")
        assert b"limits.max_body_bytes" in got
        assert live.wait_for_records(1)[0].outcome == "request_too_large"


def test_who_is_refused_before_its_body_is_read_is_recorded_by_name() -> None:
    keys = f"auth: {{keys: [{{name: app, sha256: {sha256(b'sk-app').hexdigest()}}}]}}\n"
    limits = "limits: {request_read_s: 0.8, max_body_bytes: 10, max_in_flight: 1}\n"
    head = HEAD + b"authorization: Bearer sk-app\r\n"
    with gateway(POOL + keys + limits) as live:
        talk(live.port, head + b"content-length: 11\r\n\r\n", wait_s=0.1)
        with socket.create_connection(("127.0.0.1", live.port)) as held:
            held.sendall(head + b"content-length: 9\r\n\r\n")
            wait_until(lambda: live.front.in_flight == 1)
            talk(live.port, head + b"content-length: 9\r\n\r\n", wait_s=0.05)
            held.recv(100)
        talk(live.port, head + b"content-length: 9\r\n\r\n{")
        with socket.create_connection(("127.0.0.1", live.port)) as left:
            left.sendall(head + b"content-length: 9\r\n\r\n{")
            wait_until(lambda: live.front.in_flight == 1)
        talk(live.port, HEAD.replace(b"POST", b"GET") + b"\r\n", wait_s=0.05)
        outcomes = [(record.outcome, record.caller) for record in live.wait_for_records(6)]
    assert sorted(outcomes) == sorted(
        [
            ("request_too_large", "app"),
            ("overloaded", "app"),
            ("request_timeout", "app"),
            ("request_timeout", "app"),
            ("aborted", "app"),
            ("invalid_api_key", ""),
        ]
    )


async def test_embeddings_keep_to_the_controls_before_anybody_is_called(strict: LiveGateway) -> None:
    async with aiohttp.ClientSession() as session:

        async def ask(**router: Any) -> tuple[int, str | None]:
            asked = {"model": "small", "input": "hi", "router": router}
            async with session.post(f"{strict.url}/v1/embeddings", json=asked) as reply:
                return reply.status, (await reply.json()).get("error", {}).get("param")

        assert await ask(session_id="s") == (200, None)
        assert strict.records[-1].session_id == "s"
        assert await ask(nonsense=1) == (400, "router.nonsense")
        assert await ask(max_cost_usd="free") == (400, "router.max_cost_usd")
        assert await ask(max_cost_usd=1e-12) == (400, "router.max_cost_usd"), "two letters are a token"
        assert await ask(exclude=["small"]) == (400, "model")
        assert strict.wait_for_records(5)[-1].attempts == ()


async def test_a_dry_run_that_fails_inside_says_so_as_the_real_thing_does(
    strict: LiveGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> float:
        raise RuntimeError

    monkeypatch.setattr(strict.front.services.memory, "peek", lambda *args: fail())
    async with aiohttp.ClientSession() as session:
        for path in ("/v1/route", "/v1/chat/completions"):
            async with session.post(
                strict.url + path, data=body(), headers={"content-type": "application/json"}
            ) as reply:
                assert (reply.status, (await reply.json())["error"]["code"]) == (500, "internal_error")


def test_a_head_that_trickles_is_closed(strict: LiveGateway) -> None:
    got = talk(
        strict.port, b"POST /v1/chat", b"/completions", b" HTTP/1.1\r\n", b"x-a: 1\r\n", b"x-b: 2\r\n", pause_s=0.25
    )
    assert b"408" in got.split(b"\r\n")[0]


def test_a_head_that_never_ends_is_refused(strict: LiveGateway) -> None:
    assert b"431" in talk(strict.port, HEAD, *([b"x-long: " + b"y" * 4000 + b"\r\n"] * 10)).split(b"\r\n")[0]


@pytest.mark.parametrize("size", [20_000, 60_000])
def test_a_large_head_that_comes_at_once_is_refused_too(strict: LiveGateway, size: int) -> None:
    assert b"431" in talk(strict.port, HEAD + b"x-long: " + b"y" * size + b"\r\n\r\n").split(b"\r\n")[0]


async def test_a_compressed_body_is_refused_by_name(strict: LiveGateway) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{strict.url}/v1/chat/completions", data=b"\x1f\x8b", headers=headers) as reply:
            assert reply.status == 415


def test_one_connection_serves_many_requests(strict: LiveGateway) -> None:
    request = HEAD + b"content-length: %d\r\n\r\n" % len(body()) + body()
    got = talk(strict.port, request, request, request, pause_s=0.3, wait_s=1.0)
    assert got.count(b"HTTP/1.1 200 OK") == 3


async def test_hostile_requests_leave_the_gateway_serving(strict: LiveGateway) -> None:
    async with aiohttp.ClientSession() as session:

        async def one(raw: bytes) -> int:
            async with session.post(
                f"{strict.url}/v1/chat/completions", data=raw, headers={"content-type": "application/json"}
            ) as reply:
                return reply.status

        statuses = await asyncio.gather(*(one(raw) for _, raw, _, _ in CASES * 3 if len(raw) < 1_000_000), one(body()))
    assert statuses[-1] == 200
