"""Reads the prompts by kind of task of `training/families/prompts.jsonl`.

`load_families` is what training uses; `python -m training.families_data counts` prints the tables of the README.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from training.json_rows import json_rows
from training.judged_prompt import JudgedPrompt, complaint_of

if TYPE_CHECKING:
    from collections.abc import Sequence

FAMILIES_PATH = Path(__file__).parent / "families" / "prompts.jsonl"


class FamiliesDataError(ValueError):
    """The file of prompts by kind holds something it must not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyPrompt(JudgedPrompt):
    """One prompt of a kind of task with what its author judged of it."""

    kind: str


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
    if complaint := complaint_of(row, _NAMES, ("kind",)):
        raise FamiliesDataError(f"{where}: {complaint}")
    return FamilyPrompt(**row)


if __name__ == "__main__":
    if sys.argv[1:] != ["counts"]:
        sys.exit("usage: python -m training.families_data counts")
    print(counts_tables(load_families()))
