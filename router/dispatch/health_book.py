"""How each deployment has been doing, and which are left out for now: one book for all requests."""

import logging
from collections.abc import Callable, Collection, Iterable
from time import monotonic
from typing import get_args

from router.core.health import (
    CooldownRules,
    Health,
    after_abandon,
    after_failure,
    after_first_content,
    after_success,
    availability,
    before_call,
)
from router.dispatch.provider import Operation
from router.errors import OutOfFiles, UpstreamError, UpstreamRateLimited

log = logging.getLogger("router")


class Line:
    """The book's line on what one deployment does of one kind."""

    __slots__ = ("health", "is_rate_limited", "name", "operation")

    def __init__(self, name: str, operation: Operation) -> None:
        """Begin with it up."""
        self.name, self.operation = name, operation
        self.health = Health()
        self.is_rate_limited = False
        """Whether a 429 began its last cooldown."""

    def __str__(self) -> str:
        """Whom it is about, for the log."""
        return self.name if self.operation == "chat/completions" else f"{self.name} ({self.operation})"


UnderWay = tuple[Line, int]
"""A call that has begun: the line that it is about, and the epoch it belongs to. A tuple, since every request makes one."""


class HealthBook:
    """The health of every deployment, moved by what becomes of its calls.

    Kept apart for each operation: an upstream that serves chat and no embeddings, which one caller may ask it for, does
    not fail at what everybody else asks of it.
    """

    def __init__(self, names: Collection[str], rules: CooldownRules, on_change: Callable[[str, bool], None]) -> None:
        """Begin with all of them up.

        Args:
            names: the pool.
            rules: when a deployment is left out.
            on_change: told when a deployment is left out, at first or after a failed probe (False), or for nothing any more (True).
        """
        self._lines: dict[Operation, dict[str, Line]] = {
            operation: {name: Line(name, operation) for name in names} for operation in get_args(Operation)
        }
        self._rules = rules
        self._on_change = on_change
        self._told_down: set[Line] = set()

    def is_available(self, name: str, operation: Operation = "chat/completions") -> bool:
        """Whether a call may go there now."""
        health = self._lines[operation][name].health
        return not health.cooling_until_s or availability(health, monotonic()) != "cooling"  # mostly the former

    def are_rate_limited(self, names: Iterable[str], operation: Operation) -> bool:
        """Whether each of them, all left out now, is so because of a 429."""
        return all(self._lines[operation][name].is_rate_limited for name in names)

    def wait_s(self, names: Iterable[str], operation: Operation) -> float:
        """Seconds until the first of them, all left out now, may be called again."""
        return min(self._lines[operation][name].health.cooling_until_s for name in names) - monotonic()

    def called(self, name: str, operation: Operation) -> UnderWay:
        """A call begins; what becomes of it is told with what comes back."""
        line = self._lines[operation][name]
        if line.health.cooling_until_s:
            line.health = before_call(line.health, monotonic())
        return line, line.health.epoch

    def answered(self, call: UnderWay) -> None:
        """A call ended well."""
        self._recover(call, after_success)

    def began(self, call: UnderWay) -> None:
        """A stream's first content came."""
        self._recover(call, after_first_content)

    def failed(self, call: UnderWay, error: UpstreamError) -> None:
        """A call failed; a failure that is not the deployment's own shows that it is up, if it was reached."""
        if isinstance(error, OutOfFiles):
            self.abandoned(call)
            return
        if not error.cools_down:
            self.answered(call)
            return
        line, epoch = call
        was, now_s = line.health, monotonic()
        line.health = after_failure(was, epoch, now_s, self._rules, error.retry_after_s)
        until_s = line.health.cooling_until_s
        if until_s != was.cooling_until_s:
            line.is_rate_limited = isinstance(error, UpstreamRateLimited)
        is_its_probe = was.probing and epoch == was.epoch
        if until_s != was.cooling_until_s and (is_its_probe or availability(was, now_s) != "cooling"):
            log.warning("%s is left out for %.1f s: %s", line, until_s - now_s, _said(error))
            self._told_down.add(line)
            self._on_change(line.name, False)
        else:
            log.info("a call to %s failed: %s", line, _said(error))

    def abandoned(self, call: UnderWay) -> None:
        """A call was given up: if it was the one probe, another may try."""
        line, epoch = call
        line.health = after_abandon(line.health, epoch)

    def _recover(self, call: UnderWay, step: Callable[[Health, int], Health]) -> None:
        line, epoch = call
        was = line.health
        line.health = step(was, epoch)
        if was.cooling_until_s and not line.health.cooling_until_s:
            log.warning("%s answers again", line)
        if self._told_down and not line.health.cooling_until_s:
            self._tell_if_back(line.name)

    def _tell_if_back(self, name: str) -> None:
        """Where it is left out for nothing any more; what nobody has asked it for since a cooldown ended counts for nothing."""
        told, now_s = {line for line in self._told_down if line.name == name}, monotonic()
        out = {line for line in told if availability(line.health, now_s) == "cooling"}
        self._told_down -= told - out
        if told and not out:
            self._on_change(name, True)


def _said(error: UpstreamError) -> str:
    """What is wrong with a deployment: our words and code, and the provider's code; never its own words."""
    codes = [code for code in (error.code, error.upstream_code) if code is not None]
    return f"{error.message} [{', '.join(codes)}]"
