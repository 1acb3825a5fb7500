"""What an answer is: where its words are, and what it means that there are none. Of whole messages and of streamed deltas."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from router.errors import UpstreamEmpty, UpstreamError, UpstreamFiltered


def text_in(content: Any) -> str:
    """The text of a message's ``content``, be it a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join([text for text in texts if isinstance(text, str)])


def _in_calls(calls: Any) -> str:
    """What a model wrote to call tools: their names and arguments."""
    words = ""
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            words += _in_call(call.get("function") or call.get("custom"))
    return words


def _in_call(call: Any) -> str:
    words = ""
    for value in call.values() if isinstance(call, dict) else ():
        if isinstance(value, str):
            words += value
    return words


def _transcript(audio: Any) -> str:
    return text_in(audio.get("transcript")) if isinstance(audio, dict) else ""


_WORDS_IN: dict[str, Callable[[Any], str]] = {
    "content": text_in,
    "tool_calls": _in_calls,
    "reasoning_content": text_in,
    "reasoning": text_in,
    "refusal": text_in,
    "function_call": _in_call,
    "audio": _transcript,
}
"""What makes a message an answer, and how to find the words of it that a model wrote."""


def says_something(message: Mapping[str, Any]) -> bool:
    """Whether a message, or a piece of one, is an answer or a piece of one."""
    return any(message.get(key) for key in _WORDS_IN)


def words_of(message: Mapping[str, Any]) -> str:
    """All that a model wrote for a message, to be counted: also what is no text for the reader."""
    words = ""
    for key, value in message.items():
        if value and key in _WORDS_IN and (key != "reasoning" or not message.get("reasoning_content")):
            words += value if isinstance(value, str) else _WORDS_IN[key](value)
    return words


def words_of_reply(reply: Mapping[str, Any]) -> str:
    """``words_of`` all its choices."""
    return "".join(words_of(message) for message in _messages(reply))


def text_of_reply(reply: Mapping[str, Any]) -> str:
    """The text of a reply's first choice; empty where it has none, or nothing but blanks."""
    text = text_in(next(_messages(reply), {}).get("content"))
    return text if text.strip() else ""


def is_cut(ending: Any) -> bool:
    """Whether a choice that ended so is an answer, with words or without: cut by the caller's own limit, it would be again."""
    return bool(ending == "length")


def no_answer(endings: Collection[Any], who: str) -> UpstreamError:
    """What a reply means that says nothing, by the ``finish_reason`` of its choices.

    Args:
        endings: of the choices that ended.
        who: it is from, for the message.
    """
    if endings and all(ending == "content_filter" for ending in endings):
        return UpstreamFiltered(
            f"{who}: the provider's content filter withheld the answer", upstream_status=200, billed=True
        )
    return UpstreamEmpty(f"{who}: the reply has neither text nor tool calls", upstream_status=200, billed=True)


def _messages(reply: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The message of each choice, empty where it is none."""
    for choice in reply.get("choices") or ():
        message = choice.get("message") if isinstance(choice, dict) else None
        yield message if isinstance(message, dict) else {}
