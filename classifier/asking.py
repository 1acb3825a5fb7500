"""How a prompt asks: its first word, its last sentence, its last mark; and whether it says nothing but "begin"."""

from math import log1p

from classifier.text import Reading

ASKING: tuple[str, ...] = (
    "begins with a question word",
    "ends with a question mark",
    "ends with a full stop",
    "ends with a colon",
    "asks which near the end",
    "words of the last sentence",
    "numbers of one digit",
)

_QUESTION_WORDS = frozenset({"what", "which", "who", "when", "where", "why", "how"})
# A number of one digit, as it is read.
_DIGIT = "0"
_STOPS = ".?!\n。？！"
# Words of turns that only have an answer begin, whose task stands elsewhere. Scripts without spaces are read as pairs of characters.
_BEGINNING = {
    "begin", "start", "go", "ahead", "proceed", "continue", "run", "execute", "now", "do", "it", "the", "task", "let",
    "s", "los", "geht", "beginne", "fang", "an", "jetzt", "commence", "commencez", "allez", "y", "vas", "empieza",
    "comienza", "adelante", "ahora", "inizia", "vai", "comece", "agora", "начни", "начинай", "начинайте", "开始", "開始",
    "始め", "めて", "시작",
}  # fmt: skip
_MOST_BEGINNING = 5
# Where a long text's question, and the start of its last sentence, are looked for first, in characters from its end.
_NEAR_THE_END = 100
# Characters of the last sentence whose words are counted: longer ones are as long as that.
_LONG_SENTENCE = 400


def asking(reading: Reading) -> list[float]:
    """The numbers of ``ASKING``, in their order."""
    body = reading.body.rstrip()
    last = body[-1:]
    sentence = body.rstrip(_STOPS + " ")
    near = sentence[-_NEAR_THE_END:]
    start = max(map(near.rfind, _STOPS))
    # most last sentences are short: the whole body is searched for the others only
    sentence = near[start + 1 :] if start >= 0 else sentence[max(map(sentence.rfind, _STOPS)) + 1 :]
    return [
        reading.spaced.lstrip().partition(" ")[0] in _QUESTION_WORDS,
        last in ("?", "？"),
        last in (".", "。"),
        last in (":", "\uff1a"),
        "which " in body[-_NEAR_THE_END:],
        log1p(len(sentence[-_LONG_SENTENCE:].split())),
        log1p(reading.numbers.count(_DIGIT)),
    ]


def only_begins(reading: Reading) -> bool:
    """Whether a turn has no word at all, or none but such as "Begin.": then it neither asks nor brings anything."""
    if reading.n_options or reading.n_pasted_chars:
        return False
    words = reading.spaced.split(maxsplit=_MOST_BEGINNING)
    return len(words) <= _MOST_BEGINNING and _BEGINNING.issuperset(words)
