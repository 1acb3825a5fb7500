"""Runs kept for a while, so that a caller can ask for them again. One worker's own memory."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.core.fusion import without_texts

CAPACITY = 1_000
"""Runs of four members with text take about 100 KB each."""


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A finished run; only its caller may read it."""

    caller: str
    facts: Mapping[str, Any]


class RunStore:
    """The latest runs by id."""

    def __init__(self, capacity: int = CAPACITY, *, keeps_text: bool = False) -> None:
        """Keep at most ``capacity`` runs, with candidates and analysis only where text may be stored."""
        self._capacity, self._keeps_text = capacity, keeps_text
        self._runs: OrderedDict[str, KeptRun] = OrderedDict()

    def keep(self, caller: str, facts: Mapping[str, Any], responses: list[dict[str, Any]]) -> None:
        """Keep a run; the oldest goes when there are too many."""
        kept = {**facts, "responses": responses} if self._keeps_text else without_texts(facts)
        self._runs[str(facts["run_id"])] = KeptRun(caller, kept)
        if len(self._runs) > self._capacity:
            self._runs.popitem(last=False)

    def find(self, run_id: str, caller: str) -> KeptRun | None:
        """A run of this caller; None where there is none, whoever else may have one of that id."""
        kept = self._runs.get(run_id)
        return kept if kept is not None and kept.caller == caller else None
