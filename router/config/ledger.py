"""The ``ledger`` section: what is kept of requests, where, and for how long."""

import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from router.config.fields import Section, nearest
from router.record.record import StoredText
from router.settings import LedgerSettings

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
_FIX = "write sqlite:///path/to/ledger.db or postgresql://user:${PASSWORD}@host/database"


def read_ledger(section: Section, folder: Path, callers: Iterable[str]) -> LedgerSettings:
    """What is kept of requests; a relative path counts from the config file.

    Args:
        section: the file's.
        folder: where the file is.
        callers: the names of the keys that may call.
    """
    default = LedgerSettings()
    written = section.secret("url")
    ledger = LedgerSettings(
        enabled=section.flag("enabled", default.enabled),
        url=default_url(section.book.env) if written is None else _checked_url(section, written, folder),
        store_text=section.choice("store_text", get_args(StoredText), default.store_text),
        retention_days=_limit(section, "retention_days", default.retention_days),
        text_retention_days=_limit(section, "text_retention_days", default.text_retention_days),
        max_rows=_limit(section, "max_rows", default.max_rows),
        max_mb=_limit(section, "max_mb", default.max_mb),
        auditors=section.texts("auditors"),
    )
    section.close()
    _check_auditors(section, ledger.auditors, tuple(callers))
    return ledger


def default_url(env: Mapping[str, str]) -> str:
    """Where the ledger is kept unless the operator says otherwise: the user's folder for what programs remember.

    Source: the XDG base directory specification, ``XDG_STATE_HOME``.
    """
    state = env.get("XDG_STATE_HOME") or str(_home(env) / ".local" / "state")
    return f"{_SQLITE}{Path(state) / 'fusion-router' / 'ledger.db'}"


def _home(env: Mapping[str, str]) -> Path:
    if home := env.get("HOME"):
        return Path(home).expanduser()
    try:
        import pwd
    except ImportError:  # there is none on Windows
        return Path.home()
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)  # "~" would be the root where HOME is empty
    except KeyError:  # a user without a home, as in containers that run under any id
        return Path.cwd()


def _checked_url(section: Section, url: str, folder: Path) -> str:
    """The URL, with an absolute path where it names a file; never repeated in a complaint, it may hold a password."""
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE) and ":memory:" not in url:
        return _SQLITE + str((folder / Path(url.removeprefix(_SQLITE)).expanduser()).absolute())
    if url.partition("://")[0] not in _POSTGRES:
        section.complain("url", "is not the URL of a SQLite file or a PostgreSQL database", _FIX)
    elif not _is_whole(url):
        section.complain("url", "names no host and database", _FIX)
    elif find_spec("psycopg") is None:
        section.complain("url", "is PostgreSQL's, whose driver is missing", "pip install '.[postgres]' in the checkout")
    return url


def _is_whole(url: str) -> bool:
    """Whether a URL names a database; the host may be left to the driver, as for a local socket."""
    try:
        return len(urlsplit(url).path) > 1
    except ValueError:
        return False


def _limit(section: Section, name: str, default: int | None) -> int | None:
    return None if section.is_null(name) else section.whole(name, default, 1)


def _check_auditors(section: Section, auditors: Iterable[str], callers: tuple[str, ...]) -> None:
    for name in auditors:
        if name not in callers:
            close = nearest(name, callers)
            fix = f"did you mean {close}?" if close else "name a key of auth.keys"
            section.complain("auditors", f"names {name!r}, which is not a key", fix)
