"""What a scripted model says: a pure function of script, texts and request."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

import orjson

from router.dispatch.scripted.schema import instance_of
from router.dispatch.scripted.script import Script

_TOKEN = re.compile(r"\s*\S{1,6}|\s+")
_THOUGHT = " hm,"
_TOOL_RESULT_CHARS = 200
_QUERY_CHARS = 100
_ADDRESS = re.compile(r"https?://[^\s<>]+")
_CANDIDATE = re.compile(r"\bCandidate ([A-Z])\b")
_FENCED = re.compile(r"<<<(\w+) ([A-Z])\n(.*?)\n\2 \1>>>", re.S)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")
_STANCE_CHARS = 120
_CLOSED_ANSWER = re.compile(r"answer is:? *([^\s.]+)", re.I)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of the caller's tools; ``arguments`` is JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Said:
    """One choice of an answer."""

    tokens: tuple[str, ...] = ()
    thoughts: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"

    @property
    def text(self) -> str:
        """The tokens, joined."""
        return "".join(self.tokens)

    def output_tokens(self) -> int:
        """All tokens charged as output: thoughts, text and tool calls."""
        calls = sum(len(tokens_of(call.name + call.arguments)) for call in self.tool_calls)
        return len(self.thoughts) + len(self.tokens) + calls


@lru_cache(maxsize=4096)
def tokens_of(text: str) -> tuple[str, ...]:
    """Cut a text into tokens of up to six letters, each with the space before it; joined they are the text."""
    return tuple(_TOKEN.findall(text))


def prompt_tokens(request: Mapping[str, Any]) -> int:
    """Count the prompt: a token per four characters of text and tools, four for each message and image."""
    total = 0
    for message in request.get("messages", ()):
        total += 4 + (len(text_of(message.get("content"))) + 3) // 4
    if request.get("tools"):
        total += len(orjson.dumps(request["tools"])) // 4
    return total


def text_of(content: Any) -> str:
    """Take the text out of a message's content, be it a string or parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def say(script: Script, texts: Sequence[str], request: Mapping[str, Any], choice: int = 0) -> Said:
    """Answer a request. The same script, prompt and choice number give the same answer."""
    last = request["messages"][-1] if request.get("messages") else {}
    prompt = text_of(last.get("content"))
    if script.research:
        calls = _research(script, request)
    else:
        calls = () if last.get("role") == "tool" else _tool_calls(script, request, prompt)
    limit = _limit(request)
    thoughts = ((_THOUGHT,) * script.reasoning_tokens)[:limit]
    if calls:
        return Said(thoughts=thoughts, tool_calls=calls, finish_reason="tool_calls")
    text = _before_stop(_text(script, texts, request, choice), request.get("stop"))
    tokens = tokens_of(text)
    room = None if limit is None else limit - len(thoughts)
    cut = len(thoughts) < script.reasoning_tokens or (room is not None and len(tokens) > room)
    return Said(tokens=tokens[:room], thoughts=thoughts, finish_reason="length" if cut else "stop")


def _limit(request: Mapping[str, Any]) -> int | None:
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    return limit if isinstance(limit, int) else None


def _before_stop(text: str, stop: Any) -> str:
    for word in [stop] if isinstance(stop, str) else stop or []:
        text = text.partition(word)[0] if word else text
    return text


def _text(script: Script, texts: Sequence[str], request: Mapping[str, Any], choice: int) -> str:
    last = request["messages"][-1] if request.get("messages") else {}
    prompt = text_of(last.get("content"))
    if script.reply:
        return script.reply
    structured = request.get("response_format")
    if isinstance(structured, dict) and structured.get("type") in ("json_schema", "json_object"):
        return _structured(structured, script)
    if script.echo:
        return prompt
    if last.get("role") == "tool":
        said = f"The tool says: {prompt[-_TOOL_RESULT_CHARS:] if script.research else prompt[:_TOOL_RESULT_CHARS]}"
        return f"{said} The answer is {script.answer}." if script.answer else said
    text = texts[(crc32(prompt.encode()) + script.seed + choice) % len(texts)]
    if script.judge:
        return _judged(text, prompt, script.answer)
    if script.answer:
        text = f"{text} The answer is {script.answer}."
    if script.words:
        words = text.split()
        text = " ".join(words[i % len(words)] for i in range(script.words))
    return text


def _structured(response_format: Mapping[str, Any], script: Script) -> str:
    if response_format["type"] == "json_object":
        return orjson.dumps({"answer": script.answer or "scripted"}).decode()
    schema = (response_format.get("json_schema") or {}).get("schema", {})
    return orjson.dumps(instance_of(schema, text=script.answer or "scripted")).decode()


def _judged(text: str, prompt: str, answer: str) -> str:
    """An answer, then an analysis of the candidates as JSON; without ``answer`` the majority's closed answer."""
    candidates = sorted(set(_CANDIDATE.findall(prompt)))
    votes = Counter(_CLOSED_ANSWER.findall(prompt)).most_common()
    answer = answer or (votes[0][0] if votes else "")
    said_by = {letter: _opening(text) for _, letter, text in _FENCED.findall(prompt)}
    split = [{"model": f"Candidate {letter}", "stance": opening} for letter, opening in sorted(said_by.items())]
    topic = "the answer" if len(votes) > 1 else "where to begin"
    analysis = {
        "consensus": ["The main point holds."],
        "contradictions": [{"topic": topic, "stances": split}] if len(set(said_by.values())) > 1 else [],
        "partial_coverage": [],
        "unique_insights": [],
        "blind_spots": ["A scripted judge reads nothing."],
        "dissent": [value for value, _ in votes[1:]],
        "confidence": 0.6 if len(votes) > 1 else 0.9,
        "chosen": candidates[0] if candidates else None,
    }
    said = f"{text} The answer is {answer}." if answer else text
    return f"{said}\n\n```json\n{orjson.dumps(analysis).decode()}\n```"


def _opening(text: str) -> str:
    """The first sentence that a candidate says, without its name."""
    sentence = _SENTENCE_END.split(" ".join(text.split()), maxsplit=1)[0]
    return sentence.rpartition(": ")[2][:_STANCE_CHARS]


def _research(script: Script, request: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """The next step of a search for the newest question and a look at the first address that it finds."""
    offered = {
        tool["function"]["name"] for tool in request.get("tools") or () if isinstance(tool.get("function"), dict)
    }
    if request.get("tool_choice") == "none":
        return ()
    messages = request["messages"]
    asked = [call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()]
    if "web_search" in offered and "web_search" not in asked:
        question = next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")
        return (_research_call("web_search", {"query": question[:_QUERY_CHARS]}, script),)
    found = _ADDRESS.search(text_of(messages[-1].get("content")))
    if "web_fetch" in offered and "web_fetch" not in asked and found is not None:
        return (_research_call("web_fetch", {"url": found[0]}, script),)
    return ()


def _research_call(name: str, arguments: Mapping[str, str], script: Script) -> ToolCall:
    return ToolCall(f"call_{crc32(name.encode()) ^ script.seed:08x}", name, orjson.dumps(arguments).decode())


def _tool_calls(script: Script, request: Mapping[str, Any], prompt: str) -> tuple[ToolCall, ...]:
    functions = [
        tool["function"]
        for tool in request.get("tools") or ()
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
    ]
    wish = request.get("tool_choice")
    if isinstance(wish, dict):
        wanted = (wish.get("function") or {}).get("name")
        functions = [function for function in functions if function.get("name") == wanted]
    count = max(script.tool_calls, 1 if wish == "required" or isinstance(wish, dict) else 0)
    if not functions or wish == "none":
        return ()
    if request.get("parallel_tool_calls") is False:
        count = min(count, 1)
    stem = crc32(prompt.encode()) ^ script.seed
    return tuple(
        _tool_call(functions[i % len(functions)], f"call_{stem:08x}{i:02x}", script.answer) for i in range(count)
    )


def _tool_call(function: Mapping[str, Any], call_id: str, answer: str) -> ToolCall:
    schema = function.get("parameters") or {"type": "object"}
    arguments = orjson.dumps(instance_of(schema, text=answer or "scripted")).decode()
    return ToolCall(call_id, str(function.get("name")), arguments)
