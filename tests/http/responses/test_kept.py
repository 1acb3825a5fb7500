"""What is kept of responses: bounded in memory, and in what one request has read back."""

import tracemalloc
from typing import Any

import pytest

from router.errors import BadRequest, ContextTooLong
from router.http.responses.kept import KeptResponses
from router.http.responses.read import read_response


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **more}


def test_the_least_recently_used_responses_go_first_and_a_conversation_without_its_beginning_is_gone() -> None:
    kept = KeptResponses(1_500, 10_000)
    kept.keep("resp_1", "ann", None, [said("a" * 60)])
    kept.keep("resp_2", "ann", "resp_1", [said("b" * 60)])
    assert kept.conversation("resp_2", "ann") is not None
    kept.keep("resp_3", "ann", None, [said("c" * 60)])
    kept.keep("resp_4", "ann", None, [said("d" * 60)])
    assert kept.conversation("resp_2", "ann") is None
    assert kept.conversation("resp_4", "ann") == [said("d" * 60)]


def test_a_response_larger_than_all_that_may_be_kept_drives_no_other_out() -> None:
    kept = KeptResponses(2_000, 10_000)
    kept.keep("resp_1", "ann", None, [said("one")])
    kept.keep("resp_2", "ann", None, [said("a" * 2_000)])
    assert kept.conversation("resp_1", "ann") == [said("one")]
    assert kept.conversation("resp_2", "ann") is None


def test_many_short_responses_take_no_more_memory_than_they_may() -> None:
    most = 1_000_000
    kept = KeptResponses(most, 10_000)
    tracemalloc.start()
    try:
        for number in range(4_000):
            kept.keep(f"resp_{number:032x}", "ann", None, [said("hi")])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most / 4 < taken < most * 1.1


def test_no_request_has_more_read_back_than_it_might_have_sent() -> None:
    kept = KeptResponses(100_000, 250)
    kept.keep("resp_1", "ann", None, [said("a" * 150, id="msg_1_0")])
    kept.keep("resp_2", "ann", "resp_1", [said("b" * 150, id="msg_2_0")])
    assert kept.conversation("resp_1", "ann") is not None
    with pytest.raises(ContextTooLong, match="context window") as refused:
        kept.conversation("resp_2", "ann")
    assert refused.value.param == "previous_response_id"
    with pytest.raises(ContextTooLong):
        kept.items(["msg_1_0", "msg_2_0"], "ann")


def test_an_item_is_referred_to_once() -> None:
    kept = KeptResponses(100_000, 10_000)
    kept.keep("resp_1", "ann", None, [said("a" * 150, id="msg_1_0")])
    with pytest.raises(BadRequest) as refused:
        read_response({"model": "auto", "input": [{"id": "msg_1_0"}, said("x"), {"id": "msg_1_0"}]}, kept, "ann")
    assert refused.value.param == "input[2].id"
