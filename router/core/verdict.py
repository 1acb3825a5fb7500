"""Whether candidates agree: closed answers by their form, open ones by near-identity of their words."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal

from router.core.closed_answer import ClosedAnswer, find_closed_answer
from router.core.quantity import is_measure

NEAR_IDENTITY = 0.85
"""Share of word triples in common from which two open answers say the same. Source: the upper end of what
near-duplicate detection on the web uses (0.7 to 0.85), since here it may save a judge."""

SHORT_CHARS = 400
"""Answers up to this long may be counted as closed where nobody said that a closed answer is expected."""

SHORT_LABEL_CHARS = 40
"""A whole answer up to this long may be a label where nobody said that one is asked for."""

_SAMPLE_CHARS = 4_000
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)*|[぀-ヿ一-鿿가-힯]", re.UNICODE)
_NAME = re.compile(r"\b[A-ZÀ-ÖØ-ÞА-Я]\w*")
_NEGATION_WORDS = "not no never none neither nor cannot nicht kein keine nie pas jamais non sin nunca нет не 不 没"
_OPPOSITE_WORDS = (
    "true false yes right wrong accept reject approve deny allow forbid increase increases increased decrease decreases "
    "decreased rise rises rose fall falls fell more less most least higher lower highest lowest high low above below before "
    "after always sometimes rarely all some every with without only except safe dangerous guilty innocent buy sell win wins "
    "lose loses positive negative pass passes fail fails failed success failure for against support oppose better worse best "
    "worst good bad may must cannot possible begin end open closed left first last fact myth"
)
_TELLING = frozenset((*_NEGATION_WORDS.split(), *_OPPOSITE_WORDS.split()))
_TURNING_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How candidates fall into groups that say the same.

    Attributes:
        kind: ``closed`` where every group but abstentions is a closed answer, else ``open``.
        groups: indices of the candidates, the largest group first; within and among equals, in the given order.
    """

    kind: Literal["closed", "open"]
    groups: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Number of candidates."""
        return sum(len(group) for group in self.groups)

    @property
    def agreement(self) -> float:
        """Share of the candidates in the largest group, in [0, 1]; 0 where no two say the same."""
        return len(self.groups[0]) / self.size if self.groups and len(self.groups[0]) > 1 else 0.0

    @property
    def unanimous(self) -> bool:
        """At least two candidates, and all say the same."""
        return len(self.groups) == 1 and self.size > 1

    @property
    def majority(self) -> tuple[int, ...]:
        """The group that more than half belong to; empty where there is none. One candidate is no majority."""
        return self.groups[0] if self.size > 1 and len(self.groups[0]) * 2 > self.size else ()


def compare(texts: Sequence[str], closed_expected: bool | None = None, *, labels: bool = True) -> Verdict:
    """Group candidates that say the same.

    Args:
        texts: the candidates.
        closed_expected: whether a closed answer was asked for; None where nobody knows, and then only short texts
            are read as closed answers.
        labels: whether words that are neither number, option nor yes or no may be closed answers in long texts
            too; only where somebody knows that a label is asked for ("the answer is complicated" is none).
    """
    may_be_closed = closed_expected or (
        closed_expected is None and all(len(text.strip()) <= SHORT_CHARS for text in texts)
    )
    if may_be_closed and texts:
        answers = [_counted(text, labels=labels) for text in texts]
        if sum(answer is not None for answer in answers) * 2 > len(answers) and _are_closed(answers, closed_expected):
            return Verdict("closed", _ranked(_same_answers(answers)))
    return Verdict("open", _ranked(_near_identical(texts)))


def _counted(text: str, *, labels: bool) -> ClosedAnswer | None:
    answer = find_closed_answer(text)
    if answer is not None and answer.kind == "label" and not labels and len(text.strip()) > SHORT_LABEL_CHARS:
        return None
    return answer


class _Read:
    """A text, taken apart once however many others it is compared with."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def sample(self) -> set[tuple[str, ...]]:
        """Word triples of its beginning."""
        return _triples(_words(self.text[:_SAMPLE_CHARS]))

    @cached_property
    def words(self) -> list[str]:
        return _words(self.text)

    @cached_property
    def triples(self) -> set[tuple[str, ...]]:
        return _triples(self.words)

    @cached_property
    def telling(self) -> Counter[str]:
        """Numbers, negations and words that have an opposite: one of them can turn an answer around."""
        return Counter(
            word for word in self.words if word[0].isdigit() or word in _TELLING or word.endswith(("n't", "n’t"))
        )

    @cached_property
    def names(self) -> set[str]:
        return set(_NAME.findall(self.text))


def _is_near_identical(one: _Read, other: _Read) -> bool:
    """Whether two texts say the same in nearly the same words: no number, name, negation or opposite may differ."""
    if one.text == other.text:
        return True
    lengths = len(one.text), len(other.text)
    if not min(lengths) or min(lengths) < max(lengths) * 0.6:
        return False
    if max(lengths) > _SAMPLE_CHARS and not _alike(one.sample, other.sample):
        return False
    if one.names != other.names or one.telling != other.telling or not _alike(one.triples, other.triples):
        return False
    ones, others = set(one.words), set(other.words)
    return not (_turn(ones - others, others) or _turn(others - ones, ones))


def _turn(new: Collection[str], others: Collection[str]) -> bool:
    """Whether a word is another's opposite by its beginning: ``unsafe``, ``illegal``."""
    return any(
        word.startswith(prefix) and word.removeprefix(prefix) in others for word in new for prefix in _TURNING_PREFIXES
    )


def equal_texts(texts: Sequence[str]) -> Verdict:
    """Group texts that are the same to the letter: for JSON, where one word can be the whole answer."""
    groups: dict[str, list[int]] = {}
    for index, text in enumerate(texts):
        groups.setdefault(text, []).append(index)
    return Verdict("closed", _ranked(list(groups.values())))


def _are_closed(answers: Sequence[ClosedAnswer | None], closed_expected: bool | None) -> bool:
    """Labels alone do not make a closed question: an open answer in a few words is a label too."""
    kinds = Counter(answer.kind for answer in answers if answer is not None)
    return bool(closed_expected) or kinds["label"] * 2 < kinds.total()


def _same_answers(answers: Sequence[ClosedAnswer | None]) -> list[list[int]]:
    """Group by form; whoever gives none stands alone. A bare number joins the one group with its number and a unit."""
    groups: dict[ClosedAnswer, list[int]] = {}
    said: dict[ClosedAnswer, set[str]] = {}
    alone: list[list[int]] = []
    for index, answer in enumerate(answers):
        if answer is None:
            alone.append([index])
        else:
            groups.setdefault(answer, []).append(index)
            said.setdefault(answer, set()).add(answer.said)
    for bare in [answer for answer in groups if answer.kind == "number" and not answer.unit]:
        with_unit = [
            answer for answer in groups if is_measure(answer.unit) and _same_number(bare, answer, said[answer])
        ]
        if len(with_unit) == 1:
            groups[with_unit[0]] = sorted(groups[with_unit[0]] + groups.pop(bare))
    return [*groups.values(), *alone]


def _same_number(bare: ClosedAnswer, other: ClosedAnswer, said: Collection[str]) -> bool:
    """``50`` and ``0.5`` both may mean ``50 %``."""
    if other.unit == "%" and Fraction(bare.value) * 100 == Fraction(other.value):
        return True
    return bare.value in said


def _near_identical(texts: Sequence[str]) -> list[list[int]]:
    groups: list[list[int]] = []
    read = [_Read(text) for text in texts]
    for index, text in enumerate(read):
        group = next((group for group in groups if _is_near_identical(read[group[0]], text)), None)
        if group is None:
            groups.append([index])
        else:
            group.append(index)
    return groups


def _alike(triples: set[tuple[str, ...]], others: set[tuple[str, ...]]) -> bool:
    union = len(triples | others)
    return union > 0 and len(triples & others) / union >= NEAR_IDENTITY


def _words(text: str) -> list[str]:
    found: list[str] = _WORD.findall(text.casefold())
    return found


def _triples(words: Sequence[str]) -> set[tuple[str, ...]]:
    if len(words) < 3:
        return {tuple(words)} if words else set()
    return set(zip(words, words[1:], words[2:], strict=False))


def _ranked(groups: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(sorted((tuple(group) for group in groups), key=lambda group: (-len(group), group[0])))
