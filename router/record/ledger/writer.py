"""The ledger's one writer: a thread that takes finished requests from a bounded queue and writes them in batches.

Laws:

* The request's path appends to the queue and does nothing else; no fault of the ledger reaches it.
* Who shows no key leaves no row: the retention's limits would let it take everybody's away.
* A row is written, or counted as dropped with its reason; never neither, short of the process being killed.
* What cannot be written now is tried again until it can be, while the queue holds what comes meanwhile.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    SQLAlchemyError,
)

from router.core.types import Deployment
from router.errors import Unauthorized
from router.record.ledger import store
from router.record.ledger.counts import LedgerCounts
from router.record.ledger.database import file_of, open_ledger, said_by
from router.record.ledger.migrate import LedgerTooNew
from router.record.ledger.rows import RowMaker, Rows
from router.record.record import RequestRecord

FLUSH_S = 0.25
"""A row waits no longer than this before it is written."""

BATCH = 500
"""Requests written in one transaction."""

BREATH = 50
"""Requests whose rows are made in one go, which takes a third of a millisecond."""

MAX_WAITING = 10_000
"""Requests kept while the database does not take them; about 25 MB, 65 MB were all of them panels' runs. Later ones are dropped, and counted."""

MAX_WAITING_CHARS = 64_000_000
"""Characters of prompts and answers kept while they wait; beyond it requests are kept without their texts."""

STUCK_S = 30.0
"""A database that takes a batch and says neither yes nor no for so long is called unwritable: it may never answer."""

RETRY_S = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Pauses after the first, second, … failure to write."""

STOP_S = 5.0
"""How long a stopping gateway waits for its last rows."""

TIDY_EVERY_S = 60.0
"""How often old rows are looked for, by one of all processes that write to a ledger."""

_PAGES = 500
"""Free pages that are given back to the disk at a time."""

log = logging.getLogger("router")


class LedgerWriter:
    """Writes records to a ledger, once started."""

    def __init__(
        self,
        url: URL,
        counts: LedgerCounts,
        pool: Mapping[str, Deployment],
        retention: store.Retention = store.KEEP_ALL,
    ) -> None:
        """Take where to write and to report, the deployments that are called, and what may be kept; opens nothing yet."""
        self._url, self._counts, self._retention = url, counts, retention
        self._pool = pool
        self._queue: deque[RequestRecord] = deque()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._chars_taken = self._chars_written = 0  # each changed by one thread only
        self._engine: Engine | None = None
        self._maker: RowMaker | None = None
        self._file: tuple[int, int] | None = None
        self._tidy_at_s = 0.0
        self._tidying = False
        self._complained = ""
        self._in_hand = 0
        self._asked_at_s = 0.0  # since when the database has owed an answer; 0 while it owes none

    def add(self, record: RequestRecord) -> None:
        """Queue a record; nothing else happens on the request's path."""
        if record.outcome == Unauthorized.code:
            return
        queue = self._queue
        waiting = len(queue)
        if waiting >= MAX_WAITING:
            self._counts.count_ledger_drops("queue_full", 1)
            return
        if record.texts is not None:
            record = self._within_room(record)
        queue.append(record)
        if self._asked_at_s and not self._complained and time.monotonic() - self._asked_at_s > STUCK_S:
            self._complain(TimeoutError(f"the database has not answered for {STUCK_S:.0f} s"))
        if self._complained:  # nobody else shows what comes until the next try
            self._counts.show_ledger_queue(self._in_hand + waiting + 1)
        if waiting + 1 == BATCH:
            self._wake.set()

    def hurry(self) -> bool:
        """Write what is waiting now, somebody asks for it; says whether rows wait longer than they should."""
        self._wake.set()
        return bool(self._complained) or len(self._queue) > 5 * BATCH

    def start(self) -> None:
        """Begin to write."""
        self._stopping.clear()
        self._wake.set()  # open the ledger now: what is wrong with it should be said at the start
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, and end; what the database does not take by then is dropped and counted."""
        if self._thread is not None:
            self._stopping.set()
            self._wake.set()
            self._thread.join(timeout=STOP_S)
            if self._thread.is_alive():  # the database holds it up; the process does not wait
                self._say_lost(self._in_hand + len(self._queue))
            self._thread = None

    def _within_room(self, record: RequestRecord) -> RequestRecord:
        """The record, without its texts where too many are waiting."""
        chars = _chars(record)
        if self._chars_taken - self._chars_written + chars > MAX_WAITING_CHARS:
            self._counts.count_ledger_drops("texts_full", 1)
            return replace(record, texts=None)
        self._chars_taken += chars
        return record

    def _run(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            self._wake.wait(0 if stopping else FLUSH_S)
            self._wake.clear()
            try:
                self._flush()
                if not stopping:
                    self._tidy()
            except Exception:  # the thread must outlive whatever comes
                log.exception("the ledger's writer failed")
            if stopping:
                break
        if self._engine is not None:
            self._engine.dispose()

    def _flush(self) -> None:
        """Write everything that is waiting."""
        while self._queue:
            self._counts.show_ledger_queue(len(self._queue))
            records = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._in_hand = len(records)
            written = self._write(records)
            self._in_hand = 0
            self._chars_written += sum(map(_chars, records))
            if not written:
                break
        self._counts.show_ledger_queue(0)

    def _write(self, records: Sequence[RequestRecord]) -> bool:
        """Write a batch, however long it takes; False where the gateway stops meanwhile, and with it all that waits."""
        batch: list[Rows] | None = None
        failures = 0
        while True:
            try:
                self._asked_at_s = time.monotonic()
                engine, maker = self._opened()
                if batch is None:
                    batch = self._rows(maker, records)
                elif failures:
                    batch = store.unwritten(engine, batch)
                self._write_once(engine, batch)
            except Exception as error:  # whatever it is, these rows wait for the next try
                self._asked_at_s = 0.0
                self._complain(error)
                self._close()
                self._counts.show_ledger_queue(len(records) + len(self._queue))
                if self._stopping.is_set():
                    lost = len(records if batch is None else batch) + len(self._queue)
                    self._queue.clear()
                    self._counts.count_ledger_drops("not_written", lost)
                    self._say_lost(lost)
                    return False
                self._stopping.wait(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
            else:
                self._asked_at_s = 0.0
                self._recovered()
                return True

    def _rows(self, maker: RowMaker, records: Sequence[RequestRecord]) -> list[Rows]:
        batch = []
        for number, record in enumerate(records):
            if number % BREATH == 0:
                time.sleep(0)  # lets the event loop have the interpreter
            try:
                batch.append(maker.rows(record))
            except Exception:
                log.exception("the ledger cannot make a row of request %s", record.request_id)
                self._counts.count_ledger_drops("bad_row", 1)
        return batch

    def _write_once(self, engine: Engine, batch: Sequence[Rows]) -> None:
        """Write a batch; where the database refuses a row for what it holds, halve until that row is found."""
        if not batch:
            return
        began_s = time.perf_counter()
        try:
            store.write(engine, batch)
        except Exception as error:
            if not _is_of_the_row(error):
                raise
            if len(batch) == 1:
                log.error("the ledger refuses the row of request %s: %s", batch[0].request_id, said_by(error))
                self._counts.count_ledger_drops("bad_row", 1)
                return
            self._write_once(engine, batch[: len(batch) // 2])
            self._write_once(engine, batch[len(batch) // 2 :])
        else:
            self._counts.count_ledger_rows(len(batch), time.perf_counter() - began_s)

    def _opened(self) -> tuple[Engine, RowMaker]:
        """The open ledger; a SQLite file that was moved away or deleted is made anew."""
        path = file_of(self._url)
        if self._engine is not None and path is not None and _identity(path) != self._file:
            self._close()
        if self._engine is None or self._maker is None:
            self._engine = open_ledger(self._url)
            self._file = _identity(path) if path is not None else None
            self._maker = RowMaker(store.hash_key(self._engine), self._pool)
        return self._engine, self._maker

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = self._maker = None

    def _tidy(self) -> None:
        """Take old rows out: a chunk at a time, so that new ones never wait long."""
        now_s = time.monotonic()
        if not self._tidying and now_s < self._tidy_at_s:
            return
        self._tidy_at_s = now_s + TIDY_EVERY_S
        self._asked_at_s = now_s
        try:
            engine, _ = self._opened()
            if not self._tidying:
                self._show_size(engine)
                self._tidying = store.claim_tidying(engine, time.time(), TIDY_EVERY_S / 2)
            elif not store.tidy_chunk(engine, self._retention, time.time()):
                store.give_back(engine, _PAGES)
                self._tidying = False
                return
            self._recovered()
            if self._tidying:
                self._wake.set()
        except (SQLAlchemyError, OSError, LedgerTooNew) as error:
            self._complain(error)
            self._close()
            self._tidying = False
        finally:
            self._asked_at_s = 0.0

    def _show_size(self, engine: Engine) -> None:
        with engine.connect().execution_options(reads=True) as connection:
            self._counts.show_ledger_size(store.used_bytes(connection))

    def _complain(self, error: Exception) -> None:
        """Say what is wrong, once until it is mended or something else is."""
        said = said_by(error)
        if said != self._complained:
            log.error("the ledger cannot be written: %s; rows wait in memory, and are dropped when it is full", said)
            self._complained = said
        self._counts.show_ledger_unwritable(True)

    def _say_lost(self, requests: int) -> None:
        """Said at the end, when nobody will scrape the count of it any more."""
        log.error("the ledger was not written to the end: %d requests are not in it", requests)

    def _recovered(self) -> None:
        if self._complained:
            log.warning("the ledger can be written again")
            self._complained = ""
            self._counts.show_ledger_unwritable(False)


def _is_of_the_row(error: Exception) -> bool:
    """Whether a row's own values are what the database or its driver refuses; else the database is the matter."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return False
    return isinstance(
        error, IntegrityError | DataError | ProgrammingError | InterfaceError | OverflowError | ValueError
    )


def _chars(record: RequestRecord) -> int:
    texts = record.texts
    return 0 if texts is None else len(texts.prompt) + len(texts.context) + len(texts.answer or "")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
