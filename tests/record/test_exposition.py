"""What workers leave behind: their counts stay, what was true of them only while they lived goes with them."""

import os
import subprocess
import sys
from pathlib import Path

WORKER = """
import os, signal
from prometheus_client import CollectorRegistry
from router.record.metrics import Metrics
metrics = Metrics(CollectorRegistry())
metrics.in_flight.set(3)
metrics.novel.inc()
{end}
print("", flush=True)
input()
"""
SCRAPE = "from router.record.exposition import exposition; print(exposition()[0].decode())"


def worker(folder: Path, end: str = "") -> subprocess.Popen[str]:
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", WORKER.format(end=end)], env=env, text=True, **pipes)


def test_a_killed_workers_requests_are_no_longer_in_flight_but_its_counts_stay(tmp_path: Path) -> None:
    killed = worker(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    killed.communicate()
    with worker(tmp_path) as alive:
        assert alive.stdout is not None
        alive.stdout.readline()
        assert len(list(tmp_path.glob("gauge_livesum_*.db"))) == 2
        env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", SCRAPE], env=env, capture_output=True, text=True, check=True)
        alive.communicate("\n")
    shown = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines() if not line.startswith("#") and line)
    assert float(shown["router_in_flight_requests"]) == 3
    assert float(shown["router_novel_prompts_total"]) == 2
