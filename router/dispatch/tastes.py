"""How a request is written for one deployment: without the hints that it refuses, with a limit of the name and size that it takes.

Laws:

* What is learnt is learnt of one deployment, from a refusal, and only when the request that heeded it was answered.
* A limit is an upper bound: what a model can write at most is all that may be lowered to, and nothing is added.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from router.core.types import Deployment
from router.dispatch.hints import OTHER_NAME, Objection

_MAX_LEARNT = 64
"""Objections kept of one deployment. Callers choose values; what is not kept costs a refused call each time."""

_MAX_CHARS = 64

Changes = Mapping[str, Any]
"""Fields that are sent otherwise than they came, with what is sent; None for those left out."""


def unheeded(heard: Sequence[Objection], changes: Changes) -> tuple[Objection, ...]:
    """The objections to a request that its changes do not heed yet; the others were raised in vain."""

    def is_left_out(name: str | None) -> bool:
        return name is not None and name in changes and changes[name] is None

    return tuple(each for each in heard if not is_left_out(each.field) and not is_left_out(each.instead))


class Tastes:
    """Remembers what each deployment has refused, as long as the worker runs."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._learnt: dict[str, tuple[Objection, ...]] = {}

    def changes(
        self, deployment: Deployment, body: Mapping[str, Any], heard: Sequence[Objection] = ()
    ) -> Changes | None:
        """What has to be changed of a request; None where it goes as it came.

        Args:
            deployment: whom it goes to.
            body: the request as it came.
            heard: what was said against it just now.
        """
        learnt = self._learnt.get(deployment.name, ())
        if not (learnt or heard or "max_tokens" in body or "max_completion_tokens" in body):
            return None
        most, changes = deployment.max_output_tokens, dict[str, Any]()
        for objection in (*learnt, *heard):
            if objection.holds(body):
                changes[objection.field] = None
                if objection.instead is not None and objection.instead not in body:
                    changes[objection.instead] = body[objection.field]
        if most is not None:
            for name in OTHER_NAME:
                if _is_above(changes[name] if name in changes else body.get(name), most):
                    changes[name] = most
        return changes or None

    def learn(self, name: str, heard: Sequence[Objection]) -> None:
        """Remember what was said against a request that was answered once it was heeded."""
        known = self._learnt.get(name, ())
        new = [each for each in heard if each not in known and _is_short(each)]
        self._learnt[name] = (*known, *new)[:_MAX_LEARNT]


def _is_short(objection: Objection) -> bool:
    return len(objection.value or b"") <= _MAX_CHARS and len(str(objection.effort)) <= _MAX_CHARS


def _is_above(limit: Any, most: int) -> bool:
    return isinstance(limit, int) and limit > most  # of embeddings nobody has checked what it is


def rewritten(body: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """A request with its changes made, every other field as it was and where it was."""
    kept = {name: value for name, value in body.items() if changes.get(name, value) is not None or name not in changes}
    return kept | {name: value for name, value in changes.items() if value is not None}
