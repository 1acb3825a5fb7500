"""A prompt with what its author judged of it: the fields that the project's own files of such prompts share."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from classifier.assessment import TASKS

_TEXTS = ("id", "prompt", "language", "family")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPrompt:
    """One prompt."""

    id: str
    prompt: str
    language: str
    task: str
    p_small: float
    """Judged probability that a good small model's answer is right, or good enough."""
    p_strong: float
    """The same for a strong model that does not reason at length."""
    closed: bool
    """Whether one short answer is right."""
    tokens: int
    """Rough usual length of an answer."""
    family: str
    """Shared by near duplicates, and by prompts over the same material or under the same instructions."""


def complaint_of(row: dict[str, Any], names: Collection[str], texts: Collection[str]) -> str:
    """What is wrong with a line; empty where nothing is.

    Args:
        row: the line.
        names: the fields that it must have.
        texts: those beside the shared ones that are strings and not empty.
    """
    if set(row) != set(names):
        return f"fields are {', '.join(sorted(row))}; they must be {', '.join(names)}"
    for name in (*_TEXTS, *texts):
        if not isinstance(row[name], str) or not row[name].strip():
            return f"{name} must be a string that is not empty"
    if row["task"] not in TASKS:
        return f"task {row['task']!r} is none of {', '.join(TASKS)}"
    for name in ("p_small", "p_strong"):
        if not _is_probability(row[name]):
            return f"{name} {row[name]!r} is not a number from 0 to 1"
    if not isinstance(row["closed"], bool):
        return "closed must be true or false"
    if type(row["tokens"]) is not int or row["tokens"] < 1:
        return "tokens must be a positive whole number"
    return ""


def _is_probability(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
