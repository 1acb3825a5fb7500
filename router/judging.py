"""Requests that wait together are judged together: one step of the classifier after another, each for all of them.

A step's code and tables then come out of the processor's cache for all but the first (tests/bench/README.md).
"""

import asyncio
import logging
from dataclasses import dataclass
from time import perf_counter

from classifier.assessment import Assessment, Assessor

log = logging.getLogger("router")


@dataclass(slots=True, eq=False)
class Turn:
    """A turn to be judged, by whom and for which request, and what was said of it.

    ``assessment`` is None until it was judged, without a classifier, and where that failed: routing never fails a
    request. ``took_s`` is its share of the time that judging took.
    """

    assessor: Assessor | None
    text: str
    context: str
    request_id: str
    assessment: Assessment | None = None
    took_s: float = 0.0


class Docket:
    """The turns that wait to be judged."""

    def __init__(self) -> None:
        """Nobody waits yet."""
        self._waiting: list[Turn] = []

    async def judge(self, turn: Turn, *, has_company: bool) -> None:
        """Have a turn judged with all that wait; one with company waits until the others that are ready now were read."""
        self._waiting.append(turn)
        if has_company:
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                raise
        if turn in self._waiting:
            waiting, self._waiting = self._waiting, []
            for assessor in {id(each.assessor): each.assessor for each in waiting}.values():
                _judge_together(assessor, [each for each in waiting if each.assessor is assessor])


def judge_alone(turn: Turn, *, explain: bool = False) -> None:
    """Have a turn judged by itself, and explained if asked for."""
    if turn.assessor is None:
        return
    began_s = perf_counter()
    try:
        turn.assessment = turn.assessor.assess(turn.text, turn.context, explain=explain)
    except Exception:
        log.exception("the classifier failed on request %s", turn.request_id)
    turn.took_s = perf_counter() - began_s


def _judge_together(assessor: Assessor | None, turns: list[Turn]) -> None:
    """Judge turns of one classifier; where that fails each by itself, so that none fails for another's sake."""
    if assessor is None:
        return
    began_s = perf_counter()
    try:
        found = assessor.assess_all([(turn.text, turn.context) for turn in turns])
        for turn, assessment in zip(turns, found, strict=True):
            turn.assessment = assessment
    except Exception:
        log.exception("the classifier failed on %d requests together; each is judged by itself", len(turns))
        for turn in turns:
            turn.assessment = None
            judge_alone(turn)
    share_s = (perf_counter() - began_s) / len(turns)
    for turn in turns:
        turn.took_s = share_s
