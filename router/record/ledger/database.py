"""Opening a ledger: from its URL to an engine whose transactions are safe beside other processes'."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from router.core.types import Reason
from router.record.ledger.migrate import migrate
from router.record.ledger.schema import STATE

BUSY_S = 5.0
"""How long to wait for a lock that another process holds on a SQLite file."""

CONNECT_S = 5
"""How long to wait for PostgreSQL to answer at all."""

STATEMENT_MS = 20_000
"""After this PostgreSQL gives up a statement of ours: a batch takes milliseconds."""

READING = {"reads": True}
"""Execution options of connections that only read: their SQLite transactions take no write lock."""

_CACHE_KIB = 4_096
"""Of SQLite's page cache: rows, numbers, times and ids all grow at their end, so that few pages are in use at a time."""


class NoLedger(Exception):
    """There is no ledger where one is to be read."""


class LedgerReadOnly(Exception):
    """The ledger is a file, or in a directory, that this user cannot write."""


def read_url(text: str) -> URL:
    """A ledger's URL, with the driver that we use.

    Raises:
        ValueError: it is neither SQLite's nor PostgreSQL's; the message never repeats it, since it may hold a password.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("is not a URL") from None
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ValueError("names no file")
        return url.set(drivername="sqlite")
    if kind in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise ValueError("is neither a SQLite nor a PostgreSQL URL")


def as_url(named: str) -> str:
    """What a person names a ledger by on a command line, its file or its URL, as a URL."""
    return named if "://" in named else f"sqlite:///{Path(named).absolute()}"


def file_of(url: URL) -> Path | None:
    """The file of a SQLite ledger; None for PostgreSQL."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def connect(url: URL, *, pooled: bool = True) -> Engine:
    """An engine for a ledger; nothing is opened yet. Without a pool a SQLite file is opened anew each time."""
    if url.get_backend_name() == "sqlite":
        _adapt_values()
        pool = {} if pooled else {"poolclass": NullPool}
        engine = create_engine(url, connect_args={"timeout": BUSY_S}, **pool)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    arguments = {
        "connect_timeout": CONNECT_S,
        "application_name": "fusion-router",
        "tcp_user_timeout": STATEMENT_MS,
        "keepalives_idle": 20,  # a host that is gone before it answers would else be waited for for two hours
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "prepare_threshold": None,  # prepared statements do not survive a pooler between us and the server
    }
    engine = create_engine(url, connect_args=arguments, pool_size=3, max_overflow=2, pool_pre_ping=True)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def open_ledger(url: URL, *, create: bool = True) -> Engine:
    """An engine for a ledger that is at this release's schema.

    Raises:
        NoLedger: there is none, and none is to be made.
        LedgerReadOnly: it is there, is not to be made, and cannot be written.
        LedgerTooNew: see :func:`router.record.ledger.migrate.migrate`.
        SQLAlchemyError, OSError: it cannot be opened.
    """
    path = file_of(url)
    if not create:
        _check_that_there_is_one(url, path)
    elif path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # what is in it is nobody else's to read
    engine = connect(url)
    try:
        with engine.begin() as connection:
            migrate(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _check_that_there_is_one(url: URL, path: Path | None) -> None:
    """Look whether a ledger was ever made there, without changing a byte: the database may be another program's."""
    if path is None:
        engine = connect(url)
    elif path.exists():
        if not (os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK)):
            raise LedgerReadOnly(
                f"{path} or its directory cannot be written, as SQLite has to even for readers; "
                "copy it, with its -wal if there is one, to where it can be"
            )
        read_only = url.set(database=path.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
        engine = create_engine(read_only, poolclass=NullPool)
    else:
        raise NoLedger(f"There is no ledger at {path}")
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(STATE.name):
                raise NoLedger(f"The database at {path or url.host} holds no ledger")
    finally:
        engine.dispose()


def said_by(error: Exception) -> str:
    """A database's complaint in one line, without the statement and its values, which SQLAlchemy would add."""
    return str(error.orig if isinstance(error, DBAPIError) else error).strip().split("\n")[0]


def _adapt_values() -> None:
    """Tell the driver how to store the values of our rows that are no plain number or text: as it does anyway.

    A kind of values that it is told nothing of it asks each time, for methods that are not there, which takes five times as long.
    """
    sqlite3.register_adapter(type(None), lambda nothing: nothing)
    sqlite3.register_adapter(bool, int)
    sqlite3.register_adapter(bytes, bytes)
    sqlite3.register_adapter(Reason, str.__str__)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so, not where the driver guesses
    cursor = connection.cursor()
    cursor.execute("PRAGMA page_size = 8192")  # of a new file: three rows leave a fifth of 4096
    cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before WAL, which writes the file's first page
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    cursor.execute("PRAGMA journal_size_limit = 67108864")
    cursor.close()


def _begin_postgresql(connection: Connection) -> None:
    """In each transaction, and not as an option of the connection, which poolers refuse."""
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_MS}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at the start: one that turned from reader to writer half-way could not wait for it."""
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
