"""Servers under test, each a process of its own on a core of its own; and what they cost, read from /proc."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.bench.asks import KEY

ROOT = Path(__file__).parents[2]
SERVER_CORE, LOAD_CORE = 1, 0
"""The server under test has a core to itself; load generator and upstream share the other."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

GATEWAY_CONFIG = """\
pool:
  small:  {{model: openai/gpt-4o-mini, api_base: "{upstream}/v1", api_key: "${{UPSTREAM_KEY}}"}}
  strong: {{model: openai/gpt-4o, api_base: "{upstream}/v1", api_key: "${{UPSTREAM_KEY}}"}}
routing: {{small: [small], strong: [strong], baseline: strong}}
auth: {{keys: [{{name: bench, sha256: {key_hash}}}]}}
ledger: {{url: "sqlite:///ledger.db"}}
server: {{access_log: true}}
"""
"""Everything on: key, classifier, decision, metrics, record, request log, ledger (beside the config file)."""

PROXY_CONFIG = """\
model_list:
  - model_name: auto
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{upstream}/v1", api_key: sk-upstream}}
general_settings: {{master_key: {key}}}
"""


@dataclass
class Running:
    """A server under test."""

    name: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """CPU time so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def resident_mb(self) -> float:
        """Resident memory, in units of 10^6 bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1e6


@contextmanager
def started(
    name: str,
    command: Sequence[str],
    port: int,
    core: int,
    ready_path: str | None = "/readyz",
    env: Mapping[str, str] | None = None,
    wait_s: float = 60.0,
) -> Iterator[Running]:
    """Start a server on one core, wait until it is ready, and end it afterwards."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core % (os.cpu_count() or 1)}),
    )
    try:
        wait_until_ready(process, port, ready_path, wait_s)
        yield Running(name, port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(process: "subprocess.Popen[bytes]", port: int, path: str | None, wait_s: float) -> None:
    deadline_s = time.monotonic() + wait_s
    while not is_ready(port, path):
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise SystemExit(f"{process.args!r} did not become ready on port {port}")
        time.sleep(0.005)


def is_ready(port: int, path: str | None) -> bool:
    """Whether a GET of the path says 200; without a path, whether somebody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.connect()
        if path is None:
            return True
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def upstream() -> AbstractContextManager[Running]:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.upstream", "--port", str(port)]
    return started("upstream", command, port, LOAD_CORE, None)


def passthrough(upstream_url: str) -> AbstractContextManager[Running]:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.passthrough", "--port", str(port), "--upstream", upstream_url]
    return started("bare pass-through", command, port, SERVER_CORE)


def gateway(upstream_url: str, directory: Path) -> AbstractContextManager[Running]:
    port = free_port()
    command = gateway_command(upstream_url, directory, port)
    return started("fusion-router", command, port, SERVER_CORE, env={"UPSTREAM_KEY": "sk-upstream"})


def gateway_command(upstream_url: str, directory: Path, port: int) -> list[str]:
    """``fusion-router serve`` with everything on; writes its config."""
    config = directory / "router.yaml"
    config.write_text(GATEWAY_CONFIG.format(upstream=upstream_url, key_hash=sha256(KEY.encode()).hexdigest()))
    return [sys.executable, "-m", "router", "serve", "--config", str(config), "--port", str(port)]


def litellm_proxy(upstream_url: str, directory: Path, python: Path) -> AbstractContextManager[Running]:
    """LiteLLM's proxy from a virtual environment of its own; one worker."""
    port = free_port()
    config = directory / "proxy.yaml"
    config.write_text(PROXY_CONFIG.format(upstream=upstream_url, key=KEY))
    command = [str(python.parent / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    return started(
        "LiteLLM proxy", [*command, "--num_workers", "1"], port, SERVER_CORE, "/health/liveliness", env, 120.0
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
