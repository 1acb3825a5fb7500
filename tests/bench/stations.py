"""What each station costs, in one process, without a socket: whole requests through the front, and a clock at each.

    python -m tests.bench.stations [--requests 5000] [--constant] [--profile]

The provider is a transport that answers at once. ``record`` is timed around the keepers; ``front`` is what remains:
ASGI, authentication, headers and the clocks themselves.
"""

import argparse
import asyncio
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

import uvloop
from prometheus_client import CollectorRegistry

from classifier.assessment import Assessment, Assessor
from router.app import create_app
from router.config.load import parse_settings
from router.dispatch.address import Address
from router.dispatch.openai_dialect import OpenAIProvider
from router.dispatch.transport import Patience, Reply
from router.http.front import Front
from router.http.server import WHOLE_BODY
from router.record.record import STATIONS, RequestRecord
from tests.bench.asks import DIFFERENT, KEY, chat_bodies
from tests.bench.processes import GATEWAY_CONFIG
from tests.bench.tables import noise, print_table
from tests.bench.upstream import whole_answer


class CannedTransport:
    """Answers every call at once, with the same bytes."""

    default_base = None

    def post(
        self, address: Address, extra: Mapping[str, str], body: bytes, patience: Patience
    ) -> AbstractAsyncContextManager[Reply]:
        return CannedReply()

    async def aclose(self) -> None:
        return None


class CannedReply:
    """A reply that is its own context and body."""

    status = 200
    headers: Mapping[str, str] = {"content-type": "application/json"}
    body = whole_answer().partition(b"\r\n\r\n")[2]

    def __init__(self) -> None:
        self.pieces = iter((self.body, b""))

    def set_silence(self, silence_s: float) -> None:
        return None

    async def readany(self) -> bytes:
        return next(self.pieces)

    async def __aenter__(self) -> "CannedReply":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class ConstantAssessor(Assessor):
    """Says the same of every prompt, at once: what is left is the gateway's own time."""

    def __init__(self, assessor: Assessor) -> None:
        self._artifact = assessor.artifact
        self._said = assessor.assess("What is the capital of France?")

    @property
    def artifact(self) -> str:
        return self._artifact

    def assess(self, text: str, context: str = "", instructions: str = "", *, explain: bool = False) -> Assessment:
        return self._said


def canned_gateway(directory: Path, *, constant: bool = False) -> Front:
    without_log = GATEWAY_CONFIG.replace("access_log: true", "access_log: false")  # it has a thread of its own
    config = without_log.format(upstream="http://127.0.0.1:9", key_hash=sha256(KEY.encode()).hexdigest())
    front = create_app(
        parse_settings(config, str(directory / "bench.yaml"), {"UPSTREAM_KEY": "sk-upstream"}), CollectorRegistry()
    )
    provider = OpenAIProvider(CannedTransport())
    front.services.dispatcher._provider_of = lambda target: provider
    if constant and front.services.assessor is not None:
        front.services.assessor = ConstantAssessor(front.services.assessor)
    return front


async def ask(front: Front, body: bytes) -> None:
    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"authorization", b"Bearer " + KEY.encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": headers,
        "extensions": {WHOLE_BODY: lambda: body},
    }

    async def receive() -> MutableMapping[str, Any]:
        nobody_hangs_up: asyncio.Future[MutableMapping[str, Any]] = asyncio.get_running_loop().create_future()
        return await nobody_hangs_up

    async def send(message: MutableMapping[str, Any]) -> None:
        assert message.get("status", 200) == 200

    await front(scope, receive, send)


async def measure(front: Front, bodies: list[bytes], requests: int) -> dict[str, list[float]]:
    """Seconds at each station, request by request."""
    took: dict[str, list[float]] = {station: [] for station in (*STATIONS, "record", "front", "whole")}
    keep, spent = front.services.keep, dict[str, float]()

    def timed_keep(record: RequestRecord) -> None:
        began_s = time.perf_counter()
        keep(record)
        spent.update(record.overhead_s, record=time.perf_counter() - began_s)

    front.services.keep = timed_keep
    for number in range(requests):
        began_s = time.perf_counter()
        await ask(front, bodies[number % len(bodies)])
        spent["whole"] = time.perf_counter() - began_s
        spent["front"] = 2 * spent["whole"] - sum(value for name, value in spent.items() if name != "front")
        for station, seconds in spent.items():
            took[station].append(seconds)
    front.services.keep = keep
    return took


async def alive(front: Front, bodies: list[bytes], requests: int) -> dict[str, list[float]]:
    """Measure between the application's start and its end, warmed up, the ledger's writer at work."""
    app: Any = front._behind
    async with app.router.lifespan_context(app):
        await measure(front, bodies, 500)
        return await measure(front, bodies, requests)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--profile", action="store_true", help="print where the time goes, function by function")
    parser.add_argument("--constant", action="store_true", help="with a classifier that costs nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        front, bodies = canned_gateway(Path(directory), constant=options.constant), chat_bodies(DIFFERENT)
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(uvloop.run, alive(front, bodies, options.requests))
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
            return
        took = uvloop.run(alive(front, bodies, options.requests))
    print_table(
        [
            {
                "station": station,
                "median µs": f"{statistics.median(values) * 1e6:.1f}",
                "p99 µs": f"{statistics.quantiles(values, n=100)[98] * 1e6:.1f}",
            }
            for station, values in took.items()
        ]
    )
    print(noise())


if __name__ == "__main__":
    main()
