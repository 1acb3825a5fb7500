"""Who hears of a run while it goes on: nobody, or a caller at the other end of an event stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Protocol

from router.core.relay import event_bytes
from router.core.whole_json import dumps

HEARTBEAT_S = 3.0
"""Longest silence in a stream. Source: below the five seconds after which some proxies and clients give up."""


class Audience(Protocol):
    """What a run tells."""

    @property
    def is_live(self) -> bool:
        """Whether words are worth saying before the answer is whole."""
        ...

    @property
    def said(self) -> bool:
        """Whether words of the answer have left: from then on there can be no other answer."""
        ...

    async def hear(self, event: str, facts: Mapping[str, Any]) -> None:
        """Progress."""
        ...

    async def say(self, text: str, model: str) -> None:
        """Words of the answer, and whose they are."""
        ...


class NoAudience:
    """Nobody listens until the answer is whole."""

    is_live = False
    said = False

    async def hear(self, event: str, facts: Mapping[str, Any]) -> None:
        """Nobody hears it."""

    async def say(self, text: str, model: str) -> None:
        """The answer goes out in one piece, later."""


class StreamAudience:
    """A caller who reads server-sent events: the answer's chunks, comments in silence, events if asked for."""

    is_live = True

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        head: Mapping[str, Any],
        *,
        events: bool,
        on_first: Callable[[], None],
    ) -> None:
        """Take where bytes go, what every chunk begins with, and whom to tell when the first words leave."""
        self._send, self._head, self._events, self._on_first = send, dict(head), events, on_first
        self._lock = asyncio.Lock()
        self._last_s = monotonic()
        self._stage = "panel"
        self.said = False

    @asynccontextmanager
    async def kept_awake(self) -> AsyncIterator[None]:
        """While open, no silence is longer than ``HEARTBEAT_S``."""
        beat = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beat.cancel()
            await asyncio.wait((beat,))  # unlike awaiting it, this cannot take a hang-up for the beat's own end

    async def hear(self, event: str, facts: Mapping[str, Any]) -> None:
        """An event, for callers who asked; a comment for the others, which every client skips."""
        self._stage = event
        if self._events:
            await self._out(f"event: fusion.{event}\n".encode() + b"data: " + dumps(facts) + b"\n\n")
        else:
            await self._out(f": fusion {event}\n\n".encode())

    async def say(self, text: str, model: str) -> None:
        """Words, as a chunk of this model's, like all that follow."""
        if not text:
            return
        self._head["model"] = model
        delta = {"content": text} if self.said else {"role": "assistant", "content": text}
        if not self.said:
            self.said = True
            self._on_first()
        await self._out(event_bytes(self.chunk(delta)))

    def chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        """A chunk with one choice."""
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    async def _out(self, data: bytes) -> None:
        async with self._lock:
            self._last_s = monotonic()
            await self._send(data)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(max(0.01, self._last_s + HEARTBEAT_S - monotonic()))
            if monotonic() - self._last_s >= HEARTBEAT_S:
                await self._out(f": fusion {self._stage}\n\n".encode())
