"""Many streams at once: every chunk in its place, and what a chunk costs, beside a bare pass-through.

    python -m tests.bench.streams [--streams 64] [--chunks 200] [--gap-ms 2] [--rounds 5] [--json FILE]

Each chunk's content is its number. A stream counts only if all numbers came in order, then a finish, then ``[DONE]``.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import orjson
import uvloop

from tests.bench.asks import chat_bodies, http_request
from tests.bench.processes import LOAD_CORE, Running, gateway, passthrough, upstream
from tests.bench.tables import noise, print_table, spread

GOAL = 1.5
STREAM_S = 60.0


class Listener(asyncio.Protocol):
    """Sends one request and keeps the bytes of its answer until the end."""

    def __init__(self, request: bytes) -> None:
        self.request, self.parts = request, list[bytes]()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.parts.append(data)
        if data.endswith(b"0\r\n\r\n"):
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def listen(port: int, bodies: list[bytes]) -> list[bytes]:
    """All answers, asked for at once."""
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(lambda: Listener(b""), "127.0.0.1", port) for _ in bodies]
    for (transport, _), body in zip(made, bodies, strict=True):
        transport.write(http_request(body))
    async with asyncio.timeout(STREAM_S):
        await asyncio.gather(*(listener.ended for _, listener in made))
    return [b"".join(listener.parts) for _, listener in made]


def fault(answer: bytes, chunks: int) -> str | None:
    """What is wrong with a stream; None where nothing is."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        return head.partition(b"\r\n")[0].decode("latin-1")
    events = [event[6:] for event in unchunked(rest).split(b"\n\n") if event.startswith(b"data: ")]
    if not events or events[-1] != b"[DONE]":
        return "no end"
    choices = [choice for event in events[:-1] for choice in orjson.loads(event)["choices"]]
    numbers = [int(choice["delta"]["content"]) for choice in choices if choice["delta"].get("content")]
    if numbers != list(range(chunks)):
        return f"{len(numbers)} chunks, or out of order"
    return None if choices[-1]["finish_reason"] == "stop" else "no finish_reason"


def unchunked(data: bytes) -> bytes:
    """Undo HTTP's chunked encoding."""
    parts, position = [], 0
    while (end := data.find(b"\r\n", position)) >= 0 and (size := int(data[position:end], 16)):
        parts.append(data[end + 2 : end + 2 + size])
        position = end + 4 + size
    return b"".join(parts)


def measure_round(server: Running, bodies: list[bytes], chunks: int) -> dict[str, float]:
    cpu_s, began_s = server.cpu_s(), time.perf_counter()
    answers = uvloop.run(listen(server.port, bodies))
    took_s, cpu_s = time.perf_counter() - began_s, server.cpu_s() - cpu_s
    faults = [found for answer in answers if (found := fault(answer, chunks)) is not None]
    if faults:
        print(f"{server.name}: {faults[0]}")
    return {"faults": len(faults), "seconds": took_s, "cpu_us": cpu_s / (len(bodies) * chunks) * 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--gap-ms", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    bodies = chat_bodies(options.streams, stream=True, chunks=options.chunks, gap_ms=options.gap_ms)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(upstream())
        servers = [
            stack.enter_context(gateway(provider.url, directory)),
            stack.enter_context(passthrough(provider.url)),
        ]
        rounds: dict[str, list[dict[str, float]]] = {server.name: [] for server in servers}
        for number in range(-1, options.rounds):
            for server in servers:
                came = measure_round(server, bodies, options.chunks)
                rounds[server.name] += [came] if number >= 0 else []
    report(rounds, options)


def report(rounds: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> None:
    cost = {name: statistics.median(entry["cpu_us"] for entry in entries) for name, entries in rounds.items()}
    print_table(
        [
            {
                "": name,
                "CPU µs/chunk": f"{cost[name]:.1f}",
                "spread": spread([entry["cpu_us"] for entry in entries]),
                "seconds": f"{statistics.median(entry['seconds'] for entry in entries):.2f}",
                "faulty streams": f"{sum(entry['faults'] for entry in entries):.0f} of {options.streams * len(entries)}",
            }
            for name, entries in rounds.items()
        ]
    )
    faults = sum(entry["faults"] for entry in rounds["fusion-router"])
    ratio = cost["fusion-router"] / cost["bare pass-through"]
    print(f"{'reached' if not faults else 'MISSED':>8}: streams lost or reordered {faults:.0f} (goal 0)")
    print(f"{'reached' if ratio <= GOAL else 'MISSED':>8}: CPU per chunk {ratio:.2f} x the bare (goal {GOAL})")
    print(noise())
    if options.json:
        options.json.write_text(json.dumps({"rounds": rounds, "ratio": ratio, "noise": noise()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
