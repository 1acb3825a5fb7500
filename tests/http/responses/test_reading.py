"""Requests to the Responses API as chat completions, and the complaints about them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.whole_json import dumps
from router.errors import BadRequest, ResponseNotFound
from router.http.openai import read_chat
from router.http.responses.items import messages_of
from router.http.responses.kept import KeptResponses
from router.http.responses.read import Asked, read_response
from router.http.responses.thoughts import sealed
from router.http.responses.tools import MAX_NAME_CHARS, function_name

NOTHING = KeptResponses(0, 10_000)
LOOK: dict[str, Any] = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": True}


def read(kept: KeptResponses = NOTHING, caller: str = "ann", **body: Any) -> Asked:
    return read_response({"model": "auto", **body}, kept, caller)


def said(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def called(call_id: str, name: str = "look", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}", **more}


def came_of(call_id: str, output: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def test_a_string_is_one_turn_and_instructions_are_the_system_message() -> None:
    assert read(input="hi", instructions="Be brief.").chat["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]


def test_calls_side_by_side_are_one_message_with_what_was_said_and_their_results_follow() -> None:
    items = [
        {"role": "user", "content": "look"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "…"},
        said("assistant", [{"type": "output_text", "text": "I "}, {"type": "output_text", "text": "look."}]),
        called("a"),
        called("b"),
        came_of("a", "one"),
        came_of("b", [{"type": "input_text", "text": "two"}]),
        said("assistant", "Seen."),
    ]
    user, spoke, first, second, last = messages_of(items)
    assert user == {"role": "user", "content": "look"}
    assert (spoke["role"], spoke["content"]) == ("assistant", "I look.")
    assert [call["id"] for call in spoke["tool_calls"]] == ["a", "b"]
    assert first == {"role": "tool", "tool_call_id": "a", "content": "one"}
    assert second == {"role": "tool", "tool_call_id": "b", "content": "two"}
    assert last == {"role": "assistant", "content": "Seen."}


def thought(text: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        **more,
        "content": [{"type": "reasoning_text", "text": text}],
    }


def test_thoughts_go_with_what_the_assistant_says_or_calls_next_and_before_others_with_nobody() -> None:
    items = [
        thought("One."),
        said("assistant", "I look."),
        thought("Two."),
        called("a"),
        came_of("a", "one"),
        thought("Three."),
        called("b"),
        came_of("b", "two"),
        thought("Nobody's."),
        said("user", "and?"),
        said("assistant", "So."),
    ]
    messages = messages_of(items)
    assert [message.get("reasoning_content") for message in messages] == [
        "One.\n\nTwo.",
        None,
        "Three.",
        None,
        None,
        None,
    ]


def test_what_a_client_cannot_read_comes_back_as_it_was_thought_and_others_seals_do_not() -> None:
    sent = [
        thought("", content=None, encrypted_content=sealed("Häm \ud83d.")),
        called("a"),
        {"type": "reasoning", "encrypted_content": "gAAAAB…"},
        {"type": "reasoning", "encrypted_content": "fusion-router:*"},
        {"type": "reasoning", "content": "no list", "encrypted_content": 7},
        called("b"),
    ]
    sent[0].pop("content")
    assert messages_of(sent)[0]["reasoning_content"] == "Häm \ud83d."
    assert read(input="x", include=["reasoning.encrypted_content"]).seals_thoughts
    assert not read(input="x").seals_thoughts


def test_what_is_said_between_calls_and_their_results_does_not_come_between_them() -> None:
    messages = messages_of([called("a"), said("assistant", "One moment."), came_of("a", "one")])
    assert [message["role"] for message in messages] == ["assistant", "tool"]
    assert messages[0]["content"] == "One moment."
    spoken = [said("assistant", text) for text in ("One", "two", "three")]
    messages = messages_of([spoken[0], called("a"), *spoken[1:], called("b"), came_of("a", "1"), came_of("b", "2")])
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool"]
    assert messages[0]["content"] == "One\n\ntwo\n\nthree"
    assert [call["id"] for call in messages[0]["tool_calls"]] == ["a", "b"]


def test_an_answer_that_was_cut_before_its_first_word_may_be_sent_back() -> None:
    assert messages_of([said("user", "x"), said("assistant", [])])[1] == {"role": "assistant", "content": ""}


def test_what_a_result_shows_comes_behind_all_results() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"}
    messages = messages_of([called("a"), called("b"), came_of("a", [picture]), came_of("b", "two")])
    assert [message["role"] for message in messages] == ["assistant", "tool", "tool", "user"]
    assert messages[1]["content"] == "(shown in the next message)"
    assert messages[3]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}
    ]


def test_parts_come_under_their_names_in_chat_completions() -> None:
    parts = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "https://example.org/a.png"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
    ]
    (message,) = messages_of([said("user", parts)])
    assert [part["type"] for part in message["content"]] == ["text", "image_url", "file", "input_audio"]
    assert message["content"][2]["file"] == {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}


def test_fields_go_under_their_names_in_chat_completions() -> None:
    asked = read(
        input="x",
        max_output_tokens=50,
        reasoning={"effort": "low", "summary": "auto"},
        text={
            "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
            "verbosity": "low",
        },
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        temperature=0.5,
        top_k=3,
        router={"mode": "cost"},
    )
    assert {key: value for key, value in asked.chat.items() if key not in ("model", "messages")} == {
        "max_tokens": 50,
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
        },
        "verbosity": "low",
        "logprobs": True,
        "temperature": 0.5,
        "top_k": 3,
        "router": {"mode": "cost"},
    }
    assert asked.shown["max_output_tokens"] == 50
    assert asked.shown["text"]["verbosity"] == "low"


def test_what_a_chat_completion_does_not_have_is_left_out_and_named() -> None:
    asked = read(
        input="x",
        tools=[LOOK, {"type": "web_search", "external_web_access": False}],
        client_metadata={"a": 1},
        context_management=[{"type": "compaction"}],
    )
    assert "client_metadata" not in asked.chat
    assert asked.left_out == ("context_management", "tools[1]")
    assert asked.shown["tools"] == [LOOK]
    assert [tool["function"]["name"] for tool in asked.chat["tools"]] == ["look"]


def test_how_tools_are_to_be_called_is_said_only_where_there_are_tools() -> None:
    bare = read(input="x", tools=[{"type": "web_search"}], tool_choice="auto", parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & bare.chat.keys()
    armed = read(input="x", tools=[LOOK], tool_choice={"type": "function", "name": "look"}, parallel_tool_calls=False)
    assert armed.chat["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert armed.chat["parallel_tool_calls"] is False
    assert armed.chat["tools"][0]["function"] == {"name": "look", "parameters": {"type": "object"}, "strict": True}


def test_allowed_tools_are_the_only_ones_offered() -> None:
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "look"}]}
    asked = read(input="x", tools=[LOOK, {**LOOK, "name": "leap"}], tool_choice=choice)
    assert [tool["function"]["name"] for tool in asked.chat["tools"]] == ["look"]
    assert asked.chat["tool_choice"] == "required"


def test_free_form_tools_and_those_of_a_namespace_are_functions_and_keep_their_names() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    space = {"type": "namespace", "name": "team", "tools": [{"type": "function", "name": "ask"}]}
    asked = read(
        input="x", tools=[{"type": "custom", "name": "patch", "description": "Patches.", "format": grammar}, space]
    )
    patch, ask = (tool["function"] for tool in asked.chat["tools"])
    assert patch["description"].startswith("Patches.")
    assert patch["description"].endswith("start: WORD")
    assert patch["parameters"]["required"] == ["input"]
    assert ask["name"] == "team__ask"
    tool = asked.tools.by_name["team__ask"]
    assert (tool.name, tool.namespace, tool.kind == "custom") == ("ask", "team", False)
    again = messages_of(
        [
            called("a", "ask", namespace="team"),
            {"type": "custom_tool_call", "call_id": "b", "name": "patch", "input": 'a"b'},
        ]
    )
    assert [call["function"]["name"] for call in again[0]["tool_calls"]] == ["team__ask", "patch"]
    assert again[0]["tool_calls"][1]["function"]["arguments"] == '{"input":"a\\"b"}'


def test_a_functions_name_is_never_too_long_and_two_are_never_one() -> None:
    names = {function_name({"name": "n" * 80 + end, "namespace": "space"}, "tools[0]") for end in ("a", "b")}
    assert len(names) == 2
    assert all(len(name) <= MAX_NAME_CHARS for name in names)


def test_openrouters_own_tools_go_on_as_they_are() -> None:
    fusion = {"type": "openrouter:fusion", "parameters": {"preset": "budget"}}
    assert read(input="x", tools=[fusion]).chat["tools"] == [fusion]


@pytest.mark.parametrize(
    ("param", "body"),
    [
        ("input", {}),
        ("input", {"input": []}),
        ("input", {"input": 7}),
        ("input", {"input": [{"type": "reasoning", "summary": []}]}),
        ("input[1]", {"input": [said("user", "x"), "y"]}),
        ("input[0].role", {"input": [said("nobody", "x")]}),
        ("input[0].content", {"input": [said("user", None)]}),
        ("input[0].content[0].text", {"input": [said("user", [{"type": "input_text"}])]}),
        ("input[0].content[0].type", {"input": [said("user", [{"type": "hologram"}])]}),
        ("input[0].content[0]", {"input": [said("user", [{"type": "input_image", "file_id": "f"}])]}),
        ("input[0].content[0].file_url", {"input": [said("user", [{"type": "input_file", "file_url": "https://x"}])]}),
        (
            "input[0].content[0].type",
            {"input": [said("developer", [{"type": "input_image", "image_url": "https://x"}])]},
        ),
        ("tools[0].name", {"input": "x", "tools": [{"type": "namespace", "name": "n" * 257, "tools": [LOOK]}]}),
        ("input[0].type", {"input": [{"type": "mcp_call", "id": "m"}]}),
        ("input[0].call_id", {"input": [{"type": "function_call", "name": "look", "arguments": "{}"}]}),
        ("input[0].arguments", {"input": [{"type": "function_call", "call_id": "a", "name": "look", "arguments": {}}]}),
        ("input[0].output", {"input": [came_of("a", 7)]}),
        ("instructions", {"input": "x", "instructions": ["y"]}),
        ("max_output_tokens", {"input": "x", "max_output_tokens": 0}),
        ("reasoning.effort", {"input": "x", "reasoning": {"effort": 3}}),
        ("text.format.type", {"input": "x", "text": {"format": {"type": "xml"}}}),
        ("text.format.name", {"input": "x", "text": {"format": {"type": "json_schema", "schema": {}}}}),
        ("tools", {"input": "x", "tools": {}}),
        ("tools[0].type", {"input": "x", "tools": [{"name": "look"}]}),
        ("tools[0].type", {"input": "x", "tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}),
        ("tools[0].name", {"input": "x", "tools": [{"type": "function"}]}),
        ("tools[0].parameters", {"input": "x", "tools": [{**LOOK, "parameters": "none"}]}),
        ("tool_choice", {"input": "x", "tools": [LOOK], "tool_choice": "any"}),
        ("tool_choice", {"input": "x", "tools": [LOOK], "tool_choice": {"type": "file_search"}}),
        ("background", {"input": "x", "background": True}),
        ("conversation", {"input": "x", "conversation": "conv_1"}),
        ("prompt", {"input": "x", "prompt": {"id": "pmpt_1"}}),
    ],
)
def test_what_cannot_be_served_is_refused_by_the_name_of_its_field(param: str, body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        read(**body)
    assert refused.value.param == param


NAMES = (
    *("type", "role", "content", "text", "id", "call_id", "name", "namespace", "arguments", "output", "input", "tools"),
    *("format", "parameters", "description", "image_url", "execution", "mode", "effort", "schema"),
)
KINDS = (
    *("message", "function_call", "function_call_output", "custom_tool_call", "tool_search_call", "tool_search_output"),
    *(
        "additional_tools",
        "item_reference",
        "reasoning",
        "function",
        "custom",
        "namespace",
        "tool_search",
        "web_search",
    ),
    *(
        "user",
        "assistant",
        "developer",
        "input_text",
        "input_image",
        "input_file",
        "refusal",
        "client",
        "allowed_tools",
    ),
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from([*KINDS, "", "\ud83d"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
TYPED = st.builds(
    lambda kind, rest: {**rest, "type": kind}, st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES), ANY)
)
BODIES = st.fixed_dictionaries(
    {"input": ANY | st.lists(TYPED, max_size=3)},
    optional={
        **dict.fromkeys(
            ("instructions", "reasoning", "text", "include", "max_output_tokens", "top_logprobs", "prompt"), ANY
        ),
        **dict.fromkeys(("previous_response_id", "metadata", "store", "parallel_tool_calls", "background"), ANY),
        "tools": ANY | st.lists(TYPED, max_size=3),
        "tool_choice": ANY | TYPED,
    },
)


@given(BODIES)
def test_whatever_is_sent_is_read_or_refused_by_the_name_of_one_of_its_fields(body: dict[str, Any]) -> None:
    try:
        asked = read(KeptResponses(10_000, 10_000), **body)
    except (BadRequest, ResponseNotFound) as error:
        named = str(error.param)
    else:
        named = "input"
        assert read_chat(dumps({"model": "auto", **asked.chat})).body["messages"]
    assert re.split(r"[.\[]", named)[0] in body


def test_a_conversation_is_gone_on_from_by_its_caller_alone() -> None:
    kept = KeptResponses(10_000, 10_000)
    kept.keep("resp_1", "ann", None, [said("user", "one"), {**said("assistant", "two"), "id": "msg_1_0"}])
    kept.keep("resp_2", "ann", "resp_1", [said("user", "three"), said("assistant", "four")])
    asked = read(kept, input="five", previous_response_id="resp_2", instructions="Be brief.")
    assert [message["content"] for message in asked.chat["messages"]] == [
        "Be brief.",
        "one",
        "two",
        "three",
        "four",
        "five",
    ]
    assert asked.items == [said("user", "five")]
    referred = read(kept, input=[said("user", "one"), {"type": "item_reference", "id": "msg_1_0"}, said("user", "x")])
    assert referred.chat["messages"][1] == {"role": "assistant", "content": "two"}
    for body in ({"previous_response_id": "resp_2", "input": "x"}, {"input": [{"id": "msg_1_0"}]}):
        with pytest.raises(ResponseNotFound):
            read(kept, caller="bob", **body)


def test_tools_that_come_with_the_items_are_offered_once_and_not_repeated_as_the_requests_own() -> None:
    added = {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "run"}, LOOK]}
    newer = {"type": "additional_tools", "role": "developer", "tools": [{**LOOK, "description": "Look up."}]}
    asked = read(input=[added, said("user", "x"), newer], tools=[{"type": "function", "name": "own"}])
    offered = [tool["function"] for tool in asked.chat["tools"]]
    assert [function["name"] for function in offered] == ["own", "run", "look"]
    assert offered[2]["description"] == "Look up."
    assert len(asked.chat["messages"]) == 1
    assert [tool["name"] for tool in asked.shown["tools"]] == ["own"]
    kept = KeptResponses(10_000, 10_000)
    kept.keep("resp_1", "ann", None, asked.items)
    later = read(kept, input="y", previous_response_id="resp_1")
    assert [tool["function"]["name"] for tool in later.chat["tools"]] == ["run", "look"]
    with pytest.raises(BadRequest) as refused:
        read(input=[said("user", "x"), {**added, "tools": [{"type": "mcp"}]}])
    assert refused.value.param == "input[1].tools[0].type"


def test_a_search_for_tools_that_the_client_makes_is_a_function_and_what_it_finds_is_offered() -> None:
    search = {
        "type": "tool_search",
        "execution": "client",
        "description": "Searches.",
        "parameters": {"type": "object"},
    }
    team = {"type": "namespace", "name": "team", "tools": [LOOK]}
    items = [
        said("user", "x"),
        {"type": "tool_search_call", "call_id": "a", "execution": "client", "arguments": {"query": "team"}},
        {"type": "tool_search_output", "call_id": "a", "execution": "client", "tools": [team]},
    ]
    asked = read(input=items, tools=[search])
    assert [tool["function"]["name"] for tool in asked.chat["tools"]] == ["tool_search", "team__look"]
    _, call, result = asked.chat["messages"]
    assert call["tool_calls"][0]["function"] == {"name": "tool_search", "arguments": '{"query":"team"}'}
    assert (result["tool_call_id"], result["content"]) == ("a", "Found and offered: team__look")
    assert read(input="x", tools=[{"type": "tool_search"}]).left_out == ("tools[0]",)
    by_provider = [{**item, "call_id": None, "execution": "server"} for item in items[1:]]
    elsewhere = read(input=[items[0], *by_provider])
    assert len(elsewhere.chat["messages"]) == 1
    assert [tool["function"]["name"] for tool in elsewhere.chat["tools"]] == ["team__look"]


def test_nothing_is_kept_where_there_is_no_room_or_the_caller_says_so() -> None:
    assert not read(input="x").is_kept
    kept = KeptResponses(1000, 10_000)
    assert read(kept, input="x").is_kept
    assert not read(kept, input="x", store=False).is_kept
    kept.keep("resp_1", "ann", None, [said("user", "a" * 2000)])
    assert kept.conversation("resp_1", "ann") is None
