"""What responses were asked and said, so that a later request may go on from one. In memory, and one worker's own."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from router.core.whole_json import dumps, loads

RESPONSE = "resp_"
"""How ids of responses begin; what follows stands in the ids of their items too."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One response: its input and its output as JSON. Only its caller may go on from it."""

    caller: str
    previous: str | None
    items: bytes


class KeptResponses:
    """The latest responses by id, bounded in bytes; the least recently used go first."""

    def __init__(self, most_bytes: int) -> None:
        """Keep so many bytes of JSON at most; with none, nothing."""
        self._most_bytes, self._bytes = most_bytes, 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    @property
    def keeps(self) -> bool:
        """Whether anything is kept here at all."""
        return self._most_bytes > 0

    def keep(self, response_id: str, caller: str, previous: str | None, items: Sequence[Any]) -> None:
        """Keep a response.

        Args:
            response_id: its id.
            caller: who may go on from it.
            previous: the response that it went on from itself.
            items: what was added to that: input and output.
        """
        kept = _Kept(caller, previous, dumps(items))
        self._kept[response_id] = kept
        self._bytes += len(kept.items)
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.items)

    def conversation(self, response_id: str, caller: str) -> list[Any] | None:
        """All items of a conversation up to a response, oldest first; None where a part of it is not kept."""
        links: list[Any] = []
        at: str | None = response_id
        while at is not None:
            kept = self._find(at, caller)
            if kept is None:
                return None
            links.append(loads(kept.items))
            at = kept.previous
        return [item for items in reversed(links) for item in items]

    def item(self, item_id: str, caller: str) -> Any | None:
        """One item of a response's output; None where it is not kept."""
        kept = self._find(RESPONSE + item_id.partition("_")[2].partition("_")[0], caller)
        items = loads(kept.items) if kept is not None else ()
        return next((item for item in items if isinstance(item, dict) and item.get("id") == item_id), None)

    def _find(self, response_id: str, caller: str) -> _Kept | None:
        kept = self._kept.get(response_id)
        if kept is None or kept.caller != caller:
            return None
        self._kept.move_to_end(response_id)
        return kept
