"""What responses were asked and said, so that a later request may go on from one. In memory, and one worker's own.

Laws:

* What is kept takes no more memory than it is allowed to, however many responses that is.
* What a request has read back is no longer than what it might have sent: its body is short, but not its conversation.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from router.core.whole_json import dumps, loads
from router.errors import ContextTooLong

RESPONSE = "resp_"
"""How ids of responses begin; what follows stands in the ids of their items too."""

_ENTRY_BYTES = 400
"""What a response takes beside its items. Source: the growth of the process by 400,000 of them, 382 bytes each."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One response: its input and its output as JSON. Only its caller may go on from it."""

    caller: str
    previous: str | None
    items: bytes

    @property
    def size(self) -> int:
        return len(self.items) + _ENTRY_BYTES


class KeptResponses:
    """The latest responses by id, bounded in bytes; the least recently used go first."""

    def __init__(self, most_bytes: int, most_read_bytes: int) -> None:
        """Keep so many bytes at most, with none nothing; and let a request have no more of them read back than that."""
        self._most_bytes, self._most_read_bytes, self._bytes = most_bytes, most_read_bytes, 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    @property
    def keeps(self) -> bool:
        """Whether anything is kept here at all."""
        return self._most_bytes > 0

    def keep(self, response_id: str, caller: str, previous: str | None, items: Sequence[Any]) -> None:
        """Keep a response; not one that is larger than all that may be kept, since the others would have to go for it.

        Args:
            response_id: its id.
            caller: who may go on from it.
            previous: the response that it went on from itself.
            items: what was added to that: input and output.
        """
        # copied: orjson writes into a kilobyte or more, most of which a short one would hold on to
        kept = _Kept(caller, previous, bytes(memoryview(dumps(items))))
        if kept.size > self._most_bytes:
            return
        self._kept[response_id] = kept
        self._bytes += kept.size
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size

    def conversation(self, response_id: str, caller: str) -> list[Any] | None:
        """All items of a conversation up to a response, oldest first; None where a part of it is not kept.

        Raises:
            ContextTooLong: it is longer than a request may be.
        """
        links: list[_Kept] = []
        at: str | None = response_id
        while at is not None:
            kept = self._find(at, caller)
            if kept is None:
                return None
            links.append(kept)
            at = kept.previous
        self._check_size(links, "previous_response_id")
        return [item for kept in reversed(links) for item in loads(kept.items)]

    def items(self, item_ids: Iterable[str], caller: str) -> dict[str, Any]:
        """Those items among the ids that are kept, each response of theirs read once.

        Raises:
            ContextTooLong: their responses are longer than a request may be.
        """
        wanted = set(item_ids)
        responses = {RESPONSE + item_id.partition("_")[2].partition("_")[0] for item_id in wanted}
        found = [kept for name in responses if (kept := self._find(name, caller)) is not None]
        self._check_size(found, "input")
        items = [item for kept in found for item in loads(kept.items) if isinstance(item, dict)]
        return {name: item for item in items if isinstance(name := item.get("id"), str) and name in wanted}

    def _check_size(self, found: Sequence[_Kept], param: str) -> None:
        if sum([len(kept.items) for kept in found]) > self._most_read_bytes:
            raise ContextTooLong(
                "The conversation so far exceeds the context window: it has more than "
                f"{self._most_read_bytes} bytes (`limits.max_body_bytes`). Begin a new one with a summary of it.",
                param=param,
            )

    def _find(self, response_id: str, caller: str) -> _Kept | None:
        kept = self._kept.get(response_id)
        if kept is None or kept.caller != caller:
            return None
        self._kept.move_to_end(response_id)
        return kept
