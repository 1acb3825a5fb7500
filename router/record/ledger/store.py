"""Putting rows into a ledger and taking old ones out, each in one short transaction."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, func, select, text, update

from router.record.ledger.rows import CALL_COLUMNS, REQUEST_COLUMNS, TEXT_COLUMNS, Row, Rows
from router.record.ledger.schema import CALLS, FEEDBACK, REQUESTS, STATE, TEXTS

CHUNK = 500
"""Requests deleted in one transaction: a few milliseconds, so that nobody waits for the lock."""

TOGETHER = 25
"""Rows in one statement: the database works on them without the interpreter, and each hand-over of it costs microseconds."""

_SAMPLE = 1_000
"""Newest requests whose size PostgreSQL's estimate goes by."""

_OVERHEAD = 1.6
"""PostgreSQL's tuple headers, page headers and indexes over the bytes of the values. Source: measured on such rows."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What may be kept; None means without limit."""

    days: float | None = None
    text_days: float | None = None
    max_rows: int | None = None
    max_bytes: int | None = None


KEEP_ALL = Retention()


def hash_key(engine: Engine) -> bytes:
    """What this ledger's hashes are keyed with."""
    with engine.begin() as connection:
        found = connection.execute(select(STATE.c.text).where(STATE.c.name == "hash_key")).scalar_one()
    return bytes.fromhex(found)


def write(engine: Engine, batch: Sequence[Rows]) -> None:
    """Write a batch, all of it or nothing.

    The counter's update is the first statement: writers queue up behind it, so numbers are visible in their order and
    who reads on from the last one seen misses nothing.
    """
    with engine.begin() as connection:
        count = len(batch)
        numbered = update(STATE).where(STATE.c.name == "next_seq").values(number=STATE.c.number + count)
        first = connection.execute(numbered.returning(STATE.c.number)).scalar_one() - count
        numbers = [*enumerate(batch, first)]
        _insert(connection, REQUESTS, REQUEST_COLUMNS, [(*rows.request, seq) for seq, rows in numbers])
        _insert(connection, CALLS, CALL_COLUMNS, [(*call, seq) for seq, rows in numbers for call in rows.calls])
        texts = [(*rows.texts, seq) for seq, rows in numbers if rows.texts is not None]
        _insert(connection, TEXTS, TEXT_COLUMNS, texts)


def _insert(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows past SQLAlchemy's handling of values, which takes twice as long as SQLite takes to store them."""
    for at in range(0, len(rows), TOGETHER):
        some = rows[at : at + TOGETHER]
        statement = _statement(table.name, columns, len(some), connection.dialect.paramstyle)
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(some)))


@lru_cache(maxsize=4 * TOGETHER)
def _statement(table: str, columns: Sequence[str], rows: int, paramstyle: str) -> str:
    """The statement in a driver's own words, values by their place.

    SQLite would note each page's former content before it changes it, for the case that one row of several is refused:
    not with OR FAIL, which leaves that to the transaction's end.
    """
    insert, mark = ("INSERT OR FAIL", "?") if paramstyle == "qmark" else ("INSERT", "%s")
    row = f"({', '.join([mark] * len(columns))})"
    return f"{insert} INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"


def unwritten(engine: Engine, batch: Sequence[Rows]) -> list[Rows]:
    """What of a batch is not in the ledger: a commit whose answer was lost may have been one."""
    ids = [rows.request_id for rows in batch]
    with engine.begin() as connection:
        found = connection.execute(select(REQUESTS.c.request_id).where(REQUESTS.c.request_id.in_(ids)))
        known = {request_id for (request_id,) in found}
    return [rows for rows in batch if rows.request_id not in known]


def claim_tidying(engine: Engine, now_s: float, every_s: float) -> bool:
    """Whether it is this process's turn to take old rows out: of several, one in each interval.

    A turn that lies ahead by more than an interval was taken by a clock that was wrong, and counts as none.
    """
    is_past = STATE.c.number <= int(now_s - every_s)
    turn = update(STATE).where(STATE.c.name == "tidied_at", is_past | (STATE.c.number > int(now_s + every_s)))
    with engine.begin() as connection:
        return connection.execute(turn.values(number=int(now_s))).rowcount == 1


def tidy_chunk(engine: Engine, retention: Retention, now_s: float) -> int:
    """Take out at most a chunk of what may not be kept; gives back how many requests or texts went, 0 when done."""
    with engine.begin() as connection:
        if retention.text_days is not None:
            old = select(TEXTS.c.seq).where(TEXTS.c.stored_at < now_s - retention.text_days * 86_400).limit(CHUNK)
            gone = connection.execute(delete(TEXTS).where(TEXTS.c.seq.in_(old))).rowcount
            if gone:
                return gone
        if retention.days is not None:
            gone = _delete_before(connection, now_s - retention.days * 86_400)
            if gone:
                return gone
        return _delete_up_to(connection, _surplus_up_to(connection, retention))


def used_bytes(connection: Connection) -> int:
    """What the ledger takes: exactly for SQLite, without its free pages; estimated from the newest rows for PostgreSQL."""
    if connection.dialect.name == "sqlite":
        pages, free, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)
    rows = row_count(connection)
    per_request = connection.execute(text(
        f"SELECT coalesce(sum(pg_column_size(r.*)) / greatest(count(*), 1), 0) FROM "  # noqa: S608  # no caller's word in it
        f"(SELECT * FROM requests ORDER BY seq DESC LIMIT {_SAMPLE}) r"
    )).scalar_one()  # fmt: skip
    beside = sum(
        connection.execute(text(
            f"SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM {table} t "  # noqa: S608
            f"WHERE seq > (SELECT max(seq) FROM requests) - {_SAMPLE}"
        )).scalar_one()
        for table in ("calls", "texts")
    ) / max(1, min(rows, _SAMPLE))  # fmt: skip
    return int(rows * (float(per_request) + float(beside)) * _OVERHEAD)


def row_count(connection: Connection) -> int:
    """How many requests the ledger holds, by their numbers: they have hardly a gap, and counting would read everything."""
    least, most = _ends(connection)
    return most - least + 1


def give_back(engine: Engine, pages: int) -> None:
    """Give free pages of a SQLite file back to the disk; PostgreSQL sees to that itself."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.executescript(f"PRAGMA incremental_vacuum({pages})")  # execute() would free a single page


def prune(engine: Engine, retention: Retention, on_progress: Callable[[int], None] = lambda gone: None) -> int:
    """Take out everything that may not be kept, chunk by chunk; gives back how many requests or texts went."""
    gone, now_s = 0, time.time()
    while chunk := tidy_chunk(engine, retention, now_s):
        gone += chunk
        on_progress(gone)
    give_back(engine, 1_000_000)
    return gone


def _ends(connection: Connection) -> tuple[int, int]:
    """The least and the highest number; (1, 0) where there is none."""
    least, most = connection.execute(select(func.min(REQUESTS.c.seq), func.max(REQUESTS.c.seq))).one()
    return (1, 0) if least is None else (int(least), int(most))


def _surplus_up_to(connection: Connection, retention: Retention) -> int:
    """The number up to which requests are too many, 0 where they are not."""
    least, most = _ends(connection)
    up_to = 0
    if retention.max_rows is not None:
        up_to = most - retention.max_rows
    if retention.max_bytes is not None:
        used = used_bytes(connection)
        if used > retention.max_bytes:
            up_to = max(up_to, least + int((most - least + 1) * (1 - retention.max_bytes / used)))
    return up_to


def _delete_before(connection: Connection, before_s: float) -> int:
    old = select(REQUESTS.c.seq).where(REQUESTS.c.started_at < before_s).order_by(REQUESTS.c.started_at).limit(CHUNK)
    return _delete(connection, [seq for (seq,) in connection.execute(old)])


def _delete_up_to(connection: Connection, number: int) -> int:
    if number <= 0:
        return 0
    old = select(REQUESTS.c.seq).where(REQUESTS.c.seq <= number).order_by(REQUESTS.c.seq).limit(CHUNK)
    return _delete(connection, [seq for (seq,) in connection.execute(old)])


def _delete(connection: Connection, numbers: Sequence[int]) -> int:
    if not numbers:
        return 0
    ids = select(REQUESTS.c.request_id).where(REQUESTS.c.seq.in_(numbers))
    connection.execute(delete(FEEDBACK).where(FEEDBACK.c.request_id.in_(ids)))
    for table in (TEXTS, CALLS, REQUESTS):
        connection.execute(delete(table).where(table.c.seq.in_(numbers)))
    return len(numbers)
