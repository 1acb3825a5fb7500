"""Mixed traffic for a gateway: easy and hard prompts, streams, panels of every ending, failures, 429s, unpriced calls."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any

import httpx

from router.commands.demo import PROMPTS

CONFIG = """
pool:
  small:   {{model: "scripted/small?latency_ms=15&tokens_per_second=4000&fail=500&fail_rate=0.1"}}
  backup:  {{model: "scripted/flash?latency_ms=15&tokens_per_second=4000&fail=429&fail_rate=0.1&retry_after=1"}}
  strong:  {{model: "scripted/strong?latency_ms=40&tokens_per_second=4000"}}
  spare:   {{model: "scripted/scholar?latency_ms=30&tokens_per_second=4000"}}
  sick:    {{model: "scripted/strong?fail=429&retry_after=600&seed=9"}}
  slow:    {{model: "scripted/scholar?latency_ms=30000&seed=9"}}
  scholar: {{model: "scripted/scholar?latency_ms=60&tokens_per_second=4000&seed=1"}}
  skeptic: {{model: "scripted/skeptic?latency_ms=50&tokens_per_second=4000&fail=503&fail_rate=0.2"}}
  twin:    {{model: "scripted/instant?answer=42"}}
  judge:   {{model: "scripted/judge?latency_ms=50&tokens_per_second=4000"}}
  broken:  {{model: "scripted/judge?fail=500&seed=9"}}
  local:   {{model: "openai/scripted/instant", api_base: "{upstream}", api_key: none}}   # no known price
routing:
  small: [small, backup]
  strong: [strong, spare]
  baseline: strong
fusion: {{panel: [backup, scholar, skeptic], judge: judge}}
limits: {{cooldown_s: 1}}
classifier: {{path: "{artifact}"}}
ledger: {{url: "sqlite:///{ledger}"}}
server: {{access_log: false, log_level: error}}
"""

AT_ONCE = 8
SAY: list[Any] = [{"role": "user", "content": "What is six times seven? Answer with the number only."}]


def pooled(model: str, **fusion: Any) -> dict[str, Any]:
    """A request that is not routed by the classifier."""
    return {"model": model, "messages": SAY, **({"router": {"fusion": fusion}} if fusion else {})}


SPECIAL: tuple[dict[str, Any], ...] = (
    pooled("fusion"),
    pooled("fusion", mode="best_of"),
    pooled("fusion", panel=["twin", "twin"], mode="vote"),
    pooled("fusion", judge="broken"),
    pooled("fusion", panel=["scholar", "slow"], quorum=1),
    pooled("fusion", panel=["scholar", "broken"]),
    {**pooled("fusion"), "stream": True},
    pooled("local"),
    pooled("sick"),
    pooled("broken"),
    pooled("strong"),
    {**pooled("small"), "stream": True},
    {**pooled("strong"), "stream": True, "stream_options": {"include_usage": True}},
    pooled("no-such-model"),
    {"model": "auto", "messages": []},
)


@dataclass
class Answers:
    """What the answers say, added up.

    Attributes:
        cost_usd, baseline_usd: over all answers; unpriced calls have no cost, and then there is no baseline beside it.
        savings_usd: over those whose every call is priced; what failed is spent for nothing.
        by_route: requests by route, ``none`` where nothing was decided.
        rated: ids of answered requests, for feedback.
    """

    requests: int = 0
    cost_usd: float = 0.0
    baseline_usd: float = 0.0
    savings_usd: float = 0.0
    unpriced: int = 0
    by_route: Counter[str] = field(default_factory=Counter)
    spent_by_route: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    fusion: Counter[str] = field(default_factory=Counter)
    rated: list[tuple[str, str]] = field(default_factory=list)

    def add_answer(self, facts: dict[str, Any]) -> None:
        """One whole answer, or a stream's end."""
        cost, baseline = facts["cost_usd"] or 0.0, facts["baseline_cost_usd"] or 0.0
        self._add(facts["route"], "ok", cost, baseline, unpriced=facts["unpriced"])
        self.rated.append((facts["request_id"], facts["route"]))
        if "fusion" in facts:
            self.fusion[facts["fusion"]["status"]] += 1

    def add_error(self, reply: httpx.Response) -> None:
        """One refusal, whose cost is in its headers."""
        cost = reply.headers.get("x-router-cost-usd", "0")
        unpriced = cost == "unpriced"
        route = reply.headers.get("x-router-route", "none")
        self._add(route, reply.json()["error"]["code"], 0.0 if unpriced else float(cost), 0.0, unpriced=unpriced)

    def _add(self, route: str, outcome: str, cost: float, baseline: float, *, unpriced: bool) -> None:
        self.requests += 1
        self.by_route[route] += 1
        self.outcomes[outcome] += 1
        self.cost_usd += cost
        self.spent_by_route[route] += cost
        self.baseline_usd += 0.0 if unpriced else baseline
        self.unpriced += unpriced
        self.savings_usd += 0.0 if unpriced else baseline - cost


def requests() -> Iterator[dict[str, Any]]:
    """The demo's prompts and the special cases, for ever."""
    prompts = [json.loads(line) for line in PROMPTS.read_bytes().splitlines() if line.strip()]
    routed = cycle(
        {"model": "auto", "stream": number % 4 == 0, **{k: prompt[k] for k in ("messages", "tools") if k in prompt}}
        for number, prompt in enumerate(prompts)
    )
    special = cycle(SPECIAL)
    for number in count(1):
        yield next(routed if number % 3 else special)


async def send(url: str, wanted: Iterator[dict[str, Any]], number: int, answers: Answers, pause_s: float = 0.0) -> None:
    """Send so many requests, a few at a time, and add the answers up."""
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=httpx.Limits(max_connections=AT_ONCE)) as client:

        async def work() -> None:
            nonlocal number
            while number > 0:
                number -= 1
                await _send(client, next(wanted), answers)
                await asyncio.sleep(pause_s)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())


async def _send(client: httpx.AsyncClient, body: dict[str, Any], answers: Answers) -> None:
    reply = await client.post("/v1/chat/completions", json=body)
    if reply.status_code != 200:
        answers.add_error(reply)
    elif body.get("stream"):
        data = [line[6:] for line in reply.text.splitlines() if line.startswith("data: ")]
        assert data[-1] == "[DONE]", data[-1][:300]
        answers.add_answer(json.loads(data[-2])["router"])
    else:
        answers.add_answer(reply.json()["router"])


EVERY = {"small": 9, "strong": 3, "fusion": 4, "direct": 9}
"""So many good verdicts to each other one."""


def verdicts() -> dict[str, Iterator[str]]:
    """What callers say, by route: mostly that it was right."""
    unlike = {
        "small": ("underpowered", "failed", "overprovisioned"),
        "strong": ("overprovisioned", "overprovisioned", "failed"),
        "fusion": ("overprovisioned", "underpowered"),
        "direct": ("failed",),
    }
    return {
        route: cycle([verdict for other in others for verdict in (other, *["good_fit"] * EVERY[route])])
        for route, others in unlike.items()
    }


VERDICTS = verdicts()


async def judge(url: str, answers: Answers) -> Counter[tuple[str, str]]:
    """Say something of every answer; gives back what was said, by route and verdict."""
    said: Counter[tuple[str, str]] = Counter()
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        for request_id, route in answers.rated:
            verdict = next(VERDICTS[route])
            reply = await client.post("/v1/feedback", json={"request_id": request_id, "verdict": verdict})
            reply.raise_for_status()
            said[route, verdict] += 1
    return said
