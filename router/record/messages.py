"""The gateway's messages beside the requests' lines: like those, one JSON object each, with its time."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any

from router.core.whole_json import dumps
from router.record.turns import own_turn

OTHERS = ("uvicorn", "asyncio", "opentelemetry", "sqlalchemy")
"""Libraries whose warnings we pass on, in our form. Python would write them as plain text, tracebacks over many lines."""


WITHOUT_VALUES = (RuntimeWarning, ResourceWarning, DeprecationWarning)
"""Warnings whose text is passed on. Others may quote the value that they warn of, as pydantic's do: a prompt's text."""

log = logging.getLogger("router")


class _AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The message, with a traceback where there is one, in an object of one line."""
        said = {"time": record.created, "level": record.levelname.lower(), "process": record.process}
        return dumps({**said, "message": super().format(record)}).decode()


class _InTurn(logging.StreamHandler[Any]):
    def emit(self, record: logging.LogRecord) -> None:
        """Write the line while nobody else writes."""
        with own_turn():
            super().emit(record)


def write_messages(level: str) -> None:
    """Write them to standard error as they come: before anybody is served, and where nobody is.

    So it is with what Python itself would write there: warnings, and exceptions that nobody can catch.
    """
    _send_to(_to_stderr(), level)
    warnings.showwarning = _tell_of_warning
    sys.unraisablehook = _tell_of_unraisable
    threading.excepthook = _tell_of_thread


@contextmanager
def queued_messages(level: str) -> Iterator[None]:
    """Write them from a thread of their own meanwhile: a slow terminal never holds a request up. Then all is as it was."""
    before = [(logger, logger.handlers, logger.propagate, logger.level) for logger in _loggers()]
    queue: SimpleQueue[logging.LogRecord] = SimpleQueue()
    listener = QueueListener(queue, _to_stderr())
    _send_to(QueueHandler(queue), level)
    listener.start()
    try:
        yield
    finally:
        for logger, handlers, propagate, own_level in before:
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(own_level)
        listener.stop()


def _tell_of_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    text = f": {message}" if issubclass(category, WITHOUT_VALUES) else ""
    log.warning("%s at %s:%s%s", category.__name__, filename, lineno, text)


def _tell_of_unraisable(what: Any) -> None:
    error, place = what.exc_value, getattr(what.object, "__qualname__", type(what.object).__name__)
    log.error("an exception is ignored in %s", place, exc_info=error)


def _tell_of_thread(what: Any) -> None:
    name = what.thread.name if what.thread is not None else "unknown"
    log.error("the thread %s ended by an exception", name, exc_info=what.exc_value)


def _loggers() -> list[logging.Logger]:
    return [logging.getLogger(name) for name in ("router", *OTHERS)]


def _to_stderr() -> logging.Handler:
    handler = _InTurn(sys.stderr)
    handler.setFormatter(_AsJson())
    return handler


def _send_to(handler: logging.Handler, level: str) -> None:
    least = logging.getLevelNamesMapping()[level.upper()]
    for logger in _loggers():
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(max(least, logging.WARNING) if logger.name in OTHERS else least)
