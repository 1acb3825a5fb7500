"""What a run of the panel costs: ``python -m tests.bench.fusion``. The gateway is a process on a core of its own, its models
are scripted ones behind real sockets on the other core.

Four numbers: what the machinery adds to the slowest member and the judge at four answers of 50 KB, the first byte of a
stream, the wall clock against the slowest member where latencies have a heavy tail, and whether fifty runs at once are
all answered with bills that add up.
"""

import argparse
import asyncio
import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from openai import AsyncOpenAI

from tests.bench.processes import LOAD_CORE, SERVER_CORE, Running, free_port, started
from tests.bench.tables import noise

ASK = [{"role": "user", "content": "Weigh the arguments for and against a carbon tax."}]
MEDIAN_S, P99_OVER_MEDIAN = 0.2, 6.0
SEATS = 64
"""Members to draw panels from; each keeps its latency, so that it is known what a late one would have taken."""

JUDGES_MS = (25, 50, 75, 100, 150, 200, 300, 400)
JUDGE_TOKENS = 40
BIG_WORDS = 9_400
"""Of a scripted answer: 50 KB."""

BIG_MS, AT_ONCE = 100, 50


def latencies_s() -> list[float]:
    """Of the members: lognormal, median 0.2 s, p99 six times that."""
    rng = random.Random(20)
    sigma = math.log(P99_OVER_MEDIAN) / 2.3263  # the standard normal quantile of 0.99
    return [MEDIAN_S * rng.lognormvariate(0, sigma) for _ in range(SEATS)]


def config(upstream: str) -> str:
    """A pool of scripted models behind a socket, and a panel."""

    def entry(name: str, script: str) -> str:
        price = "price: {input_usd_per_mtok: 1, output_usd_per_mtok: 4}"
        return f'  {name}: {{model: "openai/scripted/{script}", api_base: "{upstream}/v1", api_key: x, {price}}}\n'

    still = "tokens_per_second=0&jitter=0&latency_tail=1&fail_rate=0"
    pool = "".join(
        entry(f"m{seat}", f"instant?latency_ms={wait_s * 1000:.1f}&seed={seat}&words=60&answer={seat}&{still}")
        for seat, wait_s in enumerate(latencies_s())
    )
    for wait_ms in JUDGES_MS:  # streams for as long as it says
        speed = JUDGE_TOKENS / (wait_ms / 1000)
        reply = "judged+" * (JUDGE_TOKENS - 1) + "now"
        pool += entry(f"j{wait_ms}", f"instant?reply={reply}&jitter=0&tokens_per_second={speed:.0f}")
    for seat in range(4):
        pool += entry(f"big{seat}", f"instant?latency_ms={BIG_MS}&seed={seat}&words={BIG_WORDS}&answer={seat}&{still}")
    pool += entry("bigjudge", f"judge?latency_ms={BIG_MS}&{still}")
    for seat, name in enumerate(("flash", "scholar", "skeptic", "strong")):
        pool += entry(f"busy{seat}", f"{name}?latency_ms=60&latency_tail=4&jitter=0.2&fail_rate=0&answer={seat}")
    pool += entry("busyjudge", "judge?latency_ms=40&jitter=0.2")
    return f"""pool:
{pool}routing: {{small: [m0], strong: [m1], baseline: m1}}
fusion: {{panel: [big0, big1, big2, big3], judge: bigjudge, deadline_s: 60, early_exit: false}}
ledger: {{enabled: false}}
server: {{access_log: false, log_level: error}}
"""


@contextmanager
def servers() -> Iterator[tuple[Running, Running]]:
    """The scripted models and the gateway before them."""
    port, upstream_port = free_port(), free_port()
    serve = [sys.executable, "-m", "router"]
    models = [*serve, "scripted-upstream", "--port", str(upstream_port)]
    with tempfile.TemporaryDirectory() as folder, started("models", models, upstream_port, LOAD_CORE, None) as upstream:
        path = Path(folder) / "router.yaml"
        path.write_text(config(upstream.url))
        with started(
            "fusion-router", [*serve, "serve", "--config", str(path), "--port", str(port)], port, SERVER_CORE
        ) as gateway:
            yield upstream, gateway


def fusion(panel: Sequence[str], judge: str, **more: Any) -> dict[str, Any]:
    """The request for one run."""
    return {"model": "fusion", "messages": ASK, "router": {"fusion": {"panel": panel, "judge": judge, **more}}}


async def post(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> bytes:
    """One exchange, read to its end."""
    async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
        raw = await reply.read()
        assert reply.status == 200, raw[:300]
        return raw


async def overhead_ms(upstream: str, gateway: str, rounds: int) -> list[float]:
    """A run, less what the same calls take when the client makes them itself: the members at once, then the judge."""
    big = [f"big{seat}" for seat in range(4)]
    script = f"words={BIG_WORDS}&latency_ms={BIG_MS}&tokens_per_second=0&jitter=0&latency_tail=1&fail_rate=0"
    took = []
    async with aiohttp.ClientSession() as session:

        async def by_hand() -> float:
            began_s = time.perf_counter()
            answers = await asyncio.gather(
                *(
                    post(
                        session, upstream, {"model": f"scripted/instant?{script}&seed={n}&answer={n}", "messages": ASK}
                    )
                    for n in range(4)
                )
            )
            texts = [orjson.loads(raw)["choices"][0]["message"]["content"] for raw in answers]
            assert min(map(len, texts)) >= 45_000, [len(text) for text in texts]
            judge = f"scripted/judge?latency_ms={BIG_MS}&tokens_per_second=0&jitter=0&fail_rate=0"
            await post(
                session, upstream, {"model": judge, "messages": [*ASK, {"role": "user", "content": "\n".join(texts)}]}
            )
            return time.perf_counter() - began_s

        async def by_run() -> float:
            began_s = time.perf_counter()
            raw = await post(session, gateway, fusion(big, "bigjudge", quorum=4))
            took_s = time.perf_counter() - began_s
            assert orjson.loads(raw)["router"]["fusion"]["status"] == "judged"
            return took_s

        for _ in range(rounds):
            hand_s = await by_hand()
            took.append((await by_run() - hand_s) * 1000)
    return took


async def first_byte_ms(gateway: str, rounds: int) -> list[float]:
    """From sending a request to the first byte of its stream's body."""
    took = []
    body = {**fusion(["big0", "big1"], "bigjudge"), "stream": True}
    async with aiohttp.ClientSession() as session:
        for _ in range(rounds):
            began_s = time.perf_counter()
            async with session.post(f"{gateway}/v1/chat/completions", json=body) as reply:
                await reply.content.readany()
                took.append((time.perf_counter() - began_s) * 1000)
                await reply.read()
    return took


async def wall_over_slowest(gateway: str, rounds: int) -> list[float]:
    """Wall clock of a streamed run, quorum 3 of 4, over what its slowest member takes; the judge a quarter of that."""
    waits_s = latencies_s()

    async with aiohttp.ClientSession() as session:

        async def once(seed: int) -> float:
            panel = random.Random(seed).sample(range(SEATS), 4)
            slowest_s = max(waits_s[seat] for seat in panel)
            judge_ms = min(JUDGES_MS, key=lambda wait_ms: abs(wait_ms - slowest_s * 250))
            body = fusion([f"m{seat}" for seat in panel], f"j{judge_ms}", quorum=3)
            began_s = time.perf_counter()
            await post(session, gateway, {**body, "stream": seed % 2 == 0})
            return (time.perf_counter() - began_s) / slowest_s

        return [
            ratio
            for start in range(0, rounds, 4)
            for ratio in await asyncio.gather(*(once(seed) for seed in range(start, start + 4)))
        ]


async def spent_usd(gateway: str) -> float:
    """All spend by the metrics."""
    async with aiohttp.ClientSession() as session, session.get(f"{gateway}/metrics") as reply:
        lines = (await reply.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("router_cost_usd_total{"))


async def fifty_at_once(gateway: str, rounds: int) -> list[float]:
    """Fifty runs of four members at once, half of them streams, by the official client; seconds of each round."""
    client = AsyncOpenAI(base_url=f"{gateway}/v1", api_key="x", max_retries=0, timeout=60)
    body = fusion([f"busy{seat}" for seat in range(4)], "busyjudge", quorum=3)["router"]

    async def whole() -> dict[str, Any]:
        answer: Any = await client.chat.completions.create(model="fusion", messages=ASK, extra_body={"router": body})  # type: ignore[arg-type]
        assert answer.choices[0].message.content
        assert math.isclose(answer.usage.cost, answer.router["cost_usd"])
        return dict(answer.router)

    async def streamed() -> dict[str, Any]:
        chunks: Any = await client.chat.completions.create(
            model="fusion", messages=ASK, stream=True, extra_body={"router": body}  # type: ignore[arg-type]
        )  # fmt: skip
        text, router = "", {}
        async for chunk in chunks:
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
            router = getattr(chunk, "router", None) or router
        assert text
        return dict(router)

    took = []
    for _ in range(rounds):
        before_usd, began_s = await spent_usd(gateway), time.perf_counter()
        runs = await asyncio.gather(*(whole() if number % 2 else streamed() for number in range(AT_ONCE)))
        took.append(time.perf_counter() - began_s)
        for run in runs:
            lines = run["fusion"]["cost"]["lines"]
            assert len(lines) >= 5, len(lines)
            assert math.isclose(sum(line["cost_usd"] for line in lines), run["cost_usd"], rel_tol=1e-9)
            assert math.isclose(run["fusion"]["cost"]["total_usd"], run["cost_usd"], rel_tol=1e-9)
        assert len({run["request_id"] for run in runs}) == AT_ONCE
        await asyncio.sleep(0.2)  # the last record is written after its answer
        billed_usd, counted_usd = sum(run["cost_usd"] for run in runs), await spent_usd(gateway) - before_usd
        assert math.isclose(billed_usd, counted_usd, rel_tol=1e-6), (billed_usd, counted_usd)
    await client.close()
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="runs for each number")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rounds: int = options.rounds
    with servers() as (upstream, gateway):
        measures: list[tuple[str, str, int, Callable[[int], Awaitable[list[float]]]]] = [
            ("added to slowest member and judge, 4 × 50 KB, ms", "≤ 15", rounds, partial(overhead_ms, upstream.url, gateway.url)),
            ("first byte of a stream, ms", "≤ 50", rounds, partial(first_byte_ms, gateway.url)),
            ("wall clock / slowest member, quorum 3 of 4", "≤ 1.2", rounds * 2, partial(wall_over_slowest, gateway.url)),
            (f"{AT_ONCE} runs at once, none lost, bills true, s", "none lost", 5, partial(fifty_at_once, gateway.url)),
        ]  # fmt: skip
        found: dict[str, Any] = {"noise": noise()}
        for name, goal, times, measure in measures:
            asyncio.run(_all(measure(4)))  # warms connections and caches
            cpu_s = gateway.cpu_s()
            values = asyncio.run(_all(measure(times)))
            cpu_ms = (gateway.cpu_s() - cpu_s) * 1000 / times
            median, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
            print(f"{name}: median {median:.2f}, p95 {p95:.2f}, {times} times, {cpu_ms:.1f} ms CPU each (goal: {goal})")
            found[name] = {"median": median, "p95": p95, "cpu_ms": cpu_ms, "values": values}
        print(f"memory of the gateway afterwards: {gateway.resident_mb():.0f} MB; {noise()}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


async def _all(measured: Awaitable[list[float]]) -> list[float]:
    return await measured


if __name__ == "__main__":
    main()
