"""Many runs at once, over real sockets on both sides: none is lost, and every bill is true."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from openai import AsyncOpenAI
from prometheus_client import CollectorRegistry

from router.record.metrics import Metrics
from router.record.record import RequestRecord
from tests.live import LiveGateway, gateway

AT_ONCE = 24
ASK: list[Any] = [{"role": "user", "content": "Weigh the arguments for and against a carbon tax."}]
HABITS = {
    "flash": "latency_ms=20&latency_tail=4&fail=429&fail_rate=0.2",
    "scholar": "latency_ms=30&latency_tail=3",
    "skeptic": "latency_ms=25&latency_tail=5&fail=503&fail_rate=0.2",
    "strong": "latency_ms=30&jitter=0.3",
    "judge": "latency_ms=10&tokens_per_second=0",
    "small": "latency_ms=5",
}


@pytest.fixture(scope="module")
def live(upstream_url: str) -> Iterator[LiveGateway]:
    price = "price: {input_usd_per_mtok: 3, output_usd_per_mtok: 15}"
    pool = "".join(
        f'  {name}: {{model: "openai/scripted/{name}?{habits}", api_base: "{upstream_url}", api_key: x, {price}}}\n'
        for name, habits in HABITS.items()
    )
    with gateway(f"""
pool:
{pool}routing: {{small: [small], strong: [strong], baseline: strong}}
fusion: {{panel: [flash, scholar, skeptic, strong], judge: judge, early_exit: false}}
ledger: {{enabled: false}}
server: {{access_log: false, log_level: error}}
limits: {{cooldown_failures: 1000}}
""") as running:
        yield running


def spent_usd(records: Sequence[RequestRecord]) -> float:
    """What the metrics say after these records."""
    metrics = Metrics(registry := CollectorRegistry())
    for record in records:
        metrics.observe(record)
    return sum(s.value for metric in registry.collect() for s in metric.samples if s.name == "router_cost_usd_total")


async def test_runs_at_once_are_all_answered_and_their_bills_are_the_metrics(live: LiveGateway) -> None:
    client = AsyncOpenAI(base_url=f"{live.url}/v1", api_key="x", max_retries=0)

    async def whole() -> dict[str, Any]:
        answer: Any = await client.chat.completions.create(model="fusion", messages=ASK)
        assert answer.choices[0].message.content
        assert answer.usage.cost == pytest.approx(answer.router["cost_usd"])
        return dict(answer.router)

    async def streamed() -> dict[str, Any]:
        text, facts = "", {}
        async for chunk in await client.chat.completions.create(model="fusion", messages=ASK, stream=True):
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
            facts = getattr(chunk, "router", None) or facts
        assert text
        return dict(facts)

    known = len(live.records)
    runs = await asyncio.gather(*(whole() if number % 2 else streamed() for number in range(AT_ONCE)))
    await client.close()
    for run in runs:
        lines = run["fusion"]["cost"]["lines"]
        assert {line["role"] for line in lines} >= {"panel", "judge"}
        assert sum(line["cost_usd"] or 0 for line in lines) == pytest.approx(run["cost_usd"])
    records = (await asyncio.to_thread(live.wait_for_records, known + AT_ONCE))[known:]
    assert {record.request_id for record in records} == {run["request_id"] for run in runs}
    assert {record.outcome for record in records} == {"ok"}
    assert spent_usd(records) == pytest.approx(sum(run["cost_usd"] for run in runs))
