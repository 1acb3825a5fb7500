"""Requests per second and added latency, beside a bare pass-through and LiteLLM's proxy, in one run.

    python -m tests.bench.gateway [--proxy-python VENV/bin/python | --make-proxy VENV] [--rounds 7] [--json FILE]

Every contender is on one core, load generator and provider on the other. Rounds are interleaved and medians
compared, so that whatever else the machine does hits all of them.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from itertools import cycle, permutations
from pathlib import Path

from tests.bench.asks import DIFFERENT, chat_bodies
from tests.bench.latency import Caller, percentile
from tests.bench.load import Load, generator, put_load
from tests.bench.processes import LOAD_CORE, Running, gateway, litellm_proxy, passthrough, upstream
from tests.bench.tables import noise, print_table, spread

GOALS = {"of the LiteLLM proxy": 30.0, "of the bare pass-through": 0.6, "added p50, ms": 0.8, "added p99, ms": 5.0}
WARM_UP_S = 2.0


def main() -> None:
    options = read_options()
    bodies = chat_bodies(1 if options.same else DIFFERENT)
    result: dict[str, object] = {"load generator": generator(), "connections": options.connections}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = stack.enter_context(upstream())
        ours = stack.enter_context(gateway(provider.url, directory))
        bare = stack.enter_context(passthrough(provider.url))
        servers = [ours, bare]
        python, why_not = proxy_python(options)
        if python is not None:
            servers.append(stack.enter_context(litellm_proxy(provider.url, directory, python)))
        else:
            print(f"without the LiteLLM proxy: {why_not}", file=sys.stderr)
        throughput = measure_throughput(servers, bodies, options)
        latency = measure_latency([provider, *servers], bodies, options)
        result["memory_mb"] = {server.name: round(server.resident_mb(), 1) for server in servers}
    result |= {"throughput": throughput, "latency": latency, "noise": noise()}
    report(throughput, latency, {server.name for server in servers})
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of load on each contender (default 7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one (default 3)")
    parser.add_argument("--connections", type=int, default=32, help="connections at once (default 32)")
    parser.add_argument("--asks", type=int, default=2000, help="requests one by one, for latency (default 2000)")
    parser.add_argument("--same", action="store_true", help="one prompt for all requests, as in an agent's tool loop")
    parser.add_argument("--proxy-python", type=Path, help="python of an environment that has litellm[proxy]")
    parser.add_argument("--make-proxy", type=Path, metavar="VENV", help="make that environment here first")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    return parser.parse_args()


def proxy_python(options: argparse.Namespace) -> tuple[Path | None, str]:
    """The interpreter that has LiteLLM's proxy, or why there is none."""
    if options.make_proxy:
        made = [[sys.executable, "-m", "venv", str(options.make_proxy)]]
        made.append([str(options.make_proxy / "bin/pip"), "install", "-q", "litellm[proxy]>=1.83.7"])
        for command in made:
            ended = subprocess.run(command, check=False, timeout=1800)
            if ended.returncode:
                return None, f"{' '.join(command)} failed"
    python = options.make_proxy / "bin/python" if options.make_proxy else options.proxy_python
    if python is None:
        return None, "neither --proxy-python nor --make-proxy was given"
    if not (python.parent / "litellm").exists():
        return None, f"{python.parent} has no `litellm` command"
    return python, ""


def measure_throughput(
    servers: list[Running], bodies: list[bytes], options: argparse.Namespace
) -> dict[str, list[dict[str, float]]]:
    """Rounds by contender; CPU time is the server's own, and the more robust number on a busy machine."""
    rounds: dict[str, list[dict[str, float]]] = {server.name: [] for server in servers}
    for server in servers:
        put_load(server.url, bodies, options.connections, WARM_UP_S, LOAD_CORE)
    for number in range(options.rounds):
        for server in servers:
            cpu_s = server.cpu_s()
            load = put_load(server.url, bodies, options.connections, options.seconds, LOAD_CORE)
            rounds[server.name].append(_round(load, server.cpu_s() - cpu_s))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return rounds


def _round(load: Load, cpu_s: float) -> dict[str, float]:
    return {
        "per_second": load.per_second,
        "cpu_us": cpu_s / max(1, load.requests) * 1e6,
        "core_share": cpu_s / load.seconds,
        "failed": load.failed,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
    }


def measure_latency(
    servers: list[Running], bodies: list[bytes], options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """One connection to each; twenty requests here, twenty there, the provider itself included.

    In every order in turn: who comes behind LiteLLM's proxy finds the processor's cache full of that, and the next one may find
    there what both use.
    """
    took_s: dict[str, list[float]] = {server.name: [] for server in servers}
    with ExitStack() as stack:
        callers = {server.name: stack.enter_context(Caller(server.port)) for server in servers}
        orders = cycle(permutations(callers.items()))
        for start in range(0, options.asks, 20):
            for name, caller in next(orders):
                took = [caller.ask(bodies[number % len(bodies)]) for number in range(start, start + 20)]
                took_s[name] += took if start else []  # connections open in the first
    return {
        name: {"p50_ms": percentile(values, 0.5) * 1e3, "p99_ms": percentile(values, 0.99) * 1e3}
        for name, values in took_s.items()
    }


def report(
    throughput: dict[str, list[dict[str, float]]], latency: dict[str, dict[str, float]], names: set[str]
) -> None:
    straight = latency["upstream"]

    def middle(name: str, what: str) -> float:
        return statistics.median(entry[what] for entry in throughput[name])

    rows = []
    for name, rounds in throughput.items():
        rows.append(
            {
                "": name,
                "requests/s": f"{middle(name, 'per_second'):,.0f}",
                "spread": spread([entry["per_second"] for entry in rounds]),
                "CPU µs/request": f"{middle(name, 'cpu_us'):,.0f}",
                "of its core": f"{middle(name, 'core_share'):.0%}",
                "failed": f"{sum(entry['failed'] for entry in rounds):.0f}",
                "added p50 ms": f"{latency[name]['p50_ms'] - straight['p50_ms']:.2f}",
                "added p99 ms": f"{latency[name]['p99_ms'] - straight['p99_ms']:.2f}",
            }
        )
    print_table(rows)
    print(f"straight to the provider: p50 {straight['p50_ms']:.2f} ms, p99 {straight['p99_ms']:.2f} ms\n")
    ours = latency["fusion-router"]
    reached = {
        "added p50, ms": ours["p50_ms"] - straight["p50_ms"],
        "added p99, ms": ours["p99_ms"] - straight["p99_ms"],
    }
    for other, goal in (("bare pass-through", "of the bare pass-through"), ("LiteLLM proxy", "of the LiteLLM proxy")):
        if other in names:
            reached[goal] = middle("fusion-router", "per_second") / middle(other, "per_second")
            by_cpu = middle(other, "cpu_us") / middle("fusion-router", "cpu_us")
            print(f"fusion-router is {reached[goal]:.2f} x the {other} by requests/s, {by_cpu:.2f} x by CPU")
    for goal, value in reached.items():
        good = value <= GOALS[goal] if goal.startswith("added") else value >= GOALS[goal]
        print(f"{'reached' if good else 'MISSED':>8}: {goal} {value:.2f} (goal {GOALS[goal]:g})")
    print(noise())


if __name__ == "__main__":
    main()
