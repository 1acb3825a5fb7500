"""A small generator of JSON values that fit a JSON schema: enough for tool arguments and structured answers."""

import math
from typing import Any

_MAX_DEPTH = 12


def instance_of(schema: Any, *, text: str = "scripted") -> Any:
    """Make a value that fits a schema, the same one every time.

    Covers ``const``, ``enum``, ``$ref`` into the document, ``anyOf``/``oneOf``/``allOf``, ``type``,
    ``properties``, ``items``, ``minItems``, ``minimum``/``maximum``, ``minLength``/``maxLength``, common formats.

    Args:
        schema: the schema, as parsed JSON.
        text: what strings say; numbers take its value if it is one.
    """
    return _make(schema, schema, text, 0)


def _make(schema: Any, root: Any, text: str, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        return _make(_resolve(schema["$ref"], root), root, text, depth + 1)
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return _make(_simplest(schema[key], depth), root, text, depth + 1)
    if schema.get("allOf"):
        merged = {key: value for part in schema["allOf"] for key, value in _resolved(part, root).items()}
        return _make(merged, root, text, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return _typed(kind[0] if isinstance(kind, list) else kind, schema, root, text, depth)


def _typed(kind: str, schema: dict[str, Any], root: Any, text: str, depth: int) -> Any:
    if kind == "object":
        properties = schema.get("properties", {})
        # past half the depth only what is required: a recursive schema must come to its end
        wanted = schema.get("required", []) if depth > _MAX_DEPTH // 2 else properties
        return {name: _make(properties.get(name), root, text, depth + 1) for name in wanted}
    if kind == "array":
        count = schema.get("minItems", 0 if depth > _MAX_DEPTH // 2 else 1)
        return [_make(schema.get("items", {}), root, text, depth + 1) for _ in range(count)]
    if kind in ("integer", "number"):
        return _number(schema, text, whole=kind == "integer")
    if kind == "boolean":
        return True
    return None if kind == "null" else _string(schema, text)


def _number(schema: dict[str, Any], text: str, *, whole: bool) -> float | int:
    try:
        value = float(text)
    except ValueError:
        value = 1.0
    step = 1 if whole else 0.5
    low = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf) + step)
    high = schema.get("maximum", schema.get("exclusiveMaximum", math.inf) - step)
    value = min(max(value, low), high)
    return int(value) if whole else value


_FORMATS = {
    "date": "2025-01-01",
    "date-time": "2025-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "scripted@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def _string(schema: dict[str, Any], text: str) -> str:
    value = _FORMATS.get(schema.get("format", ""), text)
    return value.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", len(value) + 10_000)]


def _simplest(options: list[Any], depth: int) -> Any:
    if depth <= _MAX_DEPTH // 2:
        return options[0]
    return next((option for option in options if isinstance(option, dict) and option.get("type") == "null"), options[0])


def _resolved(schema: Any, root: Any) -> dict[str, Any]:
    if isinstance(schema, dict) and "$ref" in schema:
        schema = _resolve(schema["$ref"], root)
    return schema if isinstance(schema, dict) else {}


def _resolve(ref: str, root: Any) -> Any:
    found = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        if part:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found
