"""A whole reply as a stream."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router.core.at_once import events_of
from router.core.relay import Relay
from router.core.types import Usage

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def reply(*texts: str, **more: Any) -> dict[str, Any]:
    choices = [
        {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for index, text in enumerate(texts)
    ]
    return {"id": "a", "object": "chat.completion", "model": "m", "choices": choices, **more}


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_the_relay_reads_every_choice_to_its_end_and_the_usage(texts: list[str]) -> None:
    relay = Relay(len(texts), keeps_text=True)
    relay.feed(events_of(reply(*texts, usage=USAGE)))
    last = relay.close()
    assert relay.started
    assert relay.finished
    assert relay.texts == [texts[0], ""]
    assert relay.usage == Usage(7, 3)
    assert last["object"] == "chat.completion.chunk"
    assert last["choices"][0]["finish_reason"] == "stop"


def test_what_else_a_reply_and_its_choices_have_stays() -> None:
    given = reply("hi", system_fingerprint="f")
    given["choices"][0]["logprobs"] = {"content": []}
    events = events_of(given)
    assert events.count(b'"system_fingerprint":"f"') == 2
    assert events.count(b'"logprobs":{"content":[]}') == 1
    assert events.endswith(b"data: [DONE]\n\n")
