"""Parameters that not every model takes: what a caller may send does not depend on how hard the prompt is."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from aiohttp import web
from openai import AsyncOpenAI

from router.dispatch.hints import OTHER_NAME
from tests.dispatch.loopback import loopback
from tests.live import gateway

POOL = """
pool:
  small:  {{model: "scripted/small?latency_ms=0&tokens_per_second=0&jitter=0"}}
  strong: {{model: openai/picky, api_base: "{url}/v1", api_key: k, price: {{input_usd_per_mtok: 5, output_usd_per_mtok: 25}}{more}}}
routing: {{small: [small], strong: [strong], baseline: strong}}
ledger: {{enabled: false}}
server: {{access_log: false}}
"""
HARD: list[Any] = [
    {
        "role": "user",
        "content": "Implement a lock-free MPMC queue in C++20 with correct memory orderings and prove each of them.",
    }
]
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@asynccontextmanager
async def behind_a_picky_model(
    *refused: str, hints: bool = True, only_default: bool = False, most: int | None = None
) -> AsyncIterator[tuple[AsyncOpenAI, list[dict[str, Any]]]]:
    """A gateway whose strong model does not have some fields, and what that model was sent."""
    sent: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text())
        sent.append(body)
        if only_default and body.get("temperature", 1) != 1:
            told = (
                f"Unsupported value: 'temperature' does not support {body['temperature']} with this model. "
                "Only the default (1) value is supported."
            )
            error = {
                "message": told,
                "type": "invalid_request_error",
                "param": "temperature",
                "code": "unsupported_value",
            }
            return web.json_response({"error": error}, status=400)
        for field in refused:
            if field in body:
                told = f"Unsupported parameter: '{field}' is not supported with this model."
                told += f" Use '{OTHER_NAME[field]}' instead." if hints and field in OTHER_NAME else ""
                error = {
                    "message": told,
                    "type": "invalid_request_error",
                    "param": field,
                    "code": "unsupported_parameter",
                }
                return web.json_response({"error": error}, status=400)
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        if not body.get("stream"):
            choice["message"] = {"role": "assistant", "content": "picked"}
            return web.json_response({"id": "a", "choices": [choice], "usage": USAGE})
        choice["delta"] = {"role": "assistant", "content": "picked"}
        event = json.dumps({"id": "a", "choices": [choice], "usage": USAGE})
        return web.Response(text=f"data: {event}\n\ndata: [DONE]\n\n", content_type="text/event-stream")

    async with loopback(answer) as url:
        with gateway(POOL.format(url=url, more=f", max_output_tokens: {most}" if most else "")) as live:
            async with AsyncOpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
                yield client, sent


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("sent_as", "taken_as"), [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
)
async def test_a_limit_reaches_a_model_under_the_name_that_it_takes(sent_as: str, taken_as: str, stream: bool) -> None:
    async with behind_a_picky_model(sent_as) as (client, sent):
        for calls in (2, 1):
            extra: Any = {sent_as: 77, "stream": stream, "extra_body": {"seed": 12345678901234567890123}}
            reply = await client.chat.completions.with_raw_response.create(model="auto", messages=HARD, **extra)
            if stream:
                assert [chunk async for chunk in reply.parse()]
            assert reply.headers["x-router-route"] == "strong"
            assert reply.headers["x-router-attempts"] == str(calls), "the name that was refused is remembered"
        assert [body.get(taken_as) for body in sent] == [None, 77, 77]
        assert all(body["seed"] == 12345678901234567890123 for body in sent)
        assert all(body.get("stream_options") == ({"include_usage": True} if stream else None) for body in sent)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_takes_neither_name_is_asked_twice_and_another_one_answers(stream: bool) -> None:
    async with behind_a_picky_model("max_tokens", "max_completion_tokens") as (client, sent):
        extra: Any = {"max_tokens": 77, "stream": stream}
        reply = await client.chat.completions.with_raw_response.create(model="auto", messages=HARD, **extra)
        assert (reply.headers["x-router-route"], reply.headers["x-router-reason"]) == ("small", "fallback_error")
        assert len(sent) == 2


async def test_a_limit_keeps_its_name_where_the_provider_does_not_ask_for_another() -> None:
    async with behind_a_picky_model("max_tokens", hints=False) as (client, sent):
        for _ in range(2):
            reply = await client.chat.completions.with_raw_response.create(model="auto", messages=HARD, max_tokens=77)
            assert reply.headers["x-router-route"] == "small"
        assert [body["max_tokens"] for body in sent] == [77, 77]


async def test_a_parameter_that_the_strong_model_does_not_have_is_answered_by_another_one() -> None:
    async with behind_a_picky_model("logprobs") as (client, sent):
        for _ in range(4):
            reply = await client.chat.completions.with_raw_response.create(model="auto", messages=HARD, logprobs=True)
            assert (reply.headers["x-router-route"], reply.headers["x-router-reason"]) == ("small", "fallback_error")
        assert len(sent) == 4, "nothing is wrong with the model: it does not cool down"


async def test_where_nobody_else_may_answer_the_parameter_is_named() -> None:
    async with behind_a_picky_model("logprobs") as (client, _):
        with pytest.raises(openai.BadRequestError, match="Unsupported parameter: 'logprobs'") as caught:
            await client.chat.completions.create(model="strong", messages=HARD, logprobs=True)
        assert (caught.value.code, caught.value.param) == ("capability_unavailable", "logprobs")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hard_prompt_goes_to_strong_without_a_hint_that_strong_refuses(stream: bool) -> None:
    async with behind_a_picky_model(only_default=True) as (client, sent):
        for temperature, calls in ((0, 2), (0, 1), (0.7, 1)):
            extra: Any = {"temperature": temperature, "stream": stream, "stop": ["."]}
            reply = await client.chat.completions.with_raw_response.create(model="auto", messages=HARD, **extra)
            parsed: Any = [chunk async for chunk in reply.parse()][-1] if stream else reply.parse()
            assert (reply.headers["x-router-route"], reply.headers["x-router-reason"]) == ("strong", "above_threshold")
            assert reply.headers["x-router-attempts"] == str(calls), "what was refused is remembered"
            assert [attempt.get("changes") for attempt in parsed.router["attempts"]] == [None, {"temperature": None}][
                -calls:
            ]
        assert [body.get("temperature") for body in sent] == [0, None, None, None]
        assert all(body["stop"] == ["."] for body in sent)


async def test_hints_that_are_refused_one_after_another_are_all_left_out_and_take_no_tries() -> None:
    hints: dict[str, Any] = {"top_p": 0.5, "presence_penalty": 0.1, "frequency_penalty": 0.1, "seed": 7, "user": "u"}
    async with behind_a_picky_model(*hints, "max_tokens", only_default=True) as (client, sent):
        for calls in (len(hints) + 3, 1):
            reply = await client.chat.completions.with_raw_response.create(
                model="auto", messages=HARD, temperature=0, max_tokens=77, **hints
            )
            assert (reply.headers["x-router-route"], reply.headers["x-router-attempts"]) == ("strong", str(calls))
            assert not (hints.keys() | {"temperature", "max_tokens"}) & sent[-1].keys()
            assert sent[-1]["max_completion_tokens"] == 77


async def test_a_hint_that_is_refused_beside_a_need_is_not_learnt_from_an_answer_that_never_came() -> None:
    async with behind_a_picky_model("logprobs", only_default=True) as (client, sent):
        for _ in range(2):
            reply = await client.chat.completions.with_raw_response.create(
                model="auto", messages=HARD, temperature=0, logprobs=True
            )
            assert (reply.headers["x-router-route"], reply.headers["x-router-attempts"]) == ("small", "3")
        assert [body.get("temperature") for body in sent] == [0, None, 0, None]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_model_is_asked_for_no_more_than_it_is_known_to_write(name: str) -> None:
    async with behind_a_picky_model(most=16_384) as (client, sent):
        extra: Any = {name: 32_000, "extra_body": {"seed": 12345678901234567890123}}
        reply = await client.chat.completions.with_raw_response.create(model="strong", messages=HARD, **extra)
        attempts: Any = reply.parse().router["attempts"]  # type: ignore[attr-defined]
        assert (sent[-1][name], sent[-1]["seed"]) == (16_384, 12345678901234567890123)
        assert attempts[-1]["changes"] == {name: 16_384}
        await client.chat.completions.create(model="strong", messages=HARD, **{name: 16_384})
        assert sent[-1][name] == 16_384
    async with behind_a_picky_model() as (client, sent):
        await client.chat.completions.create(model="strong", messages=HARD, **{name: 32_000})
        assert sent[-1][name] == 32_000
