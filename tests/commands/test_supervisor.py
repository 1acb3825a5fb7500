"""The parent of several workers, with workers that only talk."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.commands import child
from router.commands import supervisor as module
from router.commands.supervisor import Supervisor
from router.config.load import parse_settings
from router.settings import Settings
from tests.commands import fake_worker
from tests.live import POOL


def settings(mode: Any = "balanced", workers: int = 2, drain_s: float = 1) -> Settings:
    made = parse_settings(POOL, "test.yaml", {})
    return replace(
        made,
        routing=replace(made.routing, mode=mode),
        server=replace(made.server, workers=workers, drain_s=drain_s),
    )


class Stage:
    """A supervisor in the main thread, where signals are heard, and a script in another."""

    def __init__(self, folder: Path) -> None:
        self.log, self.hangs, self.ends = folder / "log", folder / "hangs", folder / "ends"
        self.log.touch()
        self.outcomes: list[str] = []
        self.next: Settings | None = None
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.failure: BaseException | None = None
        self.ended_at_s = 0.0

    def play(self, first: Settings, script: Callable[[], None]) -> bool:
        supervisor = Supervisor(
            first,
            [self.socket],
            lambda _: {"log": self.log, "hangs": self.hangs, "ends": self.ends},
            lambda: self.next,
            self.outcomes.append,
        )

        def act() -> None:
            try:
                script()
            except BaseException as error:
                self.failure = error
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        self.actor = threading.Thread(target=act)
        self.actor.start()
        begun = supervisor.run()
        self.ended_at_s = time.monotonic()
        if begun:
            self.actor.join()
        if self.failure is not None:
            raise self.failure
        return begun

    def lines(self, word: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if f" {word}" in line]

    def until(self, holds: Callable[[], bool]) -> None:
        ends_s = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < ends_s, (self.log.read_text(), self.outcomes)
            time.sleep(0.02)

    def renew(self, to: Settings | None) -> None:
        self.next = to
        os.kill(os.getpid(), signal.SIGHUP)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(child, "work", fake_worker.work)
    monkeypatch.setattr(module, "ASK_S", 0.2)
    return Stage(tmp_path)


def test_a_renewal_begins_to_listen_when_all_new_workers_are_loaded_and_ends_the_old(stage: Stage) -> None:
    def script() -> None:
        stage.until(lambda: len(stage.lines("serves 1")) == 2)
        stage.renew(settings(workers=3, drain_s=2))
        stage.until(lambda: stage.outcomes == ["renewed"] and len(stage.lines("ends")) == 2)
        old = {line.split()[0] for line in stage.lines("serves 1")}
        assert {line.split()[0] for line in stage.lines("ends")} == old
        assert len(stage.lines("serves 2")) == 3

    assert stage.play(settings(), script)


def test_a_renewal_of_which_one_worker_fails_leaves_all_as_they_were(stage: Stage) -> None:
    def script() -> None:
        stage.until(lambda: len(stage.lines("serves 1")) == 2)
        stage.renew(settings("cost", drain_s=2))
        stage.until(lambda: stage.outcomes == ["failed"])
        stage.renew(None)
        stage.until(lambda: stage.outcomes == ["failed", "refused"])
        assert stage.lines("serves 2") == stage.lines("ends") == []
        os.kill(int(stage.lines("serves")[0].split()[0]), signal.SIGKILL)
        stage.until(lambda: len(stage.lines("serves 1")) == 3)

    assert stage.play(settings(), script)
    assert stage.lines("serves 2") == []


def test_workers_that_do_not_get_on_are_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_S", 1.0)

    def script() -> None:
        stage.until(lambda: len(stage.lines("serves 1")) == 2)
        stage.renew(settings("quality", drain_s=2))
        stage.until(lambda: stage.outcomes == ["failed"])
        assert stage.lines("ends") == []

    assert stage.play(settings(), script)


def test_sigterm_in_the_middle_of_a_renewal_ends_everybody_at_once(stage: Stage) -> None:
    asked_at_s = 0.0

    def script() -> None:
        nonlocal asked_at_s
        stage.until(lambda: len(stage.lines("serves 1")) == 2)
        stage.renew(settings("quality", drain_s=2))
        time.sleep(1)
        asked_at_s = time.monotonic()

    assert stage.play(settings(), script)
    assert stage.outcomes == []
    assert len(stage.lines("ends")) == 2
    assert stage.socket.fileno() == -1
    assert stage.ended_at_s - asked_at_s < module.START_S / 10


def test_a_renewal_asked_for_during_another_follows_it(stage: Stage) -> None:
    def script() -> None:
        stage.until(lambda: len(stage.lines("serves 1")) == 2)
        stage.renew(settings(drain_s=2))
        time.sleep(0.3)
        stage.renew(settings(drain_s=3))
        stage.until(lambda: stage.outcomes == ["renewed", "renewed"])
        assert len(stage.lines("serves 3")) == 2

    assert stage.play(settings(), script)


def test_a_worker_whose_loop_hangs_is_replaced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HUNG_S", 1.0)

    def script() -> None:
        stage.until(lambda: len(stage.lines("serves")) == 2)
        stage.hangs.touch()
        stage.until(lambda: len(stage.lines("serves")) == 3)

    assert stage.play(settings(), script)


def test_where_the_system_gives_no_process_the_old_workers_go_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def script() -> None:
        stage.until(lambda: len(stage.lines("serves 1")) == 2)
        with monkeypatch.context() as full:
            full.setattr(child.spawn, "Pipe", refuse)
            stage.renew(settings(drain_s=2))
            stage.until(lambda: stage.outcomes == ["failed"])
            os.kill(int(stage.lines("serves")[0].split()[0]), signal.SIGKILL)
            time.sleep(0.5)
        stage.until(lambda: len(stage.lines("serves 1")) == 3)
        assert stage.lines("ends") == []

    def refuse() -> None:
        raise OSError(24, "Too many open files")

    assert stage.play(settings(), script)


def test_a_worker_that_somebody_ends_is_replaced_while_it_drains(stage: Stage) -> None:
    def script() -> None:
        stage.until(lambda: len(stage.lines("serves 1")) == 2)
        stage.ends.touch()
        stage.until(lambda: len(stage.lines("serves 1")) == 3)
        assert stage.lines("ends") == []

    assert stage.play(settings(), script)


def test_where_the_first_workers_cannot_start_it_ends_and_says_so(stage: Stage) -> None:
    heard = signal.signal(signal.SIGTERM, lambda *_: None)  # the script's own end comes behind the supervisor's
    ended = threading.Event()
    try:
        assert not stage.play(settings("cost"), lambda: ended.wait(20) and None)
    finally:
        ended.set()
        stage.actor.join()
        signal.signal(signal.SIGTERM, heard)
