"""Reading requests back, in the order in which they were written, page by page and so in constant memory."""

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy import Column, Engine, and_, select
from sqlalchemy.sql import Select

from router.record.ledger.database import READING
from router.record.ledger.schema import CALLS, FEEDBACK, REQUESTS, TEXTS

PAGE = 500
"""Requests read at a time; each page is a short transaction of its own, which holds up neither writers nor checkpoints."""

CALL_COLUMNS = tuple(column for column in CALLS.columns if column.name not in ("seq", "position"))
FEEDBACK_COLUMNS = tuple(column for column in FEEDBACK.columns if column.name not in ("request_id", "given_by"))
TEXT_COLUMNS = tuple(column for column in TEXTS.columns if column.name not in ("seq", "stored_at"))

_CALL_NAMES = tuple(str(column.name) for column in CALL_COLUMNS)
"""As plain strings, like every name of a row below: SQLAlchemy's are a subclass, which orjson refuses."""

Found = dict[str, Any]


def requests_since(
    engine: Engine,
    since_s: float = 0.0,
    after: int = 0,
    *,
    texts: bool = False,
    caller: str | None = None,
    judged: bool = False,
) -> Iterator[list[Found]]:
    """Pages of requests that started at or after ``since_s`` and were written after number ``after``.

    A request has its columns, those of its feedback, its ``calls``, where asked for its texts; ``features`` are
    numbers, and ``fusion``, ``changes`` and what is ``special`` are what they were before they became JSON.

    Args:
        caller: only this key's requests; None for everybody's.
        judged: only those that have a verdict.
    """
    query = _query(REQUESTS.columns, since_s, texts, caller)
    if judged:
        query = query.where(FEEDBACK.c.verdict.is_not(None))
    while page := _page(engine, query.where(REQUESTS.c.seq > after).limit(PAGE)):
        after = page[-1]["seq"]
        yield page


def page_since(engine: Engine, since_s: float, after: int, limit: int, caller: str | None) -> list[Found]:
    """One page of at most ``limit`` requests; see :func:`requests_since`. Never with texts or features."""
    columns = [column for column in REQUESTS.columns if column.name != "features"]
    return _page(engine, _query(columns, since_s, False, caller).where(REQUESTS.c.seq > after).limit(limit))


def as_lines(page: Iterable[Found]) -> bytes:
    """Requests as JSON lines."""
    return b"".join(orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE) for found in page)


def as_numbers(blob: bytes | None) -> list[float] | None:
    """Features as they were stored: little-endian float32."""
    if blob is None:
        return None
    numbers = array("f", blob)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def _query(of: Iterable[Column[Any]], since_s: float, texts: bool, caller: str | None) -> "Select[Any]":
    columns = [*of, *FEEDBACK_COLUMNS, *(TEXT_COLUMNS if texts else ())]
    tables = REQUESTS.outerjoin(FEEDBACK, FEEDBACK.c.request_id == REQUESTS.c.request_id)
    if texts:
        tables = tables.outerjoin(TEXTS, TEXTS.c.seq == REQUESTS.c.seq)
    query = select(*columns).select_from(tables).order_by(REQUESTS.c.seq)
    if since_s > 0:
        query = query.where(REQUESTS.c.started_at >= since_s)
    return query if caller is None else query.where(REQUESTS.c.caller == caller)


def _page(engine: Engine, query: "Select[Any]") -> list[Found]:
    with engine.connect().execution_options(**READING) as connection:
        page = [{str(name): value for name, value in row.items()} for row in connection.execute(query).mappings()]
        if not page:
            return []
        between = and_(CALLS.c.seq >= page[0]["seq"], CALLS.c.seq <= page[-1]["seq"])
        calls: dict[int, list[Found]] = {found["seq"]: [] for found in page}
        made = select(CALLS.c.seq, *CALL_COLUMNS).where(between).order_by(CALLS.c.seq, CALLS.c.position)
        for call in connection.execute(made).mappings():
            if call["seq"] in calls:
                found = {name: call[name] for name in _CALL_NAMES}
                found["special"], found["changes"] = _json(found["special"]), _json(found["changes"])
                calls[call["seq"]].append(found)
    for found in page:
        found["calls"] = calls[found["seq"]]
        if "features" in found:
            found["features"] = as_numbers(found["features"])
        found["fusion"] = _json(found["fusion"])
        found["answered_special"] = _json(found["answered_special"])
    return page


def _json(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else dict(orjson.loads(text))
