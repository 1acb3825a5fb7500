"""The heap once everything is loaded, and once an artifact was read while the gateway runs."""

import asyncio
import ctypes
import gc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from classifier.artifact import MANIFEST
from router import heap, reload


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_loaded_is_not_walked_again_and_cycles_are_looked_for_less_often() -> None:
    heap.settle()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == heap.GARBAGE


def test_the_c_library_is_asked_to_give_back_what_loading_has_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(malloc_trim=kept.append))
    heap.settle()
    assert kept == [0]


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_a_c_library_that_gives_nothing_back_is_no_reason_not_to_serve(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(name: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", fail)
    heap.settle()
    assert gc.get_threshold()[0] == heap.GARBAGE


async def test_what_reading_another_artifact_has_freed_is_given_back_taken_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    given_back = asyncio.Queue[int]()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(reload, "POLL_S", 0.01)
    monkeypatch.setattr(reload.Classifier, "load", lambda path: SimpleNamespace(artifact=(path / MANIFEST).read_text()))
    monkeypatch.setattr(heap, "give_back", lambda: loop.call_soon_threadsafe(given_back.put_nowait, len(told)))

    def install(loaded: Any) -> None:
        if loaded.artifact == "bad":
            raise ValueError

    watch = asyncio.create_task(reload.ArtifactWatch(tmp_path, told.append).run(install))
    try:
        for text in ("good", "bad"):
            (tmp_path / MANIFEST).write_text(text)
            async with asyncio.timeout(5):
                assert await given_back.get() == len(told)
    finally:
        watch.cancel()
    assert told == ["loaded", "refused"]
