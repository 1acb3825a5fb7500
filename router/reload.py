"""A new artifact for a running gateway: on SIGHUP, or when its manifest changes. A bad one is refused, the old stays."""

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path

from classifier import Classifier
from classifier.artifact import DEFAULT_PATH, MANIFEST

POLL_S = 2.0
"""How soon a changed manifest is noticed. The manifest is written last, so its change means a whole artifact."""

log = logging.getLogger("router")


class ArtifactWatch:
    """Watches an artifact's directory and hands over what it holds.

    Attributes:
        refused: how often an artifact was not taken over.
    """

    def __init__(self, path: Path | None, install: Callable[[Classifier], None], poll_s: float = POLL_S) -> None:
        """Watch ``path`` (None: the shipped artifact); ``install`` swaps it in, and may refuse by raising."""
        self._path = path or DEFAULT_PATH
        self._install = install
        self._poll_s = poll_s
        self._asked = asyncio.Event()
        self.refused = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        seen = self._stamp()
        self._listen()
        while True:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._asked.wait()
            except TimeoutError:
                pass
            stamp = self._stamp()
            if self._asked.is_set() or (stamp and stamp != seen):
                self._asked.clear()
                await self.reload()
            seen = stamp or seen

    async def reload(self) -> bool:
        """Load what is there now and take it over; say whether that worked."""
        try:
            loaded = await asyncio.to_thread(Classifier.load, self._path)
            self._install(loaded)
        except Exception as error:
            self.refused += 1
            log.error("the artifact at %s is refused, the old one stays: %s", self._path, error)
            return False
        log.info("now judging by %s", loaded.artifact)
        return True

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = (self._path / MANIFEST).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _listen(self) -> None:
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._asked.set)
        except (NotImplementedError, RuntimeError, ValueError, AttributeError):
            log.debug("no SIGHUP here: not the main thread, or not a system that has it")
