"""Programs for input that may be hostile, each run in a process of its own: a thread cannot be stopped, a process can.

It has no keys in its environment, imports nothing of the gateway's, sets limits to its memory and its time, and is gone
afterwards, or as soon as nobody waits for it any longer.
"""

import asyncio
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger("router")

MAX_AT_ONCE = 4
"""Processes of one program; each takes 0.1 to 0.2 s and 20 to 60 MB."""


@dataclass(frozen=True, slots=True)
class Confined:
    """A program that reads its standard input to the end and then writes; at most ``MAX_AT_ONCE`` run at a time."""

    program: Path
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_AT_ONCE))

    async def run(self, given: bytes) -> bytes | None:
        """What the program makes of this; None where it failed, or came to one of its limits."""
        async with self._turns:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", str(self.program), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
                )
            except OSError as error:
                log.warning("%s could not be started: %s", self.program.name, error)
                return None
            try:
                out, _ = await process.communicate(given)
            finally:
                if process.returncode is None:
                    process.kill()
                    await asyncio.shield(process.wait())
        status = await process.wait()
        if status > 0:  # it was not killed, it failed: perhaps not by the input's fault
            log.warning("%s ended with %s", self.program.name, status)
        return out if status == 0 else None
