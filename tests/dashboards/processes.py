"""Real processes for the dashboards' tests: gateways, a scripted upstream, a Prometheus; and questions to the latter."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "dashboards"
SCRAPE_S = 1
START_S = 60.0


@contextmanager
def process(command: list[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the time of the block; SIGTERM ends it."""
    with log.open("wb") as out:
        running = subprocess.Popen(
            command, stdout=out, stderr=out, cwd=log.parent, env={**os.environ, **(env or {})}, start_new_session=True
        )
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait(5)


def router(*arguments: str) -> list[str]:
    """A command of ours."""
    return [sys.executable, "-m", "router", *arguments]


def wait_for(url: str, running: subprocess.Popen[bytes], log: Path) -> None:
    """Until a URL answers well."""
    deadline_s = time.monotonic() + START_S
    while running.poll() is None and time.monotonic() < deadline_s:
        try:
            with urlopen(url, timeout=2):
                return
        except OSError:  # refused, or answered that it is not ready yet
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer:\n{log.read_text()[-3000:]}")


class Prometheus:
    """A running Prometheus, and what the dashboards' variables stand for when it is asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.at_s: float | None = None

    def ask(self, expr: str, range_s: int = 3600, at_s: float | None = None) -> list[dict[str, Any]]:
        """The samples that an instant query gives; those that are not a number are left out."""
        at_s = at_s or self.at_s
        found = self._get("query", {"query": filled(expr, range_s), **({"time": at_s} if at_s else {})})
        if found["resultType"] == "scalar":
            return [{"metric": {}, "value": found["result"]}]
        return [sample for sample in found["result"] if sample["value"][1] != "NaN"]

    def number(self, expr: str, range_s: int = 3600, at_s: float | None = None) -> float:
        """The one sample that a query gives."""
        (sample,) = self.ask(expr, range_s, at_s)
        return float(sample["value"][1])

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with its health."""
        return [rule for group in self._get("rules", {})["groups"] for rule in group["rules"]]

    def wait_for(self, expr: str, wait_s: float = 20.0) -> None:
        """Until a query gives something."""
        deadline_s = time.monotonic() + wait_s
        while not self.ask(expr):
            assert time.monotonic() < deadline_s, f"{expr} gives nothing"
            time.sleep(0.1)

    def _get(self, path: str, arguments: Mapping[str, Any]) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(arguments)}", timeout=20) as answer:
            return json.load(answer)["data"]


def filled(expr: str, range_s: int = 3600) -> str:
    """A dashboard's query with its variables filled in, as Grafana would."""
    values = {"$job": ".+", "$instance": ".+", "$__rate_interval": "15s", "$__range": f"{range_s}s"}
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr


@contextmanager
def prometheus(folder: Path, port: int, targets: list[str]) -> Iterator[Prometheus]:
    """Prometheus with the project's own configuration and rules, other targets and short intervals."""
    config = yaml.safe_load((DASHBOARDS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DASHBOARDS / name) for name in config["rule_files"]]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = targets
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    program = shutil.which("prometheus")
    assert program is not None
    command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    log = folder / "prometheus.log"
    with process(command, log) as running:
        wait_for(f"http://127.0.0.1:{port}/-/ready", running, log)
        yield Prometheus(f"http://127.0.0.1:{port}")
