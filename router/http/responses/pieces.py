"""Reading a piece of a message, whoever wrote it: what is not as OpenAI has it is left out, or read as it was meant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from router.core.whole_json import dumps, loads


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A piece of a call of a tool.

    Attributes:
        place: which of the message's calls it belongs to, unless a new ``call_id`` says otherwise.
        call_id: empty where it does not say.
        name: of the function, or a piece of it; empty where it does not say.
        arguments: a piece of their JSON.
    """

    place: float
    call_id: str
    name: str
    arguments: str

    def is_of_another(self, call_id: str, arguments: Sequence[str]) -> bool:
        """Whether it begins another call than the one that has its place: some servers number none, or give no ids."""
        if not self.name:
            return False
        if self.call_id:
            return bool(call_id) and self.call_id != call_id
        return bool(arguments) and arguments[-1].endswith("}") and object_in("".join(arguments)) is not None


def a_text(value: Any) -> str:
    """The value, if it is a string."""
    return value if isinstance(value, str) else ""


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def object_in(written: str) -> dict[str, Any] | None:
    """The object that a model wrote as JSON, such as a call's arguments; None where it wrote none, or not all of it."""
    try:
        read = loads(written.encode("utf-8", "surrogatepass"))
    except orjson.JSONDecodeError:
        return None
    return read if isinstance(read, dict) else None


def calls_in(delta: Mapping[str, Any]) -> Iterator[CallPiece]:
    """Pieces of calls; ``function_call`` is how one was written before there were several."""
    calls = objects_in(delta.get("tool_calls"))
    if not calls and isinstance(delta.get("function_call"), dict):
        calls = [{"function": delta["function_call"]}]
    for place, call in enumerate(calls):
        index, function = call.get("index"), call.get("function")
        said = function if isinstance(function, dict) else {}
        yield CallPiece(
            index if isinstance(index, int | float) else place,
            a_text(call.get("id")),
            a_text(said.get("name")),
            _arguments(said.get("arguments")),
        )


def logprobs_in(value: Any) -> list[dict[str, Any]]:
    """Log probabilities of a text's tokens; what chat completions may leave open the Responses API has in lists."""
    tokens = objects_in(value.get("content")) if isinstance(value, dict) else []
    return [
        {**_with_bytes(token), "top_logprobs": [*map(_with_bytes, objects_in(token.get("top_logprobs")))]}
        for token in tokens
    ]


def _with_bytes(token: dict[str, Any]) -> dict[str, Any]:
    if isinstance(token.get("bytes"), list):
        return token
    return {**token, "bytes": list(a_text(token.get("token")).encode("utf-8", "surrogatepass"))}


def _arguments(value: Any) -> str:
    return dumps(value).decode() if isinstance(value, dict) else a_text(value)
