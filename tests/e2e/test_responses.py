"""The official client's Responses API, unmodified, against a live gateway."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.live import POOL, LiveGateway, gateway

HARD = (
    "Prove that every finite group of order p^2 q with p, q distinct primes has a normal Sylow subgroup, "
    "then derive rigorously the classification of such groups up to isomorphism."
)
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


def facts(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = response.model_extra["router"]
    return found


def test_easy_goes_small_and_hard_goes_strong_and_the_response_says_why(client: OpenAI, live: LiveGateway) -> None:
    easy = client.responses.with_raw_response.create(model="auto", input="hi")
    hard = client.responses.create(model="auto", input=HARD)
    said = easy.parse()
    assert easy.headers["x-router-route"] == "small"
    assert facts(hard)["route"] == "strong"
    assert said.output_text
    record = live.record(easy.headers["x-router-request-id"])
    assert (record.endpoint, record.outcome, record.answered.input_tokens) == (
        "responses",
        "ok",
        said.usage.input_tokens,
    )  # type: ignore[union-attr]
    assert said.usage.model_extra["cost"] == facts(said)["cost_usd"] == record.cost_usd  # type: ignore[union-attr, index]
    assert said.model_dump()["store"] is True


def test_the_same_turn_is_judged_alike_over_both_apis(client: OpenAI) -> None:
    response = client.responses.create(model="auto", input=HARD, instructions="Be brief.")
    chat: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": HARD}]
    completion = client.chat.completions.create(model="auto", messages=chat)
    assert facts(response)["complexity"] == facts(completion)["complexity"]


def test_a_stream_adds_up_to_its_last_response(client: OpenAI) -> None:
    with client.responses.stream(model="auto", input="hi") as stream:
        events = list(stream)
        final = stream.get_final_response()
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == final.output_text != ""
    assert final.usage is not None
    assert final.usage.output_tokens > 0
    assert facts(final)["route"] == "small"


def test_a_stream_ends_with_its_last_event_and_no_done(live: LiveGateway) -> None:
    body = {"model": "auto", "input": "hi", "stream": True}
    reply = httpx.post(f"{live.url}/v1/responses", json=body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    *_, last = reply.text.rstrip("\n").split("\n\n")
    assert last.startswith("event: response.completed\n")
    assert "[DONE]" not in reply.text


def test_a_tool_loop_stays_on_its_model_and_goes_on_from_the_response_before(client: OpenAI) -> None:
    first = client.responses.create(
        model="auto", input=f"{HARD} Ask for the weather.", tools=[WEATHER], tool_choice="required"
    )  # type: ignore[list-item]
    call = first.output[-1]
    assert call.type == "function_call"
    assert json.loads(call.arguments).keys() == {"city"}
    result: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "4 degrees"}]
    second = client.responses.create(model="auto", previous_response_id=first.id, input=result, tools=[WEATHER])  # type: ignore[list-item]
    assert "4 degrees" in second.output_text
    assert facts(second)["reason"] == "turn_pinned"
    assert facts(second)["model"] == facts(first)["model"]
    third = client.responses.create(model="auto", previous_response_id=second.id, input="thanks, and in French?")
    assert third.previous_response_id == second.id
    assert facts(third)["reason"] == "followup_inherits"


def test_items_that_were_sent_may_be_referred_to(client: OpenAI) -> None:
    first = client.responses.create(model="auto", input="hi")
    items: Any = [
        {"role": "user", "content": "hi"},
        {"type": "item_reference", "id": first.output[0].id},
        {"role": "user", "content": HARD},
    ]
    assert client.responses.create(model="auto", input=items).status == "completed"
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="auto", input=[{"type": "item_reference", "id": "msg_0_0"}, *items[2:]])
    assert refused.value.param == "input[0].id"


def test_tool_calls_stream_as_deltas(client: OpenAI) -> None:
    with client.responses.stream(model="auto", input="weather?", tools=[WEATHER], tool_choice="required") as stream:  # type: ignore[list-item]
        events = list(stream)
    done = next(event for event in events if event.type == "response.function_call_arguments.done")
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(deltas) == done.arguments
    assert json.loads(done.arguments).keys() == {"city"}


def test_parse_gives_a_model_of_pydantics(client: OpenAI) -> None:
    class Event(BaseModel):
        name: str
        day: str

    assert client.responses.parse(model="auto", input="A party on Friday.", text_format=Event).output_parsed is not None


def test_an_answer_cut_by_its_limit_is_incomplete(client: OpenAI) -> None:
    response = client.responses.create(model="auto", input="hi", max_output_tokens=2)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("body", "error", "param"),
    [
        ({"input": []}, openai.BadRequestError, "input"),
        ({"input": "x", "temperature": 9}, openai.BadRequestError, "temperature"),
        ({"input": "x", "stream": "yes"}, openai.BadRequestError, "stream"),
        ({"input": "x", "extra_body": {"router": {"modus": "cost"}}}, openai.BadRequestError, "router.modus"),
        ({"input": "x", "model": "nope"}, openai.NotFoundError, "model"),
        ({"input": "x", "previous_response_id": "resp_0"}, openai.BadRequestError, "previous_response_id"),
    ],
)
def test_bad_input_is_refused_as_the_sdk_expects_and_leaves_a_record(
    client: OpenAI, live: LiveGateway, body: dict[str, Any], error: type[openai.APIStatusError], param: str
) -> None:
    with pytest.raises(error) as refused:
        client.responses.create(**{"model": "auto", **body})
    assert refused.value.param == param
    assert live.record(refused.value.request_id or "").outcome == refused.value.code


def test_what_the_hallway_complains_of_has_its_name_in_the_responses_api() -> None:
    config = POOL.replace('jitter=0"', 'jitter=0", context_window: 100')
    with gateway(config) as live:
        client = OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0)
        for more, param in (({"input": "x " * 2_000}, "input"), ({"max_output_tokens": 4_000}, "max_output_tokens")):
            with pytest.raises(openai.BadRequestError) as refused:
                client.responses.create(**{"model": "auto", "input": "hi", **more})
            assert (refused.value.code, refused.value.param) == ("context_length_exceeded", param)


def test_other_ways_to_responses_say_what_is_served(live: LiveGateway) -> None:
    assert httpx.get(f"{live.url}/v1/responses").status_code == 405
    other = httpx.get(f"{live.url}/v1/responses/resp_1")
    assert other.status_code == 404
    assert "only POST /v1/responses" in other.json()["error"]["message"]


@pytest.fixture(scope="module")
def broken() -> Iterator[LiveGateway]:
    config = POOL.replace("scripted/small?", "scripted/small?truncate_after=4&").replace(
        "scripted/strong?", "scripted/strong?fail=429&retry_after=7&"
    )
    with gateway(config) as live:
        yield live


def test_a_stream_that_breaks_raises_and_is_never_complete(broken: LiveGateway) -> None:
    client = OpenAI(base_url=f"{broken.url}/v1", api_key="any", max_retries=0)
    events = client.responses.create(model="small", input="hi", stream=True)
    seen: list[str] = []
    with pytest.raises(openai.APIError, match="stream"):
        seen.extend(event.type for event in events)
    assert seen[-1] == "response.failed"
    assert "response.output_text.delta" in seen
    assert "response.completed" not in seen


def test_who_hangs_up_ends_the_call_and_cannot_go_on_from_half_a_response() -> None:
    with gateway(
        POOL.replace("small?latency_ms=0&tokens_per_second=0", "small?latency_ms=0&tokens_per_second=20")
    ) as live:
        client = OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0)
        with client.responses.create(model="small", input="hi", stream=True) as events:
            begun = next(iter(events))
            next(event for event in events if event.type == "response.output_text.delta")
        (record,) = live.wait_for_records(1)
        assert (record.outcome, record.attempts[0].outcome) == ("aborted", "aborted")
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model="small", input="more", previous_response_id=begun.response.id)  # type: ignore[union-attr]


def test_what_fails_before_the_first_byte_is_the_sdks_error(broken: LiveGateway) -> None:
    client = OpenAI(base_url=f"{broken.url}/v1", api_key="any", max_retries=0)
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError) as refused:
            client.responses.create(
                model="strong", input="hi", stream=stream, extra_body={"router": {"models": ["strong"]}}
            )
        assert refused.value.response.headers["retry-after"]


def test_nobody_goes_on_from_anothers_response() -> None:
    keys = "".join(
        f"\n    - {{name: {name}, sha256: {hashlib.sha256(name.encode()).hexdigest()}}}" for name in ("ann", "bob")
    )
    with gateway(f"{POOL}auth:\n  keys:{keys}\n") as live:
        ann, bob = (OpenAI(base_url=f"{live.url}/v1", api_key=name, max_retries=0) for name in ("ann", "bob"))
        first = ann.responses.create(model="auto", input="hi")
        assert ann.responses.create(model="auto", input="more", previous_response_id=first.id).output_text
        with pytest.raises(openai.BadRequestError) as refused:
            bob.responses.create(model="auto", input="more", previous_response_id=first.id)
        assert refused.value.code == "previous_response_not_found"
        with pytest.raises(openai.AuthenticationError):
            OpenAI(base_url=f"{live.url}/v1", api_key="eve", max_retries=0).responses.create(model="auto", input="hi")


@pytest.mark.parametrize("more", ["limits: {kept_responses_mb: 0}\n", "server: {workers: 2}\n"])
def test_where_nothing_is_kept_the_response_and_the_refusal_say_so(more: str) -> None:
    config = POOL.replace("server: {access_log: false}\n", "") if more.startswith("server") else POOL
    with gateway(config + more) as live:
        client = OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0)
        first = client.responses.create(model="auto", input="hi")
        assert first.model_dump()["store"] is False
        with pytest.raises(openai.BadRequestError, match="Send the whole conversation"):
            client.responses.create(model="auto", input="more", previous_response_id=first.id)


def test_a_panel_answers_over_the_responses_api_too() -> None:
    panel = "".join(
        f'  {name}: {{model: "scripted/{name}?latency_ms=0&tokens_per_second=0"}}\n'
        for name in ("scholar", "skeptic", "judge")
    )
    config = POOL.replace("routing:", f"{panel}routing:") + "fusion: {panel: [scholar, skeptic], judge: judge}\n"
    with gateway(config) as live:
        client = OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0)
        whole = client.responses.create(model="fusion", input=HARD)
        assert (facts(whole)["route"], whole.status) == ("fusion", "completed")
        with client.responses.stream(model="fusion", input=HARD) as stream:
            for _ in stream:
                pass
            assert facts(stream.get_final_response())["fusion"]["run_id"]
        told: dict[str, Any] = {"router": {"fusion": {"events": True}}}
        events = list(client.responses.create(model="fusion", input=HARD, stream=True, extra_body=told))
        assert "fusion.panel_started" in {event.type for event in events}
        assert [event.sequence_number for event in events] == list(range(len(events)))
