"""The role ``developer``, which OpenAI alone is sure to know. Everybody else is sent ``system``, its older name.

Some refuse a role that they do not know (DeepSeek, Mistral), others drop such a message and answer without it (chat
templates of local servers). OpenAI's own models take the one for the other.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from router.core.request import exact_body
from router.dispatch.provider import Call, Target

_OPENAI_HOSTS = (".openai.com", ".azure.com")


def in_known_roles(call: Call) -> Mapping[str, Any] | None:
    """A call's body as its provider knows it; None where it is that already, as nearly always."""
    around = call.around_model
    if around is not None and b'"developer"' not in around[0] and b'"developer"' not in around[1]:
        return None
    if not any(_is_developers(message) for message in call.body.get("messages", ())) or _is_openai(call.target):
        return None
    body = exact_body(call.body, around)
    return {**body, "messages": [_of_system(message) for message in body["messages"]]}


def _is_developers(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "developer"


def _of_system(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**message, "role": "system"} if _is_developers(message) else message


def _is_openai(target: Target) -> bool:
    host = urlsplit(target.api_base or "").hostname or ""
    return host.endswith(_OPENAI_HOSTS)
