"""From the command to ready, memory after load, and how long ``--help`` takes.

python -m tests.bench.startup [--rounds 5] [--json FILE]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.asks import DIFFERENT, chat_bodies
from tests.bench.load import put_load
from tests.bench.processes import LOAD_CORE, ROOT, gateway, upstream
from tests.bench.tables import noise, print_table

GOALS = {"ready, s": 1.5, "--help, s": 0.4, "resident after load, MB": 120.0}
LOAD_S = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    options = parser.parse_args()
    came: dict[str, list[float]] = {goal: [] for goal in GOALS}
    with tempfile.TemporaryDirectory() as directory, upstream() as provider:
        for _ in range(options.rounds):
            came["--help, s"].append(time_help())
            began_s = time.perf_counter()
            with gateway(provider.url, Path(directory)):
                came["ready, s"].append(time.perf_counter() - began_s)
        with gateway(provider.url, Path(directory)) as server:
            put_load(server.url, chat_bodies(DIFFERENT), 32, LOAD_S, LOAD_CORE)
            came["resident after load, MB"].append(server.resident_mb())
    middle = {goal: statistics.median(values) for goal, values in came.items()}
    print_table(
        [
            {
                "": goal,
                "median": f"{middle[goal]:.2f}",
                "lowest": f"{min(values):.2f}",
                "highest": f"{max(values):.2f}",
                "goal": f"< {GOALS[goal]:g}",
                "reached": "yes" if middle[goal] < GOALS[goal] else "NO",
            }
            for goal, values in came.items()
        ]
    )
    print(noise())
    if options.json:
        options.json.write_text(json.dumps({"measured": came, "noise": noise()}, indent=2) + "\n")


def time_help() -> float:
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-m", "router", "--help"], cwd=ROOT, check=True, capture_output=True, timeout=30)
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
