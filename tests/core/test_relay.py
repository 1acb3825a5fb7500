"""The stream's reader."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.relay import Relay, event_bytes
from router.core.types import Special, Usage
from router.errors import (
    UpstreamBadReply,
    UpstreamEmpty,
    UpstreamError,
    UpstreamFailed,
    UpstreamFiltered,
    UpstreamRateLimited,
)

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, index: float = 0, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    return event_bytes({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": choices, **more})


DONE = b"data: [DONE]\n\n"
ROLE = chunk({"role": "assistant", "content": ""})
HELLO, WORLD = chunk({"content": "hello "}, usage=None), chunk({"content": "wörld"}, usage=None)
STOP, COUNT = chunk({}, "stop"), chunk(usage=USAGE)
WHOLE = ROLE + HELLO + WORLD + STOP + COUNT + DONE


def relay_all(parts: list[bytes], choices: int = 1) -> tuple[bytes, dict[str, Any], Relay]:
    relay = Relay(choices)
    passed = b"".join(relay.feed(part) for part in parts)
    return passed, relay.close(), relay


def test_a_stream_passes_but_for_its_last_chunk_and_its_usage() -> None:
    passed, last, relay = relay_all([WHOLE])
    assert passed == ROLE + HELLO + WORLD
    assert last["choices"][0]["finish_reason"] == "stop"
    assert relay.usage == Usage(7, 3)
    assert relay.output_tokens == 4


def test_the_service_tier_is_read_from_the_usage_chunk_or_else_from_the_first() -> None:
    first, last = chunk({"content": "hi"}, service_tier="flex"), chunk(usage=USAGE, service_tier="priority")
    assert relay_all([first + STOP + last + DONE])[2].usage == Usage(7, 3, special=Special("priority"))
    assert relay_all([first + STOP + COUNT + DONE])[2].usage == Usage(7, 3, special=Special("flex"))


def in_lines(events: bytes) -> bytes:
    """The same events, their data in several lines."""
    return events.replace(b'{"id"', b'{\ndata: "id"').replace(b',"model"', b'\ndata:,"model"')


@given(
    st.lists(st.integers(0, len(WHOLE)), max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.sampled_from([b"data: ", b"data:", b"event: message\nid: 7\ndata: "]),
)
def test_the_output_is_the_same_however_the_bytes_are_cut_and_whatever_ends_the_lines(
    cuts: list[int], line_end: bytes, mark: bytes, field: bytes
) -> None:
    whole = mark + WHOLE.replace(b"data: ", field).replace(b"\n", line_end)
    edges = [0, *sorted(cuts), len(whole)]
    parts = [whole[a:b] for a, b in pairwise(edges)]
    passed, last, relay = relay_all(parts)
    assert (passed, last, relay.usage) == (ROLE + HELLO + WORLD, orjson.loads(STOP[6:]), Usage(7, 3))


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_an_event_leaves_with_its_last_byte_wherever_it_is_cut(line_end: bytes) -> None:
    event = HELLO.replace(b"\n", line_end)
    for place in range(1, len(event)):
        relay = Relay()
        assert relay.feed(event[:place]) + relay.feed(event[place:]) == HELLO


@given(st.lists(st.integers(0, len(WHOLE)), max_size=4))
def test_data_in_several_lines_leaves_in_one(cuts: list[int]) -> None:
    whole = in_lines(WHOLE)
    edges = [0, *sorted(cuts), len(whole)]
    passed, last, relay = relay_all([whole[a:b] for a, b in pairwise(edges)])
    *events, rest = passed.split(b"\n\n")
    assert rest == b""
    assert b"\n" not in b"".join(events)
    assert [orjson.loads(event.removeprefix(b"data: ")) for event in events] == [
        orjson.loads(event[6:]) for event in (ROLE, HELLO, WORLD)
    ]
    assert (last, relay.usage) == (orjson.loads(STOP[6:]), Usage(7, 3))


def test_what_is_not_utf_8_costs_a_character_and_not_the_answer() -> None:
    passed, _, relay = relay_all([ROLE, WORLD.replace("ö".encode(), b"\xc3"), STOP, DONE])
    assert passed == ROLE + WORLD.replace("ö".encode(), "\ufffd".encode())
    assert relay.output_tokens == 3


def test_nothing_leaves_before_the_first_content() -> None:
    relay = Relay()
    assert relay.feed(b": waiting\n\n" + ROLE) == b""
    assert not relay.started
    assert relay.feed(HELLO) == ROLE + HELLO, "the comment was for those who waited then"
    assert relay.feed(b": waiting\n\n") == b": waiting\n\n"


@pytest.mark.parametrize("key", ["tool_calls", "reasoning_content", "refusal"])
def test_tool_calls_reasoning_and_refusals_are_content(key: str) -> None:
    relay = Relay()
    relay.feed(chunk({key: [{"index": 0}] if key == "tool_calls" else "hm"}))
    assert relay.started


def test_a_usage_in_the_chunk_that_ends_is_taken_out_of_it() -> None:
    _, last, relay = relay_all([ROLE, HELLO, chunk({}, "stop", usage=USAGE), DONE])
    assert "usage" not in last
    assert relay.usage == Usage(7, 3)


def test_running_usage_in_ordinary_chunks_is_taken_out_too() -> None:
    passed, _, _ = relay_all([chunk({"content": "x"}, usage=USAGE), STOP, DONE])
    assert b"usage" not in passed


def test_with_several_choices_only_the_last_end_is_held() -> None:
    ends = [chunk({"content": "a"}), chunk({}, "stop", 0), chunk({"content": "b"}, index=1), chunk({}, "length", 1)]
    passed, last, _ = relay_all([*ends, DONE], choices=2)
    assert passed == b"".join(ends[:3])
    assert last["choices"][0]["index"] == 1


def test_a_stream_without_done_is_whole_if_every_choice_ended() -> None:
    assert relay_all([ROLE, HELLO, STOP])[1]["choices"][0]["finish_reason"] == "stop"
    with pytest.raises(UpstreamBadReply):
        relay_all([chunk({"content": "a"}), chunk({}, "stop", 0)], choices=2)


@pytest.mark.parametrize("end", range(1, 4))
def test_a_stream_cut_before_its_end_is_broken(end: int) -> None:
    with pytest.raises(UpstreamBadReply):
        relay_all([ROLE, HELLO, WORLD][:end])


def test_half_an_event_at_the_end_is_broken() -> None:
    with pytest.raises(UpstreamBadReply):
        relay_all([ROLE, HELLO, WORLD[:-10]])


def test_a_stream_that_says_nothing_is_empty() -> None:
    with pytest.raises(UpstreamEmpty):
        relay_all([ROLE, STOP, COUNT, DONE])


def test_a_stream_cut_by_the_callers_own_limit_is_an_answer_even_without_a_word() -> None:
    passed, last, relay = relay_all([ROLE, chunk({}, "length"), COUNT, DONE])
    assert passed == ROLE
    assert last["choices"][0]["finish_reason"] == "length"
    assert relay.usage == Usage(7, 3)


def test_a_stream_that_the_filter_took_away_is_filtered_not_empty() -> None:
    with pytest.raises(UpstreamFiltered):
        relay_all([ROLE, chunk({}, "content_filter"), DONE])
    with pytest.raises(UpstreamEmpty):
        relay_all([ROLE, chunk({}, "content_filter"), chunk({}, "stop", 1), DONE], choices=2)


def test_a_usage_that_counts_nothing_does_not_undo_one_that_did() -> None:
    relay = Relay()
    relay.feed(ROLE + HELLO + COUNT + chunk(usage={"total_tokens": 10}))
    assert relay.usage == Usage(7, 3)


class Part(bytes):
    """Bytes that know how much was copied to put them behind others."""

    copied = 0

    def __radd__(self, before: bytes) -> bytes:
        Part.copied += len(before)
        return before + bytes(self)


def test_a_large_event_in_many_parts_is_copied_once() -> None:
    event = chunk({"content": "x" * 100_000})
    relay = Relay()
    passed = b"".join(relay.feed(Part(event[at : at + 1_000])) for at in range(0, len(event), 1_000))
    assert passed == event
    assert Part.copied <= len(event)


@pytest.mark.parametrize("part", [1024 * 1024, 17 * 1024 * 1024])
def test_an_event_that_never_ends_is_not_kept_for_ever(part: int) -> None:
    relay = Relay()
    with pytest.raises(UpstreamBadReply, match="16 MiB"):
        list(map(relay.feed, [b"x" * part] * 18))


@pytest.mark.parametrize("code", [429, "429", "rate_limit_exceeded"])
def test_a_rate_limit_told_in_a_stream_is_one(code: object) -> None:
    with pytest.raises(UpstreamRateLimited):
        Relay().feed(event_bytes({"error": {"message": "slow down", "code": code}}))


def test_an_error_event_is_an_error_at_any_point() -> None:
    relay = Relay()
    relay.feed(ROLE + HELLO)
    with pytest.raises(UpstreamFailed):
        relay.feed(b'data: {"error": {"message": "overloaded"}}\n\n')


def test_a_choice_that_ends_in_an_error_is_no_end() -> None:
    relay = Relay()
    relay.feed(ROLE + HELLO)
    with pytest.raises(UpstreamFailed):
        relay.feed(chunk({"content": ""}, "error"))
    assert relay.told == b'{"error":null}'


@pytest.mark.parametrize("bad", [b"data: {not json\n\n", b"data: [1]\n\n", b'data: {"choices": 5}\n\n'])
def test_what_is_not_a_chunk_is_a_bad_reply(bad: bytes) -> None:
    with pytest.raises(UpstreamBadReply):
        Relay().feed(bad)


def test_text_that_looks_like_an_end_is_only_text() -> None:
    sly = chunk({"content": 'data: [DONE]\n\n "finish_reason":"stop","usage":{"prompt_tokens":1}'})
    relay = Relay()
    assert relay.feed(sly) == sly
    assert not relay.done
    assert not relay.finished
    assert relay.usage is None


def test_what_follows_done_is_dropped() -> None:
    relay = Relay()
    assert relay.feed(ROLE + HELLO + STOP + DONE + WORLD) == ROLE + HELLO


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["index", "delta", "content", "finish_reason", "tool_calls", "usage"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "error", "id"]), ODD | st.lists(ODD)), max_size=4))
def test_any_chunk_is_read_or_an_upstream_error(chunks: list[dict[str, Any]]) -> None:
    relay = Relay()
    try:
        for odd in chunks:
            relay.feed(event_bytes(odd))
        relay.close()
    except UpstreamError:
        return
    assert relay.started


def test_a_choice_that_ended_before_an_event_without_its_end_is_not_lost() -> None:
    ends = [chunk({}, "stop", 0), chunk({}, "length", 1).removesuffix(b"\n\n")]
    relay = Relay(2)
    assert relay.feed(HELLO) + relay.feed(ends[0]) + relay.feed(ends[1]) == HELLO
    assert relay.close()["choices"][0]["index"] == 1
    assert (relay.rest(), relay.rest()) == (ends[0], b"")


@pytest.mark.parametrize("index", [0, 0.0])
def test_a_choice_is_known_by_its_number_however_that_is_written(index: float) -> None:
    passed, last, _ = relay_all([chunk({"content": "a"}, index=index), chunk({}, "stop", index)])
    assert (passed, last["choices"][0]["finish_reason"]) == (chunk({"content": "a"}, index=index), "stop")
