"""One run for all: two gateways, one of two workers and one without a classifier, mixed traffic, and a Prometheus."""

import asyncio
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from classifier.artifact import DEFAULT_PATH
from tests.dashboards.processes import SCRAPE_S, Prometheus, process, prometheus, router, wait_for
from tests.dashboards.traffic import CONFIG, Answers, judge, requests, send
from tests.live import free_port

NOVEL_FROM = 0.9
"""The shipped artifact's modes leave novelty off; here a copy of it sends the rarest prompts to strong."""


@dataclass(frozen=True, slots=True)
class Run:
    """What has run.

    Attributes:
        asked: Prometheus, asked of the moment after the traffic.
        first, second: what the answers before and after ``middle_s`` add up to; all of the gateway of two workers.
        middle_s: Unix time of the pause between them, with nothing in flight and everything scraped.
        said: what callers said of the first answers, by route and verdict.
        ledger: the file of the gateway of two workers.
        counts: the folder where its workers share their counts.
    """

    asked: Prometheus
    first: Answers
    second: Answers
    middle_s: float
    said: Counter[tuple[str, str]]
    ledger: Path
    counts: Path
    instance: str


@pytest.fixture(scope="session")
def prometheus_tools() -> None:
    """Debian's ``prometheus`` has both programs; in CI they must be there."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        why = "prometheus and promtool are not installed (apt-get install prometheus)"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture(scope="session")
def run(prometheus_tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("dashboards")
    upstream, gateway, blind, asked = (free_port() for _ in range(4))
    counts = folder / "counts"
    counts.mkdir()
    artifact = _novelty_on(folder / "artifact")
    for name, path in (("gateway", artifact), ("blind", folder / "no-artifact")):
        config = CONFIG.format(upstream=f"http://127.0.0.1:{upstream}/v1", artifact=path, ledger=folder / f"{name}.db")
        (folder / f"{name}.yaml").write_text(config)
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
        with prometheus(folder, asked, [f"127.0.0.1:{gateway}", f"127.0.0.1:{blind}"]) as asking:
            asking.wait_for("count(up == 1) == 2")
            url, prompts = f"http://127.0.0.1:{gateway}", requests()
            before, after, others = Answers(), Answers(), Answers()
            asyncio.run(send(url, prompts, 80, before, pause_s=0.1))
            asyncio.run(send(f"http://127.0.0.1:{blind}", requests(), 20, others))
            middle_s = _settled()
            said = asyncio.run(judge(url, before))
            asyncio.run(send(url, prompts, 160, after, pause_s=0.1))
            _settled()
            asking.wait_for("router:complexity_psi:rate1d")
            asking.at_s = time.time()
            yield Run(asking, before, after, middle_s, said, folder / "gateway.db", counts, f"127.0.0.1:{gateway}")


def _settled() -> float:
    """Wait until everything has been written and scraped."""
    time.sleep(2.5 * SCRAPE_S)
    return time.time()


def _novelty_on(path: Path) -> Path:
    shutil.copytree(DEFAULT_PATH, path)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["thresholds"]["balanced"]["novelty"] = NOVEL_FROM
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path
