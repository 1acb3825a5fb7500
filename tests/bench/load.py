"""Load on one URL, for a bounded time: wrk where it is installed, aiohttp in processes of its own where it is not."""

import asyncio
import json
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from tests.bench.asks import KEY

_SCRIPT = """\
local bodies, next_body = {{{bodies}}}, 0
local headers = {{["content-type"] = "application/json", ["authorization"] = "Bearer {key}"}}
local requests = {{}}
function init()
  for i, body in ipairs(bodies) do requests[i] = wrk.format("POST", "/v1/chat/completions", headers, body) end
end
function request()
  next_body = next_body % #requests + 1
  return requests[next_body]
end
function done(summary, latency)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
  io.write(string.format('\\nRESULT {{"requests": %d, "seconds": %.6f, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f}}\\n',
    summary.requests, summary.duration / 1e6, failed + summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Load:
    """What came of it; latencies are under load."""

    requests: int
    seconds: float
    failed: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return (self.requests - self.failed) / self.seconds


def generator() -> str:
    return "wrk" if shutil.which("wrk") else "aiohttp"


def put_load(url: str, bodies: list[bytes], connections: int, seconds: float, core: int) -> Load:
    """Send the bodies in turn over so many connections, from the given core."""
    return (_wrk if shutil.which("wrk") else _aiohttp)(url, bodies, connections, seconds, core)


def _wrk(url: str, bodies: list[bytes], connections: int, seconds: float, core: int) -> Load:
    quoted = ", ".join(f"[==[{body.decode()}]==]" for body in bodies)
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "load.lua"
        script.write_text(_SCRIPT.format(bodies=quoted, key=KEY))
        arguments = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(script)]
        out = subprocess.run(
            ["wrk", *arguments, url],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 30,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        ).stdout
    found = next(line for line in out.splitlines() if line.startswith("RESULT "))
    return Load(**json.loads(found.removeprefix("RESULT ")))


def _aiohttp(url: str, bodies: list[bytes], connections: int, seconds: float, core: int) -> Load:
    with multiprocessing.get_context("spawn").Pool(1, os.sched_setaffinity, (0, {core})) as pool:
        return pool.apply(_send_for, (url, bodies, connections, seconds))


def _send_for(url: str, bodies: list[bytes], connections: int, seconds: float) -> Load:
    import uvloop

    return uvloop.run(_send_all(url, bodies, connections, seconds))


async def _send_all(url: str, bodies: list[bytes], connections: int, seconds: float) -> Load:
    import aiohttp

    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    took_s: list[float] = []
    failed = 0
    ends_s = time.perf_counter() + seconds

    async def send_on(session: aiohttp.ClientSession, first: int) -> None:
        nonlocal failed
        for body in islice(cycle(bodies), first, None, connections):
            began_s = time.perf_counter()
            if began_s >= ends_s:
                return
            async with session.post(f"{url}/v1/chat/completions", data=body, headers=headers) as reply:
                await reply.read()
                failed += reply.status != 200
            took_s.append(time.perf_counter() - began_s)

    began_s = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(send_on(session, number) for number in range(connections)))
    spent_s = time.perf_counter() - began_s
    took_s.sort()
    return Load(len(took_s), spent_s, failed, took_s[len(took_s) // 2] * 1e3, took_s[int(len(took_s) * 0.99)] * 1e3)
