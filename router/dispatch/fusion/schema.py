"""Checking values against the JSON schemas that callers write. The only file that imports jsonschema."""

from collections.abc import Callable, Mapping
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable


def _ignored(*_asked: Any) -> tuple[()]:
    return ()


def _additional(validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Any:
    """As jsonschema has it, but where telling what is additional takes a pattern."""
    if "patternProperties" in schema:
        return ()
    return Draft202012Validator.VALIDATORS["additionalProperties"](validator, value, instance, schema)


_NO_PATTERNS = validators.extend(
    Draft202012Validator,
    {
        "pattern": _ignored,
        "patternProperties": _ignored,
        "unevaluatedProperties": _ignored,
        "additionalProperties": _additional,
    },
)
"""Callers write the schemas: their regular expressions could run for hours, and remote references go nowhere."""


def checker(schema: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Whether a value is as the schema says; a schema that is none, or that leads nowhere, lets everything pass."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return lambda value: True
    validator = _NO_PATTERNS(schema, registry=Registry())

    def is_valid(value: Any) -> bool:
        try:
            return bool(validator.is_valid(value))
        except (Unresolvable, RecursionError):
            return True

    return is_valid
