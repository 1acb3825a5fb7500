"""Reading recorded outcomes: tables to arrays, rejected rows counted by reason."""

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]

PROMPT_COLUMNS = ("prompt_id", "source", "subset", "prompt", "category", "language", "kind", "group", "split")
OUTCOME_COLUMNS = ("prompt_id", "model", "score", "output_tokens", "output_chars", "suspect")


class DataError(ValueError):
    """Training data that cannot be used; the message names the file, the column and the fix."""


@dataclass(frozen=True, slots=True)
class Data:
    """Prompts and what models made of them.

    Attributes:
        ids, texts: of the prompts, as long as the arrays that follow.
        source, subset, category, language, kind, split: of each prompt; split is train, calibration or test.
        group: near-duplicates share a number and a split.
        prompt_of: index of the prompt of each outcome.
        model_of: index into ``models`` of each outcome.
        score: of each outcome, in [0, 1].
        output_tokens: of each outcome, NaN where not recorded; characters / 4 where only those are.
        suspect: True where the score is likely an artefact of the run.
        models: names of the models.
        tiers: tier of each model that has one.
        rejected: rows left out, by reason.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    source: Strings
    subset: Strings
    category: Strings
    language: Strings
    kind: Strings
    group: Ints
    split: Strings
    prompt_of: Ints
    model_of: Ints
    score: Floats
    output_tokens: Floats
    suspect: Bools
    models: tuple[str, ...]
    tiers: Mapping[str, str]
    rejected: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of prompts."""
        return len(self.ids)

    def fingerprint(self) -> str:
        """SHA-256 over prompts, splits and outcomes: equal data, equal fingerprint."""
        digest = hashlib.sha256()
        for text, split in zip(self.texts, self.split, strict=True):
            digest.update(f"{split}\0{text}\0".encode("utf-8", "surrogatepass"))
        for array in (self.prompt_of, self.model_of, self.score, self.suspect):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update("\0".join(self.models).encode())
        return digest.hexdigest()


def load(directory: Path) -> Data:
    """Read ``prompts.parquet``, ``outcomes.parquet`` and ``models.csv`` of ``directory``.

    Raises:
        DataError: a file or a column is missing.
    """
    prompts = _table(directory / "prompts.parquet", PROMPT_COLUMNS)
    outcomes = _table(directory / "outcomes.parquet", OUTCOME_COLUMNS)
    return from_columns(prompts, outcomes, read_tiers(directory / "models.csv"))


def from_columns(
    prompts: Mapping[str, Sequence[Any]], outcomes: Mapping[str, Sequence[Any]], tiers: Mapping[str, str]
) -> Data:
    """Check columns row by row and put what is sound into arrays."""
    rejected: Counter[str] = Counter()
    keep = _sound_prompts(prompts, rejected)
    row_of = {prompts["prompt_id"][row]: index for index, row in enumerate(keep)}
    kept = _sound_outcomes(outcomes, row_of, rejected)
    models = tuple(sorted({outcomes["model"][row] for row in kept}))
    number_of = {model: index for index, model in enumerate(models)}
    strings = {
        name: np.array([str(prompts[name][row] or "") for row in keep], dtype=np.str_)
        for name in ("source", "subset", "category", "language", "kind", "split")
    }
    return Data(
        ids=tuple(str(prompts["prompt_id"][row]) for row in keep),
        texts=tuple(prompts["prompt"][row] for row in keep),
        group=np.array([prompts["group"][row] for row in keep], dtype=np.int64),
        prompt_of=np.array([row_of[outcomes["prompt_id"][row]] for row in kept], dtype=np.int64),
        model_of=np.array([number_of[outcomes["model"][row]] for row in kept], dtype=np.int64),
        score=np.array([outcomes["score"][row] for row in kept], dtype=np.float64),
        output_tokens=np.array([_tokens(outcomes, row) for row in kept], dtype=np.float64),
        suspect=np.array([bool(outcomes["suspect"][row]) for row in kept], dtype=np.bool_),
        models=models,
        tiers=tiers,
        rejected=dict(sorted(rejected.items())),
        **strings,
    )


def read_tiers(path: Path) -> dict[str, str]:
    """Model to tier, from a CSV with the columns ``model`` and ``tier``."""
    if not path.is_file():
        raise DataError(f"{path}: not found; it is a CSV with the columns model and tier")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["model"]: row["tier"] for row in csv.DictReader(file)}


def _table(path: Path, columns: tuple[str, ...]) -> dict[str, list[Any]]:
    """The named columns of a parquet file as lists."""
    if not path.is_file():
        raise DataError(f"{path}: not found; give the directory that holds it with --data")
    missing = sorted(set(columns) - set(pq.read_schema(path).names))
    if missing:
        raise DataError(f"{path}: columns missing: {', '.join(missing)}; expected {', '.join(columns)}")
    table: dict[str, list[Any]] = pq.read_table(path, columns=list(columns)).to_pydict()
    return table


def _sound_prompts(prompts: Mapping[str, Sequence[Any]], rejected: Counter[str]) -> list[int]:
    """Rows whose prompt can be used."""
    seen: set[str] = set()
    keep: list[int] = []
    for row, (name, text) in enumerate(zip(prompts["prompt_id"], prompts["prompt"], strict=True)):
        reason = _prompt_fault(name, text, prompts["split"][row], seen)
        if reason:
            rejected[reason] += 1
            continue
        seen.add(name)
        keep.append(row)
    return keep


def _prompt_fault(name: object, text: object, split: object, seen: set[str]) -> str:
    """Why a prompt cannot be used; empty if it can."""
    if not isinstance(name, str) or name in seen:
        return "prompt: id missing or repeated"
    if not isinstance(text, str) or not text.strip():
        return "prompt: empty"
    return "" if split in ("train", "calibration", "test") else "prompt: unknown split"


def _sound_outcomes(
    outcomes: Mapping[str, Sequence[Any]], row_of: Mapping[str, int], rejected: Counter[str]
) -> list[int]:
    """Rows whose outcome can be used."""
    seen: set[tuple[str, str]] = set()
    keep: list[int] = []
    for row, cell in enumerate(zip(outcomes["prompt_id"], outcomes["model"], strict=True)):
        reason = _outcome_fault(cell, outcomes["score"][row], row_of, seen)
        if reason:
            rejected[reason] += 1
            continue
        seen.add(cell)
        keep.append(row)
    return keep


def _outcome_fault(
    cell: tuple[str, str], score: float | None, row_of: Mapping[str, int], seen: set[tuple[str, str]]
) -> str:
    """Why an outcome cannot be used; empty if it can."""
    if cell[0] not in row_of:
        return "outcome: unknown prompt"
    if cell in seen:
        return "outcome: repeated"
    return "" if score is not None and 0 <= score <= 1 else "outcome: score missing or outside [0, 1]"


def _tokens(outcomes: Mapping[str, Sequence[Any]], row: int) -> float:
    """Answer length in tokens; four characters a token where only characters are recorded (English prose)."""
    tokens, chars = outcomes["output_tokens"][row], outcomes["output_chars"][row]
    if tokens:
        return float(tokens)
    return float(chars) / 4 if chars else float("nan")
