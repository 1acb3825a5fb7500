"""The parent of several workers: starts them, replaces those that die or hang, renews them all on SIGHUP, ends them.

Laws:

* Nothing here waits for a worker. A signal is acted upon at once, whatever is going on.
* All workers that serve have the same settings, those that the parent has read: a file that has changed is nobody's
  business until SIGHUP.
* A renewal is whole or has not been. The new workers load one after the other, without listening, while the old ones
  serve. If one of them fails they all go, and the old ones stay; once all are loaded they listen, and the old ones end.

Source: nginx and gunicorn renew theirs in this order. uvicorn's supervisor, which was here before, renewed one after the
other, gave each 5 s to start, left what it had renewed when one failed, and heard no SIGTERM meanwhile.
"""

import logging
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from types import FrameType
from typing import TYPE_CHECKING, Any

from router.commands.child import Worker, start
from router.settings import Settings

START_S = 300.0
"""For a worker to load: litellm takes 5 to 10 s, and many times that where the processor is busy."""

HUNG_S = 30.0
"""A worker whose loop has not turned for so long, or which does not say so, is replaced: it answers nobody."""

LAST_S = 60.0
"""Beyond ``server.drain_s``, for a worker to write what it has to the ledger and to end."""

ASK_S = 1.0
"""How often workers are asked how they are; those that load, ten times as often."""

AGAIN_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Before a worker that died is started again: the first time at once, later more seldom while none stays."""

if TYPE_CHECKING:  # at run time it would bring prometheus-client before it is known where workers share their counts
    from router.record.metrics import RenewalOutcome

log = logging.getLogger("router")


@dataclass(slots=True)
class Supervisor:
    """Runs workers until a signal ends it.

    Attributes:
        settings: those of the workers that serve.
        sockets: where they listen; closed with the first signal.
        options_of: how uvicorn is to run them.
        reread: settings as they are now; None, said why, where they cannot be used.
        count: is told how each renewal went.
    """

    settings: Settings
    sockets: list[socket.socket]
    options_of: Callable[[Settings], dict[str, Any]]
    reread: Callable[[], Settings | None]
    count: "Callable[[RenewalOutcome], None]"
    _serving: list[Worker] = field(default_factory=list)
    _coming: list[Worker] = field(default_factory=list)
    _leaving: list[Worker] = field(default_factory=list)
    _replaced: list[Worker] = field(default_factory=list)
    """Workers of the last settings, while those of the new ones begin to listen."""

    _renewal: Settings | None = None
    """What is being changed to."""

    _is_switching: bool = False
    _is_asked_to_renew: bool = False
    _is_ending: bool = False
    _has_served: bool = False
    _has_failed: bool = False
    _died: int = 0
    _again_at_s: float = 0.0
    _signals: list[int] = field(default_factory=list)

    def run(self) -> bool:
        """Run until a signal; False where the workers could not be started at all."""
        heard, woken = socket.socketpair()
        heard.setblocking(False)
        woken.setblocking(False)
        before = {number: signal.signal(number, self._note) for number in _heeded()}
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        try:
            while self._turn(heard):
                pass
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            for worker in self._all():
                worker.process.kill()
            heard.close()
            woken.close()
        return not self._has_failed

    def _turn(self, heard: socket.socket) -> bool:
        """Do what is to be done now, then wait for what happens next; False when all is over."""
        self._heed_signals()
        for worker in self._all():
            if worker.process.exitcode is not None:
                self._bury(worker)
        if self._is_ending and not self._all():
            return False
        now_s = time.monotonic()
        if not self._is_ending:
            self._renew(now_s)
            self._replace_missing(now_s)
        self._look_after(now_s)
        everything: list[Any] = [heard, *(worker.process.sentinel for worker in self._all())]
        everything += [worker.pipe for worker in self._all() if worker.hears]
        ready = wait(everything, ASK_S / 10 if any(worker.is_on_the_way for worker in self._all()) else ASK_S)
        if heard in ready:
            heard.recv(1024)
        for worker in self._all():
            if worker.pipe in ready:
                self._hear(worker)
        if time.monotonic() - now_s > HUNG_S / 2:  # it was we who were away: a machine that slept
            for worker in self._all():
                worker.heard_at_s = time.monotonic()
        return True

    def _all(self) -> tuple[Worker, ...]:
        return (*self._serving, *self._coming, *self._leaving, *self._replaced)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _heed_signals(self) -> None:
        while self._signals:
            number = self._signals.pop(0)
            if number == getattr(signal, "SIGHUP", None):
                log.info("SIGHUP: the workers are to be renewed")
                self._is_asked_to_renew = True
            elif not self._is_ending:
                log.info("%s: no longer serving", signal.Signals(number).name)
                self._end()
            elif number == signal.SIGINT:  # once more: who waits at a terminal does not wait for the drain
                for worker in self._all():
                    worker.process.kill()

    def _end(self) -> None:
        """Close the port; workers that serve have their time to end, others have nothing to do any more."""
        self._is_ending = True
        for each in self.sockets:
            each.close()
        for worker in (*self._serving, *self._coming, *self._replaced):
            self._let_go(worker)
        self._leaving += [*self._serving, *self._coming, *self._replaced]
        self._serving, self._coming, self._replaced = [], [], []

    def _let_go(self, worker: Worker) -> None:
        if worker.is_on_the_way:
            worker.process.kill()
        else:
            worker.send("end")
        worker.ends_at_s = self._latest_end_s()

    def _latest_end_s(self) -> float:
        return time.monotonic() + self.settings.server.drain_s + LAST_S

    def _start(self, settings: Settings) -> Worker | None:
        """A new worker; None, said why, where the system gives no process."""
        try:
            return start(settings, self.sockets, self.options_of(settings))
        except OSError as error:
            log.error("a worker cannot be started: %s", error)
            return None

    def _replace_missing(self, now_s: float) -> None:
        while len(self._serving) < self.settings.server.workers and now_s >= self._again_at_s:
            if started := self._start(self.settings):
                self._serving.append(started)
            else:
                self._wait_longer(now_s)
        for worker in self._serving:
            if worker.state == "loaded":
                worker.send("listen")

    def _renew(self, now_s: float) -> None:
        """Go on with a renewal, or begin the next."""
        if self._is_switching:
            self._switch()
        elif self._renewal is not None:
            if any(worker.state == "loading" for worker in self._coming):
                return
            if len(self._coming) < self._renewal.server.workers:
                if started := self._start(self._renewal):
                    self._coming.append(started)
                else:
                    self._give_up("a worker cannot be started")
                return
            self._replaced, self._serving, self._coming = self._serving, self._coming, []
            self.settings, self._is_switching = self._renewal, True
            self._died, self._again_at_s = 0, now_s
        elif self._is_asked_to_renew:
            self._is_asked_to_renew = False
            self._renewal = self.reread()
            if self._renewal is None:
                self._conclude("refused", "the workers are not renewed, they go on as they were")

    def _switch(self) -> None:
        """End the old workers as soon as the new ones, which may listen now, all do."""
        serving = [worker for worker in self._serving if worker.state == "serving"]
        if len(serving) < self.settings.server.workers:
            return
        for worker in self._replaced:
            self._let_go(worker)
        self._leaving += self._replaced
        self._replaced, self._is_switching = [], False
        self._conclude("renewed", "all %s workers are renewed", len(serving))

    def _conclude(self, outcome: "RenewalOutcome", message: str, *arguments: Any) -> None:
        self._renewal = None
        self.count(outcome)
        log.log(logging.INFO if outcome == "renewed" else logging.ERROR, message, *arguments)

    def _give_up(self, why: str) -> None:
        """Of a renewal: the old workers have served all the while, and go on."""
        for each in self._coming:
            self._let_go(each)
        self._leaving += self._coming
        self._coming = []
        self._conclude("failed", "%s: no worker is renewed, all go on as they were", why)

    def _hear(self, worker: Worker) -> None:
        try:
            worker.state, idle_s = worker.pipe.recv()
        except (EOFError, OSError):
            worker.hears = False  # it ends: its sentinel comes next
            return
        worker.is_asked = False
        if worker.state != "serving" or idle_s < HUNG_S:
            worker.heard_at_s = time.monotonic()
        if worker.state == "serving" and worker in self._serving:
            self._has_served = True
        if worker.state == "ending" and worker in self._serving:  # somebody has told it by a signal
            self._serving.remove(worker)
            self._leaving.append(worker)
            worker.ends_at_s = self._latest_end_s()

    def _look_after(self, now_s: float) -> None:
        """Ask them all how they are, and end what does not get on."""
        for worker in self._all():
            if not worker.is_asked and now_s >= worker.asked_at_s + (ASK_S / 10 if worker.is_on_the_way else ASK_S):
                worker.is_asked, worker.asked_at_s = True, now_s
                worker.send("say")
            if worker.ends_at_s is not None:
                is_late, why = now_s > worker.ends_at_s, "has not ended in its time"
            elif worker.state == "loading":
                is_late, why = now_s > worker.started_at_s + START_S, f"was not loaded within {START_S:.0f} s"
            else:
                is_late, why = now_s > worker.heard_at_s + HUNG_S, f"has not answered for {HUNG_S:.0f} s"
            if not is_late:
                continue
            if worker in self._coming:
                self._give_up(f"{worker} {why}")
            else:
                log.error("%s %s, it is killed", worker, why)
                worker.process.kill()
                worker.ends_at_s = now_s + LAST_S

    def _bury(self, worker: Worker) -> None:
        """A process has ended."""
        worker.process.join()
        worker.pipe.close()
        if worker in self._coming:
            self._coming.remove(worker)
            self._give_up(f"{worker} ended while it was starting")
        elif worker in self._serving:
            self._serving.remove(worker)
            self._mourn(worker)
        else:
            for those in (self._leaving, self._replaced):
                if worker in those:
                    those.remove(worker)
            log.info("%s has ended", worker)

    def _mourn(self, worker: Worker) -> None:
        """One that should serve has died: another takes its place, unless none has ever got as far."""
        if not self._has_served and (worker.process.exitcode or 0) > 0:
            log.error("%s failed to start, and so would the next: fusion-router ends", worker)
            self._has_failed = True
            self._end()
            return
        now_s = time.monotonic()
        if now_s - worker.started_at_s > AGAIN_S[-1]:
            self._died = 0
        self._wait_longer(now_s)
        log.error("%s died (exit code %s); another is started", worker, worker.process.exitcode)

    def _wait_longer(self, now_s: float) -> None:
        """Than the last time, before the next worker is started in the place of one that is missing."""
        self._again_at_s = now_s + AGAIN_S[min(self._died, len(AGAIN_S) - 1)]
        self._died += 1


def _heeded() -> list[int]:
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")
    return [int(getattr(signal, name)) for name in names if hasattr(signal, name)]
