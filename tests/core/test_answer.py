"""What makes an answer, and how much a model wrote for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.answer import says_something, text_of_reply, words_of, words_of_reply
from router.core.prompt import text_tokens
from router.core.relay import Relay, event_bytes

CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"role": "assistant", "content": "hi"}, "hi"),
        ({"content": [{"type": "text", "text": "h"}, {"type": "thinking"}, {"type": "text", "text": "i"}]}, "hi"),
        ({"content": None, "reasoning_content": "hm"}, "hm"),
        ({"content": "hi", "reasoning": "hm"}, "hihm"),
        ({"reasoning": "hm", "reasoning_content": "hm"}, "hm"),
        ({"refusal": "no"}, "no"),
        ({"tool_calls": [CALL, CALL]}, 'look{"a": 1}look{"a": 1}'),
        ({"tool_calls": [{"type": "custom", "custom": {"name": "run", "input": "x"}}]}, "runx"),
        ({"function_call": {"name": "look", "arguments": "{}"}}, "look{}"),
        ({"audio": {"id": "a", "data": "QUJD", "transcript": "hi"}}, "hi"),
    ],
)
def test_all_that_a_model_wrote_is_counted_and_nothing_twice(message: dict[str, Any], words: str) -> None:
    assert words_of(message) == words
    assert says_something(message)
    assert words_of_reply({"choices": [{"message": message}, {"message": message}, {}]}) == words * 2


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["function", "text", "transcript", "x"]), inner),
    max_leaves=8,
)
KEYS = ["role", "content", "tool_calls", "reasoning_content", "reasoning", "refusal", "function_call", "audio"]


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), ODD, max_size=4), max_size=4))
def test_what_a_stream_wrote_is_estimated_as_the_same_in_one_piece_and_no_message_is_too_odd(
    deltas: list[dict[str, Any]],
) -> None:
    relay = Relay()
    for delta in deltas:
        relay.feed(event_bytes({"choices": [{"index": 0, "delta": delta}]}))
    assert relay.output_tokens == text_tokens("".join(map(words_of, deltas)))


@pytest.mark.parametrize(
    ("content", "text"),
    [("hi", "hi"), (" \n", ""), (None, ""), ([{"type": "text", "text": "hi"}], "hi"), ([], ""), (5, "")],
)
def test_the_text_of_a_reply_is_its_first_choices(content: object, text: str) -> None:
    assert text_of_reply({"choices": [{"message": {"content": content}}, {"message": {"content": "other"}}]}) == text


@pytest.mark.parametrize("reply", [{}, {"choices": []}, {"choices": [5]}, {"choices": [{"message": 5}]}])
def test_a_reply_without_a_message_has_no_text(reply: dict[str, Any]) -> None:
    assert text_of_reply(reply) == ""
