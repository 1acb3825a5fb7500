"""Reading a request to the Responses API as a chat completion.

Only what has another name or shape there is checked here. Fields that chat completions do not have are left out, and the
response says which under ``router.left_out``: clients send many that a provider would refuse.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.errors import ResponseNotFound
from router.http.openai import is_count
from router.http.responses.fields import a_list, a_name, a_string, an_object, not_served, wrong
from router.http.responses.items import messages_of
from router.http.responses.kept import KeptResponses
from router.http.responses.thoughts import SEALED
from router.http.responses.tools import Tools, read_tools

_ALIKE = (
    "model", "stream", "temperature", "top_p", "user", "service_tier", "prompt_cache_key", "prompt_cache_retention",
    "safety_identifier", "router", "plugins",
    # not OpenAI's, or not of its Responses API, but of many servers that speak chat completions
    "provider", "models", "route", "transforms", "seed", "stop", "frequency_penalty", "presence_penalty", "logit_bias", "top_k",
    "min_p", "repetition_penalty", "chat_template_kwargs", "reasoning_effort", "web_search_options",
)  # fmt: skip
"""Fields that chat completions have under the same name."""

_READ = (
    "background", "conversation", "include", "input", "instructions", "max_output_tokens", "metadata", "parallel_tool_calls",
    "previous_response_id", "prompt", "reasoning", "store", "text", "tool_choice", "tools", "top_logprobs",
    # say how a response is sent or kept, and nothing of what is in it
    "client_metadata", "max_tool_calls", "stream_options", "truncation",
)  # fmt: skip
"""Fields that are read here, or whose absence nobody can tell from the answer."""

_SHOWN: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Fields of the request that a response repeats, with what stands there where the request has none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the Responses API.

    Attributes:
        chat: the chat completion that it asks for.
        items: its input, references resolved.
        previous: the response that it goes on from.
        tools: what its tools are called there and here.
        is_kept: whether its response is to be kept.
        seals_thoughts: whether the caller brings thoughts back in a form that it cannot read.
        shown: what the response repeats of it.
        left_out: the paths of what the chat completion lacks.
    """

    chat: dict[str, Any]
    items: list[Any]
    previous: str | None
    tools: Tools
    is_kept: bool
    seals_thoughts: bool
    shown: Mapping[str, Any]
    left_out: tuple[str, ...]


def read_response(body: dict[str, Any], kept: KeptResponses, caller: str) -> Asked:
    """Read a request.

    Args:
        body: the request.
        kept: earlier responses.
        caller: whose they must be.

    Raises:
        BadRequest: it is malformed, or asks for what no chat completion has; ``param`` names the field.
        ResponseNotFound: it goes on from a response, or names an item, that is not kept.
    """
    for name, (what, instead) in _NOT_SERVED.items():
        if body.get(name):
            raise not_served(name, what, instead)
    items = _read_input(body.get("input"), kept, caller)
    previous, before = _read_previous(body, kept, caller)
    messages = [*messages_of(before, "previous_response_id"), *messages_of(items)]
    if not messages:
        raise wrong("input", "a string or a list with at least one message")
    if body.get("instructions") is not None:
        messages.insert(0, {"role": "system", "content": a_string(body["instructions"], "instructions")})
    tools = read_tools(body, ("previous_response_id", before), ("input", items))
    chat = {name: body[name] for name in _ALIKE if body.get(name) is not None}
    chat["messages"] = messages
    chat |= _tools(body, tools) | _limit(body) | _reasoning(body) | _text(body) | _logprobs(body)
    is_kept = kept.keeps and body.get("store") is not False
    shown = {name: plain if body.get(name) is None else body[name] for name, plain in _SHOWN.items()}
    shown |= {"background": False, "store": is_kept, "tools": tools.shown}
    unread = [name for name, value in body.items() if value is not None and name not in _ALIKE and name not in _READ]
    seals_thoughts = SEALED in a_list(body.get("include"), "include")
    return Asked(chat, items, previous, tools, is_kept, seals_thoughts, shown, (*unread, *tools.left_out))


_NOT_SERVED: Mapping[str, tuple[str, str]] = {
    "background": ("a response in the background", "wait for it, or stream it"),
    "conversation": ("a stored conversation", "send it as `input`, or go on from `previous_response_id`"),
    "prompt": ("a stored prompt", "send its text as `instructions` or `input`"),
}


def own_name(param: str) -> str:
    """What the Responses API calls a field of chat completions that was complained of."""
    field = _FIELD.match(param)
    return _OWN_NAMES.get(field.group(), param) if field else param


_FIELD = re.compile(r"\w+")
_OWN_NAMES: Mapping[str, str] = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "logprobs": "include",
}


def _read_input(value: Any, kept: KeptResponses, caller: str) -> list[Any]:
    """The items of the input, references among them resolved."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    if not isinstance(value, list) or not value:
        raise wrong("input", "a string or a non-empty list of items")
    ids = {
        index: a_name(item.get("id"), f"input[{index}].id") for index, item in enumerate(value) if _is_reference(item)
    }
    return _resolved(value, ids, kept, caller) if ids else value


def _is_reference(item: Any) -> bool:
    # the API's own types let one come without its type
    return (
        isinstance(item, dict) and item.get("type", "item_reference" if set(item) == {"id"} else "") == "item_reference"
    )


def _resolved(items: list[Any], ids: Mapping[int, str], kept: KeptResponses, caller: str) -> list[Any]:
    """The items, with what is referred to in the places of ``ids``."""
    found, whole, first = kept.items(ids.values(), caller), list(items), dict[str, int]()
    for index, name in ids.items():
        path = f"input[{index}].id"
        if name not in found:
            raise _not_kept(path, "item", name, kept)
        # each once: many references to a long item would be a longer conversation than a request may have
        if first.setdefault(name, index) != index:
            raise wrong(path, f"another than that of `input[{first[name]}]`")
        whole[index] = found[name]
    return whole


def _read_previous(body: Mapping[str, Any], kept: KeptResponses, caller: str) -> tuple[str | None, list[Any]]:
    """The response that is gone on from, and the conversation up to it."""
    if body.get("previous_response_id") is None:
        return None, []
    previous = a_name(body["previous_response_id"], "previous_response_id")
    before = kept.conversation(previous, caller)
    if before is None:
        raise _not_kept("previous_response_id", "response", previous, kept)
    return previous, before


def _not_kept(path: str, what: str, name: str, kept: KeptResponses) -> ResponseNotFound:
    why = "the latest ones are, until the gateway stops" if kept.keeps else "none is, by this gateway's config"
    return ResponseNotFound(
        f"`{path}`: no {what} {name[:100]!r} is kept here ({why}). Send the whole conversation as `input`, with `store: false` "
        "so that clients do not refer to what they were sent.",
        param=path,
    )


def _tools(body: Mapping[str, Any], tools: Tools) -> dict[str, Any]:
    """Tools, and how they are to be called, which may be said only where there are some."""
    if not tools.chat:
        return {}
    told = {"tool_choice": tools.choice, "parallel_tool_calls": body.get("parallel_tool_calls")}
    return {"tools": tools.chat, **{name: value for name, value in told.items() if value is not None}}


def _limit(body: Mapping[str, Any]) -> dict[str, Any]:
    """The limit of the answer, by its older name: who knows the newer one alone says so, who knows the older one alone may not."""
    limit = body.get("max_output_tokens")
    if limit is None:
        return {}
    if not is_count(limit):
        raise wrong("max_output_tokens", "a whole number above zero")
    return {"max_tokens": limit}


def _reasoning(body: Mapping[str, Any]) -> dict[str, Any]:
    effort = an_object(body.get("reasoning"), "reasoning").get("effort")
    return {} if effort is None else {"reasoning_effort": a_name(effort, "reasoning.effort")}


def _text(body: Mapping[str, Any]) -> dict[str, Any]:
    """The form of the answer."""
    text = an_object(body.get("text"), "text")
    form = an_object(text.get("format"), "text.format")
    kind = form.get("type")
    told: dict[str, Any] = {}
    if kind == "json_schema":
        a_name(form.get("name"), "text.format.name")
        an_object(form.get("schema"), "text.format.schema")
        schema = {
            name: form[name] for name in ("name", "description", "schema", "strict") if form.get(name) is not None
        }
        told["response_format"] = {"type": kind, kind: schema}
    elif kind == "json_object":
        told["response_format"] = {"type": kind}
    elif kind not in (None, "text"):
        raise wrong("text.format.type", "one of text, json_schema, json_object")
    if text.get("verbosity") is not None:
        told["verbosity"] = a_name(text["verbosity"], "text.verbosity")
    return told


def _logprobs(body: Mapping[str, Any]) -> dict[str, Any]:
    most = body.get("top_logprobs")
    if most:
        return {"logprobs": True, "top_logprobs": most}
    return {"logprobs": True} if "message.output_text.logprobs" in a_list(body.get("include"), "include") else {}
