"""Judged requests: out of a gateway's ledger, or out of a file that ``fusion-router ledger export`` wrote of one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from router.record.ledger.database import as_url, open_ledger, read_url
from router.record.ledger.read import requests_since
from training.data import DataError
from training.readers.rows import json_lines

_EXPORTS = (".jsonl", ".parquet")
_NEEDED = frozenset({
    *("request_id", "started_at", "route", "model", "outcome", "task", "features", "features_id", "prompt_hash"),
    *("answered_input_tokens", "answered_output_tokens", "cost_usd", "baseline_cost_usd", "unpriced"),
    *("verdict", "score"),
})  # fmt: skip


def judged_requests(named: str) -> list[dict[str, Any]]:
    """Every request with a verdict, in the order in which they were written.

    Args:
        named: the ledger's URL, as in the config, its file, or an export of it.

    Raises:
        DataError: it cannot be read; no password of a URL is in the message.
    """
    if "://" not in named and Path(named).suffix in _EXPORTS:
        return list(_exported(Path(named)))
    try:
        engine = open_ledger(read_url(as_url(named)), create=False)
        try:
            return [row for page in requests_since(engine, judged=True) for row in page]
        finally:
            engine.dispose()
    except Exception as error:  # whatever the database says: without its statements, and without the URL's password
        problem = str(error).partition("\n")[0]
        if "://" in named:  # it may hold a password; a file's name is what a person looks for
            problem = problem.replace(named, "the URL")
        raise DataError(
            f"--ledger: {problem}; give ledger.url of the gateway's config, the file, or an export of it (.jsonl, .parquet)"
        ) from error


def _exported(path: Path) -> Iterator[dict[str, Any]]:
    """The judged rows of an export; of the others no more than one at a time, or one group of them, is in memory."""
    for row in json_lines(path) if path.suffix == ".jsonl" else _parquet_rows(path):
        if not isinstance(row, dict) or not row.keys() >= _NEEDED:
            missing = sorted(_NEEDED - row.keys())[:3] if isinstance(row, dict) else ["its columns"]
            raise DataError(
                f"{path}: is no export of a ledger, which `fusion-router ledger export` writes: {', '.join(missing)} missing"
            )
        if row["verdict"] is not None:
            yield row


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise DataError(f"{path}: not found")
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=5_000):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise DataError(f"{path}: cannot be read as parquet ({error})") from error
