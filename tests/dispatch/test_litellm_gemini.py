import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from router import errors
from router.core.types import Deployment
from router.dispatch.litellm_provider import LitellmProvider
from router.dispatch.provider import Call, Operation, Target, Timeouts
from tests.dispatch.loopback import loopback

USAGE = {
    "promptTokenCount": 20,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 4,
    "cachedContentTokenCount": 6,
    "totalTokenCount": 31,
}
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}


def candidate(text: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    reason = {"finishReason": finish} if finish else {}
    return {"candidates": [{"content": content, "index": 0, **reason}], **more}


async def answer(request: web.Request) -> web.StreamResponse:
    """Gemini's API; the model's name says how it behaves."""
    if "limited" in request.path:
        error = {"code": 429, "message": "prompt-words", "status": "RESOURCE_EXHAUSTED", "details": [RETRY_INFO]}
        return web.json_response({"error": error}, status=429)
    if "badkey" in request.path:
        error = {"code": 400, "message": "API key not valid. key-words", "status": "INVALID_ARGUMENT"}
        return web.json_response({"error": error}, status=400)
    if "mbed" in request.path:
        return web.json_response({"embeddings": [{"values": [0.25, 0.5]}]})
    if "stream" not in request.path:
        return web.json_response(candidate("hi", "STOP", usageMetadata=USAGE))
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)

    async def send(data: dict[str, Any]) -> None:
        await response.write(b"data: " + json.dumps(data).encode() + b"\r\n\r\n")

    for word in ('say "finishReason" ', "w1 ", "w2"):
        await send(candidate(word))
    if "early" not in request.path:
        await send(candidate("", "STOP", **({} if "uncounted" in request.path else {"usageMetadata": USAGE})))
    return response


@pytest.fixture
async def api_base() -> AsyncIterator[str]:
    async with loopback(answer) as base:
        await LitellmProvider().warm_up([target(base, "any")])  # its import takes seconds that no call's deadline has
        yield base


def target(api_base: str, model: str) -> Target:
    return Target(
        deployment=Deployment("flash", f"gemini/{model}"),
        provider="gemini",
        upstream_model=model,
        api_base=api_base,
        api_key="key-words",
        direct=False,
        timeouts=Timeouts(total_s=5),
    )


def call(api_base: str, model: str, operation: Operation = "chat/completions", **body: Any) -> Call:
    return Call(target(api_base, model), body, asyncio.get_running_loop().time() + 5, operation)


def chat(api_base: str, model: str = "gemini-3-flash-preview", **body: Any) -> Call:
    return call(api_base, model, messages=[{"role": "user", "content": "prompt-words"}], **body)


async def read(call: Call) -> list[dict[str, Any]]:
    async with LitellmProvider().stream(call) as pieces:
        events = [event async for event in pieces]
    assert events[-1] == b"data: [DONE]\n\n"
    return [orjson.loads(event.removeprefix(b"data: ")) for event in events[:-1]]


async def test_a_reply_counts_cached_and_reasoning_tokens(api_base: str) -> None:
    reply = await LitellmProvider().complete(chat(api_base))
    assert reply["choices"][0]["message"] == {"role": "assistant", "content": "hi"}
    usage = reply["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (20, 11)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 6
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 4


async def test_a_stream_has_one_id_and_no_cost_that_litellm_made_up(api_base: str) -> None:
    chunks = await read(chat(api_base, stream=True))
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 11
    assert "cost" not in chunks[-1]["usage"]


async def test_a_stream_that_ends_without_a_reason_is_broken(api_base: str) -> None:
    with pytest.raises(errors.UpstreamBroken):
        await read(chat(api_base, "gemini-early", stream=True))


async def test_usage_that_the_provider_did_not_report_is_not_passed_on(api_base: str) -> None:
    chunks = await read(chat(api_base, "gemini-uncounted", stream=True))
    assert not [chunk for chunk in chunks if chunk.get("usage")]


@pytest.mark.parametrize("stream", [False, True])
async def test_googles_retry_delay_is_kept(api_base: str, stream: bool) -> None:
    request = chat(api_base, "gemini-limited", stream=stream)
    with pytest.raises(errors.UpstreamRateLimited) as caught:
        await (read(request) if stream else LitellmProvider().complete(request))
    assert caught.value.retry_after_s == 17
    assert "prompt-words" not in str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_wrong_key_is_no_fault_of_the_request(api_base: str, stream: bool) -> None:
    request = chat(api_base, "gemini-badkey", stream=stream)
    with pytest.raises(errors.UpstreamAuthFailed):
        await (read(request) if stream else LitellmProvider().complete(request))


async def test_private_addresses_are_not_fetched_for_a_caller(api_base: str) -> None:
    image = {"type": "image_url", "image_url": {"url": f"{api_base}/secret.png"}}
    request = call(api_base, "gemini-3-flash-preview", messages=[{"role": "user", "content": [image]}])
    with pytest.raises(errors.UpstreamRejected):
        await LitellmProvider().complete(request)


async def test_embeddings_are_passed_through(api_base: str) -> None:
    request = call(api_base, "gemini-embedding-001", "embeddings", input=["x"], encoding_format="base64")
    reply = await LitellmProvider().complete(request)
    assert reply["data"][0]["embedding"] == [0.25, 0.5]
