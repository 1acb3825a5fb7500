"""Records as the hallway leaves them, and what tests look at in a ledger."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL

from classifier.assessment import Assessment
from router.core.decision import Decision
from router.core.plan import Step
from router.core.policy import Thresholds
from router.core.types import Attempt, Deployment, Price, Reason, Usage
from router.record.ledger.database import read_url
from router.record.ledger.writer import LedgerWriter
from router.record.record import Draft, RequestRecord, Texts

BASELINE = Deployment("strong", "scripted/strong", Price(5e-6, 25e-6))
SMALL = Deployment("small", "scripted/small", Price(1e-6, 2e-6, source="config"))
FEATURES = np.array([1.5, -2.25], np.float32)
ASSESSMENT = Assessment(0.25, 0.1, "chat", 0.5, False, 40, "everyday@1:abc", features=FEATURES)


def record(request_id: str = "req_1", **more: Any) -> RequestRecord:
    """A routed, answered request with a retry."""
    calls = [
        Attempt("small", "scripted/small", "answer", "upstream_empty", 0.1, Usage(100, 0, estimated=True), 0.0001),
        Attempt("small", "scripted/small", "retry", "ok", 0.2, Usage(100, 20, 40, 0, 5), 0.0002),
    ]
    draft = Draft(request_id, more.pop("started_at", time.time()), "chat/completions", BASELINE, "1")
    draft.decision = Decision("small", Reason.BELOW_THRESHOLD, "balanced", (Step("small", "small"),), ASSESSMENT)
    draft.route, draft.reason, draft.asked_model, draft.status = "small", Reason.BELOW_THRESHOLD, "auto", 200
    draft.deployment = Deployment("small", "scripted/small")
    draft.features_id = "f00"
    draft.thresholds, draft.prompt_digest, draft.session_id = Thresholds(0.5), b"digest", "s1"
    draft.attempts = more.pop("attempts", calls)
    if "prompt" in more:
        draft.texts = Texts(more.pop("prompt"), "before", more.pop("answer", None))
    for name, value in more.items():
        setattr(draft, name, value)
    return draft.finish("ok", 0.35)


class Counts:
    """What a writer reported."""

    def __init__(self) -> None:
        self.rows = 0
        self.drops: dict[str, int] = {}
        self.waiting = 0
        self.unwritable = False
        self.size_bytes = 0

    def count_ledger_rows(self, rows: int, seconds: float) -> None:
        self.rows += rows

    def count_ledger_drops(self, reason: str, rows: int) -> None:
        self.drops[reason] = self.drops.get(reason, 0) + rows

    def show_ledger_queue(self, rows: int) -> None:
        self.waiting = rows

    def show_ledger_unwritable(self, unwritable: bool) -> None:
        self.unwritable = unwritable

    def show_ledger_size(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes


def url_of(path: Path) -> URL:
    return read_url(f"sqlite:///{path}")


def writer(url: URL, counts: Counts | None = None, **more: Any) -> LedgerWriter:
    return LedgerWriter(url, counts or Counts(), {"small": SMALL}, **more)


def fill(url: URL, records: list[RequestRecord], **more: Any) -> Counts:
    """Write records and stop."""
    counts = Counts()
    made = writer(url, counts, **more)
    made.start()
    for one in records:
        made.add(one)
    made.stop()
    return counts


def rows(url: URL, query: str) -> list[dict[str, Any]]:
    """What a query finds, by a connection that knows nothing of the ledger's code."""
    engine: Engine = create_engine(url)
    with engine.connect() as connection:
        found = [dict(row._mapping) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def wait_until(true: Callable[[], Any], seconds: float = 5.0) -> None:
    deadline_s = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline_s, "it did not come true in time"
        time.sleep(0.01)
