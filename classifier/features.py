"""Hand features: numbers with names a person understands, read off one :class:`~classifier.text.Reading`.

Each is a logarithm of a count or a share, so that no single prompt can dominate. Case and white space count
for nothing.
"""

from math import log1p

import numpy as np
import numpy.typing as npt

from classifier.lexicons import LEXICONS
from classifier.text import Reading

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

_LEXICON_OF: dict[str, tuple[int, ...]] = {
    word: tuple(index for index, words in enumerate(LEXICONS.values()) if word in words.split())
    for words_of in LEXICONS.values()
    for word in words_of.split()
}


def hand_features(reading: Reading) -> npt.NDArray[np.float32]:
    """The hand features of a prompt, in the order of ``FEATURES``, float32."""
    values = _scalars(reading)
    count = reading.body.count
    values += [log1p(count(mark)) for _, mark in _MARKS]
    values += [log1p(sum(map(count, phrases))) for _, phrases in _PHRASES]
    values += _lexicon_hits(reading.counts)
    return np.array(values, dtype=np.float32)


def _scalars(reading: Reading) -> list[float]:
    """Length and shape, in the order of ``_SCALARS``."""
    body, counts = reading.body, reading.counts
    n_words = len(reading.words)
    n_read = max(len(body), 1)
    numbers = [word for word in counts if word[0] == "0"]
    n_sentences = 1 + body.count(". ") + body.count("?") + body.count("\n") + body.count("。")
    return [
        log1p(reading.n_chars),
        log1p(n_words * max(reading.n_chars, 1) / n_read),
        log1p(len(counts)),
        sum(map(len, counts)) / max(len(counts), 1) / 10,
        sum([len(word) > 8 for word in counts]) / max(len(counts), 1),
        0.0 if body.isascii() else 1 - len(body.encode("ascii", "ignore")) / n_read,
        log1p(sum([counts[word] for word in numbers])),
        log1p(len(numbers)),
        log1p(max(map(len, numbers), default=0)),
        body.count("0") / n_read,
        log1p(n_words / n_sentences),
        max(counts.values(), default=0) / max(n_words, 1),
        log1p(min([at for at in map(body.find, _PAYLOAD_STARTS) if at > 0], default=len(body))),
    ]


def _lexicon_hits(counts: dict[str, int]) -> list[float]:
    """Logarithm of one plus the words that occur of each lexicon."""
    hits = [0] * len(LEXICONS)
    for word in counts:
        for index in _LEXICON_OF.get(word, ()):
            hits[index] += counts[word]
    return [log1p(hit) for hit in hits]
