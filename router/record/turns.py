"""Standard error is shared by threads and by workers: one writes at a time.

A pipe takes 4 kB in one piece. Of a longer text, and the request log gathers longer ones, a part may wait until somebody
reads, and what others write meanwhile would stand in the middle of its lines (pipe(7)).
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from router.record.shared import MULTIPROC_DIR

try:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
except ImportError:  # on Windows, where there is one process
    flock = None  # type: ignore[assignment]

PATIENCE_S = 1.0
"""For a worker that was stopped in the middle of its turn: a mixed line is less than a parent that waits for it."""

_thread = threading.RLock()  # re-entrant: a destructor that fails while a line is written is logged by the same thread


@contextmanager
def own_turn() -> Iterator[None]:
    """Write while nobody else does: no thread of this process, and no other worker."""
    with _thread:
        lock = _lock_of(os.environ.get(MULTIPROC_DIR))
        if lock is None:
            yield
            return
        ends_s = time.monotonic() + PATIENCE_S
        while not _is_ours(lock) and time.monotonic() < ends_s:
            time.sleep(0.005)
        try:
            yield
        finally:
            flock(lock, LOCK_UN)


@cache
def _lock_of(directory: str | None) -> int | None:
    """A file that the workers share, open for as long as the process lives; None where there are none."""
    if directory is None or flock is None:
        return None
    with suppress(OSError):
        return os.open(Path(directory) / "stderr.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    return None


def _is_ours(lock: int) -> bool:
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except OSError:
        return False
    return True
