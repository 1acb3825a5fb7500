"""Whatever outcomes are recorded in, to the one table that training uses; rows left out are counted by reason.

| format | what it is |
|---|---|
| ``tables`` | directory with ``prompts.parquet``, ``outcomes.parquet`` and ``models.csv`` |
| ``wide`` | RouterBench: one row a prompt, one column of scores a model; CSV, parquet or a pickled data frame |
| ``pairs`` | RouteLLM: one row a comparison of two models; JSONL, CSV or parquet |
| ``ledger`` | the gateway's export: one row a judged answer; JSONL, CSV or parquet |
"""

import csv
import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training import data as tables
from training.data import Data, DataError, read_tiers
from training.readers.ledger import read_ledger
from training.readers.pairs import read_pairs
from training.readers.rows import Answers, assemble, records
from training.readers.wide import read_wide
from training.state import write_json, write_text

FORMATS = ("auto", "tables", "wide", "pairs", "ledger")
TRAFFIC_TABLE = "unlabelled.parquet"
"""Prompts without outcomes beside our tables; taken along where it is there."""

_TABLES = ("prompts.parquet", "outcomes.parquet", "models.csv")
_READERS: Mapping[str, Callable[[list[dict[str, Any]]], Answers]] = {
    "wide": read_wide,
    "pairs": read_pairs,
    "ledger": read_ledger,
}


@dataclass(frozen=True, slots=True)
class Found:
    """What was read.

    Attributes:
        data: the sound rows.
        rejected: rows left out, by reason.
        window: ``from`` and ``to``, the first and last day of the rows (ISO), None where they carry no dates.
        directory: where the tables lie, if they are ours already.
    """

    data: Data
    rejected: Mapping[str, int]
    window: Mapping[str, str | None]
    directory: Path | None = None


def read_any(path: Path, kind: str = "auto", models: Path | None = None) -> Found:
    """Read outcomes in any of the formats.

    Args:
        path: a directory with our tables, or a file.
        kind: one of ``FORMATS``; ``auto`` looks at the columns.
        models: CSV with the columns model and tier, for the formats that do not say which model is small or strong.

    Raises:
        DataError: the file cannot be read, its columns fit no format, no row can be learned from, or no model has a tier.
    """
    if kind not in FORMATS:
        raise DataError(f"--format {kind}: unknown; one of {', '.join(FORMATS)}")
    if path.is_dir():
        if kind not in ("auto", "tables"):
            raise DataError(f"{path}: is a directory; --format {kind} reads one file, give its path")
        data = tables.load(path)
        return Found(data, data.rejected, {"from": None, "to": None}, path)
    rows = records(path)
    answers = _READERS[kind if kind != "auto" else guess(rows, path)](rows)
    tiers = {**answers.tiers, **(read_tiers(models) if models is not None else {})}
    data = assemble(answers, tiers)
    rejected = {**answers.rejected, **data.rejected}
    _refuse_without_rows(data, rejected, path)
    _refuse_without_tiers(data, path)
    return Found(data, rejected, {"from": answers.first_day, "to": answers.last_day})


def guess(rows: list[dict[str, Any]], path: Path) -> str:
    """The format of rows by their columns."""
    columns = set(rows[0]) if rows else set()
    if {"model_a", "model_b"} <= columns or "mixtral_score" in columns:
        return "pairs"
    if "request_id" in columns and "model" in columns:
        return "ledger"
    if "prompt" in columns and ("eval_name" in columns or any("|" in name for name in columns)):
        return "wide"
    raise DataError(
        f"{path}: columns {', '.join(sorted(columns)[:12]) or '(none)'} fit no known format; "
        "say which it is with --format wide, pairs or ledger"
    )


def write_tables(found: Found, out: Path) -> list[Path]:
    """Write the tables that the other steps read, and ``rejected.json``; returns the files."""
    out.mkdir(parents=True, exist_ok=True)
    written = [out / name for name in _TABLES]
    if found.directory is not None:
        if (found.directory / TRAFFIC_TABLE).is_file():
            written.append(out / TRAFFIC_TABLE)
        for path in written:
            shutil.copyfile(found.directory / path.name, path)
    else:
        for name, table in zip(_TABLES, as_tables(found.data), strict=False):
            pq.write_table(table, out / name, compression="zstd")
        write_text(out / "models.csv", _models_csv(found.data))
    write_json(out / "rejected.json", {"rows": dict(found.rejected), "window": dict(found.window)})
    return [*written, out / "rejected.json"]


def as_tables(data: Data) -> tuple[pa.Table, pa.Table]:
    """Prompts and outcomes of ``data`` with the columns of our tables."""
    prompts = {
        "prompt_id": list(data.ids),
        "prompt": list(data.texts),
        **{
            name: [str(value) for value in getattr(data, name)]
            for name in ("source", "subset", "category", "language", "kind", "split")
        },
        "group": data.group,
    }
    tokens = [None if value != value else float(value) for value in data.output_tokens]
    outcomes = {
        "prompt_id": [data.ids[row] for row in data.prompt_of],
        "model": [data.models[row] for row in data.model_of],
        "score": data.score,
        "output_tokens": pa.array(tokens, pa.float64()),
        "output_chars": pa.nulls(len(tokens), pa.int64()),
        "suspect": data.suspect,
    }
    return pa.table(prompts), pa.table(outcomes)


def _models_csv(data: Data) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "tier"))
    writer.writerows((model, data.tiers.get(model, "")) for model in data.models)
    return text.getvalue()


def _refuse_without_rows(data: Data, rejected: Mapping[str, int], path: Path) -> None:
    """Say why nothing is left, and not that a model's tier is missing."""
    if data.models:
        return
    reasons = ", ".join(f"{reason} ({number})" for reason, number in rejected.items()) or "the file is empty"
    hint = ""
    if any("without text" in reason for reason in rejected):
        hint = ". Traffic without texts is learned from with --ledger, of the same file; or keep texts (ledger: {store_text: prompts})"
    raise DataError(f"{path}: no row can be learned from: {reasons}{hint}")


def _refuse_without_tiers(data: Data, path: Path) -> None:
    """Without a small and a strong side there is nothing to learn."""
    known = {data.tiers.get(model) for model in data.models}
    if known & {"tiny", "small"} and known & {"strong", "reasoning"}:
        return
    raise DataError(
        f"{path}: no tier for one or both sides. Models found: {', '.join(data.models[:20]) or '(none)'}. "
        "Give --models FILE, a CSV with the columns model and tier (tiny, small, mid, strong, reasoning)"
    )
