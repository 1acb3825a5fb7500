"""Replies that are written in one turn of the event loop leave together, at its end.

Each write wakes somebody, and runs the kernel's code through the processor's cache: one write right after another takes less
than each between two requests' work. A connection whose request is the only one in flight does not wait.
"""

import asyncio
from collections.abc import Collection
from math import inf
from typing import Any


class Outbox(asyncio.Transport):
    """A caller's connection, as far as uvicorn's protocol uses one; what is written before a close leaves before it."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        in_flight: Collection[Any],
        linger_s: float = 600.0,
    ) -> None:
        """Stand in front of a transport.

        Args:
            transport: the connection.
            loop: the running loop.
            in_flight: the requests that are being served.
            linger_s: what is left after a close is dropped when nothing of it was taken for so long.
        """
        super().__init__()
        self._transport, self._loop, self._in_flight, self._linger_s = transport, loop, in_flight, linger_s
        self._waiting: list[bytes] = []
        self._closes = False
        self._lingering: asyncio.TimerHandle | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Of the connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Let the caller wait."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that were written and not taken."""
        return self._transport.get_write_buffer_size()

    def write(self, data: Any) -> None:
        """Write at the end of the turn, or at once where nobody else is served."""
        if self._waiting:
            self._waiting.append(data)
        elif len(self._in_flight) > 1:
            self._waiting.append(data)
            self._loop.call_soon(self._send)
        else:
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether it is closed, or will be at the end of the turn."""
        return self._closes or self._transport.is_closing()

    def close(self) -> None:
        """Close, after what waits."""
        if self._waiting:
            self._closes = True
        else:
            self._close()

    def abort(self) -> None:
        """Drop what was not taken."""
        self._transport.abort()

    def lost(self) -> None:
        """The connection is gone: there is nothing to linger for."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _close(self) -> None:
        if self._lingering is None:
            self._linger()
        self._transport.close()

    def _linger(self, before: float = inf) -> None:
        """Wait for what is not taken, and wait on as long as it gets less."""
        left = self._transport.get_write_buffer_size()
        if left >= before:
            self._transport.abort()
        elif left:
            self._lingering = self._loop.call_later(self._linger_s, self._linger, left)

    def _send(self) -> None:
        data = b"".join(self._waiting)
        self._waiting.clear()
        if not self._transport.is_closing():
            self._transport.write(data)
            if self._closes:
                self._close()
