"""A program: a JSON schema and texts on standard input, on standard output which of the texts the schema lets pass.

A schema of a kilobyte may take hours to check. Run by path, by ``structured``, with nothing of the gateway's in its environment; it
imports nothing of the gateway's either. The only file that imports jsonschema.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

CPU_S = 2
MEMORY_BYTES = 1 << 29


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


def passing(schema: Mapping[str, Any], texts: list[str]) -> list[bool]:
    """For each JSON text whether it is as the schema says; a schema that is none, or leads nowhere, lets everything pass."""
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return [True] * len(texts)
    validator = _NO_PATTERNS(schema, registry=Registry())

    def passes(text: str) -> bool:
        try:
            return bool(validator.is_valid(json.loads(text)))
        except (Unresolvable, RecursionError):
            return True

    return [passes(text) for text in texts]


def main() -> None:
    """Check the texts, within limits where the system knows any; whoever started this ends it in time anyway."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    asked = json.load(sys.stdin.buffer)
    sys.stdout.write(json.dumps(passing(asked["schema"], asked["texts"])))


if __name__ == "__main__":
    main()
