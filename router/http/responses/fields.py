"""Complaints about fields of a request to the Responses API."""

from typing import Any

from router.errors import BadRequest


def wrong(path: str, expected: str) -> BadRequest:
    """What is said of a field that is not as it must be."""
    return BadRequest(f"`{path}` must be {expected}.", param=path)


def not_served(path: str, what: str, instead: str) -> BadRequest:
    """What is said of a part of the API that no chat completion can stand for."""
    return BadRequest(f"`{path}`: {what} is not served here; {instead}.", param=path)


def an_object(value: Any, path: str) -> dict[str, Any]:
    """The value, if it is an object; an empty one for null."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(path, "an object")
    return value


def a_string(value: Any, path: str) -> str:
    """The value, if it is a string."""
    if not isinstance(value, str):
        raise wrong(path, "a string")
    return value


def a_name(value: Any, path: str) -> str:
    """The value, if it is a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise wrong(path, "a non-empty string")
    return value


def a_list(value: Any, path: str) -> list[Any]:
    """The value, if it is a list; an empty one for null."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(path, "a list")
    return value
