"""From HTML to what a person would read of it, in a process of its own.

HTML is hostile: a tag of a hundred thousand attributes keeps the parser busy for minutes, and a thread cannot be
stopped. A process can; it has no keys in its environment, a limit on its memory and its time, and is gone afterwards.
"""

import asyncio
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from router.dispatch.web.body import Body
from router.dispatch.web.found import Page, WebFailure

log = logging.getLogger("router")

_READER = Path(__file__).with_name("reader.py")

MAX_READERS = 4
"""Processes at once; each takes about 0.2 s and 60 MB."""

MAX_TITLE_CHARS = 200


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads pages; at most ``MAX_READERS`` at a time."""

    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_READERS))

    async def read(self, url: str, body: Body) -> Page:
        """The title and the readable text of a page.

        Raises:
            WebFailure: there is no text to be read, or the parser failed at it.
        """
        if body.kind == "text":
            title, text = "", body.text
        else:
            async with self._turns:
                title, text = await _readable(body.text)
        if not text.strip():
            raise WebFailure("the page has no text that can be read")
        return Page(url, " ".join(title.split())[:MAX_TITLE_CHARS], text.strip(), body.is_cut)


async def _readable(html: str) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(_READER), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
    )
    try:
        out, _ = await process.communicate(html.encode("utf-8", "replace"))
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
    if process.returncode:
        if process.returncode > 0:  # it was not killed, it failed: perhaps not by the page's fault
            log.warning("a page could not be parsed: %s ended with %s", _READER.name, process.returncode)
        raise WebFailure("the page is too much for the parser")
    read = orjson.loads(out)
    return str(read["title"]), str(read["text"])
