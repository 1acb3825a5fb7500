"""What a refusal says against a field that the request can do without, or can name otherwise. Pure.

A hint says how words are drawn, how hard to think or how to keep books: the same request without it asks for the same
answer. What ends an answer (``stop``) or shapes it (``n``, ``logprobs``, ``tools``, ``response_format``) is none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from router.core.whole_json import dumps
from router.errors import UpstreamError, UpstreamIncapable, UpstreamRejected

HINTS = frozenset(
    {
        "encoding_format",
        "frequency_penalty",
        "logit_bias",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning_effort",
        "safety_identifier",
        "seed",
        "service_tier",
        "store",
        "temperature",
        "top_k",
        "top_p",
        "user",
        "verbosity",
    }
)
"""Left out where a provider does not know them or a model refuses them: the answer keeps its shape."""

OTHER_NAME: Mapping[str, str] = MappingProxyType(
    {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
)
"""One limit, two names. Source: OpenAI's API reference; its reasoning models take the newer only, others the older."""

_CHECKED_AT_THE_DOOR = frozenset({"temperature", "top_p"})
"""Hints whose values keep to OpenAI's range: one that is refused all the same is beyond the model's own, narrower one."""

_PLAIN_WORDS = frozenset({"prediction", "seed", "store", "user"})
"""Fields whose names are words of any sentence, and are read as fields only where they stand as such."""

_DEFAULT_ONLY = re.compile(r"only the default|only \w+ ?= ?1 is supported", re.I)
_ONE_OF_THEM = re.compile(r"\bboth\b|only one of|\btogether\b|at the same time", re.I)
_PENALTY = re.compile(r"\bpenalty is not enabled", re.I)
"""Gemini's words for either of the two penalties."""


@dataclass(frozen=True, slots=True)
class Objection:
    """A field that a deployment does not take as it stands.

    Attributes:
        instead: the name under which it is taken; None where it is to be left out.
        value: the one value, as JSON, that is refused; None where any is.
        beside: the field beside which it is refused; None where it always is.
        effort: the ``reasoning_effort`` of the request that it was refused in. Some models take sampling hints at the one and
            not at another (gpt-5.2, by OpenAI's guide to it), so that nothing is said of requests with another.
    """

    field: str
    instead: str | None = None
    value: bytes | None = None
    beside: str | None = None
    effort: Any = None

    def holds(self, body: Mapping[str, Any]) -> bool:
        """Whether it would be raised against this request too."""
        if self.field not in body or (self.beside is not None and self.beside not in body):
            return False
        if self.instead is None and self.field != "reasoning_effort" and self.effort != body.get("reasoning_effort"):
            return False
        return self.value is None or self.value == dumps(body[self.field])


def objections(error: UpstreamError, body: Mapping[str, Any]) -> tuple[Objection, ...]:
    """What a refusal says against fields of a request that may be left out or renamed; empty where it is about others."""
    if not isinstance(error, UpstreamIncapable | UpstreamRejected):
        return ()
    told, param = error.message, (error.param or "").removeprefix("body.")
    is_lacking = isinstance(error, UpstreamIncapable)
    if is_lacking and param in OTHER_NAME:
        is_asked_for = param in body and OTHER_NAME[param] in told  # else it is the value that does not please
        return (Objection(param, instead=OTHER_NAME[param]),) if is_asked_for else ()
    may_go = HINTS if is_lacking else _CHECKED_AT_THE_DOOR
    effort = body.get("reasoning_effort")
    named = [name for name in body if name in may_go and (name == param if param else _names(told, name))]
    if len(named) > 1 and _ONE_OF_THEM.search(told):
        kept = "temperature" if "temperature" in named else named[0]
        return tuple(Objection(name, beside=kept, effort=effort) for name in named if name != kept)
    is_a_value = not is_lacking or error.upstream_code == "unsupported_value" or "unsupported value" in told.lower()
    if is_a_value and not _DEFAULT_ONLY.search(told):
        return tuple(Objection(name, value=dumps(body[name]), effort=effort) for name in named)
    return tuple(Objection(name, effort=effort) for name in named)


def _names(told: str, name: str) -> bool:
    """Whether a sentence speaks of a field, in snake or camel case."""
    return _field(name).search(told) is not None or (name.endswith("_penalty") and _PENALTY.search(told) is not None)


@cache
def _field(name: str) -> re.Pattern[str]:
    word = name.replace("_", "_?")
    if name in _PLAIN_WORDS:
        return re.compile(rf"""["'`]{word}["'`]|(?:parameter|argument)s?:? {word}\b|: {word}\.?$""", re.I)
    return re.compile(rf"(?<![a-z_.]){word}(?![a-z_])", re.I)
