"""Reading a request's conversation: which words a person wrote last, and what the answer must be able to do.

Laws:

* The newest human turn is what gets judged. System prompts, tool schemas, tool results and what client software
  writes into user messages are not human words. Of a housekeeping call the task is judged, wherever it stands. What
  system messages say is shown beside the turn, for turns that ask nothing by themselves.
* Nothing here fails: the messages have been checked before, and what is odd is read as text.
* Reading is linear in the size of the conversation's texts, and no regular expression backtracks.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from classifier.value import value
from router.core.housekeeping import housekeeping
from router.core.human_text import FRESH_START, human_text, is_report
from router.core.types import Capability
from router.core.whole_json import dumps

FOLLOWUP_BYTES = 48
FOLLOWUP_WORDS = 6
"""A turn this short after an answer ("yes", "do it", "and in French?") speaks of the turn before it."""

CONTEXT_CHARS = 2_000
"""How much of the turn before, and of the answer to it, the classifier is shown."""

INSTRUCTIONS_CHARS = 2_000
"""Characters up to which the classifier is shown what system messages say: longer ones are policies, not a turn's task."""

IMAGE_TOKENS = 1_000
"""Input tokens counted for an image. Source: OpenAI's vision pricing, 765 to 1,105 tokens at high detail."""

_SEEN_PARTS = ("image_url", "input_image", "image", "file", "input_file")
"""Parts that a model must be able to see; a PDF is read page by page, as images."""

_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "modalities": (None, [], ["text"]),
    "audio": (None,),
}
"""Fields that change an answer's shape, with the values that leave it as it is."""


@value
class Prompt:
    """What the core sees of a request.

    Attributes:
        text: the newest human turn, without injected blocks.
        context: the human turn and the answer before it, cut; empty on a first turn.
        instructions: what the system and developer messages say; empty where that is long.
        carried_on: of a follow-up, the words that it carries on: those of the newest human turn before it that is none itself.
        needs: what a deployment must support to answer.
        shape: fields of the request that change the answer's shape, and that not every provider has.
        input_tokens: estimate over all messages and tools.
        max_output_tokens: what the caller asked for at most, by the name ``limited_by``; None where not said.
        in_tool_loop: the model has spoken since the newest human turn: it called tools, or software told it what came of
            its answer.
        is_followup: short enough, after an answer, to mean the turn before.
        choices: answers asked for (``n``).
        is_housekeeping: client software asks for itself, and no session is bound by it.
        fusion_depth: fusion runs that this request is inside of.
        digest: SHA-256 of ``text``.
        turn_key, previous_turn_key: name this turn and the one before in the memory of turns.
    """

    text: str
    context: str = ""
    instructions: str = ""
    carried_on: str = ""
    needs: frozenset[Capability] = frozenset()
    shape: frozenset[str] = frozenset()
    input_tokens: int = 0
    max_output_tokens: int | None = None
    limited_by: str = "max_tokens"
    in_tool_loop: bool = False
    is_followup: bool = False
    choices: int = 1
    is_housekeeping: bool = False
    fusion_depth: int = 0
    digest: bytes = b""
    turn_key: str = ""
    previous_turn_key: str | None = None


def read_prompt(body: Mapping[str, Any], caller: str = "", fusion_depth: int = 0) -> Prompt:
    """Read a checked chat request. ``caller`` keeps apart the turns of different callers."""
    messages: Sequence[Mapping[str, Any]] = body["messages"]
    newest, text = _human_turn(messages, len(messages))
    previous, previous_text = _human_turn(messages, newest) if newest > 0 else (-1, "")
    if newest < 0:
        newest, text = len(messages) - 1, message_text(messages[-1])
    task = _housekeeping(body)
    if task:
        text, previous = task, -1
    answer = _answer_between(messages, previous, newest) if previous >= 0 else ""
    is_followup = bool(answer) and _is_short(text)
    limited_by = "max_completion_tokens" if body.get("max_completion_tokens") else "max_tokens"
    digest = _digest(text)
    first = digest if previous < 0 else _digest(_first_text(messages))
    return Prompt(
        text=text,
        context=f"{previous_text[:CONTEXT_CHARS]}\n{answer[-CONTEXT_CHARS:]}" if previous >= 0 else "",
        instructions="" if task else _instructions(messages),
        carried_on=_carried_on(messages, previous, previous_text) if is_followup else "",
        needs=read_needs(body),
        shape=read_shape(body),
        input_tokens=estimate_input_tokens(body),
        max_output_tokens=body.get(limited_by),
        limited_by=limited_by,
        in_tool_loop=newest + 1 < len(messages) and any(_is_step(message) for message in messages[newest + 1 :]),
        is_followup=is_followup,
        choices=body.get("n") or 1,
        is_housekeeping=bool(task),
        fusion_depth=fusion_depth,
        digest=digest,
        turn_key=_key(caller, newest, first, digest),
        previous_turn_key=_key(caller, previous, first, _digest(previous_text)) if previous >= 0 else None,
    )


def message_text(message: Mapping[str, Any]) -> str:
    """All text of a message, parts joined by newlines."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))


def read_needs(body: Mapping[str, Any]) -> frozenset[Capability]:
    """What a deployment must support: tools, a JSON schema, images, audio to hear or to speak."""
    needs: set[Capability] = set()
    if body.get("tools") or body.get("functions"):
        needs.add("tools")
    response_format = body.get("response_format")
    if isinstance(response_format, dict) and response_format.get("type") == "json_schema":
        needs.add("json_schema")
    if _speaks(body):
        needs.add("audio")
    for part in _parts(body["messages"]):
        if part.get("type") in _SEEN_PARTS:
            needs.add("vision")
        elif part.get("type") == "input_audio":
            needs.add("audio")
    return frozenset(needs)


def _speaks(body: Mapping[str, Any]) -> bool:
    """Whether sound is asked for; a voice alone (``audio``) says only how it would sound."""
    modalities = body.get("modalities")
    return isinstance(modalities, list) and "audio" in modalities


def read_shape(body: Mapping[str, Any]) -> frozenset[str]:
    """Fields that ask for an answer of another shape: several choices, probabilities of tokens, more than text."""
    return frozenset([name for name in _PLAIN.keys() & body.keys() if body[name] not in _PLAIN[name]])


def estimate_input_tokens(body: Mapping[str, Any]) -> int:
    """Count roughly: four ASCII characters, or three bytes of anything else, to a token.

    Source: OpenAI's rule of thumb for English; o200k_base needs 0.6 to 1.1 tokens for a Chinese, Japanese or
    Korean character, which has three bytes.
    """
    tokens = 0
    for message in body["messages"]:
        tokens += 4 + text_tokens(message_text(message))
        if message.get("tool_calls"):
            tokens += len(dumps(message["tool_calls"])) // 4
    for part in _parts(body["messages"]):
        if part.get("type") in _SEEN_PARTS:
            tokens += IMAGE_TOKENS
        elif "text" not in part and part.get("type") != "input_audio":
            tokens += len(dumps(part)) // 4
    for key in ("tools", "functions", "response_format"):
        if body.get(key):
            tokens += len(dumps(body[key])) // 4
    return tokens


def text_tokens(text: str) -> int:
    """Tokens of one text, by the rule of ``estimate_input_tokens``."""
    if text.isascii():
        return bytes_tokens(len(text), is_ascii=True)
    return bytes_tokens(len(text.encode("utf-8", "surrogatepass")), is_ascii=False)


def bytes_tokens(size: int, *, is_ascii: bool) -> int:
    """Tokens of a text of so many bytes in UTF-8."""
    return (size + 3) // 4 if is_ascii else (size + 2) // 3


def _parts(messages: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            yield from content


def _human_turn(messages: Sequence[Mapping[str, Any]], before: int) -> tuple[int, str]:
    """Index and words of the newest human turn before an index; (-1, "") where there is none."""
    for index in range(before - 1, -1, -1):
        if messages[index].get("role") == "user":
            text = message_text(messages[index])
            if index and _is_report(text, messages[index - 1]):
                continue
            text = human_text(text)
            if text.startswith(FRESH_START):
                break
            if text:
                return index, text
    return -1, ""


def _is_report(text: str, previous: Mapping[str, Any]) -> bool:
    return previous.get("role") == "assistant" and is_report(text, message_text(previous))


def _instructions(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the system and developer messages say, one after the other; nothing where that is long."""
    texts = [message_text(message) for message in messages if message.get("role") in ("system", "developer")]
    return "\n".join(texts) if sum(map(len, texts)) <= INSTRUCTIONS_CHARS else ""


def _carried_on(messages: Sequence[Mapping[str, Any]], index: int, text: str) -> str:
    """Words of the human turn at ``index``, or of the one that it is a follow-up to itself."""
    while _is_short(text):
        before, words = _human_turn(messages, index)
        if before < 0 or not _answer_between(messages, before, index):
            break
        index, text = before, words
    return text


def _first_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Words of the oldest human turn, by which a conversation is known."""
    texts = (human_text(message_text(message)) for message in messages if message.get("role") == "user")
    return next((text for text in texts if text), "")


def _answer_between(messages: Sequence[Mapping[str, Any]], start: int, end: int) -> str:
    for message in reversed(messages[start + 1 : end]):
        if message.get("role") == "assistant":
            return message_text(message) or "…"
    return ""


def _housekeeping(body: Mapping[str, Any]) -> str:
    first = body["messages"][0]
    if first.get("role") not in ("system", "developer"):
        return ""
    return housekeeping(message_text(first), has_tools=bool(body.get("tools") or body.get("functions")))


def _is_step(message: Mapping[str, Any]) -> bool:
    if message.get("role") in ("assistant", "tool", "function"):
        return True
    content = message.get("content")
    return isinstance(content, list) and any(part.get("type") in ("tool_use", "tool_result") for part in content)


def _is_short(text: str) -> bool:
    if len(text) > FOLLOWUP_BYTES or text.count(" ") >= FOLLOWUP_WORDS:
        return False
    return len(text.encode("utf-8", "surrogatepass")) <= FOLLOWUP_BYTES


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _key(caller: str, index: int, first: bytes, own: bytes) -> str:
    """The name of a turn: whose it is, how the conversation began, how far it is, and what the turn says."""
    return f"{caller}\0{index}\0{first[:12].hex()}\0{own[:12].hex()}"
