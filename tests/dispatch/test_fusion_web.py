"""Panelists with the web: the loop of asking and being told, its limits, its money."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from router.core.frame import frame_key
from router.core.fusion import Member
from router.core.prompt import estimate_input_tokens
from router.core.public_address import read_allowed
from router.core.spend import RunPlan
from router.core.types import Attempt
from router.dispatch.fusion import FusionRun, NoAudience
from router.dispatch.fusion.calls import RunCalls
from router.dispatch.provider import Call
from router.dispatch.web import Web
from router.dispatch.web.fetch import Fetcher
from router.dispatch.web.search import SearxngSearch
from tests.dispatch.test_fusion_run import CHECKER, dispatcher, order, script
from tests.dispatch.web.sites import LocalWeb, local_web

RESEARCH = script(research=1, answer="1893")
PLAIN = script(reply="Nobody knows who built it, and the sources contradict each other.")


@pytest.fixture
def found() -> Iterator[LocalWeb]:
    with local_web() as web:
        yield web


def web_of(found: LocalWeb, **more: Any) -> Web:
    fetcher = Fetcher(read_allowed(["127.0.0.1"]), timeout_s=5.0)
    return Web(SearxngSearch(found.base, timeout_s=5.0), fetcher, "searxng/search", **more)


async def go(asked: Any, pool: Any, web: Web | None) -> tuple[Any, dict[str, Any], list[Attempt]]:
    attempts: list[Attempt] = []
    run = FusionRun(asked, pool, NoAudience(), attempts, CHECKER, web)
    answer = await run.answer()
    facts = run.facts()
    assert len(facts["cost"]["lines"]) == len(attempts)
    assert facts["cost"]["total_usd"] == pytest.approx(sum(a.cost_usd or 0 for a in attempts), abs=1e-12)
    return answer, facts, attempts


def asks(panel: str = "ab", **more: Any) -> Any:
    """A run that waits for every member."""
    return order(panel, **{"quorum": len(panel), "tool_calls": 4, **more})


def seats(facts: dict[str, Any]) -> dict[str, Any]:
    return {seat["deployment"]: seat for seat in facts["panel"]}


async def test_a_member_searches_reads_and_answers_and_its_sources_are_told(found: LocalWeb) -> None:
    asked = asks()
    _, facts, attempts = await go(asked, dispatcher(a=RESEARCH, b=PLAIN), web_of(found))
    assert (len(found.queries), found.read) == (1, ["/bridge"])
    assert "1893" in next(r["content"] for r in facts["responses"] if r["model"].endswith("/a"))
    assert facts["sources"] == [{"title": "The bridge", "url": f"{found.base}/bridge", "read": True}]
    assert (seats(facts)["a"]["tool_calls"], seats(facts)["b"]["tool_calls"]) == (2, 0)
    assert seats(facts)["b"]["sources"] == []
    lines = [(a.deployment, a.stage, a.outcome) for a in attempts if a.deployment in ("a", "web_search")]
    assert lines == [("a", "panel", "ok"), ("web_search", "panel", "ok"), ("a", "panel", "ok"), ("a", "panel", "ok")]


async def test_without_a_web_or_with_no_calls_allowed_nothing_is_offered(found: LocalWeb) -> None:
    for web, calls in ((None, 4), (web_of(found), 0)):
        _, facts, _ = await go(asks(tool_calls=calls), dispatcher(a=RESEARCH, b=PLAIN), web)
        assert facts["sources"] == []
        assert found.queries == []


async def test_members_that_are_not_known_to_call_tools_are_not_offered_any(found: LocalWeb) -> None:
    pool = dispatcher(a=RESEARCH, b=PLAIN)
    pool.pool["a"].supports.pop("tools")  # type: ignore[attr-defined]
    _, facts, _ = await go(asks(), pool, web_of(found))
    assert found.queries == []
    assert seats(facts)["a"]["status"] == "ok"


class Insister:
    """A model that asks for searches, two at a time, for as long as it may, and on demand longer."""

    def __init__(self, *, obeys: bool = True, words: int = 20, thinks: int = 0) -> None:
        self.obeys, self.text, self.thinks = obeys, "so it goes " * words, thinks
        self.bodies: list[dict[str, Any]] = []

    async def complete(self, call: Call) -> dict[str, Any]:
        body = dict(call.body)
        self.bodies.append(body)
        may = "tools" in body and (not self.obeys or body.get("tool_choice") != "none")
        text = self.text[: 4 * body.get("max_tokens", 1_000_000)]
        message: dict[str, Any] = {"role": "assistant", "content": None if may else text}
        if may:
            message["tool_calls"] = [
                {"id": f"c{n}", "type": "function", "function": {"name": "web_search", "arguments": '{"query": "x"}'}}
                for n in range(2)
            ]
        said = min(60 + self.thinks, body.get("max_tokens", 1_000_000)) if may else len(text) // 4
        usage = {"prompt_tokens": estimate_input_tokens(body), "completion_tokens": said}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if may else "stop"}],
                "usage": usage}  # fmt: skip

    def stream(self, call: Call) -> Any:
        raise NotImplementedError


def insisting(insister: Insister, **models: str) -> Any:
    pool = dispatcher(a=PLAIN, **models)
    by_name = pool._provider_of
    pool._provider_of = lambda target: insister if target.deployment.name == "a" else by_name(target)
    return pool


@pytest.mark.parametrize("most", [1, 2, 3, 4, 7])
async def test_a_member_that_never_stops_asking_is_held_to_its_limit_and_answers(found: LocalWeb, most: int) -> None:
    insister = Insister()
    _, facts, attempts = await go(asks(tool_calls=most), insisting(insister, b=PLAIN), web_of(found))
    assert len(found.queries) == most
    assert (seats(facts)["a"]["status"], seats(facts)["a"]["tool_calls"]) == ("ok", most)
    assert len(insister.bodies) == (most + 1) // 2 + 1
    assert insister.bodies[-1]["tool_choice"] == "none"
    told = [message for message in insister.bodies[-1]["messages"] if message["role"] == "tool"]
    assert len(told) == 2 * ((most + 1) // 2)
    assert sum("No more tool calls" in message["content"] for message in told) == most % 2
    assert sum(a.deployment == "a" for a in attempts) == len(insister.bodies)


async def test_a_member_that_asks_although_it_must_not_is_asked_again_without_tools(found: LocalWeb) -> None:
    insister = Insister(obeys=False)
    _, facts, _ = await go(asks(tool_calls=2), insisting(insister, b=PLAIN), web_of(found))
    assert seats(facts)["a"]["status"] == "ok"
    assert len(found.queries) == 2
    assert "tools" not in insister.bodies[-1]
    assert len(insister.bodies) == 3


@pytest.mark.parametrize("broken", ["search", "fetch"])
async def test_a_member_whose_tools_fail_still_answers(found: LocalWeb, broken: str) -> None:
    if broken == "search":
        found.status = 500
    else:
        found.hits = [{"title": "x", "url": "http://169.254.169.254/latest/", "content": "y"}]
    _, facts, attempts = await go(asks(), dispatcher(a=RESEARCH, b=PLAIN), web_of(found))
    assert seats(facts)["a"]["status"] == "ok"
    assert found.read == []
    assert [a.outcome for a in attempts if a.deployment == "web_search"] == ["failed" if broken == "search" else "ok"]


async def test_a_provider_that_refuses_tools_is_asked_without_them(found: LocalWeb) -> None:
    picky = script(reply="I answer without any tools, thank you very much.", fail="400", fail_times=1)
    _, facts, attempts = await go(asks(), dispatcher(a=picky, b=PLAIN), web_of(found))
    assert seats(facts)["a"]["status"] == "ok"
    assert [a.outcome for a in attempts if a.deployment == "a"] == ["upstream_rejected", "ok"]


async def test_what_members_see_of_fences_is_not_the_key_of_the_judges_frame(found: LocalWeb) -> None:
    insister = Insister()
    await go(asks(tool_calls=2), insisting(insister, b=PLAIN), web_of(found))
    seen = "".join(str(message) for body in insister.bodies for message in body["messages"])
    assert "<<<" in seen
    assert frame_key("req_test") not in seen


async def test_a_conversation_that_grew_too_long_is_given_up_for_the_plain_question(found: LocalWeb) -> None:
    small_window = script(research=1, context_window=250, answer="1893")
    _, facts, attempts = await go(asks(), dispatcher(a=small_window, b=PLAIN), web_of(found))
    assert [a.outcome for a in attempts if a.deployment == "a"] == ["ok", "context_length_exceeded", "ok"]
    assert seats(facts)["a"]["status"] == "ok"


async def test_answers_that_must_be_json_are_given_without_tools(found: LocalWeb) -> None:
    asked = asks(body={"response_format": {"type": "json_object"}})
    _, facts, _ = await go(asked, dispatcher(a=RESEARCH, b=RESEARCH), web_of(found))
    assert found.queries == []
    assert facts["status"] == "agreed"


async def test_a_late_members_search_is_cut_off_and_billed(found: LocalWeb) -> None:
    class Endless:
        async def search(self, query: str) -> list[Any]:
            await asyncio.sleep(30)
            return []

    web = Web(Endless(), None, "tavily/search", 0.008)
    asked = asks(quorum=1)
    _, facts, attempts = await go(asked, dispatcher(a=RESEARCH, b=PLAIN), web)
    line = next(line for line in facts["cost"]["lines"] if line["deployment"] == "web_search")
    assert (line["status"], line["cost_usd"], line["price_source"]) == ("late", 0.008, "fusion.web.search")
    assert seats(facts)["a"]["status"] == "late"
    assert seats(facts)["a"]["cost_usd"] > 0.008
    assert any(a.outcome == "aborted" for a in attempts)


async def test_a_late_member_is_billed_by_what_the_others_answered_not_by_what_it_asked_for(found: LocalWeb) -> None:
    slow = script(research=1, latency_ms=250)
    _, _facts, attempts = await go(
        asks(quorum=1), dispatcher(a=slow, b=script(words=200, latency_ms=300)), web_of(found)
    )
    answered = next(a.usage.output_tokens for a in attempts if a.deployment == "b" and a.usage)
    late = next(a.usage for a in attempts if a.outcome == "aborted" and a.deployment == "a")
    assert late is not None
    assert (late.output_tokens, late.estimated) == (answered, True)
    assert answered > 100


async def test_searches_whose_price_nobody_knows_are_unpriced_and_not_made_under_a_cap(found: LocalWeb) -> None:
    web = web_of(found, search_usd=None)
    _, facts, _ = await go(asks(), dispatcher(a=RESEARCH, b=PLAIN), web)
    line = next(line for line in facts["cost"]["lines"] if line["deployment"] == "web_search")
    assert (line["cost_usd"], line["price_source"]) == (None, None)
    found.queries.clear()
    _, facts, _ = await go(asks(cap_usd=5.0), dispatcher(a=RESEARCH, b=PLAIN), web)
    assert found.queries == []
    assert facts["given_up"] == ["tools"]


async def test_a_cap_takes_tools_away_before_anything_else(found: LocalWeb) -> None:
    pool, web = dispatcher(a=RESEARCH, b=PLAIN, c=PLAIN), web_of(found)
    asked = asks("abc")
    prices = RunCalls(asked, pool, [], web).prices
    bare_usd = prices.run_usd(RunPlan(tuple(map(Member, "abc")), "judge"))
    _, facts, _ = await go(asks("abc", cap_usd=bare_usd * 1.05), pool, web)
    assert facts["given_up"] == ["tools"]
    assert found.queries == []
    assert len(facts["panel"]) == 3


@pytest.mark.parametrize(("thinks", "search_usd"), [(0, 0.001), (50_000, 0.0), (50_000, 0.01)])
@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 3.0])
async def test_members_with_tools_stay_within_a_cap_whatever_they_ask_for(
    found: LocalWeb, share: float, thinks: int, search_usd: float
) -> None:
    """One that thinks away all it may still has its plain answer left."""
    insister, web = Insister(words=100_000, thinks=thinks), web_of(found, search_usd=search_usd)
    pool = insisting(insister, b=PLAIN)
    prices = RunCalls(asks(tool_calls=6), pool, [], web).prices
    cap_usd = share * prices.run_usd(RunPlan(tuple(map(Member, "ab")), "judge", tool_calls=6))
    _, facts, attempts = await go(asks(tool_calls=6, cap_usd=cap_usd), pool, web)
    assert sum(a.cost_usd or 0 for a in attempts if a.stage == "panel") <= cap_usd
    assert all("max_tokens" in body for body in insister.bodies)
    if any(seat["deployment"] == "a" for seat in facts["panel"]):
        assert len(next(r["content"] for r in facts["responses"] if r["model"].endswith("/a"))) >= 4 * 90
    assert bool(found.queries) == ("tools" not in facts["given_up"])
