"""Calls through a proxy, over real sockets: tunnels, plain requests, logins, refusals, deadlines."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
import uvloop

from router.core.types import Deployment
from router.dispatch.address import address_of
from router.dispatch.breakage import (
    NoProxy,
    NotTrusted,
    NoTunnelInTime,
    ProxyFailed,
    ProxyForbids,
    ProxyWantsLogin,
)
from router.dispatch.http_transport import HttpTransport
from router.dispatch.openai_dialect import OpenAIProvider
from router.dispatch.provider import Call, Proxy, Target
from router.dispatch.transport import Patience
from router.errors import UpstreamAuthFailed, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from tests.dispatch.forward_proxy import ForwardProxy, forward_proxy

HERE = Path(__file__).parent
KEY = "sk-proj-NeverShowThisKey0123456789"
LOGIN = "Basic bWU6c2VjcmV0"
ANSWER = orjson.dumps({"choices": [{"message": {"content": "hi"}}]})
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


@pytest.fixture(
    scope="module", params=[asyncio.DefaultEventLoopPolicy(), uvloop.EventLoopPolicy()], ids=["asyncio", "uvloop"]
)
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """TLS inside TLS is each one's own work."""
    return request.param


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who vouches for provider.test, and for a proxy on localhost."""
    both = tmp_path / "authorities.pem"
    both.write_text("".join((HERE / name).read_text() for name in ("provider.pem", "localhost.pem")))
    monkeypatch.setenv("SSL_CERT_FILE", str(both))


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport()
    yield made
    await made.aclose()


def tls_of(name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(HERE / name)
    return context


@asynccontextmanager
async def provider(reply: bytes = REPLY, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[str]]]:
    """A provider on a free port, and the heads of the requests that reach it."""
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r")[0]))
                heads.append(head)
                writer.write(reply)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    yield listening.sockets[0].getsockname()[1], heads
    listening.close()


def call(base: str, proxy: ForwardProxy | Proxy, *, authorization: str | None = None) -> Call:
    by = proxy if isinstance(proxy, Proxy) else Proxy("127.0.0.1", proxy.port, authorization=authorization)
    target = Target(Deployment("small", "openai/x"), "openai", "x", base, KEY, proxy=by)
    return Call(target, {"model": "auto", "messages": []}, asyncio.get_running_loop().time() + 5)


async def test_a_provider_behind_tls_is_reached_through_a_tunnel_that_is_kept_and_tells_the_proxy_nothing_else(
    transport,
):
    async with (
        provider(tls=tls_of("provider.pem")) as (port, heads),
        forward_proxy(leads_to=port, login=LOGIN) as proxy,
    ):
        for _ in range(3):
            answer = await OpenAIProvider(transport).complete(
                call("https://provider.test/v1", proxy, authorization=LOGIN)
            )
            assert answer["choices"]
        [connect] = proxy.heads
        assert connect.startswith("CONNECT provider.test:443 HTTP/1.1\r\nhost: provider.test:443\r\n")
        assert KEY not in connect
        assert len(heads) == 3
        assert all(head.startswith("POST /v1/chat/completions HTTP/1.1\r\nhost: provider.test\r\n") for head in heads)
        assert "proxy-authorization" not in "".join(heads), "the login is the proxy's"
        assert transport.counts() == (0, 1)


async def test_a_plain_provider_is_asked_for_by_its_whole_url(transport):
    async with provider() as (port, heads), forward_proxy(leads_to=port, login=LOGIN) as proxy:
        for _ in range(2):
            await OpenAIProvider(transport).complete(call("http://provider.test:8001/v1", proxy, authorization=LOGIN))
        assert proxy.heads[0].startswith(
            "POST http://provider.test:8001/v1/chat/completions HTTP/1.1\r\nhost: provider.test:8001\r\n"
        )
        assert f"proxy-authorization: {LOGIN}\r\n" in proxy.heads[0]
        assert len(proxy.heads) == 1, "the connection is kept"
        assert len(heads) == 2


@pytest.mark.parametrize("behind", ["https", "http"])
async def test_the_proxy_itself_may_be_spoken_to_over_tls(transport, behind):
    tls = tls_of("provider.pem") if behind == "https" else None
    async with provider(tls=tls) as (port, heads), forward_proxy(tls_of("localhost.pem"), leads_to=port) as proxy:
        by = Proxy("localhost", proxy.port, tls=True)
        for _ in range(2):
            await OpenAIProvider(transport).complete(call(f"{behind}://provider.test/v1", by))
        assert (len(heads), len(proxy.heads)) == (2, 1)
        with pytest.raises(UpstreamUnreachable, match="no connection to the proxy"):
            await OpenAIProvider(transport).complete(
                call(f"{behind}://provider.test/v1", Proxy("127.0.0.1", proxy.port, tls=True))
            )


async def test_a_large_request_and_a_large_reply_pass_the_tunnel_whole(transport):
    text = "x" * 5_000_000
    answer = orjson.dumps({"choices": [{"message": {"content": text}}]})
    reply = REPLY.partition(b"Content-Length")[0] + b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer)
    async with provider(reply, tls_of("provider.pem")) as (port, _), forward_proxy(leads_to=port) as proxy:
        one = call("https://provider.test/v1", proxy)
        big = Call(one.target, {**one.body, "messages": [{"role": "user", "content": text}]}, one.deadline_s)
        told = await OpenAIProvider(transport).complete(big)
        assert told["choices"][0]["message"]["content"] == text


async def post(transport: HttpTransport, proxy: ForwardProxy | Proxy, base: str, **patience: float) -> int:
    ends_s = asyncio.get_running_loop().time() + 5
    address = address_of(call(base, proxy).target, "chat/completions")
    async with transport.post(address, {}, b"{}", Patience(ends_s, patience.get("connect_s", 2.0))) as reply:
        return reply.status


@pytest.mark.parametrize(
    ("refusal", "way"),
    [
        (b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n", ProxyWantsLogin),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", ProxyForbids),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", ProxyFailed),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\nContent-Length: 0\r\n\r\n", ProxyFailed),
        (b"SSH-2.0-OpenSSH\r\n", ProxyFailed),
        (b"HTTP/1.1 200 OK\r\n\r\nwelcome", ProxyFailed),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_told_from_the_provider_and_its_connection_not_kept(
    transport, refusal, way
):
    async with forward_proxy(refusal=refusal) as proxy:
        with pytest.raises(way):
            await post(transport, proxy, "https://provider.test/v1")
        assert transport.counts() == (0, 0)
        with pytest.raises(UpstreamError, match=r"^small: .*proxy") as caught:
            await OpenAIProvider(transport).complete(call("https://provider.test/v1", proxy))
        assert isinstance(caught.value, UpstreamUnreachable)
        assert caught.value.upstream_status is None


@pytest.mark.parametrize(
    ("status", "kind", "whose"),
    [
        ("407 Login", "application/json", "proxy"),
        ("403 Forbidden", "text/html", "proxy"),
        ("502 Bad Gateway", "text/html", "proxy"),
        ("504 Timed Out", "", "proxy"),
        ("403 Forbidden", "application/json", "provider"),
        ("401 Unauthorized", "text/html", "provider"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_refusal_of_a_plain_request_is_the_proxys_where_it_does_not_speak_as_providers_do(
    transport, status, kind, whose, streamed
):
    refusal = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    async with forward_proxy(refusal=refusal) as proxy:
        way_out, asked = OpenAIProvider(transport), call("http://provider.test/v1", proxy)
        with pytest.raises(UpstreamError) as caught:
            await (way_out.stream(asked).__aenter__() if streamed else way_out.complete(asked))
        kinds = UpstreamUnreachable if whose == "proxy" else UpstreamAuthFailed
        assert type(caught.value) is kinds
        assert ("proxy" in caught.value.message) == (whose == "proxy")


async def test_a_refusal_out_of_a_tunnel_is_the_providers(transport):
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
    async with provider(refusal, tls_of("provider.pem")) as (port, _), forward_proxy(leads_to=port) as proxy:
        with pytest.raises(UpstreamAuthFailed):
            await OpenAIProvider(transport).complete(call("https://provider.test/v1", proxy))


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_named_as_what_is_missing(transport, scheme):
    for by in (Proxy("127.0.0.1", 9, authorization=LOGIN), Proxy("no-such-host.invalid", 3128)):
        with pytest.raises(NoProxy) as caught:
            await post(transport, by, f"{scheme}://provider.test/v1")
        assert LOGIN not in f"{caught.value!r}{by!r}"


async def test_connect_s_covers_the_tunnel(transport, wait_until):
    async with forward_proxy(refusal=b"") as proxy:
        with pytest.raises(NoTunnelInTime):
            await post(transport, proxy, "https://provider.test/v1", connect_s=0.1)
        assert transport.counts() == (0, 0)
        assert await wait_until(lambda: proxy.open == 0), "the proxy need not go on trying"
        hasty = call("https://provider.test/v1", proxy)
        hasty = Call(hasty.target, hasty.body, asyncio.get_running_loop().time() + 0.1)
        with pytest.raises(UpstreamTimeout, match="through the proxy"):
            await OpenAIProvider(transport).complete(hasty)


async def test_only_the_certificate_of_the_provider_is_good_at_the_end_of_a_tunnel(transport):
    async with provider(tls=tls_of("provider.pem")) as (port, heads), forward_proxy(leads_to=port) as proxy:
        with pytest.raises(NotTrusted):
            await post(transport, proxy, "https://elsewhere.test/v1")
        assert heads == []
        assert transport.counts() == (0, 0)


@pytest.mark.parametrize("when", [0.0, 0.001, 0.003, 0.006, 0.01])
async def test_a_call_that_is_cancelled_at_any_time_leaves_no_connection_in_use(transport, when):
    async with provider(tls=tls_of("provider.pem")) as (port, _), forward_proxy(leads_to=port) as proxy:
        calling = asyncio.create_task(post(transport, proxy, "https://provider.test/v1"))
        await asyncio.sleep(when)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        assert transport.counts()[0] == 0
        assert await post(transport, proxy, "https://provider.test/v1") == 200


@pytest.mark.parametrize("greeting", [b"", REPLY])
async def test_a_provider_that_leaves_or_speaks_right_after_the_handshake_is_asked_for_nothing(
    transport, monkeypatch, greeting
):
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await (reader.read() if greeting else asyncio.sleep(0))
        writer.close()

    loop = type(asyncio.get_running_loop())
    start_tls = loop.start_tls

    async def resume_late(*args: object, **kwargs: object) -> object:
        secured = await start_tls(*args, **kwargs)
        await asyncio.sleep(0.05)
        return secured

    monkeypatch.setattr(loop, "start_tls", resume_late)
    listening = await asyncio.start_server(leave, "127.0.0.1", 0, ssl=tls_of("provider.pem"))
    async with listening, forward_proxy(leads_to=listening.sockets[0].getsockname()[1]) as proxy:
        with pytest.raises(UpstreamUnreachable, match="no connection"):
            await OpenAIProvider(transport).complete(call("https://provider.test/v1", proxy))
        assert transport.counts() == (0, 0)
