"""Holding answers to the caller's ``response_format``."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson


class Shape:
    """What an answer must be, where the caller asked for JSON."""

    def __init__(self, is_valid: Callable[[Any], bool]) -> None:
        """Take the check of the parsed value."""
        self._is_valid = is_valid

    def fitted(self, text: str) -> str | None:
        """The text, or the JSON in its code fence, that is as asked for; None where neither is."""
        for candidate in (text, _unfenced(text)):
            try:
                value = orjson.loads(candidate)
            except orjson.JSONDecodeError:
                continue
            if self._is_valid(value):
                return candidate
        return None


def shape_of(body: Mapping[str, Any]) -> Shape | None:
    """The shape that a request asks for; None where it asks for none."""
    asked = body.get("response_format")
    kind = asked.get("type") if isinstance(asked, Mapping) else None
    if asked is None or kind not in ("json_object", "json_schema"):
        return None
    schema = asked.get("json_schema")
    schema = schema.get("schema") if kind == "json_schema" and isinstance(schema, Mapping) else None
    if not isinstance(schema, Mapping):
        return Shape(lambda value: isinstance(value, dict))
    from router.dispatch.fusion.schema import checker  # jsonschema: 50 ms and 7 MB that few gateways ever need

    return Shape(checker(schema))


def canonical(text: str) -> str:
    """JSON with its keys in order, so that equal values are equal texts; other text as it is."""
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONDecodeError:
        return text


def _unfenced(text: str) -> str:
    inner = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    return inner.strip()
