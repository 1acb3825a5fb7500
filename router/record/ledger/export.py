"""A ledger as one file for training and for spreadsheets: a row a request, with its calls, its feedback and its texts."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson
from sqlalchemy import BigInteger, Boolean, Column, Double, Engine, Integer, LargeBinary, Text

from router.record.ledger.read import CALL_COLUMNS, FEEDBACK_COLUMNS, TEXT_COLUMNS, Found, as_lines, requests_since
from router.record.ledger.schema import REQUESTS

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "jsonl")

_GROUP_ROWS = 5_000
_GROUP_CHARS = 16_000_000
"""A row group of the parquet file is written when it has so many rows, or so many characters of text."""

Progress = Callable[[int], None]


def export(
    engine: Engine, out: IO[bytes], form: str, since_s: float = 0.0, on_progress: Progress = lambda rows: None
) -> int:
    """Write every request since a point in time; gives back how many there were."""
    pages = requests_since(engine, since_s, texts=True)
    return _EXPORTS[form](pages, out, on_progress)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place when it is whole; what was there stays until then."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as out:
            yield out
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _export_jsonl(pages: Iterator[list[Found]], out: IO[bytes], on_progress: Progress) -> int:
    rows = 0
    for page in pages:
        out.write(as_lines(page))
        rows += len(page)
        on_progress(rows)
    out.flush()
    return rows


def _export_parquet(pages: Iterator[list[Found]], out: IO[bytes], on_progress: Progress) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, rows = _arrow_schema(), 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for group in _groups(pages):
            writer.write_table(pa.Table.from_pylist(group, schema))
            rows += len(group)
            on_progress(rows)
    return rows


def _groups(pages: Iterator[list[Found]]) -> Iterator[list[Found]]:
    group: list[Found] = []
    chars = 0
    for page in pages:
        for found in page:
            for held, name in (
                (found, "fusion"),
                (found, "answered_special"),
                *((c, name) for c in found["calls"] for name in ("special", "changes")),
            ):
                held[name] = orjson.dumps(held[name]).decode() if held[name] is not None else None
            chars += sum(len(found[column.name] or "") for column in TEXT_COLUMNS)
        group += page
        if len(group) >= _GROUP_ROWS or chars >= _GROUP_CHARS:
            yield group
            group, chars = [], 0
    if group:
        yield group


def _arrow_schema() -> "pa.Schema":
    """The file's columns, whether or not any row fills them: readers find the same ones in every export."""
    import pyarrow as pa

    def kind(column: Column[Any]) -> Any:
        return next(made for of, made in kinds if isinstance(column.type, of))

    kinds = (
        (Text, pa.string()),
        (Double, pa.float64()),
        (Boolean, pa.bool_()),
        ((BigInteger, Integer), pa.int64()),
        (LargeBinary, pa.list_(pa.float32())),
    )
    calls = pa.list_(pa.struct([(column.name, kind(column)) for column in CALL_COLUMNS]))
    flat = [(column.name, kind(column)) for column in (*REQUESTS.columns, *FEEDBACK_COLUMNS, *TEXT_COLUMNS)]
    return pa.schema([*flat, ("calls", calls)])


_EXPORTS: dict[str, Callable[[Iterator[list[Found]], IO[bytes], Progress], int]] = {
    "parquet": _export_parquet,
    "jsonl": _export_jsonl,
}
