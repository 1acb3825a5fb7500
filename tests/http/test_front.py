"""The front: requests that are ready at the same time go through the stations together."""

import asyncio
import os
import time
from collections.abc import MutableMapping
from typing import Any, NoReturn

import orjson
import pytest
from prometheus_client import CollectorRegistry

from classifier.assessment import Assessment, Assessor
from router.app import create_app
from router.config.load import parse_settings
from router.dispatch.provider import Call
from router.http.front import Front
from router.record.log import RequestLog
from router.record.metrics import Metrics
from router.record.record import RequestRecord
from tests.live import POOL


class Watched(Assessor):
    """An assessor and a provider that note whom they see; what is asked names the request."""

    artifact, features_id = "watched@1:000000000000", "000000000000"

    def __init__(self, takes_s: float = 0.0, cannot_bear: str = "") -> None:
        self.seen: list[str] = []
        self.contexts: list[str] = []
        self.told: list[str] = []
        self._takes_s, self._cannot_bear = takes_s, cannot_bear

    def assess(self, text: str, context: str = "", instructions: str = "", *, explain: bool = False) -> Assessment:
        self.seen.append(f"assess {text}")
        self.contexts.append(context)
        self.told.append(instructions)
        time.sleep(self._takes_s)
        if text == self._cannot_bear:
            raise ValueError
        return Assessment(0.1, 0.0, "chat", 0.1, False, 10, self.artifact)

    def seen_turns(self) -> list[str]:
        """What was assessed, in order."""
        return [each.removeprefix("assess ") for each in self.seen if each.startswith("assess ")]

    async def complete(self, call: Call) -> dict[str, Any]:
        self.seen.append(f"call {call.body['messages'][0]['content']}")
        await asyncio.sleep(0.01)
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}


def watched(config: str = POOL) -> tuple[Front, Watched]:
    front, watch = create_app(parse_settings(config, "test.yaml", os.environ), CollectorRegistry()), Watched()
    front.services.assessor = watch
    front.services.dispatcher._provider_of = lambda target: watch  # type: ignore[assignment,return-value]
    return front, watch


async def ask(front: Front, text: str, *before: str, model: str = "auto") -> int:
    """One request, behind turns of the caller and of a model; gives its status."""
    said = [{"role": ("user", "assistant")[number % 2], "content": each} for number, each in enumerate((*before, text))]
    return await send_in(front, said, model=model)


async def send_in(front: Front, said: list[dict[str, Any]], *, model: str = "auto") -> int:
    """One request with these messages; gives its status."""
    body = orjson.dumps({"model": model, "messages": said})
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await front({"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}, receive, send)
    return int(sent[0]["status"])


async def test_who_is_alone_waits_for_nobody_and_who_has_company_is_judged_with_it() -> None:
    front, watch = watched()
    assert await asyncio.gather(*(ask(front, name) for name in "abcd")) == [200] * 4
    assert watch.seen == ["assess a", "call a", "assess b", "assess c", "assess d", "call b", "call c", "call d"]


async def test_what_was_said_before_is_told_with_a_turn_of_its_own_and_not_with_a_follow_up() -> None:
    front, watch = watched()
    earlier = ("Tell me of the river Spree, please, and of its fish.", "It has pike.")
    await ask(front, "Now write a long report on pollution there, with sources and a table.", *earlier)
    await ask(front, "and eels?", *earlier)
    told = dict(zip(watch.seen_turns(), watch.contexts, strict=True))
    assert "pike" in told["Now write a long report on pollution there, with sources and a table."]
    assert told["and eels?"] == ""


async def test_what_system_messages_say_is_told_with_a_turn_and_other_words_have_it_judged_anew() -> None:
    front, watch = watched()
    for told in ("Translate into French.", "Prove it.", "Prove it."):
        await send_in(
            front, [{"role": "system", "content": told}, {"role": "user", "content": "Every field is a ring."}]
        )
    assert watch.seen_turns() == ["Every field is a ring."] * 2
    assert watch.told == ["Translate into French.", "Prove it."]


async def test_what_a_follow_up_carries_on_is_judged_under_the_same_system_message() -> None:
    front, watch = watched()
    said = [("system", "Prove it."), ("user", "Every field is a ring."), ("assistant", "Done."), ("user", "and more?")]
    await send_in(front, [{"role": role, "content": words} for role, words in said])
    assert sorted(watch.seen_turns()) == ["Every field is a ring.", "and more?"]
    assert watch.told == ["Prove it."] * 2


async def test_the_steps_of_a_tool_loop_are_judged_once_and_each_is_recorded_with_what_was_found() -> None:
    front, watch = watched()
    kept: list[RequestRecord] = []
    front.services.keep = kept.append
    said: list[dict[str, Any]] = [{"role": "user", "content": "Mend the failing test, please."}]
    for number in range(3):
        assert await send_in(front, said) == 200
        call = {"id": f"c{number}", "type": "function", "function": {"name": "read", "arguments": "{}"}}
        said += [{"role": "assistant", "content": None, "tool_calls": [call]}]
        said += [{"role": "tool", "tool_call_id": f"c{number}", "content": "ok"}]
    assert watch.seen_turns() == ["Mend the failing test, please."]
    assert [record.decision is not None and record.decision.assessment is not None for record in kept] == [True] * 3


async def test_the_same_words_after_another_answer_are_judged_anew() -> None:
    front, watch = watched()
    words = "Now write a long report on pollution there, with sources and a table."
    for answer in ("It has pike.", "It has eels.", "It has eels."):
        await ask(front, words, "Tell me of the river Spree, please, and of its fish.", answer)
    assert watch.seen_turns() == [words] * 2


async def test_who_names_a_deployment_is_not_judged() -> None:
    front, watch = watched(POOL.replace("routing:", "  third: {model: scripted/flash}\nrouting:"))
    assert await ask(front, "a", model="third") == 200
    assert watch.seen == ["call a"]


async def test_the_time_of_judging_is_shared_by_those_who_were_judged() -> None:
    front, _ = watched()
    front.services.assessor = Watched(takes_s=0.01)
    kept: list[RequestRecord] = []
    front.services.keep = kept.append
    await asyncio.gather(*(ask(front, name) for name in "abc"))
    assert all(record.overhead_s["assess"] >= 0.01 for record in kept)


async def test_a_classifier_that_fails_on_the_turn_before_a_follow_up_is_counted() -> None:
    front, _ = watched()
    front.services.assessor = Watched(cannot_bear="Tell me of the river Spree.")
    kept: list[RequestRecord] = []
    front.services.keep = kept.append
    await ask(front, "and eels?", "Tell me of the river Spree.", "It has pike.")
    assert [record.classifier_failed for record in kept] == [True]


async def test_an_artifact_that_comes_between_two_stations_is_for_the_next_request() -> None:
    front, watch = watched()
    services, stricter = front.services, Watched()
    asked = [asyncio.ensure_future(ask(front, name)) for name in "ab"]
    while "assess a" not in watch.seen:
        await asyncio.sleep(0)
    services.assessor = stricter
    assert await asyncio.gather(*asked) == [200, 200]
    assert "assess b" in watch.seen
    assert stricter.seen == []


async def test_an_artifact_that_comes_while_the_body_does_is_the_one_that_is_named() -> None:
    front, _ = watched()
    newer = Watched()
    newer.artifact, newer.features_id = "newer@2:111111111111", "111111111111"
    kept: list[RequestRecord] = []
    front.services.keep = kept.append
    body = orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": "a"}]})
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        front.services.assessor = newer
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await front({"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}, receive, send)
    assert newer.seen[0] == "assess a"
    assert dict(sent[0]["headers"])[b"x-router-classifier"] == newer.artifact.encode()
    assert [record.features_id for record in kept] == [newer.features_id]


async def test_a_keeper_with_a_defect_takes_the_record_from_no_other_and_nothing_from_the_caller(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(metrics: Metrics, record: RequestRecord) -> NoReturn:
        raise KeyError("a defect")

    logged: list[RequestRecord] = []
    monkeypatch.setattr(Metrics, "observe", fail)
    monkeypatch.setattr(RequestLog, "add", lambda log, record: logged.append(record))
    front, _ = watched(POOL.replace("access_log: false", "access_log: true"))
    assert await ask(front, "hi") == 200
    assert [record.outcome for record in logged] == ["ok"]
    assert f"request {logged[0].request_id} is not kept by" in caplog.text
