"""A conversation as its next provider takes it: the roles that it knows, ids of tool calls that it allows, whose thoughts.

Conversations go from model to model here, so that a provider is sent what others wrote:

* The role ``developer`` is OpenAI's. Everybody else is sent ``system``, its older name: some refuse a role that they do
  not know (DeepSeek, Mistral), others drop the message and answer without it (chat templates of local servers).
* The ids of tool calls are their makers'. OpenAI refuses those of more than 40 characters (Gemini's have a thousand, with
  a signature in them), Mistral's models all but nine letters and digits. An id that is not allowed is sent as its hash,
  the same for the call and for its result.
* What a model thought comes back with its answers, and so do the empty fields of OpenAI's. Groq, Mistral and Cerebras refuse a
  conversation that holds what they do not know. DeepSeek's thinking models refuse one in which an answer comes without a
  thought, Moonshot's one in which a call of tools does, whoever wrote those; a blank is taken for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from router.core.request import exact_body
from router.dispatch.provider import Call

_WITH_CARE = frozenset(("developer", "tool", "assistant"))
"""Roles without which nothing is to be changed: every id that counts has a result."""

_OPENAI_HOSTS = (".openai.com", ".azure.com")
_OPENAI_ID = re.compile(r".{0,40}", re.S)
_MISTRALS = re.compile(r"(?:mi[sx]tr|ministr|devstr|magistr|codestr|pixtr)al", re.I)
_MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")
_MISTRAL_ID_CHARS = 9
"""A hash of as many is an id that all of them allow."""

_THOUGHT = "reasoning_content"
_THOUGHTS = (_THOUGHT, "reasoning_details")
_REFUSAL, _OLD_CALL = "refusal", "function_call"
_OPENAIS = (_REFUSAL, "annotations", "audio", _OLD_CALL)
"""What stands in OpenAI's answers, mostly with nothing in it, and comes back with them."""

_REFUSED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_OPENAI_HOSTS, (*_THOUGHTS, "reasoning")),
    ".mistral.ai": (*_THOUGHTS, "reasoning", *_OPENAIS),
    ".groq.com": (*_THOUGHTS, "reasoning", *_OPENAIS),
    ".cerebras.ai": (*_THOUGHTS, *_OPENAIS),
}
"""By host, fields of an answer that are not sent back. OpenAI writes no thoughts, and need not say whether it takes others'."""

_OF_ANSWERS, _OF_CALLS = (".deepseek.com",), (".moonshot.ai", ".moonshot.cn")
"""Hosts that want the thoughts of every answer, or of every call of tools."""

_NO_THOUGHT = " "
"""DeepSeek refuses an empty one."""


@dataclass(frozen=True, slots=True)
class _Manners:
    """How a provider is spoken to.

    Attributes:
        renames: ``developer`` is ``system``.
        allowed: ids of tool calls; None for any.
        refused: fields of answers that are left out.
        of_answers, of_calls: whether those have to have a thought.
    """

    renames: bool
    allowed: re.Pattern[str] | None
    refused: tuple[str, ...]
    of_answers: bool
    of_calls: bool


def as_taken(call: Call) -> Mapping[str, Any] | None:
    """A call's body as its provider takes it; None where it is that already, as nearly always."""
    for message in call.body.get("messages", ()):
        if message.get("role") in _WITH_CARE:
            break
    else:
        return None
    target = call.target
    manners = _manners(target.api_base, target.provider, target.upstream_model)
    if not any(_is_to_change(message, manners) for message in call.body["messages"]):
        return None
    body = exact_body(call.body, call.around_model)
    return {**body, "messages": [_changed(message, manners) for message in body["messages"]]}


@lru_cache(1024)
def _manners(api_base: str | None, provider: str, model: str) -> _Manners:
    host = "." + (urlsplit(api_base or "").hostname or "")
    is_openai = host.endswith(_OPENAI_HOSTS)
    is_mistral = provider == "mistral" or _MISTRALS.search(model) is not None
    return _Manners(
        renames=not is_openai,
        allowed=_MISTRAL_ID if is_mistral else _OPENAI_ID if is_openai else None,
        refused=next((names for end, names in _REFUSED.items() if host.endswith(end)), ()),
        of_answers=host.endswith(_OF_ANSWERS),
        of_calls=host.endswith(_OF_CALLS),
    )


def _is_to_change(message: Mapping[str, Any], manners: _Manners) -> bool:
    role, allowed = message.get("role"), manners.allowed
    if manners.renames and role == "developer":
        return True
    if role == "assistant" and (_lacks_thought(message, manners) or _left_out(message, manners)):
        return True
    return allowed is not None and any(_id_for(each, allowed) != each for each in _ids(message))


def _left_out(message: Mapping[str, Any], manners: _Manners) -> list[str]:
    """Fields of an answer that are not sent back; a call as one was written before there were several is, for its result follows."""
    return [name for name in manners.refused if name in message and not (name == _OLD_CALL and message[name])]


def _lacks_thought(message: Mapping[str, Any], manners: _Manners) -> bool:
    """Whether it is to have one and has none; the beginning of an answer that is to be completed (``prefix``) is none yet."""
    wanted = manners.of_answers or (manners.of_calls and bool(message.get("tool_calls")))
    return wanted and not message.get(_THOUGHT) and not message.get("prefix")


def _ids(message: Mapping[str, Any]) -> list[Any]:
    return [message.get("tool_call_id"), *(each.get("id") for each in message.get("tool_calls") or ())]


def _id_for(known: Any, allowed: re.Pattern[str]) -> Any:
    if not isinstance(known, str) or allowed.fullmatch(known):
        return known
    return sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:_MISTRAL_ID_CHARS]


def _changed(message: Mapping[str, Any], manners: _Manners) -> Mapping[str, Any]:
    if not _is_to_change(message, manners):
        return message
    changed, allowed = dict(message), manners.allowed
    if manners.renames and changed.get("role") == "developer":
        changed["role"] = "system"
    if changed.get("role") == "assistant":
        for name in _left_out(message, manners):
            left = changed.pop(name)
            if name == _REFUSAL and left and not changed.get("content"):
                changed["content"] = left
        if _lacks_thought(message, manners):
            changed[_THOUGHT] = _NO_THOUGHT
    if allowed is not None and "tool_call_id" in changed:
        changed["tool_call_id"] = _id_for(changed["tool_call_id"], allowed)
    if allowed is not None and changed.get("tool_calls"):
        changed["tool_calls"] = [
            {**each, "id": _id_for(each["id"], allowed)} if "id" in each else each for each in changed["tool_calls"]
        ]
    return changed
