"""The request log."""

import io
import json
import time
from collections.abc import Callable

import pytest

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


def test_a_terminal_that_takes_nothing_costs_old_lines_which_are_counted_and_no_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = io.StringIO()
    log = RequestLog(out)
    for number in range(MAX_WAITING + 5):
        log.add(record(number))
    assert len(log._waiting) == MAX_WAITING
    log.start()
    log.stop()
    assert json.loads(out.getvalue().splitlines()[0])["request_id"] == "req_5"
    assert caplog.messages == ["the request log is written again; 5 lines were lost"]


class FullDisk(io.StringIO):
    """Takes nothing as long as it is full."""

    full = True
    refused = 0

    def write(self, text: str) -> int:
        if self.full:
            self.refused += 1
            raise OSError(28, "No space left on device")
        return super().write(text)


def wait_until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 5
    while not true() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert true()


def test_a_full_disk_costs_lines_is_told_once_and_the_log_goes_on_when_there_is_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = FullDisk()
    log = RequestLog(out)
    log.start()
    for times in (1, 2):
        log.add(record(times))
        wait_until(lambda times=times: out.refused == times)  # type: ignore[misc]
    out.full = False
    log.add(record(3))
    log.stop()
    assert [json.loads(line)["request_id"] for line in out.getvalue().splitlines()] == ["req_3"]
    assert [message for message in caplog.messages if "request log" in message] == [
        "the request log cannot be written, lines are lost: [Errno 28] No space left on device",
        "the request log is written again; 2 lines were lost",
    ]
