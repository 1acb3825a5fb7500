"""From HTML to what a person would read of it.

HTML is hostile: a tag of a hundred thousand attributes keeps the parser busy for minutes. It runs in a process of its own.
"""

from dataclasses import dataclass, field
from pathlib import Path

import orjson

from router.dispatch.confined import Confined
from router.dispatch.web.body import Body
from router.dispatch.web.found import Page, WebFailure

_READER = Path(__file__).with_name("reader.py")

MAX_TITLE_CHARS = 200


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads pages."""

    _parser: Confined = field(default_factory=lambda: Confined(_READER))

    async def read(self, url: str, body: Body) -> Page:
        """The title and the readable text of a page.

        Raises:
            WebFailure: there is no text to be read, or the parser failed at it.
        """
        title, text = ("", body.text) if body.kind == "text" else await self._readable(body.text)
        if not text.strip():
            raise WebFailure("the page has no text that can be read")
        return Page(url, " ".join(title.split())[:MAX_TITLE_CHARS], text.strip(), body.is_cut)

    async def _readable(self, html: str) -> tuple[str, str]:
        out = await self._parser.run(html.encode("utf-8", "replace"))
        if out is None:
            raise WebFailure("the page is too much for the parser")
        read = orjson.loads(out)
        return str(read["title"]), str(read["text"])
