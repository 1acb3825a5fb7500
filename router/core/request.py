"""A request in OpenAI's dialect, checked: what the hallway needs to know of it."""

from collections.abc import Mapping
from typing import Any

from classifier.value import value
from router.core.whole_json import loads_exactly, may_be_rounded


@value
class ModelRequest:
    """A body that has been checked.

    Attributes:
        body: what goes to the provider: the caller's body without ``router``; for a stream, usage is asked for.
        model: the name the caller asked for.
        stream: the caller wants events.
        include_usage: the caller asked for a usage chunk of its own.
        controls: the ``router`` object as it came; None where there is none.
        around_model: the caller's bytes before and after the model's name, to be sent on as they are; None where ``body``
            says something else than they do. Only then has ``body`` every digit: see ``exact_body``.
        fusion_forms: OpenRouter's ways of asking for fusion, taken out of the body, each with its path.
    """

    body: Mapping[str, Any]
    model: str
    stream: bool = False
    include_usage: bool = False
    controls: Any = None
    fusion_forms: tuple[tuple[str, Any], ...] = ()
    around_model: tuple[bytes, bytes] | None = None


def exact_body(body: Mapping[str, Any], around_model: tuple[bytes, bytes] | None) -> Mapping[str, Any]:
    """A request's body with whole numbers of any length as the caller wrote them, for whoever has to write it anew."""
    if around_model is None:
        return body
    raw = b'""'.join(around_model)
    return {**loads_exactly(raw), "model": body["model"]} if may_be_rounded(raw) else body
