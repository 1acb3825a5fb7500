"""One run for all tests: mixed traffic to two gateways that a real Prometheus watches."""

import asyncio
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.dashboards.processes import SCRAPE_S
from tests.dashboards.stage import Stage, paused, stage
from tests.dashboards.traffic import Answers, judge, requests, send


@dataclass(frozen=True, slots=True)
class Run:
    """What has run; Prometheus is asked of the moment after the traffic.

    Attributes:
        first, second: what the answers before and after ``middle_s`` add up to; all of the gateway of two workers.
        middle_s: Unix time of the pause between them, with nothing in flight and everything scraped.
        said: what callers said of the first answers, by route and verdict.
    """

    stage: Stage
    first: Answers
    second: Answers
    middle_s: float
    said: Counter[tuple[str, str]]


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
    with stage(tmp_path_factory.mktemp("dashboards")) as running:
        prompts, first, second, others = requests(), Answers(), Answers(), Answers()
        asyncio.run(send(running.gateway, prompts, 80, first, pause_s=0.05))
        asyncio.run(send(running.blind, requests(), 20, others))
        middle_s = _settled()
        said = asyncio.run(judge(running.gateway, first))
        for worker in running.workers():  # left to itself, the kernel may give all connections to one of them
            with paused(worker):
                asyncio.run(send(running.gateway, prompts, 10, second))
        asyncio.run(send(running.gateway, prompts, 140, second, pause_s=0.1))
        _settled()
        running.asked.wait_for("router:complexity_psi:rate1d")
        running.asked.at_s = time.time()
        yield Run(running, first, second, middle_s, said)


def _settled() -> float:
    """Wait until everything has been written and scraped."""
    time.sleep(2.5 * SCRAPE_S)
    return time.time()
