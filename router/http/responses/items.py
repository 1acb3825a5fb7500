"""Input items of the Responses API as chat messages.

Laws:

* Calls of tools that stand side by side are one message of the assistant's, with what it said right before or after them: chat
  completions ask for their results directly behind it.
* What a tool's result shows, an image or a file, comes in a message of its own behind the results: theirs hold text alone.
* Reasoning goes with what the assistant says or calls next. What tools did that a provider runs by itself is left out: a chat
  completion has no place for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from router.core.whole_json import dumps
from router.http.responses.fields import a_list, a_name, a_string, an_object, not_served, wrong
from router.http.responses.thoughts import thoughts_in
from router.http.responses.tools import SEARCH, found_tools, function_name

_ROLES = ("user", "assistant", "system", "developer")
_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_UNSAID = ("web_search_call", "compaction", "context_compaction", "additional_tools")
"""Items that are left out; what tools they bring is read elsewhere."""

_SHOWN_BELOW = "(shown in the next message)"
"""What a result says that shows something and has no text: nothing is not taken by all servers."""


def messages_of(items: Sequence[Any], path: str = "input") -> list[dict[str, Any]]:
    """The messages of a conversation.

    Args:
        items: the conversation, references resolved.
        path: of the list, for complaints.

    Raises:
        BadRequest: an item is malformed, or cannot be said in chat messages.
    """
    messages = _Messages()
    for index, entry in enumerate(items):
        at = f"{path}[{index}]"
        item = an_object(entry, at)
        kind = item.get("type", "message")
        if kind in _UNSAID or item.get("execution") == "server":
            continue
        if kind == "message":
            messages.say(*_read_message(item, at))
        elif kind == "reasoning":
            messages.think(thoughts_in(item))
        elif kind in ("function_call", "custom_tool_call", "tool_search_call"):
            messages.call(_read_call(item, at))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            messages.result(
                a_name(item.get("call_id"), f"{at}.call_id"), *_read_result(item.get("output"), f"{at}.output")
            )
        elif kind == "tool_search_output":
            messages.result(a_name(item.get("call_id"), f"{at}.call_id"), found_tools(item, at), [])
        else:
            raise not_served(
                f"{at}.type", f"the item {str(kind)[:50]!r}", "messages, and calls of functions and custom tools, are"
            )
    return messages.whole()


class _Messages:
    """Messages in the making."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._shown: list[dict[str, Any]] = []
        self._thought: list[str] = []
        self._own_thoughts: list[str] = []
        self._spoken: list[str] = []

    def think(self, text: str) -> None:
        """Add what the assistant thought before what comes next."""
        self._thought += [text] if text else []

    def say(self, role: str, content: Any) -> None:
        """Add what somebody says."""
        self._show()
        if role == "assistant" and self._messages and "tool_calls" in self._messages[-1]:
            self._spoken.append(content)
        else:
            self._add({"role": role, "content": content})
        self._remember(role)

    def call(self, call: dict[str, Any]) -> None:
        """Add a call of a tool."""
        self._show()
        if not self._messages or self._messages[-1]["role"] != "assistant":
            self._add({"role": "assistant", "content": None})
        self._messages[-1].setdefault("tool_calls", []).append(call)
        self._remember("assistant")

    def result(self, call_id: str, text: str, shown: list[dict[str, Any]]) -> None:
        """Add what came of a call."""
        self._add({"role": "tool", "tool_call_id": call_id, "content": text})
        self._shown += shown

    def whole(self) -> list[dict[str, Any]]:
        """All of them."""
        self._show()
        self._settle()
        return self._messages

    def _add(self, message: dict[str, Any]) -> None:
        self._settle()
        self._messages.append(message)

    def _remember(self, role: str) -> None:
        """Thoughts are those of the assistant's message that they come before; before another's they are nobody's."""
        if role == "assistant":
            self._own_thoughts += self._thought
        self._thought = []

    def _settle(self) -> None:
        """Put what came after calls, and thoughts, into the last message: at once, so that much of it does not take its square."""
        if self._spoken:
            last = self._messages[-1]
            last["content"] = "\n\n".join([text for text in (last["content"], *self._spoken) if text])
            self._spoken = []
        if self._own_thoughts:
            self._messages[-1]["reasoning_content"] = "\n\n".join(self._own_thoughts)
            self._own_thoughts = []

    def _show(self) -> None:
        if self._shown:
            shown, self._shown = self._shown, []
            self._add({"role": "user", "content": shown})


def _read_message(item: Mapping[str, Any], path: str) -> tuple[str, Any]:
    role = item.get("role")
    if role not in _ROLES:
        raise wrong(f"{path}.role", f"one of {', '.join(_ROLES)}")
    content = item.get("content")
    if isinstance(content, str):
        return role, content
    if content == [] and role == "assistant":  # one that was cut before its first word
        return role, ""
    if not isinstance(content, list) or not content:
        raise wrong(f"{path}.content", "a string or a non-empty list of parts")
    parts = [_read_part(part, f"{path}.content[{index}]") for index, part in enumerate(content)]
    if role != "user":
        for index, part in enumerate(parts):
            if part["type"] != "text":
                raise not_served(f"{path}.content[{index}].type", f"what the {role} shows", "send it as the user's")
        # all servers take a string, most of them a list
        return role, ("" if role == "assistant" else "\n").join([part["text"] for part in parts])
    return role, parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _read_part(value: Any, path: str) -> dict[str, Any]:
    """A part of a message's content as chat messages have it."""
    part = an_object(value, path)
    kind = part.get("type")
    if kind in _TEXTS:
        return {"type": "text", "text": a_string(part.get("text"), f"{path}.text")}
    if kind == "refusal":
        return {"type": "text", "text": a_string(part.get("refusal"), f"{path}.refusal")}
    if kind == "input_image":
        if part.get("image_url") is None:
            raise not_served(path, "an image by `file_id`", "send it as `image_url`, which may be a data URL")
        image = {"url": a_name(part["image_url"], f"{path}.image_url")}
        if part.get("detail") is not None:
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    if kind == "input_file":
        if part.get("file_url") is not None:
            raise not_served(f"{path}.file_url", "a file by URL", "send it as `file_data`")
        return {
            "type": "file",
            "file": {key: part[key] for key in ("file_id", "filename", "file_data") if part.get(key)},
        }
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": an_object(part.get("input_audio"), f"{path}.input_audio")}
    raise not_served(f"{path}.type", f"the part {str(kind)[:50]!r}", "text, images, files and audio are")


def _read_call(item: Mapping[str, Any], path: str) -> dict[str, Any]:
    if item["type"] == "tool_search_call":
        return _called(item, path, SEARCH, dumps(an_object(item.get("arguments"), f"{path}.arguments")).decode())
    name = function_name(item, path)
    if item["type"] == "custom_tool_call":
        arguments = dumps({"input": a_string(item.get("input"), f"{path}.input")}).decode()
    else:
        arguments = a_string(item.get("arguments"), f"{path}.arguments")
    return _called(item, path, name, arguments)


def _called(item: Mapping[str, Any], path: str, name: str, arguments: str) -> dict[str, Any]:
    call_id = a_name(item.get("call_id"), f"{path}.call_id")
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _read_result(output: Any, path: str) -> tuple[str, list[dict[str, Any]]]:
    """The text of a result, and the parts of it that are none."""
    if isinstance(output, str):
        return output, []
    parts = [_read_part(part, f"{path}[{index}]") for index, part in enumerate(a_list(output, path))]
    texts, shown = (
        [part["text"] for part in parts if part["type"] == "text"],
        [part for part in parts if part["type"] != "text"],
    )
    if shown and not texts:
        texts = [_SHOWN_BELOW]
    return "\n".join(texts), shown
