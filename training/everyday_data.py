"""Reads the everyday prompts of `training/everyday/prompts.jsonl`.

`load_everyday` is what training and the behaviour tests use. `python -m training.everyday_data counts` prints
the table of the README, `python -m training.everyday_data assign` gives every family a half anew.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from classifier.assessment import Task
from training.json_rows import json_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EVERYDAY_PATH = Path(__file__).parent / "everyday" / "prompts.jsonl"
HALVES = ("train", "behaviour")
LEVELS = ("trivial", "easy", "medium", "hard", "expert")
TASKS: tuple[str, ...] = get_args(Task)
_ROLES = ("system", "user", "assistant", "tool")
_FIELDS = (
    "id",
    "language",
    "task",
    "level",
    "complexity",
    "closed_answer",
    "output_tokens",
    "family",
    "half",
)


class EverydayDataError(ValueError):
    """The file of everyday prompts holds something it must not hold."""


@dataclass(frozen=True, slots=True)
class EverydayPrompt:
    """One everyday prompt with what a person judged of it."""

    id: str
    messages: tuple[Mapping[str, Any], ...]
    """The request as chat messages; a bare prompt is one user message."""
    tools: tuple[Mapping[str, Any], ...]
    language: str
    task: str
    level: str
    complexity: float
    """Judged probability that a good small model's answer is not good enough."""
    closed_answer: bool
    output_tokens: int
    family: str
    half: str

    @property
    def text(self) -> str:
        """The newest thing a person wrote."""
        for message in reversed(self.messages):
            if message["role"] == "user":
                return str(message["content"])
        return ""


def load_everyday(half: str | None = None, path: Path = EVERYDAY_PATH) -> list[EverydayPrompt]:
    """Reads the everyday prompts, all or one half ("train" or "behaviour").

    Raises:
        EverydayDataError: the file is missing or a line is wrong; the message names the line and the field.
        ValueError: there is no such half.
    """
    if half is not None and half not in HALVES:
        raise ValueError(f"no half {half!r}; there are {', '.join(HALVES)}")
    prompts = [_prompt(row, where) for where, row in _rows(path)]
    return [p for p in prompts if half is None or p.half == half]


def assign_halves(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Gives every family a half so that levels, languages and tasks are balanced.

    Families go one by one, the largest first and equals in the order of a hash of their names, to the half
    where they leave the smaller imbalance. The outcome depends on the rows alone, not on their order.
    """
    families: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        families[str(row["family"])].append(row)
    balance: Counter[tuple[str, ...]] = Counter()  # rows of train minus rows of behaviour, by cell
    halves: dict[str, str] = {}
    for family in sorted(families, key=lambda f: (-len(families[f]), hashlib.sha256(f.encode()).digest())):
        cells: Counter[tuple[str, ...]] = Counter()
        for row in families[family]:
            cells.update(_cells(row))
        tilt = sum(n * balance[cell] for cell, n in cells.items())
        side = -1 if tilt > 0 else 1
        if tilt == 0 and hashlib.sha256(family.encode()).digest()[0] & 1:
            side = -1
        for cell, n in cells.items():
            balance[cell] += side * n
        halves[family] = HALVES[0] if side > 0 else HALVES[1]
    return halves


def counts_table(prompts: Sequence[EverydayPrompt]) -> str:
    """The Markdown table of the README: rows by level, language and task, for either half."""
    lines = ["| | all | train | behaviour |", "|---|---:|---:|---:|"]

    def line(name: str, chosen: list[EverydayPrompt]) -> None:
        by_half = Counter(p.half for p in chosen)
        lines.append(f"| {name} | {len(chosen)} | {by_half['train']} | {by_half['behaviour']} |")

    line("all", list(prompts))
    for level in LEVELS:
        line(f"level {level}", [p for p in prompts if p.level == level])
    by_language = Counter(p.language for p in prompts)
    for language in sorted(by_language, key=lambda x: (-by_language[x], x)):
        line(f"language {language}", [p for p in prompts if p.language == language])
    for task in TASKS:
        line(f"task {task}", [p for p in prompts if p.task == task])
    line("with messages", [p for p in prompts if len(p.messages) > 1])
    line("with tools", [p for p in prompts if p.tools])
    line("over 1,000 characters", [p for p in prompts if _characters(p) > 1000])
    return "\n".join(lines)


def _cells(row: Mapping[str, Any]) -> list[tuple[str, ...]]:
    level, language, task = str(row["level"]), str(row["language"]), str(row["task"])
    return [
        ("level", level),
        ("language", language),
        ("task", task),
        ("level, language", level, language),
        ("level, task", level, task),
    ]


def _characters(prompt: EverydayPrompt) -> int:
    return sum(len(str(message.get("content") or "")) for message in prompt.messages)


def _rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    return list(json_rows(path, "everyday prompts", EverydayDataError))


def _prompt(row: dict[str, Any], where: str) -> EverydayPrompt:
    missing = [name for name in _FIELDS if name not in row]
    if missing:
        raise EverydayDataError(f"{where}: without {', '.join(missing)}")
    for name, allowed in (("task", TASKS), ("level", LEVELS), ("half", HALVES)):
        if row[name] not in allowed:
            raise EverydayDataError(f"{where}: {name} {row[name]!r} is none of {', '.join(allowed)}")
    for name in ("id", "language", "family"):
        if not isinstance(row[name], str) or not row[name]:
            raise EverydayDataError(f"{where}: {name} must be a string that is not empty")
    complexity = row["complexity"]
    if isinstance(complexity, bool) or not isinstance(complexity, int | float) or not 0 <= complexity <= 1:
        raise EverydayDataError(f"{where}: complexity {complexity!r} is not a number from 0 to 1")
    if not isinstance(row["closed_answer"], bool):
        raise EverydayDataError(f"{where}: closed_answer must be true or false")
    if type(row["output_tokens"]) is not int or row["output_tokens"] < 1:
        raise EverydayDataError(f"{where}: output_tokens must be a positive whole number")
    return EverydayPrompt(
        id=row["id"],
        messages=_messages(row, where),
        tools=_tools(row, where),
        language=row["language"],
        task=row["task"],
        level=row["level"],
        complexity=float(complexity),
        closed_answer=row["closed_answer"],
        output_tokens=row["output_tokens"],
        family=row["family"],
        half=row["half"],
    )


def _messages(row: dict[str, Any], where: str) -> tuple[Mapping[str, Any], ...]:
    if ("prompt" in row) == ("messages" in row):
        raise EverydayDataError(f"{where}: give either prompt or messages")
    if "prompt" in row:
        if not isinstance(row["prompt"], str) or not row["prompt"]:
            raise EverydayDataError(f"{where}: prompt must be a string that is not empty")
        return ({"role": "user", "content": row["prompt"]},)
    messages = row["messages"]
    if not isinstance(messages, list) or not messages:
        raise EverydayDataError(f"{where}: messages must be a list that is not empty")
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise EverydayDataError(f"{where}: a message needs a role of {', '.join(_ROLES)}")
        if not isinstance(message.get("content"), str) and not message.get("tool_calls"):
            raise EverydayDataError(f"{where}: a {message['role']} message without content")
    if not any(message["role"] == "user" for message in messages):
        raise EverydayDataError(f"{where}: no message of a user")
    return tuple(messages)


def _tools(row: dict[str, Any], where: str) -> tuple[Mapping[str, Any], ...]:
    tools = row.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise EverydayDataError(f"{where}: tools must be a list of objects")
    return tuple(tools)


def _assign(path: Path) -> None:
    rows = [row for _, row in _rows(path)]
    halves = assign_halves(rows)
    lines = [json.dumps({**row, "half": halves[str(row["family"])]}, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _main(arguments: Sequence[str]) -> int:
    if list(arguments) == ["assign"]:
        _assign(EVERYDAY_PATH)
    elif list(arguments) == ["counts"]:
        print(counts_table(load_everyday()))
    else:
        print("usage: python -m training.everyday_data counts | assign", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
