"""Fetching from hostile servers on loopback: every trick ends in a refusal or a bounded page."""

import asyncio
import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from router.core.public_address import read_allowed
from router.dispatch.web import Page, WebFailure
from router.dispatch.web.fetch import Fetcher, _sockets_to

HERE = read_allowed(["127.0.0.1"])
ARTICLE = "<p>The bridge was built in 1893 by a guild of masons, who quarrelled about money for decades.</p>" * 8
HTML = f"<html><head><title>The bridge</title></head><body><nav>Home | Login</nav><article>{ARTICLE}</article></body></html>"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def site(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """A web server; gives its address without a slash at the end."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    try:
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_site(reply: bytes, *, again: bytes = b"", pause_s: float = 0.0) -> AsyncIterator[str]:
    """A server that sends these bytes, and then others for as long as anybody listens."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
            while again:
                writer.write(again)
                await writer.drain()
                await asyncio.sleep(pause_s)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the caller has gone, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def says(text: str | bytes, content_type: str = "text/html", **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        body = text if isinstance(text, bytes) else text.encode()
        return web.Response(body=body, headers={"Content-Type": content_type, **headers})

    return answer


def redirects(target: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": target})

    return answer


def names(**addresses: str | list[list[str]]) -> tuple[Callable[[str], Awaitable[Sequence[str]]], list[str]]:
    """A name server; a list of lists is what it says the first time, the second time, and so on."""
    asked: list[str] = []

    async def lookup(host: str) -> Sequence[str]:
        asked.append(host)
        found = addresses[host.replace(".", "_")]
        return [found] if isinstance(found, str) else found[min(asked.count(host), len(found)) - 1]

    return lookup, asked


async def fetch(url: str, **options: Any) -> Page:
    return await Fetcher(**{"rules": HERE, "timeout_s": 8.0, **options}).fetch(url)


async def refusal(url: str, **options: Any) -> str:
    with pytest.raises(WebFailure) as caught:
        await fetch(url, **options)
    return str(caught.value)


async def test_a_page_is_read_without_its_menus() -> None:
    async with site(says(HTML)) as base:
        page = await fetch(f"{base}/bridge#part")
    assert page.title == "The bridge"
    assert page.url == f"{base}/bridge"
    assert "built in 1893" in page.text
    assert "Login" not in page.text
    assert "<" not in page.text


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/",
        "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://10.0.0.1/", "http://2130706433/",
        "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.0.1./",
        "http://１２７.0.0.1/", "http://[2002:7f00:1::]/", "http://[64:ff9b::7f00:1]/", "http://[2001:0:7f00:1::]/",
        "http://100.64.0.1/", "http://224.0.0.1/", "http://[fe80::1%25lo]/",
    ],
)  # fmt: skip
async def test_addresses_that_are_not_public_are_refused_in_every_spelling(url: str) -> None:
    assert await refusal(url, rules=read_allowed([]))


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://page.example/", "gopher://page.example/", "data:text/html,hi", "//page.example/",
     "page.example", "", "http://", "http:///path", "http://user:secret@page.example/", "http://page.example:22/",
     "http://page.example:0/", "javascript:alert(1)", "http://page.example/" + "a" * 3000, "http://[::1", "\x00",
     "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/"],
)  # fmt: skip
async def test_urls_that_are_no_web_pages_are_refused_before_any_lookup(url: str) -> None:
    lookup, asked = names(page_example="93.184.215.14")
    assert await refusal(url, lookup=lookup)
    assert asked == []


async def test_one_closed_address_among_a_names_addresses_spoils_them_all() -> None:
    lookup, _ = names(page_example=[["93.184.215.14", "10.0.0.1"]])
    assert "not a public one" in await refusal("http://page.example/", lookup=lookup)


async def test_a_name_is_looked_up_once_and_the_checked_address_is_the_one_connected_to() -> None:
    """Rebinding: the second answer would lead to another server, which must never be asked."""
    reached: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        reached.append(request.transport.get_extra_info("sockname")[0])  # type: ignore[union-attr]
        return web.Response(text=HTML, content_type="text/html")

    lookup, asked = names(page_example=[["127.0.0.1"], ["127.0.0.2"]])
    async with site(answer, "0.0.0.0") as base:
        port = base.rpartition(":")[2]
        await fetch(f"http://page.example:{port}/", lookup=lookup)
    assert reached == ["127.0.0.1"]
    assert asked == ["page.example"]


async def test_no_socket_is_made_for_an_address_that_was_not_checked() -> None:
    make = _sockets_to(frozenset({"127.0.0.1", "::1"}))
    for address in ("127.0.0.2", "::2", "::ffff:127.0.0.1", "169.254.169.254"):
        with pytest.raises(OSError, match="checked"):
            make((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 80)))
    make((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))).close()


async def test_a_redirect_to_the_same_name_is_looked_up_and_checked_again() -> None:
    lookup, asked = names(page_example=[["127.0.0.1"], ["169.254.169.254"]])
    async with site(redirects("/again")) as base:
        port = base.rpartition(":")[2]
        assert "not a public one" in await refusal(f"http://page.example:{port}/", lookup=lookup)
    assert asked == ["page.example", "page.example"]


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://127.0.0.2:{port}/",
     "//10.0.0.1/", "file:///etc/passwd", "http://user:pw@127.0.0.1:{port}/", "http://2852039166/", "", "http://[",
     "gopher://127.0.0.1:{port}/", "http://127.0.0.1:25/"],
)  # fmt: skip
async def test_redirects_are_checked_as_the_first_address_is(target: str) -> None:
    reached: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        reached.append(request.path)
        port = str(request.url.port)
        return web.Response(status=302, headers={"Location": target.replace("{port}", port)})

    rules = read_allowed(["127.0.0.1/32"])
    async with site(answer, "0.0.0.0") as base:
        port = base.rpartition(":")[2]
        if target == "http://127.0.0.1:25/":
            rules, lookup = read_allowed(["page.example"]), names(page_example="127.0.0.1")[0]
            assert await refusal(f"http://page.example:{port}/", rules=rules, lookup=lookup)
        else:
            assert await refusal(f"http://127.0.0.1:{port}/", rules=rules)
    assert reached == ["/"]


async def test_redirects_are_followed_a_few_times_and_not_for_ever() -> None:
    hops: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        hops.append(request.path)
        if request.path == "/3":
            return web.Response(text=HTML, content_type="text/html")
        step = int(request.path[1:] or 0) + 1 if request.path != "/loop" else None
        return web.Response(status=307, headers={"Location": "/loop" if step is None else f"/{step}"})

    async with site(answer) as base:
        assert (await fetch(base)).url == f"{base}/3"
        hops.clear()
        assert "redirects" in await refusal(f"{base}/loop")
    assert len(hops) == 6


async def test_neither_cookies_nor_credentials_nor_proxies_go_along(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append({key.lower(): value for key, value in request.headers.items()})
        if request.path == "/":
            return web.Response(status=302, headers={"Location": "/next", "Set-Cookie": "session=secret; Path=/"})
        return web.Response(text=HTML, content_type="text/html")

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with site(answer) as base:
        await fetch(base)
    assert len(seen) == 2
    assert all(not {"cookie", "authorization", "proxy-authorization", "referer"} & headers.keys() for headers in seen)


async def test_a_gzip_bomb_is_cut_at_the_cap() -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(squeeze.compress(b"<p>boom</p>" * 100_000) for _ in range(300)) + squeeze.flush()  # 330 MB
    async with site(says(bomb, "text/plain", **{"Content-Encoding": "gzip"})) as base:
        tracemalloc.start()
        page = await fetch(base, max_bytes=100_000)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(page.text) == 100_000
    assert page.is_cut
    assert peak_bytes < 5_000_000


async def test_packed_pages_are_unpacked_and_broken_or_foreign_packing_is_refused() -> None:
    async with site(says(gzip.compress(HTML.encode()), **{"Content-Encoding": "gzip"})) as base:
        assert "1893" in (await fetch(base)).text
    async with site(says(b"\x1f\x8b not gzip", **{"Content-Encoding": "gzip"})) as base:
        assert "packing" in await refusal(base)
    for packing in ("br", "zstd", "gzip, gzip", "deflate"):
        async with site(says(b"x", **{"Content-Encoding": packing})) as base:
            assert "packed" in await refusal(base)


async def test_an_endless_body_is_cut_at_the_cap() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    async with raw_site(head, again=b"on" * 1000) as base:
        page = await fetch(base, max_bytes=50_000)
    assert (len(page.text), page.is_cut) == (50_000, True)


@pytest.mark.parametrize(
    ("head", "drip"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", b"."),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n"),
        (b"", b" "),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 50\r\n\r\nshort", b"."),
    ],
    ids=["body", "headers", "status", "length"],
)
async def test_a_slow_drip_ends_with_the_time_cap(head: bytes, drip: bytes) -> None:
    began_s = time.perf_counter()
    async with raw_site(head, again=drip, pause_s=0.1) as base:
        assert await refusal(base, timeout_s=0.4)
    assert time.perf_counter() - began_s < 3


async def test_a_server_that_says_nothing_ends_with_the_time_cap() -> None:
    async with raw_site(b"", again=b"", pause_s=0.1) as base:
        assert await refusal(base, timeout_s=0.4)


async def test_huge_headers_are_refused() -> None:
    for head in (b"X-Long: " + b"y" * 100_000 + b"\r\n", b"".join(b"X-%d: y\r\n" % n for n in range(10_000))):
        async with raw_site(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + head + b"\r\nhello") as base:
            assert await refusal(base)


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "application/octet-stream", "video/mp4", ""])
async def test_what_is_not_text_is_refused(kind: str) -> None:
    async with site(says(b"\x89PNG", kind)) as base:
        assert "not text" in await refusal(base)


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/ld+json", "text/xml", "TEXT/CSV; x=y"])
async def test_plain_kinds_are_read_as_they_are(kind: str) -> None:
    async with site(says('{"built": 1893}', kind)) as base:
        assert (await fetch(base)).text == '{"built": 1893}'


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("schön".encode("latin-1"), "text/plain; charset=iso-8859-1"),
        ("schön".encode("utf-16"), "text/plain"),
        ("schön".encode(), "text/plain; charset=idna"),
        ("schön".encode(), "text/plain; charset=zlib"),
        ("schön".encode(), "text/plain; charset=../../etc/passwd"),
        ("schön".encode(), "text/plain; charset=unicode_escape"),
        ("schön".encode(), "text/plain; charset=utf-7"),
        ("\ufeffschön".encode(), "text/plain; charset=latin-1"),
        ("schön".encode("cp1252"), 'text/plain; charset="windows-1252"'),
    ],
)
async def test_charsets_are_believed_only_where_they_are_charsets(raw: bytes, kind: str) -> None:
    async with site(says(raw, kind)) as base:
        assert (await fetch(base)).text == "schön"


async def test_a_page_may_name_its_charset_itself() -> None:
    html = HTML.replace("<head>", "<head><meta charset='koi8-r'>").replace("The bridge", "Мост")
    async with site(says(html.encode("koi8-r", "replace"))) as base:
        assert (await fetch(base)).title == "Мост"


async def test_statuses_that_are_no_page_are_told() -> None:
    async def missing(request: web.Request) -> web.Response:
        raise web.HTTPNotFound

    async with site(missing) as base:
        assert "404" in await refusal(base)
    assert await refusal("http://127.0.0.1:1")


async def test_html_that_keeps_the_parser_busy_is_given_up_and_its_process_killed() -> None:
    hostile = "<html><body><p " + " ".join(f"a{n}=b" for n in range(120_000)) + ">x</p>"
    began_s = time.perf_counter()
    async with site(says(hostile)) as base:
        assert await refusal(base, timeout_s=1.5)
    assert time.perf_counter() - began_s < 4


async def test_pages_are_parsed_without_the_gateways_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\ncat > /dev/null\nprintf \'{"title": "", "text": "key: %s"}\' "$PROVIDER_KEY"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PROVIDER_KEY", "sk-secret")
    monkeypatch.setattr("router.dispatch.confined.sys.executable", str(program))
    async with site(says(HTML)) as base:
        assert (await fetch(base)).text == "key:"


async def test_a_parser_that_cannot_even_start_is_told_to_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr("router.dispatch.confined.sys.executable", str(program))
    async with site(says(HTML)) as base:
        assert "parser" in await refusal(base)
    assert "reader.py ended with 1" in caplog.text


async def test_pages_without_text_are_told() -> None:
    async with site(says("<html><body><script>draw()</script></body></html>")) as base:
        assert "no text" in await refusal(base)


async def test_a_cancelled_fetch_leaves_nothing_running() -> None:
    gone = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            gone.set()
            raise
        return web.Response()

    async with site(answer) as base:
        task = asyncio.create_task(fetch(base))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 2)
