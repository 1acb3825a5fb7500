"""The heap once everything is loaded."""

import ctypes
import gc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from router import heap


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
