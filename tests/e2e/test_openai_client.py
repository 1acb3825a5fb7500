"""The official client, unmodified, against a live gateway."""

import json
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.live import LiveGateway

HI: list[Any] = [{"role": "user", "content": "hi"}]
HARD: list[Any] = [
    {
        "role": "user",
        "content": "Prove that every finite group of order p^2 q with p, q distinct primes has a normal Sylow subgroup, "
        "then derive rigorously the classification of such groups up to isomorphism.",
    }
]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
        },
    },
}


def test_easy_goes_small_and_hard_goes_strong_each_with_its_reason(client: OpenAI) -> None:
    easy = client.chat.completions.with_raw_response.create(model="auto", messages=HI)
    hard = client.chat.completions.with_raw_response.create(model="auto", messages=HARD)
    assert easy.headers["x-router-route"] == "small"
    assert hard.headers["x-router-route"] == "strong"
    assert hard.headers["x-router-reason"] in ("above_threshold", "uncertain", "novel_input")
    assert float(easy.headers["x-router-complexity"]) < float(hard.headers["x-router-complexity"])
    assert easy.parse().choices[0].message.content


def test_headers_body_and_record_tell_the_same_facts(client: OpenAI, live: LiveGateway) -> None:
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=HI)
    reply = raw.parse()
    facts = reply.model_extra["router"]  # type: ignore[index]
    record = live.record(raw.headers["x-router-request-id"])
    assert facts["route"] == raw.headers["x-router-route"] == record.route
    assert facts["reason"] == raw.headers["x-router-reason"] == record.reason
    assert facts["model"] == raw.headers["x-router-model"] == record.model
    assert facts["classifier"] == raw.headers["x-router-classifier"]
    assert float(raw.headers["x-router-cost-usd"]) == pytest.approx(facts["cost_usd"], abs=1e-9)
    assert facts["cost_usd"] == record.cost_usd == reply.usage.cost  # type: ignore[union-attr]
    assert facts["baseline_cost_usd"] == record.baseline_cost_usd
    assert record.outcome == "ok"
    assert record.answered is not None
    assert record.answered.input_tokens == reply.usage.prompt_tokens  # type: ignore[union-attr]


@pytest.mark.parametrize("model", ["auto", "openrouter/auto", "MoM", "auto-quality", "gpt-4o", "small", "strong"])
def test_every_name_answers(client: OpenAI, model: str) -> None:
    assert client.chat.completions.create(model=model, messages=HI).choices[0].message.content


def test_controls_ride_in_extra_body(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=HI, extra_body={"router": {"models": ["strong"]}}
    )
    assert raw.headers["x-router-route"] == "strong"
    assert raw.headers["x-router-reason"] == "forced_by_caller"


def test_a_stream_begins_with_the_role_and_carries_the_facts_at_its_end(client: OpenAI, live: LiveGateway) -> None:
    chunks = list(client.chat.completions.create(model="auto", messages=HI, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert all(chunk.choices for chunk in chunks), "no usage chunk was asked for"
    facts = chunks[-1].model_extra["router"]  # type: ignore[index]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert facts["route"] == "small"
    assert facts["usage"]["completion_tokens"] > 0
    record = live.record(facts["request_id"])
    assert record.cost_usd == facts["cost_usd"]
    assert record.first_token_s is not None


def test_a_usage_chunk_comes_once_and_only_if_asked_for(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(model="auto", messages=HI, stream=True, stream_options={"include_usage": True})
    )
    counted = [chunk for chunk in chunks if chunk.usage]
    assert counted == [chunks[-1]]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0  # type: ignore[union-attr]
    assert chunks[-1].model_extra["router"]["route"] == "small"  # type: ignore[index]


def test_parallel_tool_calls_come_whole_and_streamed(client: OpenAI) -> None:
    request: dict[str, Any] = {
        "model": "small",
        "messages": [{"role": "user", "content": "Weather in Oslo?"}],
        "tools": [WEATHER],
        "tool_choice": "required",
    }
    whole = client.chat.completions.create(**request).choices[0]
    assert whole.finish_reason == "tool_calls"
    assert {"city", "unit"} <= json.loads(whole.message.tool_calls[0].function.arguments).keys()  # type: ignore
    with client.chat.completions.stream(**request) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion().choices[0]
    assert json.loads(final.message.tool_calls[0].function.arguments)["unit"] in ("C", "F")  # type: ignore


def test_a_tool_loop_stays_on_the_model_that_began_the_turn(client: OpenAI) -> None:
    ask: list[Any] = [{"role": "user", "content": "What is the weather in Oslo today?"}]
    first = client.chat.completions.with_raw_response.create(
        model="auto", messages=ask, tools=[WEATHER], tool_choice="required"
    )
    message = first.parse().choices[0].message
    loop = [*ask, message.model_dump(exclude_none=True)]
    loop += [{"role": "tool", "tool_call_id": call.id, "content": "4 C"} for call in message.tool_calls or []]
    second = client.chat.completions.with_raw_response.create(model="auto", messages=loop, tools=[WEATHER])
    assert second.headers["x-router-reason"] == "turn_pinned"
    assert second.headers["x-router-model"] == first.headers["x-router-model"]
    assert second.parse().choices[0].message.content


def test_a_follow_up_inherits_its_turns_route(client: OpenAI) -> None:
    for messages in (HI, HARD):
        first = client.chat.completions.with_raw_response.create(model="auto", messages=messages)
        talk = [
            *messages,
            {"role": "assistant", "content": "Here is a start."},
            {"role": "user", "content": "yes, do it"},
        ]
        second = client.chat.completions.with_raw_response.create(model="auto", messages=talk)
        assert second.headers["x-router-reason"] == "followup_inherits"
        assert second.headers["x-router-route"] == first.headers["x-router-route"]


def test_a_session_stays_on_its_model(client: OpenAI) -> None:
    session: dict[str, Any] = {"extra_headers": {"x-session-id": "test-session"}}
    client.chat.completions.create(model="auto", messages=HARD, **session)
    again = client.chat.completions.with_raw_response.create(model="auto", messages=HI, **session)
    assert again.headers["x-router-reason"] == "session_pinned"
    assert again.headers["x-router-route"] == "strong"


class City(BaseModel):
    name: str
    population: int


def test_a_pydantic_model_is_parsed(client: OpenAI) -> None:
    parsed = client.chat.completions.parse(
        model="auto", messages=[{"role": "user", "content": "Name a city."}], response_format=City
    )
    assert isinstance(parsed.choices[0].message.parsed, City)


def test_several_choices_stop_logprobs_and_limits_pass_through(client: OpenAI) -> None:
    reply = client.chat.completions.create(
        model="small", messages=HI, n=2, max_tokens=3, logprobs=True, stop=["zzz"], temperature=0.3, seed=1, user="u"
    )
    assert len(reply.choices) == 2
    assert reply.choices[0].finish_reason == "length"
    assert reply.choices[0].logprobs is not None
    chunks = list(client.chat.completions.create(model="small", messages=HI, n=2, stream=True))
    assert {chunk.choices[0].index for chunk in chunks} == {0, 1}


def test_an_image_goes_to_who_can_see_it(client: OpenAI) -> None:
    pixel = "data:image/png;base64,iVBORw0KGgo="
    parts: Any = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": pixel}}]
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=[{"role": "user", "content": parts}])
    assert raw.parse().choices[0].message.content


async def test_the_async_client_answers_and_streams(async_client: AsyncOpenAI) -> None:
    assert (await async_client.chat.completions.create(model="auto", messages=HI)).choices[0].message.content
    stream = await async_client.chat.completions.create(model="auto", messages=HI, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


def test_models_lists_aliases_and_deployments_with_prices(client: OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert {"auto", "auto-cost", "small", "strong", "gpt-4o"} <= models.keys()
    assert client.models.retrieve("openrouter/auto").id == "openrouter/auto"
    assert client.models.retrieve("strong").model_extra["price"]["input_usd_per_mtok"] == 5  # type: ignore[index]
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-9")
    assert caught.value.body["code"] == "model_not_found"  # type: ignore[index]


@pytest.mark.parametrize(
    ("request_", "error", "status"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, 404),
        ({"messages": []}, openai.BadRequestError, 400),
        ({"extra_body": {"router": {"mode": "cheap"}}}, openai.BadRequestError, 400),
        ({"temperature": 9}, openai.BadRequestError, 400),
    ],
)
def test_errors_map_to_the_sdks_exceptions(client: OpenAI, request_: Any, error: Any, status: int) -> None:
    with pytest.raises(error) as caught:
        client.chat.completions.create(**{"model": "auto", "messages": HI, **request_})
    assert caught.value.status_code == status
    assert caught.value.body["code"]
    assert caught.value.request_id == caught.value.response.headers["x-router-request-id"]


def test_the_sdk_shows_the_id_that_the_record_has(client: OpenAI, live: LiveGateway) -> None:
    reply = client.chat.completions.create(model="auto", messages=HI)
    assert reply._request_id == reply.model_extra["router"]["request_id"]  # type: ignore[index]
    assert live.record(str(reply._request_id)).outcome == "ok"


def test_embeddings_go_to_the_deployment_they_name(client: OpenAI) -> None:
    reply = client.embeddings.create(model="strong", input=["one", "two"])
    assert len(reply.data) == 2
    assert len(reply.data[0].embedding) > 1
    with pytest.raises(openai.BadRequestError, match="name a deployment"):
        client.embeddings.create(model="auto", input="x")
