"""The seams to the web: what searches and fetches are, and what they give."""

from dataclasses import dataclass
from typing import Protocol


class WebFailure(Exception):
    """A search or a fetch came to nothing. Its message is told to the model that asked: no address, no key in it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a search."""

    title: str
    url: str
    snippet: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a fetch read.

    Attributes:
        url: where it was in the end, after redirects.
        is_cut: there was more than the size cap.
    """

    url: str
    title: str
    text: str
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Something that a panelist was shown; ``read`` where it was the page itself, not only a search's mention."""

    title: str
    url: str
    read: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What one call of a tool came to.

    Attributes:
        text: for the model, fenced where it is quoted.
        failed: nothing was found; ``text`` says why.
    """

    text: str
    sources: tuple[Source, ...] = ()
    failed: bool = False


class Search(Protocol):
    """Finds pages."""

    async def search(self, query: str) -> list[Hit]:
        """The best hits for a query, the best first.

        Raises:
            WebFailure: the search came to nothing.
        """
        ...


class Fetch(Protocol):
    """Reads pages."""

    async def fetch(self, address: str) -> Page:
        """Read one page.

        Raises:
            WebFailure: it may not or cannot be read; the message says why, for the model.
        """
        ...
