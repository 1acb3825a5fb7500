"""Bringing a ledger to this release's schema, by itself, whenever one is opened.

Our own thirty lines and not alembic: a ledger only ever gains tables and columns, so the schema's own ``since`` marks
say everything that a chain of revision files would.
"""

import secrets
from collections.abc import Iterable

from sqlalchemy import Column, Connection, MetaData, Table, insert, inspect, select, text
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from router.record.ledger.schema import METADATA, SCHEMA_VERSION, STATE, VERSION

_LOCK = 0x66757365
"""PostgreSQL's advisory lock under which a schema changes: an arbitrary number, the same in every process."""


class LedgerTooNew(Exception):
    """The ledger was written by a later release."""


def migrate(connection: Connection, metadata: MetaData = METADATA, version: int = VERSION) -> int:
    """Bring the ledger of an open transaction to ``version``; gives back what it was at before, 0 for an empty one.

    The transaction holds the lock: SQLite's begins as a writer, PostgreSQL's takes an advisory lock here. So of several
    processes that open a ledger at once, one changes it and the others find it changed.

    Raises:
        LedgerTooNew: it is at a version that this release does not know.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = _version(connection)
    if found > version:
        raise LedgerTooNew(
            f"the ledger has schema version {found} and this release knows up to {version}; "
            "update fusion-router, or name another ledger.url"
        )
    for step in range(found + 1, version + 1):
        _add(connection, metadata.tables.values(), step)
    if found == 0:
        connection.execute(insert(STATE), [
            {"name": "next_seq", "number": 1, "text": None},
            {"name": "tidied_at", "number": 0, "text": None},
            {"name": "hash_key", "number": None, "text": secrets.token_hex(32)},
        ])  # fmt: skip
        connection.execute(insert(SCHEMA_VERSION), {"version": version})
    elif found < version:
        connection.execute(SCHEMA_VERSION.update().values(version=version))
    return found


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(SCHEMA_VERSION.name):
        return 0
    return connection.execute(select(SCHEMA_VERSION.c.version)).scalar() or 0


def _add(connection: Connection, tables: Iterable[Table], step: int) -> None:
    """Make the tables and the columns that came with a version. A new table is made as it is by now."""
    for table in tables:
        if table.info["since"] == step:
            connection.execute(CreateTable(table))
            for index in table.indexes:
                connection.execute(CreateIndex(index))
        elif table.info["since"] < step:
            for column in table.columns:
                if _since(column) == step:
                    _add_column(connection, table, column)


def _add_column(connection: Connection, table: Table, column: "Column[object]") -> None:
    """Add a column, unless its table has just been made with it."""
    if column.name not in {known["name"] for known in inspect(connection).get_columns(table.name)}:
        definition = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")


def _since(column: "Column[object]") -> int:
    since: int = column.info["since"]
    return since
