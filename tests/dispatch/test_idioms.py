"""Who is sent the role ``developer``, which ids of tool calls and whose thoughts, and who something that he takes."""

import re
from typing import Any

import orjson
import pytest

from router.core.types import Deployment
from router.dispatch.idioms import as_taken
from router.dispatch.provider import Call, Target

OPENAI = "https://api.openai.com/v1"
DEEPSEEK = "https://api.deepseek.com/beta"
SPOKEN: list[dict[str, Any]] = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "hi"}]
GEMINIS = "call_0a1b2c3d4e5f__thought__" + "Cq0B" * 200


def loop(*ids: str) -> list[dict[str, Any]]:
    """A conversation with tool calls of these ids."""
    function = {"name": "weather", "arguments": "{}"}
    calls = [{"id": each, "type": "function", "function": function} for each in ids]
    results = [{"role": "tool", "tool_call_id": each, "content": "sunny"} for each in ids]
    return [{"role": "user", "content": "?"}, {"role": "assistant", "content": None, "tool_calls": calls}, *results]


def call(api_base: str | None, messages: list[dict[str, Any]], model: str = "x", *, written: bool = False) -> Call:
    target = Target(Deployment("d", f"openai/{model}"), "openai", model, api_base=api_base)
    body = {"model": "auto", "messages": messages, "seed": 12345678901234567890123}
    around = (b'{"model":', b',"seed":12345678901234567890123,"messages":%s}' % orjson.dumps(messages))
    return Call(target, body, 0.0, around_model=around if written else None)


def ids_of(body: Any) -> tuple[list[str], list[str]]:
    """The ids of the calls, and those of the results."""
    calls = [each["id"] for message in body["messages"] for each in message.get("tool_calls") or ()]
    return calls, [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]


@pytest.mark.parametrize("base", [OPENAI, "https://eu.api.openai.com/v1", "https://mine.openai.azure.com/openai/v1"])
def test_openai_is_sent_the_role_as_it_came(base: str) -> None:
    assert as_taken(call(base, SPOKEN)) is None


@pytest.mark.parametrize("base", [DEEPSEEK, "http://127.0.0.1:8000/v1", "https://notopenai.com", None])
def test_others_are_sent_system_and_the_callers_body_is_left_alone(base: str | None) -> None:
    made = call(base, SPOKEN)
    body = as_taken(made)
    assert body is not None
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"] == "Be brief."
    assert made.body["messages"][0]["role"] == "developer"


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize(
    ("base", "model", "refused", "taken", "pattern"),
    [
        (OPENAI, "gpt-4o", [GEMINIS, GEMINIS + "x"], ["call_1"], r".{1,40}"),
        ("https://api.mistral.ai/v1", "mistral-small-latest", [GEMINIS, "call_1"], ["D681PevKs"], r"[A-Za-z0-9]{9}"),
        ("http://127.0.0.1:8000/v1", "mistralai/Ministral-8B", ["call_123456789", "toolu_01A"], [], r"[A-Za-z0-9]{9}"),
    ],
)
def test_ids_that_a_provider_refuses_are_sent_as_others_that_still_belong_together(
    base: str, model: str, refused: list[str], taken: list[str], pattern: str, written: bool
) -> None:
    body = as_taken(call(base, loop(*refused, *taken), model, written=written))
    assert body is not None
    calls, results = ids_of(body)
    assert calls == results
    assert len(set(calls)) == len(refused) + len(taken)
    assert all(re.fullmatch(pattern, each) for each in calls)
    assert calls[len(refused) :] == taken
    assert body["seed"] == 12345678901234567890123


@pytest.mark.parametrize(
    ("base", "model", "ids"),
    [
        (OPENAI, "gpt-4o", ["call_" + "a" * 24, "toolu_01A", "D681PevKs"]),
        ("https://api.mistral.ai/v1", "mistral-small-latest", ["D681PevKs"]),
        ("https://litellm.example/v1", "gemini-flash", [GEMINIS]),
        ("https://api.x.ai/v1", "grok-4", [GEMINIS]),
    ],
)
def test_ids_that_are_taken_go_as_they_came(base: str, model: str, ids: list[str]) -> None:
    assert as_taken(call(base, loop(*ids), model)) is None
    assert as_taken(call(base, loop(*ids), model, written=True)) is None


def test_a_request_that_only_speaks_of_developers_goes_as_it_came() -> None:
    assert as_taken(call(None, [{"role": "user", "content": "developer"}], written=True)) is None


THOUGHTS = {
    "reasoning_content": "Hm.",
    "reasoning": "Hm.",
    "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}],
}


def answered(**more: Any) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "?"},
        {"role": "assistant", **({"content": "So."} | more)},
        {"role": "user", "content": "?"},
    ]


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize(
    ("base", "left"),
    [
        (OPENAI, set()),
        ("https://api.mistral.ai/v1", set()),
        ("https://api.groq.com/openai/v1", set()),
        ("https://api.cerebras.ai/v1", {"reasoning"}),
    ],
)
def test_thoughts_of_others_are_left_out_where_they_are_refused(base: str, left: set[str], written: bool) -> None:
    body = as_taken(call(base, answered(**THOUGHTS), written=written))
    assert body is not None
    assert body["messages"][1].keys() == {"role", "content", *left}
    assert body["seed"] == 12345678901234567890123
    assert as_taken(call(base, answered(), written=written)) is None


def test_what_openai_leaves_empty_is_not_sent_to_who_knows_no_such_fields() -> None:
    messages = answered(refusal=None, annotations=[], audio=None, function_call=None)
    for base in ("https://api.mistral.ai/v1", "https://api.groq.com/openai/v1", "https://api.cerebras.ai/v1"):
        body = as_taken(call(base, messages))
        assert body is not None
        assert body["messages"][1] == {"role": "assistant", "content": "So."}
    assert as_taken(call(OPENAI, messages)) is None
    assert as_taken(call("http://127.0.0.1:8000/v1", messages)) is None


def test_what_a_refusal_or_an_old_call_says_is_not_lost_with_its_field() -> None:
    old = {"name": "weather", "arguments": "{}"}
    messages = [
        *answered(content=None, refusal="No."),
        *answered(refusal="No."),
        *answered(content=None, refusal=None, function_call=old),
    ]
    body = as_taken(call("https://api.groq.com/openai/v1", messages))
    assert body is not None
    assert [each for each in body["messages"] if each["role"] == "assistant"] == [
        {"role": "assistant", "content": "No."},
        {"role": "assistant", "content": "So."},
        {"role": "assistant", "content": None, "function_call": old},
    ]


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:8000/v1", "https://openrouter.ai/api/v1", "https://api.x.ai/v1", None]
)
def test_elsewhere_thoughts_go_as_they_came(base: str | None) -> None:
    assert as_taken(call(base, answered(**THOUGHTS))) is None


def test_deepseek_gets_a_thought_with_every_answer_and_moonshot_with_every_call() -> None:
    conversation = [*loop("call_1"), *answered(), *answered(reasoning_content="Hm."), *answered(reasoning_content="")]
    thoughts = {}
    for base in (DEEPSEEK, "https://api.moonshot.ai/v1"):
        body = as_taken(call(base, conversation))
        assert body is not None
        thoughts[base] = [each.get("reasoning_content") for each in body["messages"] if each["role"] == "assistant"]
    assert [*thoughts.values()] == [[" ", " ", "Hm.", " "], [" ", None, "Hm.", ""]]
    assert as_taken(call(DEEPSEEK, answered(reasoning_content="Hm."))) is None
    assert as_taken(call(DEEPSEEK, answered(prefix=True))) is None
