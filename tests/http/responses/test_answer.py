"""Chunks of chat completions as the Responses API's events, and as the response that they make."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router.errors import UpstreamBroken
from router.http.responses.answer import Answer
from router.http.responses.items import messages_of
from router.http.responses.kept import KeptResponses
from router.http.responses.read import read_response
from router.http.responses.thoughts import thoughts_in

TOOLS: list[Any] = [
    {"type": "function", "name": "look"},
    {"type": "custom", "name": "patch"},
    {"type": "namespace", "name": "team", "tools": [{"type": "function", "name": "ask"}]},
]


def answer(**body: Any) -> Answer:
    asked = read_response({"model": "auto", "input": "x", "tools": TOOLS, **body}, KeptResponses(0, 10_000), "")
    return Answer(asked, "req_1", 7, "maker/model")


def chunk(finish: str | None = None, /, **delta: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(index: int, arguments: str, call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


def events_of(data: bytes) -> list[dict[str, Any]]:
    found = []
    for event in data.split(b"\n\n")[:-1]:
        head, payload = event.split(b"\n")
        found.append(orjson.loads(payload.removeprefix(b"data: ")))
        assert head == b"event: " + found[-1]["type"].encode()
    return found


def told(made: Answer, *chunks: dict[str, Any]) -> list[dict[str, Any]]:
    return events_of(made.begin() + b"".join(map(made.feed, chunks)) + made.end())


def test_words_are_a_message_with_a_part_that_opens_and_closes() -> None:
    made = answer()
    events = told(made, chunk(role="assistant", content="Hel"), chunk(content="lo"), chunk("stop"))
    assert [event["type"].removeprefix("response.") for event in events] == [
        *(
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
        ),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert [event["sequence_number"] for event in events] == list(range(10))
    response = events[-1]["response"]
    assert response["status"] == "completed"
    assert response["model"] == "m-1"
    (message,) = response["output"]
    assert message["content"] == [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}]
    assert events[2]["item"]["content"] == []
    assert {event["item_id"] for event in events if "item_id" in event} == {message["id"]}


def test_reasoning_a_message_and_calls_are_items_of_their_own() -> None:
    made = answer()
    told(
        made,
        chunk(reasoning_content="Hm."),
        chunk(content="I look."),
        chunk(tool_calls=[call(0, "", "a", "look")]),
        chunk(tool_calls=[call(0, '{"a"'), call(1, '{"input":"*** x', "b", "patch")]),
        chunk(tool_calls=[call(0, ":1}"), call(1, '"}'), call(2, "", "c", "team__ask")]),
        chunk("tool_calls"),
    )
    reasoning, message, look, patch, ask = made.response("completed")["output"]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert message["content"][0]["text"] == "I look."
    assert (look["type"], look["call_id"], look["arguments"]) == ("function_call", "a", '{"a":1}')
    assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "patch", "*** x")
    assert (ask["name"], ask["namespace"], ask["arguments"]) == ("ask", "team", "{}")
    assert {item["status"] for item in made.response("completed")["output"]} == {"completed"}


def test_thoughts_are_sealed_for_who_asks_for_it() -> None:
    made = answer(include=["reasoning.encrypted_content"])
    events = told(made, chunk(reasoning="Hm, "), chunk(reasoning="hm."), chunk("stop", content="So."))
    reasoning = next(event["item"] for event in events if event["type"] == "response.output_item.done")
    assert thoughts_in({"encrypted_content": reasoning["encrypted_content"]}) == "Hm, hm."
    assert messages_of(made.items)[-1]["reasoning_content"] == "Hm, hm."
    plain = answer()
    told(plain, chunk(reasoning="Hm."), chunk("stop", content="So."))
    assert "encrypted_content" not in plain.response("completed")["output"][0]


def test_two_calls_of_one_place_are_two_where_their_ids_differ() -> None:
    made = answer()
    told(
        made,
        chunk(tool_calls=[call(0, "{}", "a", "look")]),
        chunk(tool_calls=[call(0, "{}", "b", "look")]),
        chunk("tool_calls"),
    )
    assert [item["call_id"] for item in made.items[1:]] == ["a", "b"]


def test_a_whole_reply_makes_the_same_response_as_its_chunks() -> None:
    whole, pieces = answer(), answer()
    calls = [{"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}]
    told(whole, chunk("tool_calls", content="I look.", reasoning="Hm.", tool_calls=calls))
    told(
        pieces,
        chunk(reasoning="H"),
        chunk(reasoning="m."),
        chunk(content="I look."),
        chunk(tool_calls=[call(0, '{"a":', "a", "look")]),
        chunk("tool_calls", tool_calls=[call(0, "1}")]),
    )
    assert whole.response("completed") == pieces.response("completed")


def test_a_refusal_is_a_part_of_its_own_and_sources_are_noted() -> None:
    made = answer()
    cited = {
        "type": "url_citation",
        "url_citation": {"url": "https://example.org", "title": "t", "start_index": 0, "end_index": 2},
    }
    events = told(made, chunk(content="So.", annotations=[cited]), chunk(refusal="No."), chunk("stop"))
    text, refusal = made.response("completed")["output"][0]["content"]
    assert text["annotations"] == [{"type": "url_citation", **cited["url_citation"]}]
    assert refusal == {"type": "refusal", "refusal": "No."}
    assert [event["content_index"] for event in events if event["type"] == "response.content_part.added"] == [0, 1]


def test_probabilities_are_in_the_deltas_and_in_the_part() -> None:
    made = answer()
    entry = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    events = told(made, {"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [entry]}}]})
    assert next(event for event in events if event["type"] == "response.output_text.delta")["logprobs"] == [entry]
    assert made.response("completed")["output"][0]["content"][0]["logprobs"] == [entry]


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_is_incomplete_and_says_why(finish: str, reason: str) -> None:
    last = told(answer(), chunk(content="Hel"), chunk(finish))[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": reason}
    assert last["response"]["output"][0]["status"] == "incomplete"


def test_one_that_broke_says_so_twice_and_is_never_complete() -> None:
    made = answer()
    events = events_of(made.begin() + made.feed(chunk(content="Hel")) + made.fail(UpstreamBroken("It broke.")))
    failed, error = events[-2:]
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "It broke."}
    assert error["error"]["code"] == error["code"] == "upstream_broken"
    assert not any(event["type"].endswith("completed") for event in events)


def test_log_probabilities_are_as_the_api_has_them() -> None:
    made = answer()
    open_ended = {"token": "é", "logprob": -0.5, "bytes": None, "top_logprobs": None}
    choice = {"index": 0, "delta": {"content": "é"}, "logprobs": {"content": [open_ended]}, "finish_reason": "stop"}
    told(made, {"choices": [choice]})
    (part,) = made.response("completed")["output"][0]["content"]
    assert part["logprobs"] == [{"token": "é", "logprob": -0.5, "bytes": [0xC3, 0xA9], "top_logprobs": []}]


def test_what_was_left_out_stands_beside_the_gateways_facts_and_usage_has_the_apis_words() -> None:
    made = answer(context_management=[])
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 3},
        "cost": 0.25,
    }
    last = told(made, chunk("stop", content="x"), {"choices": [], "usage": usage, "router": {"route": "small"}})[-1]
    assert last["response"]["router"] == {"route": "small", "left_out": ["context_management"]}
    assert last["response"]["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 12,
        "cost": 0.25,
    }


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)
DELTAS = st.one_of(
    st.builds(lambda text: {"content": text}, WORDS),
    st.builds(lambda text: {"reasoning": text}, WORDS),
    st.builds(lambda text: {"refusal": text}, WORDS),
    st.builds(lambda place, text: {"tool_calls": [call(place, text, f"c{place}", "look")]}, st.integers(0, 2), WORDS),
)


@given(st.lists(DELTAS, max_size=12))
def test_deltas_add_up_to_the_items_they_belong_to_and_every_item_that_opens_closes_once(
    deltas: list[dict[str, Any]],
) -> None:
    made = answer()
    events = told(made, *(chunk(**delta) for delta in deltas))
    output = events[-1]["response"]["output"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for kind in ("output_item.added", "output_item.done"):
        assert sorted(event["output_index"] for event in events if event["type"] == f"response.{kind}") == list(
            range(len(output))
        )
    for index, item in enumerate(output):
        deltas_of = [event["delta"] for event in events if "delta" in event and event["output_index"] == index]
        words = item.get("arguments") or "".join(
            part.get("text", part.get("refusal", "")) for part in item.get("content", ())
        )
        assert "".join(deltas_of) == words


def calls_of(made: Answer) -> list[tuple[str, str, str]]:
    return [(item["call_id"], item["name"], item["arguments"]) for item in made.response(made.status)["output"]]


def piece(index: Any, call_id: Any = None, **function: Any) -> dict[str, Any]:
    return {"index": index, "id": call_id, "function": function}


@pytest.mark.parametrize(
    "pieces",
    [
        [piece(0, "a", name="look"), piece(0, arguments='{"x":1}')],
        [piece(0, "a", name="lo"), piece(0, name="ok", arguments=""), piece(0, arguments='{"x":1}')],
        [piece(0, "a", name="look", arguments='{"x"'), piece(0, "a", name="look", arguments=":1}")],
        [piece(0, "a", name="look", arguments='{"x"'), piece(0, name="look", arguments=":1}")],
        [piece(0, "a"), piece(0, name="look"), piece(0, arguments='{"x":1}')],
        [piece(0, "a", arguments='{"x"'), piece(0, name="look"), piece(0, arguments=":1}")],
        [piece(None, "a", name="look", arguments='{"x":1}')],
        [piece("0", "a", name="look", arguments={"x": 1})],
    ],
)
def test_a_call_is_put_together_however_it_was_cut(pieces: list[dict[str, Any]]) -> None:
    made = answer()
    events = told(made, *[chunk(tool_calls=[each]) for each in pieces], chunk("tool_calls"))
    assert calls_of(made) == [("a", "look", '{"x":1}')]
    opened = [event["item"]["name"] for event in events if event["type"] == "response.output_item.added"]
    deltas = [event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta"]
    assert (opened, "".join(deltas)) == (["look"], '{"x":1}')


@pytest.mark.parametrize("ids", [("a", "b"), (None, None), ("", "")])
@pytest.mark.parametrize("index", [None, 0])
def test_two_calls_in_one_place_are_two(ids: tuple[Any, Any], index: Any) -> None:
    made = answer()
    pieces = [piece(index, name, name="look", arguments='{"x":1}') for name in ids]
    told(made, *[chunk(tool_calls=[each]) for each in pieces], chunk("tool_calls"))
    assert [call[1:] for call in calls_of(made)] == [("look", '{"x":1}')] * 2
    assert len({call[0] for call in calls_of(made)}) == 2


def test_calls_without_arguments_are_in_their_order() -> None:
    made = answer()
    told(made, chunk(tool_calls=[piece(0, "a", name="look"), piece(1, "b", name="ask", arguments="{}")]), chunk("stop"))
    assert calls_of(made) == [("a", "look", "{}"), ("b", "ask", "{}")]


def test_a_call_in_the_older_form_is_one_too() -> None:
    made = answer()
    pieces = ({"name": "look"}, {"arguments": '{"x"'}, {"arguments": ":1}"})
    told(made, *[chunk(function_call=each) for each in pieces], chunk("function_call"))
    assert [call[1:] for call in calls_of(made)] == [("look", '{"x":1}')]


ODD = st.recursive(
    st.sampled_from([None, True, 1, 1.5, "", "a", "look", "length"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "id", "text"]), inner),
    max_leaves=4,
)
ODD_CALL = st.fixed_dictionaries({}, optional=dict.fromkeys(("index", "id", "function"), ODD))
ODD_DELTA = st.fixed_dictionaries(
    {"tool_calls": ODD | st.lists(ODD_CALL, max_size=2)},
    optional=dict.fromkeys(("content", "reasoning", "refusal", "annotations", "function_call"), ODD),
)
ODD_CHOICE = st.fixed_dictionaries({"delta": ODD_DELTA, "finish_reason": ODD, "logprobs": st.builds(dict, content=ODD)})


@given(st.lists(st.builds(dict, model=ODD, choices=ODD | st.lists(ODD | ODD_CHOICE, max_size=2)), max_size=3))
def test_nothing_that_a_provider_writes_breaks_an_answer(chunks: list[dict[str, Any]]) -> None:
    events = told(answer(), *chunks)
    assert events[-1]["type"] in ("response.completed", "response.incomplete")
    assert all(isinstance(item["status"], str) for item in events[-1]["response"]["output"])


def test_a_call_of_the_search_for_tools_is_an_item_of_its_own_kind() -> None:
    made = answer(tools=[{"type": "tool_search", "execution": "client"}])
    events = told(made, chunk(tool_calls=[call(0, '{"query":', "a", "tool_search"), call(0, '"x"}')]), chunk("stop"))
    assert [event["type"].removeprefix("response.") for event in events[2:-1]] == [
        "output_item.added",
        "output_item.done",
    ]
    (item,) = made.response("completed")["output"]
    assert (item["type"], item["call_id"], item["execution"]) == ("tool_search_call", "a", "client")
    assert item["arguments"] == {"query": "x"}


def test_every_event_and_the_response_have_all_that_the_official_types_require() -> None:
    look = {"type": "function", "name": "look", "parameters": {}, "strict": False}
    tools = [look, {"type": "custom", "name": "patch"}, {"type": "tool_search", "execution": "client"}]
    made = answer(tools=tools)
    cited = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
    chunks = [
        chunk(reasoning="hm"),
        chunk(content="x"),
        chunk(annotations=[cited]),
        chunk(refusal="no"),
        chunk(tool_calls=[call(0, "{}", "a", "look"), call(1, '{"input":"p"}', "b", "patch")]),
        chunk(tool_calls=[call(2, "{}", "c", "tool_search")]),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
    ]
    events = told(made, *chunks)
    broken = answer(tools=tools)
    events += events_of(broken.begin() + broken.fail(UpstreamBroken("It broke.")))
    adapter = TypeAdapter[ResponseStreamEvent](ResponseStreamEvent)
    for event in events:
        adapter.validate_python(event)
    Response.model_validate(made.response("completed"))
