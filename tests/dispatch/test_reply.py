"""What a 200 must hold to be an answer."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.dispatch.reply import parsed_reply
from router.errors import UpstreamBadReply, UpstreamEmpty, UpstreamError, UpstreamFailed, UpstreamFiltered

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["choices", "message", "content", "data", "embedding", "error"]), inner)
    ),
    max_leaves=15,
)


def reply(**message: object) -> bytes:
    return orjson.dumps({"choices": [{"index": 0, "message": {"role": "assistant", **message}}]})


@given(JSON, st.sampled_from(["chat/completions", "embeddings"]))
def test_any_json_is_an_answer_or_an_upstream_error(body, operation):
    try:
        parsed = parsed_reply(orjson.dumps(body), operation, "small")
    except UpstreamError:
        return
    assert parsed == body


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'{"choices": []}', b'{"choices": {}}', b'{"choices": [1]}', b'{"choices": [{}]}',
     b'{"error": {"message": "x"}}', b'\xff\xfe', b'{"choices": [{"message": "text"}]}'],
)  # fmt: skip
def test_what_is_not_a_completion_is_a_bad_reply(raw):
    with pytest.raises(UpstreamBadReply):
        parsed_reply(raw, "chat/completions", "small")


@pytest.mark.parametrize(
    "message",
    [{"content": "hi"}, {"content": None, "tool_calls": [{}]}, {"refusal": "no"}, {"reasoning_content": "hm"},
     {"reasoning": "hm"}, {"audio": {"id": "a"}}, {"content": [{"type": "text", "text": "hi"}]}],
)  # fmt: skip
def test_text_tool_calls_refusals_reasoning_and_audio_are_answers(message):
    assert parsed_reply(reply(**message), "chat/completions", "small")


@pytest.mark.parametrize("message", [{}, {"content": ""}, {"content": None, "tool_calls": []}])
def test_a_message_with_nothing_in_it_is_empty(message):
    with pytest.raises(UpstreamEmpty):
        parsed_reply(reply(**message), "chat/completions", "small")


def test_an_answer_cut_by_the_callers_own_limit_is_not_empty():
    raw = orjson.dumps({"choices": [{"message": {"content": ""}, "finish_reason": "length"}]})
    assert parsed_reply(raw, "chat/completions", "small")


def test_one_choice_with_text_is_enough():
    choices = [{"message": {"content": text}} for text in ("", "hi")]
    assert parsed_reply(orjson.dumps({"choices": choices}), "chat/completions", "small")


def test_an_answer_that_the_filter_took_away_is_filtered_not_empty():
    raw = orjson.dumps({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]})
    with pytest.raises(UpstreamFiltered):
        parsed_reply(raw, "chat/completions", "small")


@pytest.mark.parametrize("choices", [[], [{}], [{"message": {}}], [{"message": {}, "finish_reason": "error"}]])
def test_a_failure_keeps_what_the_provider_says_it_used(choices: list[object]) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 5000}
    with pytest.raises(UpstreamError) as failed:
        parsed_reply(orjson.dumps({"choices": choices, "usage": usage}), "chat/completions", "small")
    assert failed.value.usage == usage


def test_a_byte_order_mark_and_what_is_not_utf_8_do_not_cost_the_answer():
    raw = b"\xef\xbb\xbf" + reply(content="wörld").replace("ö".encode(), b"\xc3")
    message = parsed_reply(raw, "chat/completions", "small")["choices"][0]["message"]
    assert message["content"] == "w\ufffdrld"


def test_a_choice_that_ended_in_an_error_is_no_answer_even_with_text():
    choices = [{"message": {"content": "as far as"}, "finish_reason": "error"}]
    with pytest.raises(UpstreamFailed) as failed:
        parsed_reply(orjson.dumps({"choices": choices}), "chat/completions", "small")
    assert failed.value.billed
