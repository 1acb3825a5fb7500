"""The numbers a prompt is judged by: hand features with names a person understands, then what its words add.

Each hand feature is a logarithm of a count or a share, so that no single prompt can dominate. Case and white space
count for nothing.
"""

from math import log1p
from string import ascii_letters, digits

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

# Signs of more than one character, each with the mark that a text must have for them to be looked for.
_SIGNS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("code fences", "`", ("```",)),
    ("calls", "(", ("();", "function(")),
    ("formulas set apart", "$", ("$$",)),
    ("list items", "\n", ("\n- ", "\n* ", "\n0. ", "\n0) ")),
    ("gaps", "_", (" _", "____")),
    ("ordinals", "-", ("-th ",)),
    ("decimals", ".", ("0.0",)),
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
    "instruction before a colon, quote or line end",
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
# What the gate between the judges looks at, besides the distance from the training data.
KNOWN = ("known words, share", "known pairs, share")
OPTIONS = -len(KNOWN) - len(WRAPPER)
"""Where the number of options stands among the features."""

# Bytes that are no marks: letters, digits, spaces, and all that is not ASCII.
_NOT_INK = (ascii_letters + digits + " ").encode() + bytes(range(128, 256))
_INK_MARKS = tuple(mark.encode() for _, mark in _MARKS)
_MARK_OF = {mark: place for place, (_, mark) in enumerate(_MARKS)}
_QUESTION, _LINE = _MARK_OF["?"], _MARK_OF["\n"]
_SIGNS_OF = [(_MARK_OF[mark], [sign.encode() for sign in signs]) for _, mark, signs in _SIGNS]

_MARKED = slice(len(_SCALARS), len(_SCALARS) + len(_MARKS) + len(_SIGNS))
_LEXICONS = slice(_MARKED.stop, _MARKED.stop + len(LEXICONS))
_COUNTED = slice(_MARKED.start, _LEXICONS.stop)
_ASKING = slice(_LEXICONS.stop, len(FEATURES))
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
    signs = [sum(map(raw.count, those)) if marks[mark] else 0 for mark, those in _SIGNS_OF]
    x[: len(_SCALARS)] = _scalars(reading, sums, marks)
    x[_MARKED] = marks + signs
    x[_LEXICONS] = sums.lexicons
    np.log1p(x[_COUNTED], out=x[_COUNTED])
    x[_ASKING] = asking(reading)
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
    body, words = reading.body, reading.words
    n_words, n_read = len(words), max(len(body), 1)
    different = set(words)
    numbers = {len(word) for word in different if word[0] == "0"} if sums.n_numbers else ()
    n_sentences = 1 + body.count(". ") + marks[_QUESTION] + marks[_LINE] + body.count("。")
    return [
        log1p(reading.n_chars),
        log1p(n_words * max(reading.n_chars, 1) / n_read),
        log1p(len(different)),
        len("".join(words)) / max(n_words, 1) / 10,
        sums.n_long / max(n_words, 1),
        0.0 if body.isascii() else 1 - len(body.encode("ascii", "ignore")) / n_read,
        log1p(sums.n_numbers),
        log1p(len(numbers)),
        log1p(max(numbers, default=0)),
        body.count("0") / n_read,
        log1p(n_words / n_sentences),
        log1p(min([at for at in map(body.find, _PAYLOAD_STARTS) if at > 0], default=len(body))),
    ]
