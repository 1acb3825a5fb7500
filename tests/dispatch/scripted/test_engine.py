"""What scripted models answer, when, and how they go wrong."""

import statistics

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.dispatch.scripted import ScriptEngine

USER = [{"role": "user", "content": "What is the answer?"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    for name in ("weather", "traffic")
]


def raw(model, **body):
    return orjson.dumps({"model": model, "messages": USER, **body})


def play(model, **body):
    return ScriptEngine().play("chat/completions", raw(model, **body))


def whole(model, **body):
    return orjson.loads(play(model, **body).pieces[0])


def events(model, **body):
    pieces = play(model, stream=True, **body).pieces
    assert pieces[-1] == b"data: [DONE]\n\n"
    return [orjson.loads(piece.removeprefix(b"data: ")) for piece in pieces[:-1]]


def message(model, **body):
    return whole(model, **body)["choices"][0]["message"]


def joined(chunks, key="content"):
    return "".join(choice["delta"].get(key) or "" for chunk in chunks for choice in chunk["choices"])


def test_the_same_prompt_and_seed_give_the_same_bytes():
    assert play("small") == play("small")
    texts = {message("strong", messages=[{"role": "user", "content": f"q{i}"}])["content"] for i in range(20)}
    assert len(texts) > 1


def test_small_and_strong_say_that_they_are_scripted_and_strong_says_more():
    small, strong = (message(name)["content"] for name in ("small", "strong"))
    assert "scripted" in small.lower()
    assert "scripted" in strong.lower()
    assert len(strong) > 2 * len(small)


@pytest.mark.parametrize("body", [{}, {"n": 3}, {"max_tokens": 4}, {"stop": "answer"}, {"logprobs": True}])
def test_a_stream_says_what_the_whole_reply_says(body):
    reply = whole("instant?reasoning_tokens=3&answer=42", **body)
    chunks = events("instant?reasoning_tokens=3&answer=42", stream_options={"include_usage": True}, **body)
    for choice in reply["choices"]:
        mine = [
            {**chunk, "choices": [part for part in chunk["choices"] if part["index"] == choice["index"]]}
            for chunk in chunks
        ]
        assert joined(mine) == choice["message"]["content"]
        assert joined(mine, "reasoning_content") == choice["message"]["reasoning_content"]
    assert chunks[-1]["usage"] == reply["usage"]


def test_a_stream_begins_with_the_role_and_gives_usage_once_and_only_if_asked():
    chunks = events("small", stream_options={"include_usage": True})
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"] == []
    assert [bool(chunk.get("usage")) for chunk in chunks].count(True) == 1
    assert not any("usage" in chunk for chunk in events("small"))
    assert [chunk["choices"][0]["finish_reason"] for chunk in events("small")][-1] == "stop"


def test_usage_counts_cached_and_reasoning_tokens_as_parts():
    usage = whole("instant?cached=0.5&reasoning_tokens=7", messages=[{"role": "user", "content": "x" * 400}])["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] // 2
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 7
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert "usage" not in whole("instant?usage=0")


def test_length_and_stop_end_an_answer_early():
    choice = whole("instant?words=50", max_completion_tokens=5)["choices"][0]
    assert choice["finish_reason"] == "length"
    assert whole("instant?words=50", max_tokens=5)["usage"]["completion_tokens"] == 5
    assert message("instant?reply=one two three", stop=["three", "two"])["content"] == "one "


def test_logprobs_are_given_with_as_many_alternatives_as_asked():
    content = whole("instant", logprobs=True, top_logprobs=2)["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in content) == message("instant")["content"]
    assert {len(entry["top_logprobs"]) for entry in content} == {2}


def test_tools_are_called_in_parallel_with_arguments_that_fit_the_schema():
    calls = message("small?tool_calls=3", tools=TOOLS)["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["weather", "traffic", "weather"]
    assert len({call["id"] for call in calls}) == 3
    assert isinstance(orjson.loads(calls[0]["function"]["arguments"])["city"], str)


def test_tool_call_deltas_add_up_to_the_calls():
    calls: dict[int, dict] = {}
    for chunk in events("small?tool_calls=2", tools=TOOLS):
        for delta in chunk["choices"][0]["delta"].get("tool_calls", ()):
            call = calls.setdefault(delta["index"], {**delta, "function": {"name": "", "arguments": ""}})
            for key, value in delta["function"].items():
                call["function"][key] += value
    expected = message("small?tool_calls=2", tools=TOOLS)["tool_calls"]
    assert [{key: call[key] for key in ("id", "type", "function")} for call in calls.values()] == expected


@pytest.mark.parametrize(
    ("model", "choice", "count"),
    [
        ("small", "auto", 0),
        ("small", "required", 1),
        ("small?tool_calls=2", "none", 0),
        ("small", {"type": "function", "function": {"name": "traffic"}}, 1),
    ],
)
def test_tool_choice_is_obeyed(model, choice, count):
    calls = message(model, tools=TOOLS, tool_choice=choice).get("tool_calls", [])
    assert len(calls) == count


def test_one_call_at_a_time_where_parallel_calls_are_off():
    assert len(message("small?tool_calls=3", tools=TOOLS, parallel_tool_calls=False)["tool_calls"]) == 1


def test_after_a_tool_result_comes_text():
    messages = [*USER, {"role": "tool", "tool_call_id": "c", "content": "12 degrees"}]
    answer = message("small?tool_calls=2", tools=TOOLS, messages=messages)
    assert "12 degrees" in answer["content"]
    assert "tool_calls" not in answer


def test_structured_answers_fit_what_was_asked_for():
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]}
    asked = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    assert orjson.loads(message("small?answer=42", response_format=asked)["content"]) == {"answer": 42}
    content = message("small", response_format={"type": "json_object"})["content"]
    assert "answer" in orjson.loads(content)


def test_the_judge_answers_with_the_majority_and_then_its_analysis():
    said = {"A": "Scripted a: Easy. The answer is 42.", "B": "Hard. The answer is 41.", "C": "Easy. The answer is 42."}
    prompt = "\n\n".join(
        f"Candidate {letter}\n<<<k3y {letter}\n{text}\n{letter} k3y>>>" for letter, text in said.items()
    )
    text = message("judge", messages=[{"role": "user", "content": prompt}])["content"]
    answer, _, fenced = text.partition("```json\n")
    assert "The answer is 42." in answer
    analysis = orjson.loads(fenced.removesuffix("\n```"))
    assert analysis["dissent"] == ["41"]
    stances = {stance["model"]: stance["stance"] for stance in analysis["contradictions"][0]["stances"]}
    assert stances == {"Candidate A": "Easy.", "Candidate B": "Hard.", "Candidate C": "Easy."}


def test_flaky_means_the_asked_for_share_in_the_same_order_every_run():
    def statuses() -> list[int]:
        engine = ScriptEngine()
        return [engine.play("chat/completions", raw("instant?fail_rate=0.3&seed=5")).status for _ in range(400)]

    first = statuses()
    assert first == statuses()
    assert 0.22 < first.count(500) / 400 < 0.38


def test_heavy_tailed_latency_has_the_asked_for_median_and_p99():
    engine = ScriptEngine()
    waits = [engine.play("chat/completions", raw("instant?latency_ms=100&latency_tail=10")).wait_s for _ in range(4000)]
    assert statistics.median(waits) == pytest.approx(0.1, rel=0.1)
    assert statistics.quantiles(waits, n=100)[98] == pytest.approx(1.0, rel=0.35)


def test_speed_is_between_chunks_of_a_stream_and_before_a_whole_reply():
    model = "instant?latency_ms=100&tokens_per_second=10"
    stream, reply = play(model, stream=True), play(model)
    assert (stream.wait_s, stream.gap_s) == (0.1, 0.1)
    tokens = orjson.loads(reply.pieces[0])["usage"]["completion_tokens"]
    assert reply.wait_s == pytest.approx(0.1 + tokens * 0.1)


def test_a_silent_thought_lies_between_the_first_chunk_and_the_next_with_comments_in_it():
    model = "instant?reply=hi&tokens_per_second=10&think_ms=700&keep_alive_ms=200"
    plain, thought = play("instant?reply=hi&tokens_per_second=10", stream=True), play(model, stream=True)
    comment = b": keep-alive\n\n"
    assert thought.pieces[1:4] == (comment,) * 3
    assert len(thought.pieces) == len(plain.pieces) + 3
    before_s = [thought.before_s(number) for number in range(len(thought.pieces))]
    assert before_s[:5] == pytest.approx([0, 0.2, 0.2, 0.2, 0.1 + 0.1])
    assert set(before_s[5:]) == {0.1}
    assert play(model).wait_s == pytest.approx(0.7 + play("instant?reply=hi&tokens_per_second=10").wait_s)
    silent = play("instant?reply=hi&think_ms=700", stream=True)
    assert (len(silent.pieces), silent.before_s(1), silent.before_s(2)) == (len(plain.pieces), 0.7, 0)


def test_jitter_varies_latency_and_speed_from_call_to_call_within_its_share():
    engine, model = ScriptEngine(), "instant?latency_ms=100&tokens_per_second=10&jitter=0.2"
    calls = [engine.play("chat/completions", raw(model, stream=True)) for _ in range(50)]
    for seconds in ([call.wait_s for call in calls], [call.gap_s for call in calls]):
        assert len(set(seconds)) > 40
        assert 0.08 <= min(seconds) < max(seconds) <= 0.12


def test_a_prompt_beyond_the_window_is_refused():
    performance = play("small?context_window=10", messages=[{"role": "user", "content": "x" * 100}])
    assert performance.status == 400
    assert orjson.loads(performance.pieces[0])["error"]["code"] == "context_length_exceeded"


def test_an_error_event_ends_a_stream_without_done():
    pieces = play("small?error_after=2", stream=True).pieces
    assert len(pieces) == 3
    assert orjson.loads(pieces[-1].removeprefix(b"data: "))["error"]["message"]


def test_a_malformed_stream_has_an_event_that_is_not_json():
    pieces = play("small?fail=malformed", stream=True).pieces
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(pieces[1].removeprefix(b"data: "))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"model": "small"}', b'{"model": "small", "messages": []}',
     b'{"model": "small", "messages": "hi"}', b'{"model": "small", "messages": [1]}', b'{"model": "nobody"}'],
)  # fmt: skip
def test_what_is_no_request_gets_a_4xx_in_openais_form(body):
    performance = ScriptEngine().play("chat/completions", body)
    assert 400 <= performance.status < 500
    assert orjson.loads(performance.pieces[0])["error"]["message"]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "role", "content"]), inner),
    max_leaves=6,
)
FIELDS = ["messages", "tools", "tool_choice", "n", "stop", "max_tokens", "logprobs", "top_logprobs", "stream",
          "stream_options", "response_format", "input", "dimensions"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), ANY_JSON), st.sampled_from(["chat/completions", "embeddings"]))
def test_no_request_whatever_its_fields_hold_breaks_the_engine(fields, operation):
    body = {"model": "instant?tool_calls=1", "messages": USER, "tools": TOOLS, **fields}
    performance = ScriptEngine().play(operation, orjson.dumps(body))
    assert performance.status in (200, 400)
