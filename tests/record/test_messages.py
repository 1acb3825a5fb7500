"""The gateway's messages, in one process."""

import json
import logging

import pytest

from router.record.messages import OTHERS, queued_messages

NAMES = ("router", *OTHERS)


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, "uvicorn.error"):  # a scripted server of an earlier test has silenced it
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)


def test_each_is_an_object_of_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    with queued_messages("info"):
        try:
            raise ValueError("two\nlines, \ud83d half an emoji")
        except ValueError:
            logging.getLogger("router").exception("it failed: %s", "why")
        logging.getLogger("router").debug("below the level")
        logging.getLogger("asyncio").info("nobody's business")
        logging.getLogger("uvicorn.error").warning("a server's")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["message"].startswith("it failed: why\nTraceback")
    assert first["message"].endswith("half an emoji")
    assert (second["level"], second["message"]) == ("warning", "a server's")


def test_afterwards_all_is_as_it_was() -> None:
    with queued_messages("error"):
        assert not logging.getLogger("router").isEnabledFor(logging.WARNING)
    for logger in map(logging.getLogger, NAMES):
        assert (logger.handlers, logger.propagate, logger.level) == ([], True, logging.NOTSET)
