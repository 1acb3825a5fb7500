"""A worker whose parent was killed ends, as on SIGTERM: orphaned it would serve on, and hold the port against the next."""

import os
import signal
import threading
import time

POLL_S = 1.0


def end_with_parent() -> None:
    """Watch, from a thread, whether the process that started this one is still its parent."""
    threading.Thread(target=_watch, args=(os.getppid(),), name="orphan", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)
