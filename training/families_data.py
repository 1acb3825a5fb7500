"""Reads the prompts by kind of task of `training/families/prompts.jsonl`.

`load_families` is what training uses; `python -m training.families_data counts` prints the tables of the README.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, get_args

from classifier.assessment import Task
from training.json_rows import json_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

FAMILIES_PATH = Path(__file__).parent / "families" / "prompts.jsonl"
TASKS: tuple[str, ...] = get_args(Task)


class FamiliesDataError(ValueError):
    """The file of prompts by kind holds something it must not hold."""


@dataclass(frozen=True, slots=True)
class FamilyPrompt:
    """One prompt of a kind of task with what its author judged of it."""

    id: str
    kind: str
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
    """Shared by near duplicates and by prompts on the same passage."""


_NAMES = tuple(field.name for field in fields(FamilyPrompt))


def load_families(path: Path = FAMILIES_PATH) -> list[FamilyPrompt]:
    """Reads the prompts in the order of the file.

    Raises:
        FamiliesDataError: the file is missing or a line is wrong; the message names the line and the field.
    """
    return [_prompt(row, where) for where, row in json_rows(path, "prompts by kind", FamiliesDataError)]


def counts_tables(prompts: Sequence[FamilyPrompt]) -> str:
    """The Markdown tables of the README: prompts and mean probabilities by kind, prompts by language."""
    lines = ["| kind | prompts | mean p_small | mean p_strong |", "|---|---:|---:|---:|"]
    for kind in dict.fromkeys(p.kind for p in prompts):
        chosen = [p for p in prompts if p.kind == kind]
        small, strong = mean(p.p_small for p in chosen), mean(p.p_strong for p in chosen)
        lines.append(f"| {kind} | {len(chosen)} | {small:.2f} | {strong:.2f} |")
    small, strong = mean(p.p_small for p in prompts), mean(p.p_strong for p in prompts)
    lines += [f"| all | {len(prompts)} | {small:.2f} | {strong:.2f} |", "", "| language | prompts |", "|---|---:|"]
    by_language = Counter(p.language for p in prompts)
    lines += [f"| {name} | {n} |" for name, n in sorted(by_language.items(), key=lambda x: (-x[1], x[0]))]
    return "\n".join(lines)


def _prompt(row: dict[str, Any], where: str) -> FamilyPrompt:
    if set(row) != set(_NAMES):
        raise FamiliesDataError(f"{where}: fields are {', '.join(sorted(row))}; they must be {', '.join(_NAMES)}")
    for name in ("id", "kind", "prompt", "language", "family"):
        if not isinstance(row[name], str) or not row[name].strip():
            raise FamiliesDataError(f"{where}: {name} must be a string that is not empty")
    if row["task"] not in TASKS:
        raise FamiliesDataError(f"{where}: task {row['task']!r} is none of {', '.join(TASKS)}")
    for name in ("p_small", "p_strong"):
        if not _is_probability(row[name]):
            raise FamiliesDataError(f"{where}: {name} {row[name]!r} is not a number from 0 to 1")
    if not isinstance(row["closed"], bool):
        raise FamiliesDataError(f"{where}: closed must be true or false")
    if type(row["tokens"]) is not int or row["tokens"] < 1:
        raise FamiliesDataError(f"{where}: tokens must be a positive whole number")
    return FamilyPrompt(**row)


def _is_probability(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


if __name__ == "__main__":
    if sys.argv[1:] != ["counts"]:
        sys.exit("usage: python -m training.families_data counts")
    print(counts_tables(load_families()))
