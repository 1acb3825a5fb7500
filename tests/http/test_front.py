"""The front: requests that are ready at the same time go through the stations together."""

import asyncio
import os
from collections.abc import MutableMapping
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from classifier.assessment import Assessment, Assessor
from router.app import create_app
from router.config.load import parse_settings
from router.dispatch.provider import Call
from router.http.front import Front
from router.record.record import RequestRecord
from tests.live import POOL


class Watched(Assessor):
    """An assessor and a provider that note whom they see; what is asked names the request."""

    artifact, features_id = "watched@1:000000000000", "000000000000"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def assess(self, text: str, context: str = "", *, explain: bool = False) -> Assessment:
        self.seen.append(f"assess {text}")
        return Assessment(0.1, 0.0, "chat", 0.1, False, 10, self.artifact)

    async def complete(self, call: Call) -> dict[str, Any]:
        self.seen.append(f"call {call.body['messages'][0]['content']}")
        await asyncio.sleep(0.01)
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}


def watched() -> tuple[Front, Watched]:
    front, watch = create_app(parse_settings(POOL, "test.yaml", os.environ), CollectorRegistry()), Watched()
    front.services.assessor = watch
    front.services.dispatcher._provider_of = lambda target: watch  # type: ignore[assignment,return-value]
    return front, watch


async def ask(front: Front, text: str) -> int:
    """One request; gives its status."""
    body = orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]})
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await front({"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}, receive, send)
    return int(sent[0]["status"])


async def test_who_is_alone_waits_for_nobody_and_who_has_company_goes_through_each_station_with_it() -> None:
    front, watch = watched()
    assert await asyncio.gather(*(ask(front, name) for name in "abcd")) == [200] * 4
    assert watch.seen == ["assess a", "call a", "assess b", "assess c", "assess d", "call b", "call c", "call d"]


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
