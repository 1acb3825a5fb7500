"""What a reply says of its service tier, its audio and its cache writes is what it costs, in one piece and streamed."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiohttp import web

from tests.dispatch.fake_anthropic import FakeAnthropic
from tests.dispatch.loopback import loopback
from tests.live import LiveGateway, gateway

POOL = """
pool:
  small:  {{model: openai/gpt-6.1-sol, api_base: "{base}/v1", api_key: k}}
  strong: {{model: openai/gpt-6.1-sol, api_base: "{base}/v1", api_key: k}}
  audio:  {{model: openai/gpt-audio, api_base: "{base}/v1", api_key: k}}
  claude: {{model: anthropic/claude-opus-4-5, api_base: "{anthropic}", api_key: k}}
routing: {{small: [small], strong: [strong], baseline: strong}}
fusion: {{panel: [small, strong], judge: small}}
ledger: {{enabled: false}}
server: {{access_log: false}}
"""


async def answer(request: web.Request) -> web.StreamResponse:
    """10,000 tokens in and 1,000 out, in the tier that was asked for; of an audio model they were heard."""
    body = await request.json()
    usage: dict[str, Any] = {"prompt_tokens": 10_000, "completion_tokens": 1_000, "total_tokens": 11_000}
    if "audio" in body["model"]:
        usage["prompt_tokens_details"] = {"audio_tokens": 10_000, "cached_tokens": 0}
    head = {"id": "a", "model": body["model"], "service_tier": body.get("service_tier", "default")}
    said = {"role": "assistant", "content": "hello"}
    if not body.get("stream"):
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        return web.json_response({**head, "choices": [choice], "usage": usage})
    events = [
        {**head, "choices": [{"index": 0, "delta": said, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": usage},
    ]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return web.Response(text=text, content_type="text/event-stream")


class InATier(FakeAnthropic):
    """Anthropic's own words for a tier and for what its cache keeps for an hour."""

    async def _whole(self, body: dict[str, Any]) -> web.Response:
        usage = {
            "input_tokens": 1_000, "output_tokens": 100, "cache_read_input_tokens": 0, "service_tier": "batch",
            "cache_creation_input_tokens": 3_000,
            "cache_creation": {"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 2_000},
        }  # fmt: skip
        message = {
            "id": "m1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "stop_reason": "end_turn",
        }
        return web.json_response({**message, "content": [{"type": "text", "text": "hi"}], "usage": usage})


@pytest.fixture
async def live() -> AsyncIterator[LiveGateway]:
    async with loopback(answer) as base, loopback(InATier().answer) as anthropic:
        with gateway(POOL.format(base=base, anthropic=anthropic)) as running:
            yield running


async def asked(live: LiveGateway, model: str, stream: bool, **more: Any) -> dict[str, Any]:
    """The ``router`` object of an answer, with the usage's cost in it."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, **more}
    async with httpx.AsyncClient(timeout=20) as client:
        reply = await client.post(f"{live.url}/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    if not stream:
        told = reply.json()
        return {**told["router"], "cost": told["usage"]["cost"]}
    last = json.loads(reply.text.split("\n\n")[-3].removeprefix("data: "))
    return {**last["router"], "cost": last["router"]["usage"]["cost"]}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("tier", "usd"), [("default", 0.03), ("priority", 0.06), ("flex", 0.015), ("unheard_of", 0.03)]
)
async def test_the_tier_that_the_reply_names_is_billed_and_the_baseline_by_it_too(
    live: LiveGateway, tier: str, usd: float, stream: bool
) -> None:
    found = await asked(live, "small", stream, service_tier=tier)
    assert found["cost"] == found["cost_usd"] == found["baseline_cost_usd"] == pytest.approx(usd, abs=5e-10)
    (call,) = found["attempts"]
    assert call.get("service_tier") == (None if tier == "default" else tier)
    assert call.get("plain_price") == (None if tier == "default" else tier == "unheard_of")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_panels_baseline_is_priced_by_the_tier_of_the_answer(live: LiveGateway, stream: bool) -> None:
    usual, priority = [await asked(live, "fusion", stream, service_tier=tier) for tier in ("default", "priority")]
    assert usual["baseline_cost_usd"] > 0
    assert priority["baseline_cost_usd"] == pytest.approx(2 * usual["baseline_cost_usd"], abs=5e-10)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_audio_is_billed_as_audio(live: LiveGateway, stream: bool) -> None:
    assert (await asked(live, "audio", stream))["cost"] == pytest.approx(0.33, abs=5e-10)  # 10000 x 32 + 1000 x 10


async def test_an_hours_cache_writes_and_a_tier_are_billed_where_litellm_translates(live: LiveGateway) -> None:
    found = await asked(live, "claude", False)
    # batch, in USD per million: 2.5 and 12.5, cache writes 3.125; an hour's have the plain 10 for want of another
    assert found["cost"] == pytest.approx((1_000 * 2.5 + 1_000 * 3.125 + 2_000 * 10 + 100 * 12.5) / 1e6, abs=5e-10)
    assert found["attempts"][0]["service_tier"] == "batch"
