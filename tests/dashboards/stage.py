"""What is watched: a scripted upstream, a gateway of two workers, one without a classifier, and a Prometheus."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from classifier.artifact import DEFAULT_PATH
from tests.dashboards.processes import Prometheus, process, prometheus, router, wait_for
from tests.dashboards.traffic import CONFIG
from tests.live import free_port

NOVEL_FROM = 0.9
"""The shipped artifact's modes leave novelty off, at 1; a copy of it sends the rarest prompts to strong."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs.

    Attributes:
        gateway, blind: URLs of the gateway of two workers and of the one without a classifier.
        instance: the first one's, as Prometheus calls it.
        ledger: its file.
        counts: the folder where its workers share their counts.
    """

    asked: Prometheus
    gateway: str
    blind: str
    instance: str
    ledger: Path
    counts: Path

    def workers(self) -> list[int]:
        """Process ids of the gateway's workers."""
        return sorted(int(path.stem.rpartition("_")[2]) for path in self.counts.glob("counter_*.db"))


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """A process that does not run: what would have come to it goes to others. Keep it short, its supervisor watches."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def stage(folder: Path, config: str = CONFIG, novel_from: float = NOVEL_FROM) -> Iterator[Stage]:
    """Start everything in a folder; Prometheus has scraped both gateways before the block begins."""
    upstream, gateway, blind, asked = (free_port() for _ in range(4))
    counts = folder / "counts"
    counts.mkdir()
    artifact = _artifact(folder / "artifact", novel_from)
    for name, path in (("gateway", artifact), ("blind", folder / "no-artifact")):
        written = config.format(upstream=f"http://127.0.0.1:{upstream}/v1", artifact=path, ledger=folder / f"{name}.db")
        (folder / f"{name}.yaml").write_text(written)
    serve = ("serve", "--host", "127.0.0.1")
    many = router(*serve, "--config", str(folder / "gateway.yaml"), "--port", str(gateway), "--workers", "2")
    single = router(*serve, "--config", str(folder / "blind.yaml"), "--port", str(blind))
    with (
        process(router("scripted-upstream", "--port", str(upstream)), folder / "upstream.log") as first,
        process(many, folder / "gateway.log", {"PROMETHEUS_MULTIPROC_DIR": str(counts)}) as second,
        process(single, folder / "blind.log") as third,
    ):
        wait_for(f"http://127.0.0.1:{upstream}/v1/models", first, folder / "upstream.log")
        wait_for(f"http://127.0.0.1:{gateway}/healthz", second, folder / "gateway.log")
        wait_for(f"http://127.0.0.1:{blind}/healthz", third, folder / "blind.log")
        instances = [f"127.0.0.1:{gateway}", f"127.0.0.1:{blind}"]
        with prometheus(folder, asked, instances) as asking:
            asking.wait_for("count(up == 1) == 2")
            urls = [f"http://{instance}" for instance in instances]
            yield Stage(asking, *urls, instances[0], folder / "gateway.db", counts)


def _artifact(path: Path, novel_from: float) -> Path:
    shutil.copytree(DEFAULT_PATH, path)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["thresholds"]["balanced"]["novelty"] = novel_from
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path
