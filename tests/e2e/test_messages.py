"""What the gateway's log says beside the requests' lines."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.e2e.test_failures import HI, QUICK, pool, start


class Running:
    """``serve`` as a process whose standard error goes to a file."""

    def __init__(self, tmp_path: Path, config: str, *arguments: str) -> None:
        self.process, self.port = start(*arguments, config=config, tmp_path=tmp_path, log=tmp_path / "log")
        self._log = tmp_path / "log"

    def messages(self) -> list[dict[str, Any]]:
        """Everything after the announcement; it fails if a line is no JSON."""
        lines = self._log.read_text().splitlines()
        served = next(at for at, line in enumerate(lines) if line.startswith("fusion-router on http://"))
        return [json.loads(line) for line in lines[served + 1 :]]

    def says(self, *words: str, times: int = 1, wait_s: float = 20.0) -> dict[str, Any]:
        """The last message with all of the words in it, waited for."""
        deadline_s = time.monotonic() + wait_s
        while True:
            found = [each for each in self.messages() if all(word in each["message"] for word in words)]
            if len(found) >= times:
                return found[-1]
            assert time.monotonic() < deadline_s, self._log.read_text()
            time.sleep(0.05)

    def ask(self, times: int = 1) -> None:
        with OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key="sk-caller", max_retries=0) as client:
            for _ in range(times):
                client.chat.completions.create(model="auto", messages=HI)

    def workers(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in tasks.read_text().split()}
        return [pid for pid, command in commands.items() if b"spawn_main" in command]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    begun: list[subprocess.Popen[bytes]] = []

    def run(config: str, *arguments: str) -> Running:
        running = Running(tmp_path, config, *arguments)
        begun.append(running.process)
        return running

    yield run
    for process in begun:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        finally:
            process.kill()


Run = Callable[..., Running]


def test_a_cooldown_is_told_with_its_cause_when_it_begins_and_when_it_ends(run: Run) -> None:
    config = pool(f"fail=401&fail_times=3&{QUICK}").replace("log_level: error", "log_level: warning")
    running = run(config + "limits: {cooldown_s: 0.2}\n")
    running.ask(3)
    begun = running.says("small is left out for 0.2 s", "status 401", "upstream_auth_failed", "invalid_api_key")
    assert begun["level"] == "warning"
    assert begun["time"] == pytest.approx(time.time(), abs=60)
    time.sleep(0.3)
    running.ask()
    running.says("small answers again")
    assert len(running.messages()) == 2, "the first failures are below this level"


def test_what_is_not_http_is_told_in_the_same_form(run: Run) -> None:
    running = run(pool(QUICK).replace("log_level: error", "log_level: warning"))
    with socket.create_connection(("127.0.0.1", running.port)) as caller:
        caller.sendall(b"SSH-2.0-scanner\r\n\r\n")
        caller.recv(100)
    assert running.says("Invalid HTTP request received.")["level"] == "warning"


def test_workers_deaths_and_renewals_are_told(run: Run) -> None:
    running = run(pool(QUICK).replace("log_level: error", "log_level: info"), "--workers", "2")
    running.says("serving, judging by", times=2)
    killed = running.workers()[0]
    os.kill(killed, signal.SIGKILL)
    running.says(f"[{killed}] died")
    running.says("serving, judging by", times=3)
    running.process.send_signal(signal.SIGHUP)
    running.says("SIGHUP")
    running.says("all 2 workers are renewed")
    running.says("serving, judging by", times=5)
    running.says("no longer serving", times=2)


def test_a_config_that_cannot_be_used_renews_nobody_and_says_so(run: Run, tmp_path: Path) -> None:
    running = run(pool(QUICK).replace("log_level: error", "log_level: info"), "--workers", "2")
    running.says("serving, judging by", times=2)
    before = running.workers()
    (tmp_path / "router.yaml").write_text(pool(QUICK).replace("routing:", "ruoting:"))
    running.process.send_signal(signal.SIGHUP)
    running.says("the config cannot be used: ", "ruoting: is not a known key; did you mean routing")
    assert running.says("the workers are not renewed, they go on as they were")["level"] == "error"
    assert running.workers() == before
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/metrics") as shown:
        assert b'router_renewals_total{outcome="refused"} 1.0' in shown.read()
