"""A new artifact for a running gateway: on SIGHUP, or when its manifest changes. A bad one is refused, the old stays."""

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path

from classifier import Classifier
from classifier.artifact import DEFAULT_PATH, MANIFEST
from router import heap
from router.record.metrics import ReloadOutcome

POLL_S = 2.0
"""How soon a changed manifest is noticed. The manifest is written last, so its change means a whole artifact."""

log = logging.getLogger("router")


class ArtifactWatch:
    """Watches an artifact's directory and hands over what it holds."""

    def __init__(self, path: Path | None, on_reload: Callable[[ReloadOutcome], None]) -> None:
        """Look at ``path`` (None: the shipped artifact) before it is loaded: what comes from now on is new."""
        self._path, self._on_reload = path or DEFAULT_PATH, on_reload
        self._asked = asyncio.Event()
        self._seen = self._stamp()

    async def run(self, install: Callable[[Classifier], None]) -> None:
        """Watch until cancelled; ``install`` takes over what was loaded, and may refuse it by raising."""
        self._listen()
        while True:
            try:
                async with asyncio.timeout(POLL_S):
                    await self._asked.wait()
            except TimeoutError:
                pass
            stamp = self._stamp()
            if self._asked.is_set() or (stamp and stamp != self._seen):
                self._asked.clear()
                await self._reload(install)
            self._seen = stamp or self._seen

    async def _reload(self, install: Callable[[Classifier], None]) -> None:
        try:
            loaded = await asyncio.to_thread(Classifier.load, self._path)
            install(loaded)
        except Exception as error:
            log.error("the artifact at %s is refused, the old one stays: %s", self._path, error)
            self._on_reload("refused")
        else:
            log.info("now judging by %s", loaded.artifact)
            self._on_reload("loaded")
        await asyncio.to_thread(heap.give_back)

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
