"""OpenAI's dialect, the caller's side: reading bodies with complaints that name the field."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

import orjson

from router.core.fusion_controls import take_forms
from router.core.request import ModelRequest
from router.core.whole_json import loads, loads_exactly, may_be_rounded
from router.errors import BadRequest

ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
_MAY_BE_SILENT = frozenset(("assistant", "tool", "function"))
"""Roles whose ``content`` may be absent."""

_MODEL, _MODEL_VALUE = b'"model"', re.compile(rb'"model"\s*:\s*')
_ASK_FOR_USAGE = b'"stream_options":{"include_usage":true},'
_NOT_FINITE = object()
"""What stands for a number that is none while a refused body is read again."""

_MAX_PATH_CHARS = 200

MAX_DEPTH = 254
"""Objects and lists inside of one another, the body among them: as many as orjson writes. What is written anew by others,
who call themselves for each, is safe then too."""


def read_chat(raw: bytes) -> ModelRequest:
    """Read a chat completion request.

    Only what the gateway itself relies on is checked; everything else is the provider's business and passes.

    Raises:
        BadRequest: the body is not such a request; ``param`` names the field.
    """
    return _read(_chat, raw)


def read_embeddings(raw: bytes) -> ModelRequest:
    """Read an embeddings request.

    Raises:
        BadRequest: as ``read_chat`` does.
    """
    return _read(_embeddings, raw)


def read_translated(raw: bytes, translate: Callable[[dict[str, Any]], dict[str, Any]]) -> ModelRequest:
    """Read a request in another dialect, which ``translate`` makes a chat completion's body of; usage is always asked for.

    Raises:
        BadRequest: as ``read_chat`` and ``translate`` do.
    """

    def check(body: dict[str, Any], _raw: bytes) -> ModelRequest:
        return replace(_chat(translate(body), b""), include_usage=True)

    return _read(check, raw)


def _read(check: Callable[[dict[str, Any], bytes], ModelRequest], raw: bytes) -> ModelRequest:
    """Read a body as ``check`` makes a request of it; with every digit where it is to be written anew."""
    request = check(_read_object(raw), raw)
    if request.around_model is None and may_be_rounded(raw):
        return check(loads_exactly(raw), raw)
    return request


def _chat(body: dict[str, Any], raw: bytes) -> ModelRequest:
    model = _read_model(body)
    _check_messages(body.get("messages"))
    for key, value in body.items():
        if value is not None and key in _CHECKS:
            check, expected = _CHECKS[key]
            if not check(value):
                raise BadRequest(f"`{key}` must be {expected}.", param=key)
    stream = body.get("stream") is True
    options = body.get("stream_options") or {}
    include_usage = stream and options.get("include_usage") is True
    controls = body.pop("router", None)
    upstream, forms = take_forms(body)
    is_untouched = controls is None and not forms and not (stream and "stream_options" in body)
    if stream:
        upstream["stream_options"] = {**options, "include_usage": True}
    around_model = _around_model(raw, model, _ASK_FOR_USAGE if stream else b"") if is_untouched else None
    return ModelRequest(upstream, model, stream, include_usage, controls, forms, around_model)


def _embeddings(body: dict[str, Any], raw: bytes) -> ModelRequest:
    model = _read_model(body)
    if not isinstance(body.get("input"), str | list) or not body["input"]:
        raise BadRequest("`input` must be a string or a list, and not empty.", param="input")
    controls = body.pop("router", None)
    around_model = _around_model(raw, model) if controls is None else None
    return ModelRequest(body, model, controls=controls, around_model=around_model)


def _read_object(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        raise BadRequest("The request has no body. Send a JSON object.", param="body")
    try:
        body = loads(raw)
    except orjson.JSONDecodeError as error:
        raise _unreadable(raw, error) from error
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object, with `model` and `messages`.", param="body")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:  # fewer cannot be deeper
        _check_depth(body)
    return body


def _check_depth(body: dict[str, Any]) -> None:
    try:
        orjson.dumps(body)  # a tenth of the time that reading took; looking at each value would take as long again
    except orjson.JSONEncodeError:  # or it has half an emoji
        for key, value in body.items():
            if _is_deeper(value, MAX_DEPTH - 1):
                where = key[:_MAX_PATH_CHARS]
                raise BadRequest(f"`{where}` must not be nested deeper than {MAX_DEPTH} levels.", param=where) from None


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels + 1):
        nests = [each for each in level if isinstance(each, dict | list)]
        if not nests:
            return False
        level = [inner for each in nests for inner in (each.values() if isinstance(each, dict) else each)]
    return True


def _around_model(raw: bytes, model: str, ask: bytes = b"") -> tuple[bytes, bytes] | None:
    """Cut a body that has been read around its model's name; None where the name's place is not certain.

    What passes so is what the caller wrote, to the last digit, and a long conversation is not written anew. The place
    is certain where ``"model"`` occurs once: it is then the key that was read, unless a key was written with escapes.

    Args:
        raw: the body.
        model: the name that was read.
        ask: put in front of the body's first key.
    """
    at = raw.find(_MODEL)
    if at < 0 or raw.rfind(_MODEL) != at or raw.rfind(b"\\u00") >= 0:  # from behind it takes half as long
        return None
    value, name = _MODEL_VALUE.match(raw, at), b'"%s"' % model.encode("utf-8", "surrogatepass")
    if value is None or not raw.startswith(name, value.end()):
        return None
    first = raw.index(b"{") + 1
    return raw[:first] + ask + raw[first : value.end()], raw[value.end() + len(name) :]


def _unreadable(raw: bytes, error: orjson.JSONDecodeError) -> BadRequest:
    """Say what is wrong with a body that is not JSON, without quoting it."""
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        return BadRequest(f"The body is not UTF-8: byte {wrong.start} cannot be read.", param="body")
    path = _not_finite(raw)
    if path:
        return BadRequest(
            f"`{path}` must be a finite number, at most 1.7e308; JSON has no NaN or Infinity.", param=path
        )
    where = f"line {error.lineno}, column {error.colno}"
    return BadRequest(f"The body is not JSON ({error.msg}, {where}).", param="body")


def _not_finite(raw: bytes) -> str:
    """Where a body has its first number that no 64-bit float can hold; empty where that is not what is wrong with it."""
    try:
        body = json.loads(raw, parse_int=_finite, parse_float=_finite, parse_constant=_finite)
        return next(_paths(body, ""), "")[:_MAX_PATH_CHARS]
    except (ValueError, RecursionError):
        return ""


def _finite(digits: str) -> object:
    return None if isfinite(float(digits)) else _NOT_FINITE


def _paths(value: Any, path: str) -> Iterator[str]:
    if value is _NOT_FINITE:
        yield path
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _paths(entry, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _paths(entry, f"{path}[{index}]")


def _read_model(body: Mapping[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest('`model` must be a non-empty string, e.g. "auto".', param="model")
    return model


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise BadRequest("`messages` must be a non-empty list.", param="messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise _wrong(index, "", "an object")
        role = message.get("role")
        if not isinstance(role, str) or role not in ROLES:
            raise _wrong(index, ".role", f"one of {', '.join(sorted(ROLES))}")
        content = message.get("content")
        if not isinstance(content, str) and not (content is None and role in _MAY_BE_SILENT):
            _check_parts(content, index)
        calls = message.get("tool_calls")
        if calls is not None and not _is_list_of_objects(calls):
            raise _wrong(index, ".tool_calls", "a list of objects")


def _check_parts(content: Any, message: int) -> None:
    if not isinstance(content, list) or not content:
        raise _wrong(message, ".content", "a string or a non-empty list of parts")
    for index, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            expected = 'an object with a `type`, e.g. {"type": "text", "text": "…"}'
            raise _wrong(message, f".content[{index}]", expected)
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            raise _wrong(message, f".content[{index}].text", "a string")


def _wrong(message: int, field: str, expected: str) -> BadRequest:
    where = f"messages[{message}]{field}"
    return BadRequest(f"`{where}` must be {expected}.", param=where)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def is_count(value: Any) -> bool:
    """Whether a field's value is a whole number above zero, as limits are."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 1 << 31


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "stream": (_is_bool, "true or false"),
    "stream_options": (_is_object, "an object"),
    "temperature": (lambda value: _is_number(value) and 0 <= value <= 2, "a number from 0 to 2"),
    "top_p": (lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    "n": (lambda value: is_count(value) and value <= 128, "a whole number from 1 to 128"),
    "max_tokens": (is_count, "a whole number above zero"),
    "max_completion_tokens": (is_count, "a whole number above zero"),
    "tools": (_is_list_of_objects, "a list of objects"),
    "functions": (_is_list_of_objects, "a list of objects"),
    "response_format": (_is_object, "an object"),
}
