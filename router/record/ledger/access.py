"""The ledger as the endpoints use it: opened when somebody asks, never on the event loop, every fault an error of ours."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from router.errors import LedgerUnavailable, RequestNotFound
from router.record.ledger.database import connect, file_of, said_by
from router.record.ledger.feedback import Judgement, Kept, keep_judgement
from router.record.ledger.read import as_lines, page_since

T = TypeVar("T")

log = logging.getLogger("router")

WAITS_S = (0.05, 0.1, 0.2, 0.35, 0.5)
"""Pauses between looks for a request that has just been answered: another worker may be about to write its row."""

PATIENCE_S = 2.0
"""After this nobody looks again: a look at a locked ledger takes long by itself."""

RETRY_AFTER_S = 5.0


class LedgerAccess:
    """What callers may read from a ledger and say to it."""

    def __init__(self, url: URL, hurry: Callable[[], bool]) -> None:
        """Take the ledger's URL, and how to hurry its writer, which says whether it is behind."""
        self._url, self._hurry = url, hurry
        self._engine: Engine | None = None

    async def judge(self, judgement: Judgement, given_by: str, caller: str | None) -> Kept:
        """Keep a judgement; see :func:`router.record.ledger.feedback.keep_judgement`.

        Raises:
            RequestNotFound: the ledger has no such request of this caller, and none is about to be written.
            LedgerUnavailable: the ledger cannot be used now.
        """
        began_s = time.monotonic()
        for wait_s in (*WAITS_S, None):
            fault = None
            try:
                kept = await self._call(lambda engine: keep_judgement(engine, judgement, given_by, time.time(), caller))
            except LedgerUnavailable as error:  # the very first request's row also makes the ledger
                kept, fault = None, error
            if kept is not None:
                return kept
            is_behind = self._hurry()
            if wait_s is None or time.monotonic() - began_s > PATIENCE_S:
                break
            await asyncio.sleep(wait_s)
        if fault is not None:
            raise fault
        if is_behind:
            raise LedgerUnavailable(
                "The ledger is behind; the request may be among the rows that wait.", retry_after_s=RETRY_AFTER_S
            )
        raise RequestNotFound(
            f"The ledger has no request {judgement.request_id[:100]!r} of yours; ids are in the header "
            "x-router-request-id, and rows go with `ledger.retention_days`.",
            param="request_id",
        )

    async def decisions(self, since_s: float, after: int, limit: int, caller: str | None) -> tuple[bytes, int]:
        """One page of requests in the order in which they were written, without features and texts: JSON lines.

        With them comes the number after which the next page begins.

        Raises:
            LedgerUnavailable: the ledger cannot be used now.
        """

        def page(engine: Engine) -> tuple[bytes, int]:
            found = page_since(engine, since_s, after, limit, caller)
            return as_lines(found), found[-1]["seq"] if found else after

        return await self._call(page)

    async def _call(self, action: Callable[[Engine], T]) -> T:
        return await asyncio.to_thread(self._guarded, action)

    def _guarded(self, action: Callable[[Engine], T]) -> T:
        path = file_of(self._url)
        try:
            if path is not None and not path.exists():  # SQLite would make an empty one
                raise FileNotFoundError(f"there is no ledger at {path}")
            if self._engine is None:
                self._engine = connect(self._url, pooled=path is None)
            return action(self._engine)
        except (SQLAlchemyError, OSError) as error:
            log.warning("the ledger cannot be asked: %s", said_by(error))
            message = "The ledger cannot be used now; the gateway's log says why."
            raise LedgerUnavailable(message, retry_after_s=RETRY_AFTER_S) from error
