"""Holding answers to the caller's ``response_format``."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from router.core.whole_json import dumps, loads
from router.dispatch.confined import Confined

SCHEMA_CHECKER = Path(__file__).with_name("schema.py")

PATIENCE_S = 5.0
"""For one check, its turn included; what could not be checked by then passes."""


class Shape:
    """What an answer must be, where the caller asked for JSON."""

    def __init__(self, schema: Mapping[str, Any] | None, checker: Confined, deadline_s: float) -> None:
        """Take the schema, None where any object will do; who checks; and by when everything is over."""
        self._schema, self._checker, self._deadline_s = schema, checker, deadline_s
        self._fitted: dict[str, str | None] = {}

    async def read(self, texts: Iterable[str]) -> None:
        """Find out which texts are as asked for."""
        read = {text: _json_in(text) for text in texts if text not in self._fitted}
        passing = await self._passing({found for candidates in read.values() for found in candidates})
        for text, candidates in read.items():
            self._fitted[text] = next((found for found in candidates if found in passing), None)

    def fitted(self, text: str) -> str | None:
        """Of a text that was read: itself, or the JSON in its code fence, that is as asked for; None where neither is."""
        return self._fitted[text]

    async def _passing(self, found: set[str]) -> set[str]:
        if self._schema is None:
            return {text for text in found if isinstance(_value(text), dict)}
        if not found:
            return found
        texts = list(found)
        given = dumps({"schema": self._schema, "texts": texts})
        try:
            async with asyncio.timeout_at(min(monotonic() + PATIENCE_S, self._deadline_s)):
                out = await self._checker.run(given)
        except TimeoutError:
            return found
        return found if out is None else {text for text, passes in zip(texts, loads(out), strict=True) if passes}


def shape_of(body: Mapping[str, Any], checker: Confined, deadline_s: float) -> Shape | None:
    """The shape that a request asks for; None where it asks for none."""
    asked = body.get("response_format")
    kind = asked.get("type") if isinstance(asked, Mapping) else None
    if asked is None or kind not in ("json_object", "json_schema"):
        return None
    schema = asked.get("json_schema")
    schema = schema.get("schema") if kind == "json_schema" and isinstance(schema, Mapping) else None
    return Shape(schema if isinstance(schema, Mapping) else None, checker, deadline_s)


def canonical(text: str) -> str:
    """JSON with its keys in order, so that equal values are equal texts; other text as it is."""
    try:
        return json.dumps(_value(text), sort_keys=True)
    except (ValueError, RecursionError):
        return text


def _json_in(text: str) -> list[str]:
    """The text and what its code fence holds, as far as they are JSON."""
    inner = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    return [found for found in (text, inner) if _is_json(found)]


def _is_json(text: str) -> bool:
    try:
        _value(text)
    except ValueError:
        return False
    return True


def _value(text: str) -> Any:
    return loads(text.encode("utf-8", "replace"))
