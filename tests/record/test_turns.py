"""Workers that write to one pipe, which is full most of the time."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WRITER = """
import sys
from router.record.log import RequestLog
from tests.record.test_log import record
log = RequestLog()
for number in range(800):
    log.add(record(number))
print("ready", flush=True)
sys.stdin.read()
log.start()
log.stop()
"""


def test_every_line_arrives_whole_though_two_workers_write_more_than_a_pipe_takes_at_once(tmp_path: Path) -> None:
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    reads, writes = os.pipe()
    run: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": writes, "env": env}
    workers = [subprocess.Popen([sys.executable, "-c", WRITER], **run) for _ in range(2)]
    os.close(writes)
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.stdin.close()
    time.sleep(0.3)  # both are in the middle of their lines: the pipe takes 64 kB of a megabyte
    with open(reads, "rb", buffering=0) as pipe:
        written = b"".join(iter(lambda: pipe.read(1_000), b""))
    for worker in workers:
        worker.stdout.close()
        assert worker.wait() == 0
    lines = written.splitlines()
    assert len(lines) == 1_600
    assert all(json.loads(line) for line in lines)
