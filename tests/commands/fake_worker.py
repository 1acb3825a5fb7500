"""What a worker process says to its parent, without a gateway. Its config's mode says how it behaves."""

import os
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


def work(settings: Any, _sockets: Any, options: dict[str, Any], parent: Connection) -> None:
    mode, state, hangs = settings.routing.mode, "loading", False
    if mode == "cost":
        time.sleep(0.2)
        sys.exit(3)
    log = Path(options["log"])
    if mode == "balanced":
        state = "loaded"
    while True:
        try:
            order = parent.recv()
        except EOFError:
            return
        if order == "listen":
            if state == "serving":  # said again until it is heard
                continue
            state = "serving"
            with log.open("a") as lines:
                lines.write(f"{os.getpid()} serves {settings.server.drain_s:.0f}\n")
        elif order == "end":
            with log.open("a") as lines:
                lines.write(f"{os.getpid()} ends\n")
            return
        else:
            hangs = hangs or (state == "serving" and Path(options["hangs"]).exists())
            Path(options["hangs"]).unlink(missing_ok=True)
            parent.send((state, 1e9 if hangs else 0.0))
