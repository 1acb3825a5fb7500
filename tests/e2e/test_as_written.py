"""A request reaches the provider as the caller wrote it, and the answer the caller as the provider wrote it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from tests.dispatch.loopback import loopback
from tests.live import LiveGateway, gateway

ODD = b'"seed":123456789012345678901234567890,"metadata":{"half":"\\ud83d","n":1.10}'
REPLY = b'{"id":"a","model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"cut \\ud83d"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
EVENTS = (
    b'data: {"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":"cut \\ud83d"}}]}\n\n'
    b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"\\ude00"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
POOL = """
pool:
  small:  {{model: openai/x-small, api_base: "{base}/v1", api_key: k, price: {{input_usd_per_mtok: 1, output_usd_per_mtok: 2}}}}
  strong: {{model: openai/x-strong, api_base: "{base}/v1", api_key: k, price: {{input_usd_per_mtok: 3, output_usd_per_mtok: 9}}}}
routing: {{small: [small], strong: [strong], baseline: strong}}
ledger: {{enabled: false}}
"""


@asynccontextmanager
async def behind(got: list[bytes], more: str = "") -> AsyncIterator[LiveGateway]:
    async def answer(request: web.Request) -> web.StreamResponse:
        got.append(await request.read())
        if b'"stream":true' in got[-1]:
            return web.Response(body=EVENTS, content_type="text/event-stream")
        return web.Response(body=REPLY, content_type="application/json")

    async with loopback(answer) as base:
        with gateway(POOL.format(base=base) + more) as live:
            yield live


async def post(live: LiveGateway, raw: bytes) -> tuple[int, bytes]:
    headers = {"content-type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{live.url}/v1/chat/completions", data=raw, headers=headers) as reply,
    ):
        return reply.status, await reply.read()


async def test_long_numbers_and_half_emojis_pass_in_both_directions() -> None:
    got: list[bytes] = []
    async with behind(got) as live:
        raw = b'{"model": "small", "messages": [{"role":"user","content":"say \\ud83d"}],%s}' % ODD
        status, body = await post(live, raw)
        assert status == 200, body
        assert got == [raw.replace(b'"small"', b'"x-small"', 1)]
        assert b'"content":"cut \\ud83d"' in body
        assert json.loads(body)["router"]["cost_usd"] == 3e-6 + 4e-6


async def test_they_pass_where_the_request_has_controls_of_ours() -> None:
    got: list[bytes] = []
    async with behind(got) as live:
        raw = (
            b'{"model": "small", "router": {"mode": "cost"}, "messages": [{"role":"user","content":"\\ud83d"}],%s}'
            % ODD
        )
        status, body = await post(live, raw)
        assert status == 200, body
        assert b"123456789012345678901234567890" in got[0]
        assert b"\\ud83d" in got[0]
        assert b"router" not in got[0]


@pytest.mark.parametrize("model", ["small", "fusion"])
@pytest.mark.parametrize("router", ["", '"router": {"mode": "cost"}, '], ids=["plain", "with controls"])
async def test_long_numbers_inside_of_objects_reach_every_model(model: str, router: str) -> None:
    got: list[bytes] = []
    async with behind(got, "fusion: {panel: [small, strong], judge: strong}") as live:
        raw = (
            b'{"model": "%s", %s"messages": [{"role":"user","content":"Compare the two."}],'
            b'"metadata":{"ids":[{"x":-9223372036854775809},123456789012345678901234567890]}}'
        )
        status, body = await post(live, raw % (model.encode(), router.encode()))
        assert status == 200, body
        assert got  # of a panel that agrees, perhaps only the first
        assert all(b'":-9223372036854775809},123456789012345678901234567890]' in sent for sent in got), got


async def test_half_emojis_pass_through_streams() -> None:
    got: list[bytes] = []
    async with behind(got) as live:
        raw = b'{"model":"small","stream":true,"messages":[{"role":"user","content":"hi"}],%s}' % ODD
        status, body = await post(live, raw)
        assert status == 200, body
        assert got[0] == b'{"stream_options":{"include_usage":true},' + raw[1:].replace(b'"small"', b'"x-small"')
        assert b'"content":"cut \\ud83d"' in body
        assert b'"content":"\\ude00"' in body
        assert body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "where",
    [
        b'"model":"\\ud800"',
        b'"model":"auto","router":{"\\ud800":1}',
        b'"model":"auto","router":{"session_id":"\\ud800"}',
    ],
)
async def test_half_emojis_where_names_belong_break_nothing(where: bytes) -> None:
    async with behind([]) as live:
        status, body = await post(live, b'{%s,"messages":[{"role":"user","content":"\\ud800"}]}' % where)
        assert status in (200, 400, 404), body
        assert status == 200 or json.loads(body)["error"]["param"]
        assert len(live.wait_for_records(1)) == 1


@pytest.mark.parametrize("more", [b"", b',"stream":true', b',"router":{"mode":"cost"}', b',"max_tokens":99999'])
async def test_a_developers_message_reaches_those_who_may_not_know_the_role_as_the_systems(more: bytes) -> None:
    got: list[bytes] = []
    async with behind(got) as live:
        raw = (
            b'{"model":"small","messages":[{"role":"developer","content":"Be \\ud83d a developer","name":"d"},'
            b'{"role":"user","content":"developer"}],%s%s}' % (ODD, more)
        )
        status, body = await post(live, raw)
        assert status == 200, body
        assert (
            b'{"role":"system","content":"Be \\ud83d a developer","name":"d"},{"role":"user","content":"developer"}'
            in (got[0].replace(b": ", b":").replace(b", ", b","))
        )
        assert b"123456789012345678901234567890" in got[0]
