"""Reads the project's own requests with a system message, and system messages; see training/instructed/README.md."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from classifier.assessment import TASKS
from classifier.request import MOST_CHARS
from training.json_rows import json_rows

INSTRUCTED_PATH = Path(__file__).parent / "instructed" / "prompts.jsonl"
SYSTEM_PATH = INSTRUCTED_PATH.with_name("system_messages.jsonl")

# Shares of the messages that are also shown beside a setting, of those that stand before it, and of those a line apart from it.
_IN_COMPANY, _BEHIND, _LINES = 0.25, 0.3, 0.4

Half = Literal["train", "held-out"]


class InstructedDataError(ValueError):
    """The file is missing or a line of it is not as the README says."""


@dataclass(frozen=True, slots=True)
class InstructedPrompt:
    """A system message and one human turn, with what its author judged of them."""

    id: str
    instructions: str
    prompt: str
    asks: bool
    """Whether the turn says what is wanted; else it is material, and only the instructions say what to do with it."""
    language: str
    task: str
    p_small: float
    """Judged probability that a good small model's answer is right, or good enough."""
    p_strong: float
    """The same for a strong model that does not reason at length."""
    closed: bool
    tokens: int
    """Rough usual length of an answer."""
    family: str
    """Shared by requests over the same material or with the same instructions."""
    half: Half


@dataclass(frozen=True, slots=True)
class SystemMessage:
    """A short system message by itself."""

    text: str
    is_task: bool
    """Whether it says what is to be done with whatever the turn brings; else it sets a form, a language, a date, a role."""
    language: str
    alone: str | None = None
    """Of one that stands beside a setting, the message by itself."""


_NAMES = tuple(field.name for field in fields(InstructedPrompt))
_KINDS = {"asks": bool, "closed": bool, "p_small": float, "p_strong": float, "tokens": int}
_CHOICES: dict[str, tuple[str, ...]] = {"task": TASKS, "half": get_args(Half)}
_LIMITS = {"p_small": (0.0, 1.0), "p_strong": (0.0, 1.0), "tokens": (1.0, float("inf"))}


def load_instructed(half: Half, path: Path = INSTRUCTED_PATH) -> list[InstructedPrompt]:
    """Reads one half of the requests, in the order of the file.

    Raises:
        InstructedDataError: the file is missing or a line is wrong; the message names the line and the field.
    """
    found = [_prompt(row, where) for where, row in json_rows(path, "requests", InstructedDataError)]
    return [prompt for prompt in found if prompt.half == half]


def load_system_messages(path: Path = SYSTEM_PATH) -> list[SystemMessage]:
    """Reads the system messages, in the order of the file.

    Raises:
        InstructedDataError: the file is missing or a line is wrong; the message names the line.
    """
    return [_system_message(row, where) for where, row in json_rows(path, "system messages", InstructedDataError)]


def in_company(messages: Sequence[SystemMessage], seed: int) -> list[SystemMessage]:
    """A quarter of the system messages once more, each beside a setting: a task with a setting is a task, two settings are none."""
    random = np.random.default_rng(seed)
    settings = [message.text for message in messages if not message.is_task and len(message.text) <= MOST_CHARS // 2]
    if not settings:
        return []
    found = []
    for message in messages:
        both = [settings[int(random.integers(len(settings)))], message.text]
        if random.random() < _BEHIND:
            both.reverse()
        text = ("\n" if random.random() < _LINES else " ").join(both)
        if random.random() < _IN_COMPANY and len(text) <= MOST_CHARS:
            found.append(replace(message, text=text, alone=message.text))
    return found


def _system_message(row: dict[str, Any], where: str) -> SystemMessage:
    right = {"text": str, "is_task": bool, "language": str}
    if {name: type(value) for name, value in row.items()} != right or not row["text"].strip():
        raise InstructedDataError(f"{where}: fields must be text and language, words, and is_task, true or false")
    return SystemMessage(**row)


def _prompt(row: dict[str, Any], where: str) -> InstructedPrompt:
    if set(row) != set(_NAMES):
        raise InstructedDataError(f"{where}: fields must be {', '.join(_NAMES)}")
    for name in _NAMES:
        if not _is_right(name, row[name]):
            raise InstructedDataError(f"{where}: {name} {row[name]!r} is not what the README says")
    return InstructedPrompt(**row)


def _is_right(name: str, value: Any) -> bool:
    kind, found = _KINDS.get(name, str), type(value)
    if found is not kind and not (kind is float and found is int):
        return False
    if name in _LIMITS:
        least, most = _LIMITS[name]
        return bool(least <= value <= most)
    if name in _CHOICES:
        return value in _CHOICES[name]
    return kind is not str or bool(value.strip())
