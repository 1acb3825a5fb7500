"""The numbers a prompt is judged by: hand features with names a person understands, then what its words add.

Each hand feature is a logarithm of a count or a share, so that no single prompt can dominate. Case and white space
count for nothing.
"""

import re
from math import log1p
from struct import Struct

import numpy as np
import numpy.typing as npt

from classifier.asking import ASKING, asking
from classifier.lexicons import LEXICONS
from classifier.text import Reading
from classifier.words import RARITY_FEATURES, WORD_SCORES, WordSums, WordTable

Floats = npt.NDArray[np.float32]

_MARKS: tuple[tuple[str, str], ...] = (
    ("question marks", "?"),
    ("exclamation marks", "!"),
    ("colons", ":"),
    ("semicolons", ";"),
    ("commas", ","),
    ("full stops", "."),
    ("opening brackets", "("),
    ("square brackets", "["),
    ("braces", "{"),
    ("equals signs", "="),
    ("plus signs", "+"),
    ("asterisks", "*"),
    ("slashes", "/"),
    ("comparison signs", "<"),
    ("powers", "^"),
    ("underscores", "_"),
    ("backslashes", "\\"),
    ("dollar signs", "$"),
    ("percent signs", "%"),
    ("bars", "|"),
    ("quotation marks", '"'),
    ("apostrophes", "'"),
    ("hash signs", "#"),
    ("hyphens", "-"),
    ("lines", "\n"),
    ("backticks", "`"),
)

# Signs of more than one character, each with the mark that a text must have for them to be looked for. Patterns count two
# characters in half the time that ``bytes.count`` takes.
_SIGNS: tuple[tuple[str, str, tuple[bytes, ...]], ...] = (
    ("code fences", "`", (rb"```",)),
    ("calls", "(", (rb"\(\);", rb"function\(")),
    ("formulas set apart", "$", (rb"\$\$",)),
    ("list items", "\n", (rb"\n(?:[-*] |0[.)] )",)),
    ("gaps", "_", (rb" _", rb"____")),
    ("ordinals", "-", (rb"-th ",)),
    ("decimals", ".", (rb"0\.0",)),
)

_SENTENCE_END = re.compile(rb"\. ")
_IDEOGRAPHIC_STOP = "\u3002"
# Where an instruction ends and the text it is about begins.
_PAYLOAD_STARTS = (":", '"', "\u201c", "\u00ab", "\n", "\uff1a")

_SCALARS: tuple[str, ...] = (
    "length",
    "words",
    "different words",
    "mean word length",
    "long words",
    "share of letters not Latin",
    "numbers",
    "different number lengths",
    "longest number",
    "share of digits",
    "words per sentence",
    "instruction before a colon, quote or line end",
    "material around the request",
)

FEATURES: tuple[str, ...] = (
    *_SCALARS,
    *(name for name, _ in _MARKS),
    *(name for name, _, _ in _SIGNS),
    *LEXICONS,
    *ASKING,
)
# What only the familiar gain may look at: options say nothing of difficulty that survives another wrapping.
WRAPPER = ("options",)
# Log-odds of setting a task, by the words of a short text: what tells material from what asks looks at it, and so does what is
# learned of one's own traffic; no judge does.
TASK = ("words that set a task",)
# What the gate between the judges looks at, besides the distance from the training data.
KNOWN = ("known words, share", "known pairs, share")
SETS_TASK = -len(KNOWN) - len(TASK)
"""Where the log-odds of setting a task stand among the features."""

OPTIONS = SETS_TASK - len(WRAPPER)
"""Where the number of options stands among the features."""

# Where each mark is counted, by its byte; all other bytes are taken out first.
_MARK_OF = {ord(mark): place for place, (_, mark) in enumerate(_MARKS)}
_NO_MARKS = bytes({*range(256)} - {*_MARK_OF})
_QUESTION, _LINE = _MARK_OF[ord("?")], _MARK_OF[ord("\n")]
_SIGNS_OF = [
    (place, _MARK_OF[ord(mark)], re.compile(sign).findall)
    for place, (_, mark, signs) in enumerate(_SIGNS, len(_MARKS))
    for sign in signs
]
# Numbers, of which those of a text are told apart by their length; longer ones are as long as the next.
_NUMBERS = frozenset("0" * length for length in range(1, 65))
_LONG_NUMBER = b"0" * 65

_BEFORE_LEXICONS = Struct(f"{len(_SCALARS) + len(_MARKS) + len(_SIGNS)}f")
_AFTER_LEXICONS = Struct(f"{len(ASKING) + len(RARITY_FEATURES)}f")
_AFTER_TOPIC = Struct(f"{len(WORD_SCORES) + len(WRAPPER) + len(TASK) + len(KNOWN)}f")


def feature_names(dimensions: int) -> tuple[str, ...]:
    """What each number judged is called, one name each, for a word table of so many ``dimensions``."""
    topic = (f"topic {number}" for number in range(1, dimensions + 1))
    return (*FEATURES, *RARITY_FEATURES, *topic, *WORD_SCORES, *WRAPPER, *TASK, *KNOWN)


def shown_names(dimensions: int) -> tuple[str, ...]:
    """The same for people, who cannot tell one dimension of the topic from another."""
    return (*FEATURES, *RARITY_FEATURES, *("topic",) * dimensions, *WORD_SCORES, *WRAPPER, *TASK, *KNOWN)


def features(reading: Reading, words: WordTable) -> Floats:
    """The numbers a prompt is judged by, in the order of :func:`feature_names`, float32, read-only."""
    sums, marks = words.sums(reading.spaced, reading.numbers), _marks(reading.raw)
    parts = (
        _BEFORE_LEXICONS.pack(*_scalars(reading, sums, marks), *map(log1p, marks)),
        np.log1p(sums.lexicons).tobytes(),
        _AFTER_LEXICONS.pack(*asking(reading), *sums.rarity),
        sums.topic.tobytes(),
        _AFTER_TOPIC.pack(*sums.scores, reading.n_options, sums.task, *sums.known),
    )
    return np.frombuffer(b"".join(parts), dtype=np.float32)


def dense_features(reading: Reading, words: WordTable) -> Floats:
    """The first of :func:`features`, up to the topic: those that do not depend on what has been fitted."""
    return features(reading, words)[: len(FEATURES) + len(RARITY_FEATURES) + words.dimensions]


def _marks(raw: bytes) -> list[int]:
    """How often each mark, and then each sign, occurs."""
    counts = [0] * (len(_MARKS) + len(_SIGNS))
    ink = raw.translate(None, _NO_MARKS)
    for mark in set(ink):
        counts[_MARK_OF[mark]] = ink.count(mark)
    for place, mark, all_of in _SIGNS_OF:
        if counts[mark]:
            counts[place] += len(all_of(raw))
    return counts


def _scalars(reading: Reading, sums: WordSums, marks: list[int]) -> list[float]:
    """Length and shape, in the order of ``_SCALARS``."""
    body, raw, n_words = reading.body, reading.raw, sums.n_words
    n_read, some_words = len(body) or 1, n_words or 1
    numbers = [*map(len, _NUMBERS.intersection(reading.numbers))]
    if reading.numbers and _LONG_NUMBER in raw:
        numbers.append(len(_LONG_NUMBER))
    n_stops = len(_SENTENCE_END.findall(raw)) + body.count(_IDEOGRAPHIC_STOP)
    n_sentences = 1 + n_stops + marks[_QUESTION] + marks[_LINE]
    return [
        log1p(reading.n_chars),
        log1p(n_words * (reading.n_chars or 1) / n_read),
        log1p(sums.n_different),
        sums.n_chars / some_words / 10,
        sums.n_long / some_words,
        reading.n_foreign / n_read,
        log1p(len(reading.numbers)),
        log1p(len(numbers)),
        log1p(max(numbers, default=0)),
        raw.count(b"0") / n_read,
        log1p(n_words / n_sentences),
        log1p(min([at for at in map(body.find, _PAYLOAD_STARTS) if at > 0], default=len(body))),
        log1p(reading.n_apart_chars),
    ]
