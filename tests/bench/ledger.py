"""What recording costs a request, how fast rows go into SQLite, and how long a scrape takes after a million requests.

    python -m tests.bench.ledger [--seconds 10] [--rate 1000] [--json FILE]

Everything runs on one core, the writer's thread too. ``path`` is what a request waits for: the prompt's digest, the
frozen record, the metrics and the queue, while the writer works on what came before.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from router.core.types import Reason
from router.errors import GatewayError
from router.record.ledger.store import Retention
from router.record.ledger.writer import LedgerWriter
from router.record.metrics import Metrics
from router.record.record import Draft, RequestRecord
from tests.bench.processes import SERVER_CORE
from tests.bench.tables import noise, print_table
from tests.record.ledgers import BASELINE, SMALL, record, url_of

PROMPT = b"what a person asks in about two hundred tokens of English text, again and again. " * 10
BURST = 20
"""Requests that come together: a gateway at this rate is never idle, and its caches are warm."""

REQUESTS = 1_000_000
GOALS = {
    "path, µs at p50": 60.0,
    "rows dropped": 0.5,
    "rows short of what was sent": 0.5,
    "/metrics after 1,000,000 requests, ms": 50.0,
    "/metrics, KB": 200.0,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=1_000, help="requests a second (default 1000)")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    options = parser.parse_args()
    os.sched_setaffinity(0, {SERVER_CORE})
    with tempfile.TemporaryDirectory() as directory:
        came = paced(Path(directory), options.rate, options.seconds)
        came |= unpaced(Path(directory))
    came |= scrape()
    print_table(
        [
            {
                "": name,
                "measured": f"{value:,.1f}",
                "goal": f"< {GOALS[name]:g}" if name in GOALS else "",
                "reached": ("yes" if value < GOALS[name] else "NO") if name in GOALS else "",
            }
            for name, value in came.items()
        ]
    )
    print(noise())
    if options.json:
        options.json.write_text(json.dumps({"measured": came, "noise": noise()}, indent=2) + "\n")


def paced(directory: Path, rate: int, seconds: float) -> dict[str, float]:
    """Requests at a steady rate, as a gateway under load would leave them."""
    registry = CollectorRegistry()
    metrics, writer = opened(registry, directory / "paced.db")
    took, total = [], int(rate * seconds)
    drafts = [draft(number) for number in range(total)]
    cpu_s, began_s = time.process_time(), time.perf_counter()
    for number, made in enumerate(drafts):
        if number % BURST == 0:
            time.sleep(max(0.0, began_s + number / rate - time.perf_counter()))
        now_s = time.perf_counter()
        made.prompt_digest = sha256(PROMPT).digest()
        finished = made.finish("ok", 0.35)
        metrics.observe(finished)
        writer.add(finished)
        took.append(time.perf_counter() - now_s)
    cpu_s = time.process_time() - cpu_s
    writer.stop()
    return {
        "path, µs at p50": statistics.median(took) * 1e6,
        "path, µs at p99": statistics.quantiles(took, n=100)[98] * 1e6,
        f"CPU in all at {rate} requests/s, µs a request": cpu_s / total * 1e6,
        "rows dropped": sum(dropped(registry).values()),
        "rows short of what was sent": total - value(registry, "router_ledger_rows_total"),
        "a batch, ms on average": 1e3
        * value(registry, "router_ledger_write_seconds_sum")
        / value(registry, "router_ledger_write_seconds_count"),
    }


def unpaced(directory: Path) -> dict[str, float]:
    """As fast as rows go: a full queue."""
    registry = CollectorRegistry()
    _, writer = opened(registry, directory / "unpaced.db")
    total = 9_000
    for number in range(total):
        writer.add(record(f"req_{number:024x}"))
    began_s = time.perf_counter()
    writer.start()
    while value(registry, "router_ledger_rows_total") < total:
        time.sleep(0.005)
    took_s = time.perf_counter() - began_s
    writer.stop()
    return {"rows/s into SQLite": total / took_s}


def scrape() -> dict[str, float]:
    """A million requests over every kind of label that a pool of ten deployments can make, then scrapes."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    variants = [*varied()]
    for number in range(REQUESTS):
        metrics.observe(variants[number % len(variants)])
    took = []
    for _ in range(20):
        began_s = time.perf_counter()
        body = generate_latest(registry)
        took.append(time.perf_counter() - began_s)
    return {
        "/metrics after 1,000,000 requests, ms": statistics.median(took) * 1e3,
        "/metrics, KB": len(body) / 1e3,
        "series": sum(not line.startswith(b"#") for line in body.splitlines()),
    }


def varied() -> list[RequestRecord]:
    """Records that differ in everything that is a label: routes, models, reasons, outcomes."""
    made = []
    codes = sorted({kind.code for kind in _tree(GatewayError)})
    models = [f"provider/model-{number}" for number in range(10)]
    for number, model in enumerate(models):
        route: Any = ("small", "strong", "fusion", "direct")[number % 4]
        for reason in list(Reason)[:6]:
            made.append(replace(record(), route=route, model=model, deployment=model, reason=reason))
        for code in codes[number % 3 :: 3]:
            made.append(replace(record(), route=route, model=model, deployment=model, outcome=code))
    return made


def _tree(kind: type[GatewayError]) -> list[type[GatewayError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _tree(child))]


def opened(registry: CollectorRegistry, path: Path) -> tuple[Metrics, LedgerWriter]:
    metrics = Metrics(registry)
    writer = LedgerWriter(url_of(path), metrics, {"small": SMALL}, Retention(days=90, max_bytes=2_000_000_000))
    if "unpaced" not in path.name:
        writer.start()
    return metrics, writer


def draft(number: int) -> Draft:
    """One not yet frozen."""
    finished = record(f"req_{number:024x}")
    made = Draft(finished.request_id, finished.started_at, "chat/completions", BASELINE, "1")
    for name in ("decision", "route", "reason", "asked_model", "status", "thresholds", "features_id"):
        setattr(made, name, getattr(finished, name))
    made.attempts = list(finished.attempts[1:])
    return made


def value(registry: CollectorRegistry, name: str) -> float:
    return registry.get_sample_value(name) or 0.0


def dropped(registry: CollectorRegistry) -> dict[str, float]:
    name = "router_ledger_dropped_rows"
    found = next(metric for metric in registry.collect() if metric.name == name)
    return {sample.labels["reason"]: sample.value for sample in found.samples}


if __name__ == "__main__":
    sys.exit(main())
