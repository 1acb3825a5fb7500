"""Scripted models without a socket: a transport that plays scripts in the process.

Time-outs and broken connections show as they do over a socket, so that everything above cannot tell the difference.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from router.dispatch.address import Address
from router.dispatch.breakage import Cut, HungUp, OutOfTime, Silent
from router.dispatch.scripted.engine import Performance, ScriptEngine
from router.dispatch.transport import Patience, Reply

_FOREVER_S = 1e6


class ScriptedTransport:
    """Answers every request from its script."""

    default_base: str | None = "http://scripted.invalid/v1"

    def __init__(self, engine: ScriptEngine | None = None) -> None:
        """Take an engine to share its count of calls, or begin a new one."""
        self._engine = engine or ScriptEngine()

    def post(
        self, address: Address, extra: Mapping[str, str], body: bytes, patience: Patience
    ) -> AbstractAsyncContextManager[Reply]:
        """Play the script that the body's model names."""
        operation = "embeddings" if address.path.endswith("/embeddings") else "chat/completions"
        performance = self._engine.play(operation, body, address.headers.get("authorization", ""))
        return _ScriptedReply(performance, patience)

    async def aclose(self) -> None:
        """Nothing is open."""


class _ScriptedReply:
    """One performance, being its own context, reply and body."""

    def __init__(self, performance: Performance, patience: Patience) -> None:
        self._performance = performance
        self._clock = asyncio.get_running_loop().time
        self._due_s = self._clock()
        self._ends_s = patience.ends_s
        self._next = 0
        self._silence_s = patience.silence_s or _FOREVER_S
        self.status = performance.status
        self.headers = {"content-type": performance.content_type}
        self.headers |= {name.lower(): value for name, value in performance.headers}

    async def __aenter__(self) -> "_ScriptedReply":
        await self._wait(self._performance.wait_s)
        if self._performance.ending == "reset" or (self._performance.ending == "cut" and not self._performance.pieces):
            raise HungUp
        if self._performance.ending == "hang" and not self._performance.pieces:
            await self._wait(_FOREVER_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def set_silence(self, silence_s: float) -> None:
        """Limit the silences that are still to come."""
        self._silence_s = silence_s

    async def readany(self) -> bytes:
        performance = self._performance
        if self._next < len(performance.pieces):
            await self._wait(performance.before_s(self._next))
            self._next += 1
            return performance.pieces[self._next - 1]
        if performance.ending == "hang":
            await self._wait(_FOREVER_S)
        if performance.ending == "cut":
            raise Cut
        return b""

    async def _wait(self, seconds: float) -> None:
        """Sleep until the next thing is due, or until a limit of the caller's is reached."""
        now_s = self._clock()
        self._due_s = max(self._due_s, now_s - seconds) + seconds
        limit_s = min(now_s + self._silence_s, self._ends_s)
        await asyncio.sleep(max(0.0, min(self._due_s, limit_s) - now_s))
        if self._due_s > limit_s:
            raise OutOfTime if limit_s == self._ends_s else Silent
