"""What a worker process says to its parent, without a gateway. Its config's mode says how it behaves."""

import os
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


def is_meant(file: Path) -> bool:
    """Whether the file is there for this worker: the first that takes it away."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True


def work(settings: Any, _sockets: Any, options: dict[str, Path], parent: Connection) -> None:
    def note(words: str) -> None:
        with options["log"].open("a") as lines:
            lines.write(f"{os.getpid()} {words}\n")

    mode, idle_s = settings.routing.mode, 0.0
    state = "loaded" if mode == "balanced" else "loading"
    if mode == "cost":
        time.sleep(0.2)
        sys.exit(3)
    while True:
        try:
            order = parent.recv()
        except EOFError:
            return
        if order == "listen" and state == "loaded":  # said again until it is heard
            state = "serving"
            note(f"serves {settings.server.drain_s:.0f}")
        elif order == "end":
            note("ends")
            return
        elif order == "say":
            if state == "serving" and is_meant(options["hangs"]):
                idle_s = 1e9
            if state == "serving" and is_meant(options["ends"]):
                parent.send(("ending", 0.0))
                time.sleep(2)  # it drains
                return
            parent.send((state, idle_s))
