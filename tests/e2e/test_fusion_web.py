"""Panelists that look things up, over real HTTP: config → search → page → answer → sources, bill and metrics."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from openai import OpenAI
from prometheus_client import CollectorRegistry

from router.record.metrics import Metrics
from tests.dispatch.web.sites import LocalWeb, local_web
from tests.live import LiveGateway, gateway

QUICK = "latency_ms=0&tokens_per_second=0&jitter=0&latency_tail=1&fail_rate=0"
ASK: list[Any] = [{"role": "user", "content": "When was the bridge built, and by whom?"}]


def config(base: str, *, allow: str = "[127.0.0.1]", more: str = "") -> str:
    return f"""
pool:
  small:   {{model: "scripted/small?{QUICK}"}}
  strong:  {{model: "scripted/strong?{QUICK}"}}
  flash:   {{model: "scripted/flash?{QUICK}&research=1"}}
  scholar: {{model: "scripted/scholar?{QUICK}&research=1&seed=3"}}
  judge:   {{model: "scripted/judge?{QUICK}"}}
routing: {{small: [small], strong: [strong], baseline: strong}}
fusion:
  panel: [flash, scholar]
  judge: judge
  quorum: 2
  early_exit: false
  expose: full
  web:
    search: {{provider: searxng, url: "{base}", usd_per_query: 0.002}}
    allow_private: {allow}
ledger: {{enabled: false{more}}}
server: {{access_log: false, log_level: error}}
"""


@pytest.fixture(scope="module")
def found() -> Iterator[LocalWeb]:
    with local_web() as web:
        yield web


@pytest.fixture(scope="module")
def live(found: LocalWeb) -> Iterator[LiveGateway]:
    with gateway(config(found.base)) as running:
        yield running


@pytest.fixture
def client(live: LiveGateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as made:
        yield made


def run_of(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.model_extra["router"]["fusion"]
    return found


@pytest.mark.parametrize("stream", [False, True])
def test_members_search_read_and_answer_and_the_sources_are_in_the_reply(
    client: OpenAI, live: LiveGateway, found: LocalWeb, stream: bool
) -> None:
    found.queries.clear()
    found.read.clear()
    answer: Any = client.chat.completions.create(model="fusion", messages=ASK, stream=stream)
    if stream:
        answer = list(answer)[-1]
    run = run_of(answer)
    assert found.queries == [ASK[0]["content"]] * 2
    assert found.read == ["/bridge", "/bridge"]
    assert run["sources"] == [{"title": "The bridge", "url": f"{found.base}/bridge", "read": True}]
    assert [seat["tool_calls"] for seat in run["panel"]] == [2, 2]
    assert all("masons" in response["content"] for response in run["responses"])
    assert run["cost"]["total_usd"] == pytest.approx(sum(line["cost_usd"] for line in run["cost"]["lines"]))
    assert sum(line["cost_usd"] for line in run["cost"]["lines"] if line["deployment"] == "web_search") == 0.004
    record, registry = live.record(run["run_id"]), CollectorRegistry()
    Metrics(registry).observe(record)
    spent = sum(s.value for m in registry.collect() for s in m.samples if s.name == "router_cost_usd_total")
    assert spent == pytest.approx(run["cost"]["total_usd"])
    assert record.overhead_s["dispatch"] < 0.1


def test_nothing_that_the_web_said_is_kept_where_text_is_not(client: OpenAI, live: LiveGateway) -> None:
    run = run_of(client.chat.completions.create(model="fusion", messages=ASK))
    kept = str(client.get(f"/fusion/runs/{run['run_id']}", cast_to=object)) + str(live.record(run["run_id"]).fusion)
    assert "bridge" not in kept.lower()


async def test_callers_who_ask_for_events_hear_of_every_search_and_page_but_not_of_what_is_looked_for(
    live: LiveGateway,
) -> None:
    body = {"model": "fusion", "messages": ASK, "stream": True, "router": {"fusion": {"events": True}}}
    async with aiohttp.ClientSession() as session, session.post(f"{live.url}/v1/chat/completions", json=body) as reply:
        events = (await reply.text()).split("\n\n")
    told = [event.partition("data: ")[2] for event in events if event.startswith("event: fusion.tool_called")]
    assert sorted(json.loads(data)["tool"] for data in told) == ["web_fetch"] * 2 + ["web_search"] * 2
    assert "bridge" not in "".join(told).lower()


async def test_a_hang_up_cancels_members_in_the_middle_of_a_search() -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        asked.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            gone.set()
            raise
        return web.Response()

    app = web.Application()
    app.router.add_get("/search", hang)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with gateway(config(f"http://127.0.0.1:{runner.addresses[0][1]}")) as hanging:
        async with aiohttp.ClientSession() as session:
            body = {"model": "fusion", "messages": ASK, "stream": True}
            reply = await session.post(f"{hanging.url}/v1/chat/completions", json=body)
            await asyncio.wait_for(asked.wait(), 10)
            reply.close()
        await asyncio.wait_for(gone.wait(), 10)
        (record,) = await asyncio.to_thread(hanging.wait_for_records, 1)
    await runner.cleanup()
    assert record.outcome == "aborted"
    searches = [(a.outcome, a.cost_usd) for a in record.attempts if a.deployment == "web_search"]
    assert searches == [("aborted", 0.002)] * 2


def test_no_calls_allowed_means_no_web(client: OpenAI, found: LocalWeb) -> None:
    found.queries.clear()
    for extra in (
        {"router": {"fusion": {"max_tool_calls": 0}}},
        {"plugins": [{"id": "fusion", "preset": "general-fast"}]},
    ):
        run = run_of(client.chat.completions.create(model="fusion", messages=ASK, extra_body=extra))
        assert run["sources"] == []
    assert found.queries == []


def test_the_dry_runs_estimate_counts_what_tools_may_add(client: OpenAI) -> None:
    def estimate(calls: int) -> float:
        body = {"model": "fusion", "messages": ASK, "router": {"fusion": {"max_tool_calls": calls}}}
        found: Any = client.post("/route", body=body, cast_to=object)
        return float(found["estimated_cost_usd"]["fusion"])

    assert estimate(0) < estimate(1) < estimate(4)


def test_pages_at_private_addresses_are_not_read_unless_the_config_allows_it(found: LocalWeb) -> None:
    found.read.clear()
    with gateway(config(found.base, allow="[]")) as closed, OpenAI(base_url=f"{closed.url}/v1", api_key="x") as client:
        run = run_of(client.chat.completions.create(model="fusion", messages=ASK))
    assert found.read == []
    assert [seat["status"] for seat in run["panel"]] == ["ok", "ok"]
    assert [source["read"] for source in run["sources"]] == [False]
