"""The numbers a prompt is judged by: hand features with names a person understands, then what its words add.

Each hand feature is a logarithm of a count or a share, so that no single prompt can dominate. Case and white space
count for nothing.
"""

from math import log1p
from string import ascii_letters, digits

import numpy as np
import numpy.typing as npt

from classifier.lexicons import LEXICONS
from classifier.text import Reading
from classifier.words import LOG1P, RARITY_FEATURES, WORD_SCORES, WordSums, WordTable

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
)

_PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("code blocks", ("```", "def ", "function(", "();", "#include", "import ")),
    ("LaTeX", ("\\frac", "\\sqrt", "\\sum", "\\int", "\\le", "\\cdot", "$$")),
    ("list items", ("\n- ", "\n* ", "\n0. ", "\n0) ", "\n• ")),
    (
        "how many or how much",
        ("how many", "how much", "cuántos", "combien", "wie viele", "quanti", "сколько", "多少"),
    ),
    (
        "find all or such that",
        ("find all", "such that", "for all", "for every", "there exist", "if and only if"),
    ),
    (
        "extreme wanted",
        ("minimum", "maximum", "smallest", "largest", "at least", "at most", "shortest", "longest"),
    ),
    (
        "which of the following",
        ("which of the following", "following statements", "下列", "best describes", "most likely"),
    ),
    ("fill the gap", (" _", "____", "\uff08  \uff09", "fill in", "complete the")),
    ("short function wanted", ("write a function", "write a python function", "write a program")),
    ("contest format", ("sample input", "constraints", "standard input", "example 0:", "return the", "-th ")),
    ("decimals", ("0.0",)),
    ("examples", ("for example", "example:", "e.g.", "for instance")),
)

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
    "most repeated word",
    "instruction before a colon, quote or line end",
)

FEATURES: tuple[str, ...] = (
    *_SCALARS,
    *(name for name, _ in _MARKS),
    *(name for name, _ in _PHRASES),
    *LEXICONS,
)
# What only the familiar gain may look at: options say nothing of difficulty that survives another wrapping.
WRAPPER = ("options",)
# What the gate between the judges looks at, besides the distance from the training data.
KNOWN = ("known words, share", "known pairs, share")
OPTIONS = -len(KNOWN) - len(WRAPPER)
"""Where the number of options stands among the features."""

# Bytes that are no marks: letters, digits, spaces, and all that is not ASCII.
_NOT_INK = (ascii_letters + digits + " ").encode() + bytes(range(128, 256))
_INK_MARKS = tuple(mark.encode() for _, mark in _MARKS)
_MARK_NAMES = [name for name, _ in _MARKS]
_QUESTION, _LINE = _MARK_NAMES.index("question marks"), _MARK_NAMES.index("lines")

# A text can only have a phrase if it has each run of three bytes of it; a run is told by this many bits of a product
# with the golden ratio's fraction (Knuth, The Art of Computer Programming, 6.4).
_RUN_BITS, _GOLDEN = 15, 0x9E3779B1


def _runs(text: bytes) -> npt.NDArray[np.uint32]:
    """Each run of three bytes, as a number of ``_RUN_BITS``."""
    overlapping = np.ndarray(max(len(text) - 2, 0), np.uint32, text + b"\0\0", strides=1)
    runs = overlapping & np.uint32(0xFFFFFF)
    runs *= _GOLDEN
    runs >>= 32 - _RUN_BITS
    return runs


_ALL_PHRASES = [(column, phrase) for column, (_, phrases) in enumerate(_PHRASES) for phrase in phrases]
_SHORT = [(column, phrase) for column, phrase in _ALL_PHRASES if len(phrase.encode()) < 3]
_LONGER = [(column, phrase) for column, phrase in _ALL_PHRASES if len(phrase.encode()) >= 3]
_RUNS_OF = [_runs(phrase.encode()) for _, phrase in _LONGER]
_RUNS = np.concatenate(_RUNS_OF).astype(np.intp)
_FIRST_RUN = np.cumsum([0, *map(len, _RUNS_OF[:-1])])

_COUNTED = slice(len(_SCALARS), len(_SCALARS) + len(_MARKS) + len(_PHRASES))
_LEXICONS = slice(_COUNTED.stop, len(FEATURES))
_RARITY = slice(len(FEATURES), len(FEATURES) + len(RARITY_FEATURES))


def feature_names(dimensions: int) -> tuple[str, ...]:
    """What each number judged is called, one name each, for a word table of so many ``dimensions``."""
    topic = (f"topic {number}" for number in range(1, dimensions + 1))
    return (*FEATURES, *RARITY_FEATURES, *topic, *WORD_SCORES, *WRAPPER, *KNOWN)


def shown_names(dimensions: int) -> tuple[str, ...]:
    """The same for people, who cannot tell one dimension of the topic from another."""
    return (*FEATURES, *RARITY_FEATURES, *("topic",) * dimensions, *WORD_SCORES, *WRAPPER, *KNOWN)


def features(reading: Reading, words: WordTable) -> Floats:
    """The numbers a prompt is judged by, in the order of :func:`feature_names`, float32, read-only."""
    sums = words.sums(reading.words)
    dense = _RARITY.stop + words.dimensions
    x = np.empty(dense + len(WORD_SCORES) + len(WRAPPER) + len(KNOWN), dtype=np.float32)
    raw = reading.body.encode("utf-8", "surrogatepass")
    marks = list(map(raw.translate(None, _NOT_INK).count, _INK_MARKS))
    x[: len(_SCALARS)] = _scalars(reading, sums, marks)
    x[_COUNTED] = LOG1P.take(np.array(marks + _phrases(reading.body, raw), dtype=np.intp))
    x[_LEXICONS] = sums.lexicons
    x[_RARITY] = sums.rarity
    x[_RARITY.stop : dense] = sums.topic
    x[dense:] = [*sums.scores, reading.n_options, *sums.known]
    x.setflags(write=False)
    return x


def dense_features(reading: Reading, words: WordTable) -> Floats:
    """The first of :func:`features`, up to the topic: those that do not depend on what has been fitted."""
    return features(reading, words)[: _RARITY.stop + words.dimensions]


def _scalars(reading: Reading, sums: WordSums, marks: list[int]) -> list[float]:
    """Length and shape, in the order of ``_SCALARS``."""
    body = reading.body
    n_words, n_read, n_different = len(reading.words), max(len(body), 1), max(sums.n_different, 1)
    n_sentences = 1 + body.count(". ") + marks[_QUESTION] + marks[_LINE] + body.count("。")
    return [
        log1p(reading.n_chars),
        log1p(n_words * max(reading.n_chars, 1) / n_read),
        log1p(sums.n_different),
        sums.n_letters / n_different / 10,
        sums.n_long / n_different,
        0.0 if body.isascii() else 1 - len(body.encode("ascii", "ignore")) / n_read,
        log1p(sums.n_numbers),
        log1p(sums.n_different_numbers),
        log1p(sums.longest_number),
        body.count("0") / n_read,
        log1p(n_words / n_sentences),
        sums.most / max(n_words, 1),
        log1p(min([at for at in map(body.find, _PAYLOAD_STARTS) if at > 0], default=len(body))),
    ]


def _phrases(body: str, raw: bytes) -> list[int]:
    """How often the phrases of each feature occur in a text, ``raw`` in bytes."""
    found = [0] * len(_PHRASES)
    for column, phrase in _SHORT:
        found[column] += body.count(phrase)
    has_run = np.zeros(2**_RUN_BITS, dtype=np.bool_)
    has_run.put(_runs(raw), True)
    for place in np.logical_and.reduceat(has_run.take(_RUNS), _FIRST_RUN).nonzero()[0].tolist():
        column, phrase = _LONGER[place]
        found[column] += body.count(phrase)
    return found
