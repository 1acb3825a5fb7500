"""How each deployment has been doing, and which are left out for now: one book for all requests."""

import logging
from collections.abc import Callable, Iterable
from time import monotonic

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
from router.errors import UpstreamError

log = logging.getLogger("router")


class Standing:
    """The health of every deployment, moved by what becomes of its calls."""

    def __init__(self, names: Iterable[str], rules: CooldownRules, on_change: Callable[[str, bool], None]) -> None:
        """Begin with all of them up.

        Args:
            names: the pool.
            rules: when a deployment is left out.
            on_change: told when a deployment is left out, anew or for longer (False), or comes back (True).
        """
        self._health = dict.fromkeys(names, Health())
        self._rules = rules
        self._on_change = on_change

    def is_available(self, name: str) -> bool:
        """Whether a call may go there now."""
        return availability(self._health[name], monotonic()) != "cooling"

    def wait_s(self, names: Iterable[str]) -> float:
        """Seconds until the first of them may be called again."""
        return min(self._health[name].cooling_until_s for name in names) - monotonic()

    def called(self, name: str) -> None:
        """A call begins."""
        self._health[name] = before_call(self._health[name], monotonic())

    def answered(self, name: str) -> None:
        """A call ended well."""
        self._recover(name, after_success)

    def began(self, name: str) -> None:
        """A stream's first content came."""
        self._recover(name, after_first_content)

    def failed(self, name: str, error: UpstreamError) -> None:
        """A call failed; a failure that is not the deployment's own shows that it is up."""
        health = self._health[name]
        if not error.cools_down:
            self.answered(name)
            return
        now_s = monotonic()
        self._health[name] = after_failure(health, now_s, self._rules, error.retry_after_s)
        until_s = self._health[name].cooling_until_s
        if until_s != health.cooling_until_s:
            log.warning("%s is left out for %.1f s: %s", name, until_s - now_s, _said(error))
            self._on_change(name, False)
        else:
            log.info("a call to %s failed: %s", name, _said(error))

    def abandoned(self, name: str) -> None:
        """A call was given up, or has ended: if it was the one probe, another may try."""
        self._health[name] = after_abandon(self._health[name])

    def _recover(self, name: str, step: Callable[[Health], Health]) -> None:
        health = self._health[name]
        self._health[name] = step(health)
        if health.cooling_until_s:
            log.warning("%s answers again", name)
            self._on_change(name, True)


def _said(error: UpstreamError) -> str:
    """What is wrong with a deployment: our words and code, and the provider's code; never its own words."""
    codes = [code for code in (error.code, error.upstream_code) if code is not None]
    return f"{error.message} [{', '.join(codes)}]"
