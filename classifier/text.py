"""Reading a prompt once: which part is the question, its words, and how often each occurs.

Laws of this module:

* Everything is lower-case and white space never counts, so case and layout cannot move a score.
* Options and answer-format lines are left out of the body: a wrapper tells the benchmark, not the difficulty.
* Long prompts are read in part, head and tail, so that the cost of reading is bounded.
* No string makes it raise: not a lone surrogate, not ten megabytes, not the empty one.
"""

import re
from collections import Counter
from dataclasses import dataclass

# Number of this way of reading: raise it when the same prompt would give other words, counts or hand features.
READING = 1
# Characters read of a long prompt, half from the head and half from the tail: 4,000 tokens are about 16,000
# characters, and reading all of them costs more than the whole budget of 0.5 ms (tests/bench).
VIEW_CHARS = 5_000
# Characters of a passage's ask (first or last paragraph) when the rest is pasted material.
ASK_CHARS = 600

_WORD = re.compile(r"[^\W\d_]+|\d+")
# In ASCII the same words come from a table and a split, four times as fast.
_SPACED = {code: " " for code in range(128) if not chr(code).isalnum()}
_NUMBER = re.compile(r"0+|[a-z]+")
_OPTION = re.compile(r"\n[ \t]*[(\[]?[A-Ja-j](?:[.)\]:] ?|[\uff0e\u3001\uff09])[^\n]*")
_DIGITS = str.maketrans("123456789", "000000000")
_GREETING = re.compile(
    r"\s*(?:(?:hi|hello|hey|good (?:morning|afternoon|evening)|greetings|dear (?:assistant|ai|sir))"
    r"(?: there| everyone| assistant)?[\s,!.:;-]+(?=\S))?"
    r"(?:(?:i hope (?:you|this)[^.!\n]{0,40}[.!]"
    r"|thank(?:s| you)(?: (?:so|very) much)?(?: in advance)?[,.!]+)\s+)*"
    r"(?:(?:please|kindly|(?:can|could|would|will) you(?: please| kindly)?(?: help me)?(?: with this| out)?"
    r"|i(?: woul|')d (?:like|love|appreciate)(?: it if)? you(?: to| could)?|i have a question(?: for you)?"
    r"|help me(?: with this)?)[\s,:.-]+)*",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"[\s.,!]*(?:(?:many )?thanks|thank you|please|cheers)"
    r"(?: (?:so|very) much| in advance| a lot| for your help)*[\s.!]*$",
    re.IGNORECASE,
)
_FORMAT_LINE = re.compile(
    r"\s*(?:please |kindly |now |then |and |you (?:must|should) |do not |don't |just |only |simply )*"
    r"(?:answer|respond|reply|print|output|return|give|end|finish|choose|select|pick|put|write|provide|state|report"
    r"|think|explain|show|let'?s think|solve|work)\b"
    r"[^\n]{0,120}\b(?:letter|options?|choice|boxed|answer|format|step by step"
    r"|explanation|reasoning|json|number)\b"
    r"[^\n]{0,80}$|\s*(?:answer|your answer|solution|response|final answer)\s*:?\s*$",
    re.IGNORECASE,
)
# Marks of pasted material; code fences are not among them, for code is what such a prompt is about.
_PASTED = (
    "context:", "context>", "context below", "# context", "document", "<doc", "passage:", "passages:",
    "passage>", "article:", "article>", "excerpt",
    "source:", "sources:", "transcript", "search result", "knowledge base",
    "retrieved", "[1]", "\n---\n",
)  # fmt: skip
_QUESTION_LABEL = re.compile(r"\n\s*#*\s*(?:user )?(?:question|query|task|instruction|request)s?\s*:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a prompt.

    Attributes:
        body: the part that asks, lower case, options and answer-format lines left out, digits all ``0``.
        words: the body's words in order; a number is a run of ``0``, unspaced scripts come as character
            pairs.
        counts: how often each word occurs.
        n_chars: length of what asks in characters, the unread middle of a long prompt included.
        n_options: labelled options found and left out.
        n_pasted_chars: characters of pasted material (documents, retrieved passages) that were left out.
    """

    body: str
    words: list[str]
    counts: dict[str, int]
    n_chars: int
    n_options: int
    n_pasted_chars: int


def read(text: str) -> Reading:
    """Read ``text`` once; the cost is bounded by ``VIEW_CHARS`` whatever its length."""
    ask, n_pasted_chars = _split_pasted(text) if len(text) > 2 * ASK_CHARS else (text, 0)
    view = _view(ask)
    bare, n_options = _without_options(view)
    body = _without_wrapper(bare).lower().translate(_DIGITS)
    words = _words(body)
    n_chars = len(ask) - (len(view) - len(body))
    return Reading(body, words, Counter(words), max(n_chars, 0), n_options, n_pasted_chars)


def _view(text: str) -> str:
    """Head and tail of a long text."""
    if len(text) <= VIEW_CHARS:
        return text
    half = VIEW_CHARS // 2
    return text[:half] + "\n" + text[-half:]


def _split_pasted(text: str) -> tuple[str, int]:
    """The ask of a prompt that pastes material, and how many characters were pasted (0 where nothing was)."""
    head, tail = text[: 2 * ASK_CHARS], text[-2 * ASK_CHARS :]
    ends = f"{head}\n{tail}".lower()
    if not any(mark in ends for mark in _PASTED):
        return text, 0
    labelled = _last_label(tail)
    if labelled:
        return labelled, len(text) - len(labelled)
    ask = _shorter_end(text)
    return (ask, len(text) - len(ask)) if ask else (text, 0)


def _last_label(tail: str) -> str:
    """What follows the last line that starts with "Question:" or the like; empty where there is none."""
    found = list(_QUESTION_LABEL.finditer(tail))
    return tail[found[-1].end() :].strip() if found else ""


def _shorter_end(text: str) -> str:
    """The last or else the first paragraph, if it is short and asks; empty otherwise."""
    last = text[-ASK_CHARS:].rpartition("\n\n")
    first = text[:ASK_CHARS].partition("\n\n")
    if last[1] and "?" in last[2]:
        return last[2].strip()
    if first[1] and not any(mark in first[0].lower() for mark in _PASTED):
        return first[0].strip()
    return last[2].strip() if last[1] else ""


def _without_options(view: str) -> tuple[str, int]:
    """The text without its labelled options, and how many there were (fewer than two are prose)."""
    found = _OPTION.findall(view)
    if len(found) < 2:
        return view, 0
    return _OPTION.sub("", view), len(found)


def _without_wrapper(text: str) -> str:
    """The text without greeting, thanks and answer-format lines; the text itself if nothing is left."""
    start = _GREETING.match(text)
    bare = text[start.end() :] if start else text
    lines = bare.strip().split("\n")
    while len(lines) > 1 and _is_wrapper(lines[-1]):
        lines.pop()
    while len(lines) > 1 and _is_wrapper(lines[0]):
        lines.pop(0)
    lines[-1] = _without_thanks(lines[-1])
    bare = "\n".join(line for line in lines if line and not line.isspace())
    return bare or text.strip()


def _is_wrapper(line: str) -> bool:
    """True for an empty line or one that only says how the answer is to look."""
    return not line or line.isspace() or (len(line) < 240 and _FORMAT_LINE.match(line) is not None)


def _without_thanks(line: str) -> str:
    """The line without a closing "thanks in advance"; only its last 60 characters are searched."""
    cut = max(0, len(line) - 60)
    return line[:cut] + _THANKS.sub("", line[cut:])


def _words(body: str) -> list[str]:
    """The words of a lower-case text in order."""
    if body.isascii():
        return _ascii_words(body)
    words = _WORD.findall(body)
    return [piece for word in words for piece in _pieces(word)]


def _ascii_words(body: str) -> list[str]:
    """The words of a lower-case ASCII text whose digits are all ``0``."""
    words = body.translate(_SPACED).split()
    if "0" not in body:
        return words
    return [piece for word in words for piece in (_NUMBER.findall(word) if "0" in word else (word,))]


def _pieces(word: str) -> list[str]:
    """A word as it is, or the character pairs of a run in a script that is written without spaces."""
    if len(word) < 3 or not _is_unspaced(word[0]):
        return [word]
    return [word[i : i + 2] for i in range(len(word) - 1)]


def _is_unspaced(char: str) -> bool:
    """True for Thai, Lao, Khmer, Burmese, kana and Han characters."""
    code = ord(char)
    return 0x0E00 <= code <= 0x0EFF or 0x1000 <= code <= 0x109F or 0x1780 <= code <= 0x17FF or 0x2E80 <= code <= 0x9FFF
