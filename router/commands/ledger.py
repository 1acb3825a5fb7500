"""``fusion-router ledger export | stats | prune``: what the gateway recorded, out of its ledger."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

from router.commands.settings import read_settings
from router.config.ledger import default_url

if TYPE_CHECKING:
    from sqlalchemy import Engine


class LedgerUnusable(Exception):
    """There is no ledger, or it cannot be used; the message says which, why, and what to do."""


def run(options: argparse.Namespace) -> int:
    """Do one of the three."""
    return reporting(lambda: _ACTIONS[options.action](options))


def reporting(action: Callable[[], int]) -> int:
    """An action's exit code; what hinders it goes to standard error, without a traceback."""
    try:
        return action()
    except LedgerUnusable as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:  # whoever read our output has seen enough, which is seen to above
        raise
    except OSError as error:
        print(f"standard output cannot be written: {error.strerror or error}", file=sys.stderr)
    return 1


def ledger_url(options: argparse.Namespace) -> str:
    """Which ledger: ``--ledger``, or the config's, or the one that a gateway without a config keeps.

    Raises:
        LedgerUnusable: the config cannot be read.
    """
    from router.record.ledger.database import as_url

    if options.ledger is not None:
        return as_url(options.ledger)
    if options.config is None:
        return default_url(os.environ)
    settings = read_settings(options.config, calls=False)
    if settings is None:
        raise LedgerUnusable("The config cannot be used; name the ledger itself with --ledger URL.")
    return settings.ledger.url


@contextmanager
def opened(options: argparse.Namespace) -> Iterator["Engine"]:
    """The ledger, for as long as a command needs it.

    Raises:
        LedgerUnusable: there is none, or its database fails meanwhile.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from router.record.ledger.database import LedgerReadOnly, NoLedger, file_of, open_ledger, read_url, said_by
    from router.record.ledger.migrate import LedgerTooNew

    try:
        url = read_url(ledger_url(options))
    except ValueError as error:
        raise LedgerUnusable(
            f"--ledger {error}; write a path, sqlite:///path or postgresql://user@host/database"
        ) from None
    try:
        engine = open_ledger(url, create=False)
        try:
            yield engine
        finally:
            engine.dispose()
    except NoLedger as error:
        raise LedgerUnusable(f"{error}; name it with --ledger URL or --config FILE.") from None
    except LedgerReadOnly as error:
        raise LedgerUnusable(f"The ledger cannot be used: {error}.") from None
    except (SQLAlchemyError, LedgerTooNew) as error:
        place = file_of(url) or url.render_as_string(hide_password=True)
        raise LedgerUnusable(f"The ledger at {place} cannot be used: {said_by(error)}") from None


def _export(options: argparse.Namespace) -> int:
    from router.record.ledger.export import export, replacing

    if options.format == "parquet":
        if find_spec("pyarrow") is None:
            print(
                "Parquet needs pyarrow: pip install '.[training]' in the checkout; or write --format jsonl.",
                file=sys.stderr,
            )
            return 1
        if options.output is None:
            print("Parquet goes into a file: name it with --output FILE.", file=sys.stderr)
            return 1
    with opened(options) as engine:
        if options.output is None:
            export(engine, sys.stdout.buffer, options.format, options.since)
            return 0
        try:
            with replacing(options.output) as out:
                rows = export(engine, out, options.format, options.since, _progress)
        except OSError as error:
            print(f"{options.output} cannot be written: {error.strerror or error}", file=sys.stderr)
            return 1
    print(f"{rows} requests written to {options.output}", file=sys.stderr)
    return 0


def _progress(rows: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{rows} requests", end="\r", file=sys.stderr, flush=True)


def _stats(options: argparse.Namespace) -> int:
    from router.record.ledger.stats import stats

    with opened(options) as engine:
        found = stats(engine)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    text = f"stored for {found['texts']} requests" if found["texts"] else "none stored"
    answers = f", with the answer for {found['texts_with_answer']}" if found["texts_with_answer"] else ""
    print(f"requests  {found['requests']}, from {_day(found['first_at'])} to {_day(found['last_at'])}")
    print(f"calls     {found['calls']}")
    print(f"feedback  {found['feedback']}")
    print(f"texts     {text}{answers}")
    print(f"size      {found['size_bytes'] / 1e6:.1f} MB, schema version {found['schema_version']}")
    for row in found["by_route_and_outcome"]:
        unpriced = f", and {row['unpriced']} requests unpriced" if row["unpriced"] else ""
        print(f"  {row['route']:<8} {row['outcome']:<24} {row['requests']:>9}  ${row['cost_usd']:.6f}{unpriced}")
    return 0


def _prune(options: argparse.Namespace) -> int:
    from router.record.ledger.store import Retention, prune

    if options.older_than is None and options.max_mb is None:
        print("Say what may go: --older-than 90d, --max-mb 500, or both.", file=sys.stderr)
        return 1
    days = (time.time() - options.older_than) / 86_400 if options.older_than is not None else None
    if days is not None and days < 0:
        print("--older-than is in the future: everything would go. Name a time that has been.", file=sys.stderr)
        return 1
    limit = int(options.max_mb * 1_000_000) if options.max_mb is not None else None
    with opened(options) as engine:
        gone = prune(engine, Retention(days=days, max_bytes=limit), on_progress=_progress)
    print(f"{gone} requests deleted")
    return 0


def _day(time_s: float | None) -> str:
    return "-" if time_s is None else datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%MZ")


_ACTIONS = {"export": _export, "stats": _stats, "prune": _prune}
