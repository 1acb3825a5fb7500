"""A conversation as its next provider takes it: the roles that it knows, and names of tool calls that it allows.

Conversations go from model to model here, so that a provider is sent what others wrote:

* The role ``developer`` is OpenAI's. Everybody else is sent ``system``, its older name: some refuse a role that they do
  not know (DeepSeek, Mistral), others drop the message and answer without it (chat templates of local servers).
* The ids of tool calls are their makers'. OpenAI refuses those of more than 40 characters (Gemini's have a thousand, with
  a signature in them), Mistral's models all but nine letters and digits. An id that is not allowed is sent as its hash,
  the same for the call and for its result.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from router.core.request import exact_body
from router.dispatch.provider import Call, Target

_WITH_CARE = frozenset(("developer", "tool"))
"""Roles without which nothing is to be changed: every id that counts has a result."""

_OPENAI_HOSTS = (".openai.com", ".azure.com")
_OPENAI_ID = re.compile(r".{0,40}", re.S)
_MISTRALS = re.compile(r"(?:mi[sx]tr|ministr|devstr|magistr|codestr|pixtr)al", re.I)
_MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")
_MISTRAL_ID_CHARS = 9
"""A hash of as many is an id that all of them allow."""


def as_taken(call: Call) -> Mapping[str, Any] | None:
    """A call's body as its provider takes it; None where it is that already, as nearly always."""
    for message in call.body.get("messages", ()):
        if message.get("role") in _WITH_CARE:
            break
    else:
        return None
    renames, allowed = not _is_openai(call.target), _allowed_id(call.target)
    if not any(_is_to_change(message, renames, allowed) for message in call.body["messages"]):
        return None
    body = exact_body(call.body, call.around_model)
    return {**body, "messages": [_changed(message, renames, allowed) for message in body["messages"]]}


def _is_openai(target: Target) -> bool:
    return (urlsplit(target.api_base or "").hostname or "").endswith(_OPENAI_HOSTS)


def _allowed_id(target: Target) -> re.Pattern[str] | None:
    if target.provider == "mistral" or _MISTRALS.search(target.upstream_model):
        return _MISTRAL_ID
    return _OPENAI_ID if _is_openai(target) else None


def _is_to_change(message: Mapping[str, Any], renames: bool, allowed: re.Pattern[str] | None) -> bool:
    if renames and message.get("role") == "developer":
        return True
    return allowed is not None and any(_id_for(each, allowed) != each for each in _ids(message))


def _ids(message: Mapping[str, Any]) -> list[Any]:
    return [message.get("tool_call_id"), *(each.get("id") for each in message.get("tool_calls") or ())]


def _id_for(known: Any, allowed: re.Pattern[str]) -> Any:
    if not isinstance(known, str) or allowed.fullmatch(known):
        return known
    return sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:_MISTRAL_ID_CHARS]


def _changed(message: Mapping[str, Any], renames: bool, allowed: re.Pattern[str] | None) -> Mapping[str, Any]:
    if not _is_to_change(message, renames, allowed):
        return message
    changed = dict(message)
    if renames and changed.get("role") == "developer":
        changed["role"] = "system"
    if allowed is not None and "tool_call_id" in changed:
        changed["tool_call_id"] = _id_for(changed["tool_call_id"], allowed)
    if allowed is not None and changed.get("tool_calls"):
        changed["tool_calls"] = [
            {**each, "id": _id_for(each["id"], allowed)} if "id" in each else each for each in changed["tool_calls"]
        ]
    return changed
