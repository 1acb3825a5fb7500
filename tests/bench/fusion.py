"""What a run of the panel costs in time: ``python tests/bench/fusion.py``. One core, no network.

Three numbers: the machinery's own time with four members of 50 KB, the wall clock against the slowest member where
latencies have a heavy tail, and the first byte of a stream over HTTP.
"""

import asyncio
import math
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import aiohttp
import orjson

from router.core.fusion import FusionControls, Member
from router.core.health import CooldownRules
from router.core.policy import Step
from router.core.types import Deployment, Price
from router.dispatch.fusion import FusionRun, RunOrder, Silent, StreamAudience
from router.dispatch.provider import Call, Target
from router.dispatch.single import Dispatcher
from tests.live import gateway

WORDS = [f"word{number}" for number in range(900)]
PANEL = tuple(Member(name) for name in ("a", "b", "c", "d"))
MEDIAN_S, P99_OVER_MEDIAN, RUNS = 0.2, 6.0, 200


class Sleeper:
    """A provider that sleeps as long as it is told and then has its answer ready."""

    def __init__(self, waits_s: dict[str, float], texts: dict[str, str]) -> None:
        self.waits_s = waits_s
        self.replies = {name: _reply(text) for name, text in texts.items()}
        self.pieces = [f"judged {number} " for number in range(20)]

    async def complete(self, call: Call) -> dict[str, Any]:
        name = call.target.deployment.name
        await asyncio.sleep(self.waits_s.get(name, 0.0))
        return dict(self.replies.get(name) or _reply("".join(self.pieces)))

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AsyncIterator[bytes]]:
        yield self._chunks(self.waits_s.get("judge", 0.0) / len(self.pieces))

    async def _chunks(self, gap_s: float) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await asyncio.sleep(gap_s)
            yield _chunk({"content": piece})
        yield _chunk({}, "stop")
        yield b"data: [DONE]\n\n"


def _reply(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 20, "completion_tokens": len(text) // 4}
    return {"id": "x", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + orjson.dumps({"id": "x", "choices": [choice]}) + b"\n\n"


def _run(provider: Sleeper, quorum: int, audience: Any) -> FusionRun:
    deployments = [Deployment(name, f"bench/{name}", Price(1e-6, 4e-6)) for name in ("a", "b", "c", "d", "judge")]
    targets = {deployment.name: Target(deployment, "bench", deployment.name) for deployment in deployments}
    order = RunOrder(
        run_id="req_bench",
        body={"messages": [{"role": "user", "content": "A question."}]},
        panel=PANEL,
        judge="judge",
        alone=(Step("a", "strong"),),
        strong=(),
        controls=FusionControls(PANEL, "judge", quorum=quorum),
        closed_answer=None,
        input_tokens=20,
        output_tokens=500,
        cap_usd=None,
        deadline_s=asyncio.get_running_loop().time() + 60,
    )
    return FusionRun(order, Dispatcher(targets, lambda target: provider, CooldownRules()), audience, [])


async def _ignore(data: bytes) -> None:
    return None


def _text(seed: int, size: int = 50_000) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) for _ in range(size // 7))


async def machinery_ms() -> list[float]:
    """Whole runs with answers that are there at once: what is left is the machinery."""
    texts = {member.deployment: _text(seed) for seed, member in enumerate(PANEL)}
    took = []
    for _ in range(30):
        provider = Sleeper({}, texts)
        run = _run(provider, 4, StreamAudience(_ignore, {}, events=False, on_first=lambda: None))
        began_s = time.perf_counter()
        await run.answer()
        run.facts()
        took.append((time.perf_counter() - began_s) * 1000)
    return took


async def wall_over_slowest() -> list[float]:
    """Wall clock of a run over what its slowest member would have taken."""
    sigma = math.log(P99_OVER_MEDIAN) / 2.3263  # the standard normal quantile of 0.99

    async def once(seed: int) -> float:
        rng = random.Random(seed)
        waits_s = {member.deployment: MEDIAN_S * rng.lognormvariate(0, sigma) for member in PANEL}
        slowest_s = max(waits_s.values())
        texts = {member.deployment: f"{member.deployment} {_text(seed + i, 400)}" for i, member in enumerate(PANEL)}
        provider = Sleeper({**waits_s, "judge": MEDIAN_S / 4}, texts)
        run = _run(
            provider, 3, Silent() if seed % 2 else StreamAudience(_ignore, {}, events=False, on_first=lambda: None)
        )
        began_s = time.perf_counter()
        await run.answer()
        return (time.perf_counter() - began_s) / slowest_s

    ratios: list[float] = []
    for start in range(0, RUNS, 20):
        ratios += await asyncio.gather(*(once(seed) for seed in range(start, start + 20)))
    return ratios


async def first_byte_ms() -> list[float]:
    """From sending a request to the first byte of its stream's body, over loopback."""
    config = """
pool:
  small: {model: "scripted/small"}
  judge: {model: "scripted/judge"}
  slow: {model: "scripted/scholar?latency_ms=300"}
routing: {small: [small], strong: [judge], baseline: judge}
fusion: {panel: [slow, small], judge: judge}
ledger: {enabled: false}
server: {access_log: false, log_level: error}
"""
    body = {"model": "fusion", "stream": True, "messages": [{"role": "user", "content": "Weigh this."}]}
    took = []
    with gateway(config) as live:
        async with aiohttp.ClientSession() as session:
            for _ in range(15):
                began_s = time.perf_counter()
                async with session.post(f"{live.url}/v1/chat/completions", json=body) as reply:
                    await reply.content.readany()
                    took.append((time.perf_counter() - began_s) * 1000)
    return took


def main() -> None:
    """Measure and print."""
    for name, goal, values in (
        ("machinery, 4 × 50 KB", "≤ 15 ms", asyncio.run(machinery_ms())),
        ("wall clock / slowest member, quorum 3 of 4", "≤ 1.2", asyncio.run(wall_over_slowest())),
        ("first byte of a stream", "≤ 50 ms", asyncio.run(first_byte_ms())),
    ):
        p95 = statistics.quantiles(values, n=20)[-1]
        print(
            f"{name}: median {statistics.median(values):.2f}, p95 {p95:.2f}, {len(values)} runs (goal: median {goal})"
        )


if __name__ == "__main__":
    main()
