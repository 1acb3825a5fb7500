"""A process that serves, alone or as one of several workers whose parent says when to listen and when to end."""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Literal

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from router.record.messages import write_messages
from router.settings import Settings

Order = Literal["listen", "end", "say"]
"""What a parent sends."""

State = Literal["loading", "loaded", "serving", "ending"]
"""What a worker says of itself, with the seconds since its loop last turned."""

LATE_S = 0.05
"""After this, a connection that had been accepted when the port was closed has been made."""

POLL_S = 0.02

log = logging.getLogger("router")


class GatewayServer(uvicorn.Server):
    """uvicorn's server, which first loads everything and listens when it may."""

    def __init__(self, config: uvicorn.Config, *, may_listen: bool = True) -> None:
        """Make it; it does not begin yet."""
        super().__init__(config)
        self.may_listen, self._is_loaded = may_listen, False
        self._turned_at_s = time.monotonic()

    @property
    def state(self) -> State:
        """How far it has come."""
        if self.should_exit:
            return "ending"
        return "serving" if self.started else "loaded" if self._is_loaded else "loading"

    @property
    def idle_s(self) -> float:
        """How long ago the loop turned, which it does ten times a second while it serves."""
        return time.monotonic() - self._turned_at_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load, wait for leave, listen. uvicorn's own does not wait."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        self._is_loaded, self.servers = True, []
        while not (self.may_listen or self.should_exit):  # noqa: ASYNC110  # uvicorn's is a flag that a signal handler sets
            await asyncio.sleep(POLL_S)
        loop = asyncio.get_running_loop()
        if not self.should_exit:
            for each in sockets or ():
                self.servers.append(await loop.create_server(self._protocol, sock=each, backlog=self.config.backlog))
        self._turned_at_s, self.started = time.monotonic(), True

    def _protocol(self) -> asyncio.Protocol:
        made: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        self._turned_at_s = time.monotonic()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and tell connections of it that are only being made."""
        asyncio.get_running_loop().call_later(LATE_S, self._tell_late_connections)
        await super().shutdown(sockets)

    def _tell_late_connections(self) -> None:
        for connection in tuple(self.server_state.connections):
            connection.shutdown()


def serve_alone(settings: Settings, sockets: list[socket.socket], options: dict[str, Any]) -> None:
    """Serve from this process until a signal ends it."""
    from router.app import create_app

    with suppress(KeyboardInterrupt):
        GatewayServer(uvicorn.Config(create_app(settings), **options)).run(sockets)


def work(settings: Settings, sockets: list[socket.socket], options: dict[str, Any], parent: Connection) -> None:
    """Serve as a worker, as the parent says; without a parent, end: orphaned, it would hold the port against the next."""
    if hasattr(signal, "SIGHUP"):  # that of a whole group is the parent's business until the artifact is watched
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    write_messages(settings.server.log_level)
    try:
        from router.app import create_app

        server = GatewayServer(uvicorn.Config(create_app(settings), **options), may_listen=False)
    except Exception:
        log.exception("a worker cannot be made")
        sys.exit(STARTUP_FAILURE)
    threading.Thread(target=_obey, args=(server, parent), name="parent", daemon=True).start()
    with suppress(KeyboardInterrupt):
        server.run(sockets)


def _obey(server: GatewayServer, parent: Connection) -> None:
    try:
        while True:
            order: Order = parent.recv()
            if order == "listen":
                server.may_listen = True
            elif order == "end":
                server.should_exit = True
            else:
                parent.send((server.state, server.idle_s))
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
