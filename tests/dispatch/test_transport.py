"""What no well-behaved server sends: bytes cut anywhere, redirects, cookies, garbage."""

import asyncio
import gzip
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import errors
from router.core.types import Deployment
from router.dispatch import openai_dialect
from router.dispatch.http_transport import HttpTransport
from router.dispatch.openai_dialect import OpenAIProvider
from router.dispatch.provider import Call, Target, Timeouts

REPLY = orjson.dumps({"choices": [{"message": {"content": "hi"}}]})


@asynccontextmanager
async def raw_server(*writes: bytes, pause_s: float = 0.0) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers every request with these bytes, write by write; the requests' heads are kept."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        for data in writes:
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(pause_s)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", heads


def call_to(base: str, headers: dict[str, str] | None = None) -> Call:
    target = Target(
        Deployment("small", "openai/x"),
        "openai",
        "upstream-name",
        base,
        "sk-secret-key-123",
        headers={"x-org": "o"},
        timeouts=Timeouts(first_byte_s=2, idle_s=2),
    )
    return Call(target, {"model": "auto", "x": 1}, asyncio.get_running_loop().time() + 5, headers=headers or {})


async def complete(base: str, headers: dict[str, str] | None = None) -> dict[str, object]:
    transport = HttpTransport()
    try:
        return await OpenAIProvider(transport).complete(call_to(base, headers))
    finally:
        await transport.aclose()


async def stream(base: str) -> bytes:
    transport = HttpTransport()
    try:
        async with OpenAIProvider(transport).stream(call_to(base)) as chunks:
            return b"".join([chunk async for chunk in chunks])
    finally:
        await transport.aclose()


def http(body: bytes, *, status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


@settings(max_examples=40, deadline=None)
@given(
    st.binary(min_size=1, max_size=2000),
    st.lists(st.integers(0, 4000), max_size=12),
    st.lists(st.integers(0, 9000), max_size=12),
)
def test_the_bytes_of_a_stream_are_the_same_however_they_are_cut(body, chunk_cuts, packet_cuts):
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in cut(body, chunk_cuts)) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def relay() -> bytes:
        async with raw_server(*cut(head + chunked, packet_cuts)) as (base, _):
            return await stream(base)

    assert asyncio.run(relay()) == body


async def test_a_request_carries_the_key_the_operators_headers_and_the_calls():
    async with raw_server(http(REPLY)) as (base, heads):
        await complete(base, {"x-router-fusion-depth": "1"})
    head = heads[0].lower()
    assert head.startswith(b"post /v1/chat/completions http/1.1")
    for line in (b"authorization: bearer sk-secret-key-123", b"x-org: o", b"x-router-fusion-depth: 1"):
        assert line in head


async def test_a_query_in_the_base_stays_behind_the_path():
    async with raw_server(http(REPLY)) as (base, heads):
        await complete(f"{base}/deployments/a%2Fb/?api-version=2024-10-21")
    assert heads[0].startswith(b"POST /v1/deployments/a%2Fb/chat/completions?api-version=2024-10-21 HTTP/1.1")


async def test_redirects_are_not_followed():
    async with raw_server(http(b"", status="302 Found", more="Location: http://127.0.0.1:1/\r\n")) as (
        base,
        heads,
    ):
        with pytest.raises(errors.UpstreamBadReply, match="redirects"):
            await complete(base)
    assert len(heads) == 1


async def test_cookies_are_not_kept():
    async with raw_server(http(REPLY, more="Set-Cookie: a=b\r\nConnection: close\r\n")) as (base, heads):
        transport = HttpTransport()
        for _ in range(2):
            await OpenAIProvider(transport).complete(call_to(base.replace("127.0.0.1", "localhost")))
        await transport.aclose()
    assert len(heads) == 2
    assert b"cookie" not in heads[1].lower()


async def test_compressed_replies_are_read():
    async with raw_server(http(gzip.compress(REPLY), more="Content-Encoding: gzip\r\n")) as (base, _):
        assert (await complete(base))["choices"]


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\x00\x01\x02\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
     b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     http(b"not gzip", more="Content-Encoding: gzip\r\n"), http(b"", more=""),
     http(b"{}", status="204 No Content"), b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\n{"],
)  # fmt: skip
async def test_garbage_is_an_upstream_error(garbage):
    async with raw_server(garbage) as (base, _):
        for ask in (complete, stream):
            with pytest.raises(errors.UpstreamError):
                await ask(base)


async def test_a_whole_reply_without_a_length_is_read_to_the_end_of_the_connection():
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n\r\n", REPLY) as (
        base,
        _,
    ):
        assert (await complete(base))["choices"]


async def test_a_reply_beyond_the_size_limit_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(openai_dialect, "MAX_REPLY_BYTES", 10_000)
    endless = [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"] + [b" " * 4000] * 1000
    async with raw_server(*endless, pause_s=0.01) as (base, _):
        with pytest.raises(errors.UpstreamBadReply, match="longer than"):
            await complete(base)


@pytest.mark.parametrize("status", ["200 OK", "429 Slow down"])
async def test_a_stream_that_is_refused_gives_its_connection_back(status):
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n".encode()
    async with raw_server(head, *[b" " * 40_000] * 5, pause_s=0.02) as (base, _):
        transport = HttpTransport()
        with pytest.raises(errors.UpstreamError):
            async with OpenAIProvider(transport).stream(call_to(base)):
                pass
        assert transport.counts() == (0, 0)
        await transport.aclose()
