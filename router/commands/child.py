"""A worker as its parent knows it, and how one is started."""

import multiprocessing
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from types import MappingProxyType
from typing import Any

from router.commands.worker import Order, State, work
from router.settings import Settings

spawn = multiprocessing.get_context("spawn")
ForkingPickler.register(MappingProxyType, lambda kept: (MappingProxyType, (dict(kept),)))  # settings hold some


@dataclass(slots=True, eq=False)
class Worker:
    """A worker as its parent knows it.

    Attributes:
        heard_at_s: when it last said how it is, or was started.
        asked_at_s: when it was last asked.
        is_asked: whether it owes an answer.
        hears: whether its end of the pipe is open.
        ends_at_s: when it is killed if it still is there.
    """

    process: SpawnProcess
    pipe: Connection
    started_at_s: float
    heard_at_s: float
    state: State = "loading"
    asked_at_s: float = 0.0
    is_asked: bool = False
    hears: bool = True
    ends_at_s: float | None = None

    def send(self, order: Order) -> None:
        """Say something; who cannot hear it is about to end."""
        with suppress(OSError):
            self.pipe.send(order)

    @property
    def is_on_the_way(self) -> bool:
        """Whether it does not serve yet."""
        return self.state in ("loading", "loaded")

    def __str__(self) -> str:
        """As messages name it."""
        return f"worker [{self.process.pid}]"


def start(settings: Settings, sockets: list[socket.socket], options: dict[str, Any]) -> Worker:
    """A process that loads what it needs and then waits for leave to listen.

    Raises:
        OSError: the system gives no process or no pipe.
    """
    ours, theirs = spawn.Pipe()
    with theirs:
        process = spawn.Process(target=work, args=(settings, sockets, options, theirs))
        process.start()
    now_s = time.monotonic()
    return Worker(process, ours, now_s, now_s)
