"""What the judge found: read tolerantly, kept strictly. Reading never raises; what cannot be read is left out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

from router.core.tolerant_json import read_json_object

MAX_ENTRIES = 32
MAX_CHARS = 2_000
"""Of one entry. An analysis is meant to be compact."""


@dataclass(frozen=True, slots=True)
class Stance:
    """What one candidate holds on a topic."""

    model: str
    stance: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Where candidates disagree."""

    topic: str
    stances: tuple[Stance, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """A point that only some candidates made."""

    models: tuple[str, ...]
    point: str


@dataclass(frozen=True, slots=True)
class Insight:
    """A point that one candidate made."""

    model: str
    insight: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """The judge's comparison. The first five are OpenRouter Fusion's keys, with its shapes.

    Attributes:
        dissent: positions that the answer did not adopt and that may be right.
        confidence: the judge's own, in [0, 1]; None where it gave none.
        chosen: letter of the candidate relied on most; empty where none was named.
        why: of the choice, in one sentence.
    """

    consensus: tuple[str, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    partial_coverage: tuple[Coverage, ...] = ()
    unique_insights: tuple[Insight, ...] = ()
    blind_spots: tuple[str, ...] = ()
    dissent: tuple[str, ...] = ()
    confidence: float | None = None
    chosen: str = ""
    why: str = ""

    def facts(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def with_names(analysis: Analysis, names: Mapping[str, str]) -> Analysis:
    """The same analysis with models in the place of letters; ``chosen`` stays a letter."""

    def named(label: str) -> str:
        match = re.fullmatch(r"(?:candidate\s*)?([a-z])", label.strip(), re.IGNORECASE)
        return names.get(match[1].upper(), label) if match else label

    return replace(
        analysis,
        contradictions=tuple(
            replace(entry, stances=tuple(replace(stance, model=named(stance.model)) for stance in entry.stances))
            for entry in analysis.contradictions
        ),
        partial_coverage=tuple(
            replace(entry, models=tuple(named(model) for model in entry.models)) for entry in analysis.partial_coverage
        ),
        unique_insights=tuple(replace(entry, model=named(entry.model)) for entry in analysis.unique_insights),
    )


def read_analysis(text: str) -> Analysis | None:
    """Read an analysis out of a text; None where it holds none of the keys."""
    found = _with_our_keys(read_json_object(text))
    inner = found.get("analysis")
    if isinstance(inner, Mapping):
        found = {**_with_our_keys(inner), **{key: value for key, value in found.items() if key != "analysis"}}
    if not found.keys() & _KEYS:
        return None
    return Analysis(
        consensus=_texts(found.get("consensus")),
        contradictions=tuple(_contradiction(entry) for entry in _entries(found.get("contradictions"))),
        partial_coverage=tuple(_coverage(entry) for entry in _entries(found.get("partial_coverage"))),
        unique_insights=tuple(_insight(entry) for entry in _entries(found.get("unique_insights"))),
        blind_spots=_texts(found.get("blind_spots")),
        dissent=_texts(found.get("dissent")),
        confidence=_share(found.get("confidence")),
        chosen=_letter(found.get("chosen")),
        why=_text(found.get("why")),
    )


_KEYS = frozenset(Analysis.__dataclass_fields__)


def _with_our_keys(found: Mapping[str, Any]) -> dict[str, Any]:
    """``Blind Spots`` and ``blindSpots`` are ``blind_spots``."""
    return {re.sub(r"(?<=[a-z])(?=[A-Z])|[\s-]+", "_", key.strip()).lower(): value for key, value in found.items()}


def _entries(value: Any) -> Sequence[Any]:
    """A list of what was meant as one: a lone entry, or an object with names for keys."""
    if value is None or value == "":
        return ()
    if isinstance(value, list):
        return [entry for entry in value if entry not in (None, "", {}, [])][:MAX_ENTRIES]
    if isinstance(value, Mapping) and value and not value.keys() & _ENTRY_KEYS:
        return [{"model": key, "topic": key, "insight": entry, "point": entry, "stances": entry}
                for key, entry in value.items()][:MAX_ENTRIES]  # fmt: skip
    return [value]


_ENTRY_KEYS = frozenset(("topic", "stances", "models", "model", "point", "insight", "stance"))


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        parts = [line.strip(" \t-*•") for line in value.split("\n")]
        return tuple(part[:MAX_CHARS] for part in parts if part)[:MAX_ENTRIES]
    return tuple(text for entry in _entries(value) if (text := _text(entry)))


def _text(value: Any) -> str:
    """One line of text, whatever it was given as."""
    if isinstance(value, str):
        return value.strip()[:MAX_CHARS]
    if isinstance(value, Mapping):
        return "; ".join(part for entry in value.values() if (part := _text(entry)))[:MAX_CHARS]
    if isinstance(value, list):
        return "; ".join(part for entry in value if (part := _text(entry)))[:MAX_CHARS]
    return "" if value is None or isinstance(value, bool) else str(value)[:MAX_CHARS]


def _contradiction(entry: Any) -> Contradiction:
    if not isinstance(entry, Mapping):
        return Contradiction(_text(entry))
    stances = entry.get("stances", entry.get("positions"))
    if isinstance(stances, Mapping) and not stances.keys() & _ENTRY_KEYS:
        read = tuple(Stance(_text(model), _text(stance)) for model, stance in stances.items())
    else:
        read = tuple(_stance(stance) for stance in _entries(stances))
    return Contradiction(_text(entry.get("topic", entry.get("point"))), read)


def _stance(entry: Any) -> Stance:
    if isinstance(entry, Mapping):
        model = entry.get("model", entry.get("candidate"))
        return Stance(_text(model), _text(entry.get("stance", entry.get("position"))))
    model, colon, stance = _text(entry).partition(":")
    return Stance(model.strip(), stance.strip()) if colon and len(model) < 40 else Stance("", _text(entry))


def _coverage(entry: Any) -> Coverage:
    if not isinstance(entry, Mapping):
        return Coverage((), _text(entry))
    return Coverage(_texts(entry.get("models", entry.get("model"))), _text(entry.get("point", entry.get("insight"))))


def _insight(entry: Any) -> Insight:
    if not isinstance(entry, Mapping):
        return Insight("", _text(entry))
    return Insight(_text(entry.get("model", entry.get("candidate"))), _text(entry.get("insight", entry.get("point"))))


def _share(value: Any) -> float | None:
    """``0.8``, ``"80%"``, ``80`` and ``"high"`` all say how sure the judge is."""
    if isinstance(value, str):
        word = value.strip().casefold()
        if word in _SURE:
            return _SURE[word]
        match = re.match(r"\d*\.?\d+", word)
        value = float(match[0]) if match and len(match[0]) < 20 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    value = value / 100 if 1 < value <= 100 else value
    return float(value) if 0 <= value <= 1 else None


_SURE = {"very high": 0.95, "high": 0.85, "medium": 0.6, "moderate": 0.6, "low": 0.3, "very low": 0.1}


def _letter(value: Any) -> str:
    """``B``, ``Candidate B``, ``["B"]`` and ``{"candidate": "B"}`` name the same candidate."""
    match = re.search(r"(?:^|candidate\s*|[^A-Za-z])([A-Za-z])(?![A-Za-z])", _text(value), re.IGNORECASE)
    return match[1].upper() if match else ""
