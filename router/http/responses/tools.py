"""Tools of the Responses API as functions of chat completions, and what their calls are called when they come back.

A free-form tool (``custom``) becomes a function of one string, and a tool of a namespace a function whose name begins with
that. A search for tools that the client makes is a function too; what it finds, and what else the client adds, stands among
the items, and is offered like the others. ``web_search`` is left out: coding agents offer it with every request, and no chat
completion has it. Other tools that a provider runs by itself are refused: who names a file store or a server of tools relies
on it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from router.http.responses.fields import a_list, a_name, an_object, not_served, wrong
from router.http.responses.pieces import object_in

MAX_NAME_CHARS = 64
"""Source: OpenAI's API reference, names of functions."""

_MOST_LABEL_CHARS = 256
"""Of a tool's or a namespace's own name: a namespace of megabytes would be hashed for each of its tools."""

_LEFT_OUT = "web_search"
"""How the types of web searches begin."""

SEARCH: Literal["tool_search"] = "tool_search"
"""The type of a search for tools, and the name of its function."""

_ADDED = ("additional_tools", "tool_search_output")
"""Items that bring tools."""

_OPENROUTER = "openrouter:"
"""How the types of OpenRouter's own tools begin, which its chat completions take; the panel's is one of them."""

_CHOICES = ("auto", "none", "required")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool under its name in the Responses API."""

    name: str
    namespace: str | None = None
    kind: Literal["function", "custom", "tool_search"] = "function"


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a request.

    Attributes:
        chat: as chat completions take them.
        by_name: tools by the names of their functions there.
        shown: those of the caller's own entries that the model is offered.
        left_out: paths of the entries that it is not.
        choice: ``tool_choice`` as chat completions take it; None where nothing is said.
    """

    chat: list[dict[str, Any]]
    by_name: Mapping[str, Tool]
    shown: list[dict[str, Any]]
    left_out: tuple[str, ...]
    choice: Any


def read_tools(body: Mapping[str, Any], *conversation: tuple[str, Sequence[Any]]) -> Tools:
    """Read ``tools`` and ``tool_choice``, and the tools among the items of a conversation, given with their paths.

    Raises:
        BadRequest: one of them is malformed, or cannot be served.
    """
    offered: dict[str, Any] = {}  # of one name the newest: clients add those again that they have changed
    by_name: dict[str, Tool] = {}
    shown, left_out = [], []
    for path, entry, is_own in _entries(body, conversation):
        kind = a_name(an_object(entry, path).get("type"), f"{path}.type")
        if kind.startswith(_LEFT_OUT) or (kind == SEARCH and entry.get("execution") != "client"):
            left_out.append(path)
            continue
        if is_own:
            shown.append(entry)
        if kind.startswith(_OPENROUTER):
            offered[path] = entry
            continue
        for function, tool in _functions(entry, kind, path):
            offered[function["name"]] = {"type": "function", "function": function}
            by_name[function["name"]] = tool
    choice, allowed = _read_choice(body.get("tool_choice"))
    chat = [each for name, each in offered.items() if allowed is None or name in allowed or name not in by_name]
    return Tools(chat, by_name, shown, tuple(left_out), choice if chat else None)


def found_tools(item: Mapping[str, Any], path: str) -> str:
    """What a search for tools found, in words: the names of functions that are offered from then on.

    Raises:
        BadRequest: it is malformed.
    """
    names: list[str] = []
    for index, entry in enumerate(a_list(item.get("tools"), f"{path}.tools")):
        at = f"{path}.tools[{index}]"
        names += [function["name"] for function, _ in _functions(an_object(entry, at), entry.get("type"), at)]
    return "Found and offered: " + ", ".join(names) if names else "Nothing was found."


def function_name(named: Mapping[str, Any], path: str) -> str:
    """The name of a tool's function: always the same, so that a conversation's earlier calls have it too.

    Args:
        named: what has the tool's ``name``, and its ``namespace`` where it stands in one.
        path: of that, for complaints.

    Raises:
        BadRequest: a name is no name.
    """
    full = _a_label(named.get("name"), f"{path}.name")
    if named.get("namespace"):
        full = f"{_a_label(named['namespace'], f'{path}.namespace')}__{full}"
    if len(full) <= MAX_NAME_CHARS:
        return full
    return f"{full[: MAX_NAME_CHARS - 9]}_{sha256(full.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def free_form(arguments: str) -> str:
    """What a model wrote for a free-form tool, out of the one argument of its function; as it is where it wrote no such thing."""
    said = (object_in(arguments) or {}).get("input")
    return said if isinstance(said, str) else arguments


def _entries(
    body: Mapping[str, Any], conversation: Iterable[tuple[str, Sequence[Any]]]
) -> Iterator[tuple[str, Any, bool]]:
    """Tools with their paths, and whether they are the request's own: those that are said to come with the items are not."""
    for index, entry in enumerate(a_list(body.get("tools"), "tools")):
        yield f"tools[{index}]", entry, True
    for path, items in conversation:
        for place, item in enumerate(items):
            if isinstance(item, dict) and item.get("type") in _ADDED:
                at = f"{path}[{place}].tools"
                for index, entry in enumerate(a_list(item.get("tools"), at)):
                    yield f"{at}[{index}]", entry, False


def _functions(entry: Mapping[str, Any], kind: Any, path: str) -> Iterator[tuple[dict[str, Any], Tool]]:
    """The functions of one entry: one, or those of a namespace."""
    if kind == "namespace":
        space = _a_label(entry.get("name"), f"{path}.name")
        for index, inner in enumerate(a_list(entry.get("tools"), f"{path}.tools")):
            at = f"{path}.tools[{index}]"
            yield _function(an_object(inner, at), inner.get("type"), at, space)
    else:
        yield _function(entry, kind, path, None)


def _function(entry: Mapping[str, Any], kind: Any, path: str, namespace: str | None) -> tuple[dict[str, Any], Tool]:
    if kind == SEARCH and namespace is None:
        return _function({**entry, "name": SEARCH}, "function", path, None)[0], Tool(SEARCH, kind=SEARCH)
    if kind not in ("function", "custom"):
        raise not_served(f"{path}.type", f"the tool {str(kind)[:50]!r}", "of tools, functions and custom ones are")
    function: dict[str, Any] = {"name": function_name({**entry, "namespace": namespace}, path)}
    name = entry["name"]
    described = entry.get("description")
    if kind == "custom":
        function["description"] = _with_grammar(described, an_object(entry.get("format"), f"{path}.format"))
        function["parameters"] = {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
            "additionalProperties": False,
        }
        return function, Tool(name, namespace, "custom")
    if described is not None:
        function["description"] = described
    if entry.get("parameters") is not None:
        function["parameters"] = an_object(entry["parameters"], f"{path}.parameters")
    if entry.get("strict"):
        function["strict"] = True
    return function, Tool(name, namespace)


def _with_grammar(described: Any, form: Mapping[str, Any]) -> str:
    """A free-form tool's description, with the grammar that its input keeps to."""
    text = described if isinstance(described, str) else ""
    if form.get("type") != "grammar":
        return text
    return f"{text}\n\nThe input keeps to this grammar ({form.get('syntax')}):\n{form.get('definition')}".strip()


def _read_choice(choice: Any) -> tuple[Any, frozenset[str] | None]:
    """``tool_choice`` as chat completions take it, and the functions that it leaves to choose from; None for all."""
    if choice is None or choice in _CHOICES:
        return choice, None
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind in ("function", "custom"):
        return {"type": "function", "function": {"name": function_name(choice, "tool_choice")}}, None
    if kind == "allowed_tools":
        entries = a_list(choice.get("tools"), "tool_choice.tools")
        allowed = [
            function_name(an_object(entry, f"tool_choice.tools[{index}]"), f"tool_choice.tools[{index}]")
            for index, entry in enumerate(entries)
            if not isinstance(entry, dict) or entry.get("type") in ("function", "custom")
        ]
        return "required" if choice.get("mode") == "required" else "auto", frozenset(allowed)
    raise wrong("tool_choice", f"one of {', '.join(_CHOICES)}, or name a function, a custom tool or allowed tools")


def _a_label(value: Any, path: str) -> str:
    if len(a_name(value, path)) > _MOST_LABEL_CHARS:
        raise wrong(path, f"a string of at most {_MOST_LABEL_CHARS} characters")
    return str(value)
