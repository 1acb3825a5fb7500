"""One structured line per request, written by a thread of its own: a slow terminal never holds a request up."""

import logging
import sys
import threading
import time
from collections import deque
from typing import Any, TextIO

from router.core.rounding import rounded
from router.core.whole_json import dumps
from router.record.record import RequestRecord, attempt_facts
from router.record.turns import own_turn

messages = logging.getLogger("router")

FLUSH_S = 0.05
"""Lines are gathered this long before they are written."""

MAX_WAITING = 10_000
"""Lines kept for a terminal that does not take them; older ones go first."""


class RequestLog:
    """Writes the lines of finished requests. They hold no prompt, no answer and no key."""

    def __init__(self, out: TextIO | None = None) -> None:
        """Write to ``out``, standard error by default, once started."""
        self._out = out
        self._waiting: deque[RequestRecord] = deque(maxlen=MAX_WAITING)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._refused = 0  # lines that could not be written
        self._pushed_out = self._told_of = 0  # lines that newer ones took the place of; the writer has told of so many

    def add(self, record: RequestRecord) -> None:
        """Queue a record's line; nothing else happens on the request's path."""
        if len(self._waiting) == MAX_WAITING:
            self._pushed_out += 1
        self._waiting.append(record)

    def start(self) -> None:
        """Begin to write."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._write_on, name="request-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, and end."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join(timeout=5)
            self._thread = None

    def _write_on(self) -> None:
        while not self._stopping.is_set():
            time.sleep(FLUSH_S)
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines = []
        while self._waiting:
            lines.append(dumps(line(self._waiting.popleft())))
        if lines:
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        """Write; lines that cannot be written are lost. That is said when it begins, and how many when it ends."""
        out = self._out or sys.stderr
        try:
            with own_turn():
                out.write(b"\n".join(lines).decode() + "\n")
                out.flush()
        except (OSError, ValueError) as error:  # ValueError: somebody has closed it
            if not self._refused:
                messages.error("the request log cannot be written, lines are lost: %s", error)
            self._refused += len(lines)
            return
        pushed_out = self._pushed_out
        lost = self._refused + pushed_out - self._told_of
        if lost:
            messages.warning("the request log is written again; %s lines were lost", lost)
            self._refused, self._told_of = 0, pushed_out


def line(record: RequestRecord) -> dict[str, Any]:
    """What the log says of a request."""
    assessment = record.decision.assessment if record.decision else None
    return {
        "time": record.started_at,
        "request_id": record.request_id,
        "endpoint": record.endpoint,
        "caller": record.caller,
        "asked_model": record.asked_model[:100],
        "stream": record.stream,
        "route": record.route,
        "reason": record.reason,
        "model": record.model,
        "outcome": record.outcome,
        "status": record.status,
        "complexity": assessment.complexity if assessment else None,
        "gain": assessment.gain if assessment else None,
        "task": assessment.task if assessment else None,
        "novelty": assessment.novelty if assessment else None,
        "classifier": assessment.artifact if assessment else None,
        "mode": record.decision.mode if record.decision else None,
        "cost_usd": record.cost_usd,
        "unpriced": record.unpriced,
        "baseline": record.baseline,
        "baseline_cost_usd": record.baseline_cost_usd,
        "duration_ms": rounded(record.duration_s * 1000, 1e3),
        "first_token_ms": rounded(record.first_token_s * 1000, 1e3) if record.first_token_s is not None else None,
        "overhead_ms": {station: rounded(seconds * 1000, 1e4) for station, seconds in record.overhead_s.items()},
        "attempts": [attempt_facts(attempt) for attempt in record.attempts],
        "policy": record.policy,
    }
