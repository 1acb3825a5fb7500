"""What the ledger reports of itself, and to whom. Without a database in it, so that the metrics can know it."""

from typing import Literal, Protocol

DropReason = Literal["queue_full", "texts_full", "bad_row", "not_written"]
"""``queue_full``: the database fell behind; ``texts_full``: only the texts were dropped; ``bad_row``: the database
refuses this one; ``not_written``: the gateway stopped while the database did not answer."""

Verdict = Literal["good_fit", "underpowered", "overprovisioned", "failed", "good", "bad"]
"""Of an answer and the other route's: the model fitted; a stronger one was needed; a smaller one would have done; it was of no
use. Of the answer alone, whatever another model would have made of it: it was good, or bad."""


class LedgerCounts(Protocol):
    """Where the ledger reports to: the metrics."""

    def count_ledger_rows(self, rows: int, seconds: float) -> None:
        """A batch was written."""
        ...

    def count_ledger_drops(self, reason: DropReason, rows: int) -> None:
        """Rows were lost, or their texts."""
        ...

    def show_ledger_queue(self, rows: int) -> None:
        """So many rows are waiting."""
        ...

    def show_ledger_unwritable(self, unwritable: bool) -> None:
        """The database takes no rows, or takes them again."""
        ...

    def show_ledger_size(self, size_bytes: int) -> None:
        """So large is the ledger."""
        ...
