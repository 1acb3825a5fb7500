"""One structured line per request, written by a thread of its own: a slow terminal never holds a request up."""

import logging
import sys
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any

import orjson

from router.record.record import RequestRecord, attempt_facts

REQUESTS = logging.getLogger("router.requests")


def log_record(record: RequestRecord) -> None:
    """Write a record's line. It holds no prompt, no answer and no key."""
    if REQUESTS.isEnabledFor(logging.INFO):
        REQUESTS.info(orjson.dumps(line(record)).decode())


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
        "duration_ms": round(record.duration_s * 1000, 3),
        "first_token_ms": round(record.first_token_s * 1000, 3) if record.first_token_s is not None else None,
        "overhead_ms": {station: round(seconds * 1000, 4) for station, seconds in record.overhead_s.items()},
        "attempts": [attempt_facts(attempt) for attempt in record.attempts],
        "policy": record.policy,
    }


def start_logging(level: str, *, requests: bool = True) -> QueueListener:
    """Send the gateway's log to standard error through a queue; stop the listener to flush it.

    Args:
        level: the least level that is written.
        requests: whether every request writes its line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    listener = QueueListener(queue, handler)
    root = logging.getLogger("router")
    root.handlers = [QueueHandler(queue)]
    root.setLevel(level.upper())
    root.propagate = False
    REQUESTS.setLevel(logging.INFO if requests else logging.WARNING)
    listener.start()
    return listener
