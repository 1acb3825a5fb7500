"""The request log."""

import io
import json

from router.core.types import Deployment
from router.record.log import MAX_WAITING, RequestLog
from router.record.record import Draft, RequestRecord


def record(number: int = 0) -> RequestRecord:
    return Draft(f"req_{number}", 0.0, "chat/completions", Deployment("a", "x/a"), "1").finish("ok", 0.1)


def test_every_record_becomes_one_line_of_json_by_the_time_it_stops() -> None:
    out = io.StringIO()
    log = RequestLog(out)
    log.start()
    for number in range(100):
        log.add(record(number))
    log.stop()
    assert [json.loads(line)["request_id"] for line in out.getvalue().splitlines()] == [f"req_{n}" for n in range(100)]


def test_a_terminal_that_takes_nothing_costs_old_lines_and_no_memory() -> None:
    log = RequestLog(io.StringIO())
    for number in range(MAX_WAITING + 5):
        log.add(record(number))
    assert len(log._waiting) == MAX_WAITING
