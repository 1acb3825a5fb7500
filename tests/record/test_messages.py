"""The gateway's messages, in one process."""

import json
import logging
import sys
import threading
import warnings

import pytest

from router.record.messages import OTHERS, queued_messages, write_messages

NAMES = ("router", *OTHERS)


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, "uvicorn.error"):  # a scripted server of an earlier test has silenced it
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    for module, hook in ((warnings, "showwarning"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))


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


class Broken:
    def __del__(self) -> None:
        raise KeyError("in vain")


def fail() -> None:
    raise KeyError("in vain")


def test_what_python_itself_would_say_has_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    async def forgotten() -> None: ...

    write_messages("warning")
    warnings.simplefilter("always")
    forgotten()  # type: ignore[unused-coroutine]
    warnings.warn("expected a number, got 'a secret of the prompt'", UserWarning, stacklevel=1)
    Broken()
    thread = threading.Thread(target=fail, name="some")
    thread.start()
    thread.join()
    lines = capsys.readouterr().err.splitlines()
    never, user, ignored, ended = (json.loads(line)["message"] for line in lines)
    assert "RuntimeWarning at " in never
    assert "forgotten' was never awaited" in never
    assert user.startswith(f"UserWarning at {__file__}:")
    assert "secret" not in user
    assert "ignored in Broken.__del__\nTraceback" in ignored
    assert ended.startswith("the thread some ended by an exception\nTraceback")
