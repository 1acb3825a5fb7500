"""Reading a prompt once: which part is the question, its words, and how often each occurs.

Laws of this module:

* Everything is lower-case and white space never counts, so case and layout cannot move a score.
* Options and answer-format lines are left out of the body: a wrapper tells the benchmark, not the difficulty.
* Long prompts are read in part, head and tail, so that the cost of reading is bounded.
* No string makes it raise: not a lone surrogate, not ten megabytes, not the empty one.
"""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from classifier.pasted import labelled_lines, without_material, without_transcript
from classifier.request import request_of

# Number of this way of reading: raise it when the same prompt would give other words, counts or hand features.
READING = 6
# Characters read of a long prompt, half from the head and half from the tail: 4,000 tokens are about 16,000
# characters, and reading a third of them costs the whole budget of 0.5 ms on a busy machine (tests/bench).
VIEW_CHARS = 2_600
# Characters of the words read and of the spaces between them: a character of a script without spaces stands twice, with a space.
MOST_SPACED_CHARS = 3 * (VIEW_CHARS + 2)

_WORD = re.compile(r"[^\W\d_]+|\d+")
# Tables for bytes: ASCII letters to lower case and digits to 0; all that is neither letter nor digit to a space. Where
# they serve they are several times as fast as regular expressions and str.translate.
_PLAIN = bytes(range(256)).lower().translate(bytes.maketrans(b"123456789", b"000000000"))
_SPACED = bytes(code if code > 127 or chr(code).isalnum() else ord(" ") for code in range(256))
_ASCII = bytes(range(128))
_MARK_OR_DIGIT = re.compile(r"[\W\d]")
_NUMBER = re.compile("(00*)")
# Different marks beyond ASCII up to which they are taken out one by one.
_FEW = 64
# Thai, Lao, Khmer, Burmese, kana and Han: scripts that are written without spaces, by their first and last characters.
_UNSPACED_RANGES = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x9FFF))
_UNSPACED = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _UNSPACED_RANGES) + "]")
_OPTION = re.compile(r"\n[ \t]*[(\[]?[A-Ja-j](?:[.)\]:] ?|[\uff0e\u3001\uff09])[^\n]*")
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
    r"[^\n]{0,80}$|\s*(?:(?:your |final |helpful )?answer|solution|response)\s*:?\s*$",
    re.IGNORECASE,
)
# How texts, lines and thanks begin or end that those patterns may match: a cheap test saves most texts from them.
_GREETING_STARTS = (
    "hi", "hello", "hey", "good ", "greetings", "dear ", "i hope", "i woul", "i'd", "i have a", "thank", "please", "kindly",
    "can you", "could you", "would you", "will you", "help me",
)  # fmt: skip
_LONGEST_START = 9
_FORMAT_STARTS = {
    "ans", "res", "rep", "pri", "out", "ret", "giv", "end", "fin", "cho", "sel", "pic", "put", "wri", "pro", "sta", "thi",
    "exp", "sho", "let", "sol", "wor", "ple", "kin", "hel", "now", "the", "and", "you", "do ", "don", "jus", "onl", "sim",
}  # fmt: skip
_THANKS_ENDS = ("thanks", "thank you", "please", "cheers", "much", "advance", "a lot", "for your help")
_AFTER_THANKS = ".!" + "".join(char for char in map(chr, range(0x3001)) if char.isspace())


class Reading(NamedTuple):
    """What was read of a prompt.

    Attributes:
        body: the part that asks, lower case, options and answer-format lines left out, digits all ``0``.
        spaced: the body's words in order, with spaces between them; a number is a run of ``0``, unspaced scripts come as
            character pairs.
        numbers: those of the words that are numbers.
        n_chars: length of what asks in characters, the unread middle of a long prompt included.
        n_options: labelled options found and left out.
        n_pasted_chars: characters of pasted material (documents, retrieved passages) that were left out.
        raw: the body in UTF-8.
        n_foreign: characters of the body that are not ASCII.
        n_apart_chars: characters of material without a label around what is asked, of a ``request``; else 0.
        request: what was read of the part that may be all that is asked of the rest; None where no part is set apart.
    """

    body: str
    spaced: str
    numbers: list[str]
    n_chars: int
    n_options: int
    n_pasted_chars: int
    raw: bytes
    n_foreign: int
    n_apart_chars: int = 0
    request: "Reading | None" = None

    @property
    def words(self) -> list[str]:
        """The body's words in order."""
        return self.spaced.split()


def read(text: str) -> Reading:
    """Read ``text`` once; the cost is bounded by ``VIEW_CHARS`` whatever its length."""
    lines = labelled_lines(text)
    ask, n_pasted_chars = without_material(text, lines)
    view = _view(ask)
    told, n_told_chars = without_transcript(view, lines if view is text else labelled_lines(view))
    bare, n_options = _without_options(told)
    n_left_out = n_pasted_chars + n_told_chars
    n_unread, asked, request = len(ask) - len(view), request_of(bare), None
    if asked:
        n_apart = n_unread + len(bare) - len(asked)
        request = _reading(asked, 0, n_options, n_left_out + n_apart)._replace(n_apart_chars=n_apart)
    return _reading(bare, n_unread, n_options, n_left_out, request)


def _reading(text: str, n_unread: int, n_options: int, n_left_out: int, request: Reading | None = None) -> Reading:
    """What is read of a text, of which ``n_unread`` characters more would have been read were it not for its length."""
    body, raw, foreign = _plain(_without_wrapper(text))
    spaced, numbers = _spaced(body, raw, foreign)
    return Reading(
        body, spaced, numbers, n_unread + len(body), n_options, n_left_out, raw, len(foreign), request=request
    )


def _view(text: str) -> str:
    """Head and tail of a long text."""
    if len(text) <= VIEW_CHARS:
        return text
    half = VIEW_CHARS // 2
    return text[:half] + "\n" + text[-half:]


def _without_options(view: str) -> tuple[str, int]:
    """The text without its labelled options, and how many there were (fewer than two are prose)."""
    if view.count("\n") < 2:
        return view, 0
    found = _OPTION.findall(view)
    if len(found) < 2:
        return view, 0
    return _OPTION.sub("", view), len(found)


def _without_wrapper(text: str) -> str:
    """The text without greeting, thanks and answer-format lines; the text itself if nothing is left."""
    lines = _without_greeting(text.lstrip()).strip().split("\n")
    while len(lines) > 1 and _is_wrapper(lines[-1]):
        lines.pop()
    first = 0
    while first < len(lines) - 1 and _is_wrapper(lines[first]):
        first += 1
    lines[-1] = _without_thanks(lines[-1])
    return "\n".join([line for line in lines[first:] if line and not line.isspace()]) or text.strip()


def _without_greeting(text: str) -> str:
    """The text, which starts with no white space, without a greeting or polite preface."""
    if not text[:_LONGEST_START].lower().startswith(_GREETING_STARTS):
        return text
    start = _GREETING.match(text)
    return text[start.end() :] if start else text


def _is_wrapper(line: str) -> bool:
    """True for an empty line or one that only says how the answer is to look."""
    start = line.lstrip()[:3].lower()
    return not start or (start in _FORMAT_STARTS and len(line) < 240 and _FORMAT_LINE.match(line) is not None)


def _without_thanks(line: str) -> str:
    """The line without a closing "thanks in advance"; only its last 60 characters are searched."""
    end = line[-60:]
    if not end.rstrip(_AFTER_THANKS).lower().endswith(_THANKS_ENDS):
        return line
    return line[:-60] + _THANKS.sub("", end)


def _plain(text: str) -> tuple[str, bytes, str]:
    """The text in lower case, its digits all ``0``; the same in UTF-8; and its characters that are not ASCII."""
    if text.isascii():
        raw = text.encode().translate(_PLAIN)
        return raw.decode(), raw, ""
    raw = text.encode("utf-8", "surrogatepass").translate(_PLAIN)
    foreign = _foreign(raw)
    if foreign.lower() != foreign:  # oftener than not those are a few quotation marks, or letters that have no case
        raw = text.lower().encode("utf-8", "surrogatepass").translate(_PLAIN)
        foreign = _foreign(raw)
    return raw.decode("utf-8", "surrogatepass"), raw, foreign


def _foreign(raw: bytes) -> str:
    """The characters of a text that are not ASCII."""
    return raw.translate(None, _ASCII).decode("utf-8", "surrogatepass")


def _spaced(body: str, raw: bytes, foreign: str) -> tuple[str, list[str]]:
    """The words of a plain text, runs of letters and numbers, between spaces, and its numbers.

    ``foreign`` are the characters of it that are not ASCII.
    """
    if not foreign:
        return _split(raw)
    others = () if foreign.isalpha() else set(_MARK_OR_DIGIT.findall(foreign))
    has_unspaced = _UNSPACED.search(foreign) is not None
    if len(others) > _FEW or any(map(str.isdecimal, others)):
        spaced = " ".join(_WORD.findall(body))
        spaced = _in_pairs(spaced) if has_unspaced else spaced
        return spaced, [word for word in spaced.split() if word[0] == "0"]
    for mark in others:
        body = body.replace(mark, " ")
    spaced, numbers = _split(body.encode("utf-8", "surrogatepass") if others else raw)
    return _in_pairs(spaced) if has_unspaced else spaced, numbers


def _split(raw: bytes) -> tuple[str, list[str]]:
    """The words of a text in which all that is not ASCII is a letter, between spaces, and its numbers."""
    spaced = raw.translate(_SPACED).decode("utf-8", "surrogatepass")
    if "0" not in spaced:
        return spaced, []
    parts = _NUMBER.split(spaced)
    return " ".join(parts), parts[1::2]


def _in_pairs(spaced: str) -> str:
    """Words between spaces, those of scripts without spaces as overlapping pairs of characters."""
    codes = _codes(spaced)
    is_space = codes == ord(" ")
    is_first = ~is_space
    is_first[1:] &= is_space[:-1]
    is_inner = ~is_space & ~is_first
    is_inner[:-1] &= ~is_space[1:]
    is_inner[-1:] = False
    first = codes[is_first]
    if not len(first):  # all marks
        return spaced
    unspaced = np.zeros(len(first), dtype=np.bool_)
    for start, end in _UNSPACED_RANGES:
        unspaced |= (first >= start) & (first <= end)
    # "abcd" becomes "ab bc cd": each inner character stands twice, with a space between.
    is_inner &= unspaced.take(is_first.cumsum() - 1)
    times = 1 + 2 * is_inner.astype(np.intp)
    paired = codes.repeat(times)
    paired[(times.cumsum() - 2)[is_inner]] = ord(" ")
    return paired.tobytes().decode("utf-32-le", "surrogatepass")


def _codes(text: str) -> npt.NDArray[np.uint32]:
    """The characters' code points."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
