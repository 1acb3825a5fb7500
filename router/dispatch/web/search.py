"""Searching the web, two ways: a SearXNG-style endpoint, and litellm's search providers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from router.dispatch.web.found import Hit, WebFailure
from router.errors import GatewayError

HITS = 8
"""Results shown of one search. Source: the first page of most engines, less its repetitions."""

MAX_ANSWER_BYTES = 1024 * 1024
_SNIPPET_CHARS = 400
_TITLE_CHARS = 200
_URL_CHARS = 500


@dataclass(frozen=True, slots=True)
class SearxngSearch:
    """Asks ``URL/search?q=…&format=json``, as SearXNG answers it.

    Attributes:
        url: the endpoint's, with or without ``/search``; the operator's own, so its address is not checked.
        api_key: sent as a bearer token where there is one.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 15.0

    async def search(self, query: str) -> list[Hit]:
        """See ``Search``."""
        base = URL(self.url)
        if not base.path.endswith("/search"):
            base = base.with_path(f"{base.raw_path.rstrip('/')}/search", encoded=True, keep_query=True)
        headers = {"Accept": "application/json"}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        timeout = ClientTimeout(total=self.timeout_s)
        try:
            async with (
                ClientSession(cookie_jar=DummyCookieJar(), timeout=timeout, trust_env=False) as session,
                session.get(base.update_query(q=query, format="json"), headers=headers, allow_redirects=False) as reply,
            ):
                if reply.status != 200:
                    raise WebFailure(f"the search engine answered with status {reply.status}")
                raw = await reply.content.readexactly(MAX_ANSWER_BYTES)
                raise WebFailure(f"the search engine's answer is longer than {len(raw)} bytes")
        except asyncio.IncompleteReadError as whole:
            return _hits(_results(whole.partial), snippet="content")
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise WebFailure(f"the search engine cannot be reached ({type(error).__name__})") from None


@dataclass(frozen=True, slots=True)
class ProviderSearch:
    """Asks one of litellm's search providers.

    Attributes:
        ask: makes the call; gives the results as objects with ``title``, ``url`` and ``snippet``.
    """

    ask: Callable[[str, int], Awaitable[Iterable[Mapping[str, Any]]]]

    async def search(self, query: str) -> list[Hit]:
        """See ``Search``."""
        try:
            return _hits(await self.ask(query, HITS), snippet="snippet")
        except GatewayError as error:
            raise WebFailure(f"the search failed ({error.code})") from None


def _results(raw: bytes) -> Iterable[Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise WebFailure("the search engine's answer is not JSON; its format may be switched off") from None
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list):
        raise WebFailure("the search engine's answer has no results")
    return results


def _hits(results: Iterable[Any], *, snippet: str) -> list[Hit]:
    hits: list[Hit] = []
    for result in results:
        url = result.get("url") if isinstance(result, Mapping) else None
        if isinstance(url, str) and url.startswith(("http://", "https://")) and len(url) <= _URL_CHARS:
            title = _line(result.get("title"), _TITLE_CHARS)
            hits.append(Hit(title or url, _line(url, _URL_CHARS), _line(result.get(snippet), _SNIPPET_CHARS)))
    return hits[:HITS]


def _line(value: Any, chars: int) -> str:
    return " ".join(value.split())[:chars] if isinstance(value, str) else ""
