"""Reads the project's own requests with a system message, and system messages; see training/instructed/README.md."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from classifier.request import MOST_CHARS
from training.json_rows import json_rows
from training.judged_prompt import JudgedPrompt, complaint_of

INSTRUCTED_PATH = Path(__file__).parent / "instructed" / "prompts.jsonl"
SYSTEM_PATH = INSTRUCTED_PATH.with_name("system_messages.jsonl")

# Shares of the messages that are also shown beside a setting, of those that stand before it, and of those a line apart from it.
_IN_COMPANY, _BEHIND, _LINES = 0.25, 0.3, 0.4

Half = Literal["train", "held-out"]


class InstructedDataError(ValueError):
    """The file is missing or a line of it is not as the README says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructedPrompt(JudgedPrompt):
    """A system message and one human turn, with what its author judged of them."""

    instructions: str
    asks: bool
    """Whether the turn says what is wanted; else it is material, and only the instructions say what to do with it."""
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
    complaint = complaint_of(row, _NAMES, ("instructions",))
    if not complaint and not isinstance(row["asks"], bool):
        complaint = "asks must be true or false"
    if not complaint and row["half"] not in get_args(Half):
        complaint = f"half {row['half']!r} is none of {', '.join(get_args(Half))}"
    if complaint:
        raise InstructedDataError(f"{where}: {complaint}")
    return InstructedPrompt(**row)
