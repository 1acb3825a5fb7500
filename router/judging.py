"""Requests that wait together are judged together, and a turn that comes again is not judged again.

Together: one step of the classifier after another, each for all of them. A step's code and tables then come out of the
processor's cache for all but the first (tests/bench/README.md). Again: an agent sends the same human turn with every
step of its tool loop, and a client that retries sends it too.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from time import perf_counter

from classifier.assessment import Assessment, Assessor

log = logging.getLogger("router")

MOST_JUDGED = 512
"""Turns whose assessment is kept: those of so many tool loops at once. One takes about 1.5 kB."""


@dataclass(slots=True, eq=False)
class Turn:
    """A turn to be judged, by whom and for which request, and what was said of it.

    ``key`` is the same only for the same caller's same words in the same conversation; without one, nothing is kept.
    ``assessment`` is None until it was judged, without a classifier, and where that failed: routing never fails a
    request. ``took_s`` is its share of the time that judging took.
    """

    assessor: Assessor | None
    text: str
    context: str
    instructions: str
    request_id: str
    key: str = ""
    assessment: Assessment | None = None
    took_s: float = 0.0


class Judged:
    """Assessments of the latest turns, all by one classifier: when another one takes over they are forgotten."""

    def __init__(self, most: int = MOST_JUDGED) -> None:
        """Keep at most ``most`` assessments; the least recently used goes first."""
        self._most = most
        self._assessor: Assessor | None = None
        self._found: OrderedDict[str, Assessment] = OrderedDict()

    def find(self, turn: Turn) -> Assessment | None:
        """What the turn's classifier has said of it before; None where that is not kept."""
        if turn.assessor is not self._assessor:
            return None
        found = self._found.get(turn.key)
        if found is not None:
            self._found.move_to_end(turn.key)
        return found

    def keep(self, turn: Turn) -> None:
        """Keep what was said of a turn, if it has a key and did not fail."""
        if turn.assessment is None or not turn.key:
            return
        if turn.assessor is not self._assessor:
            self._assessor = turn.assessor
            self._found.clear()
        self._found[turn.key] = turn.assessment
        if len(self._found) > self._most:
            self._found.popitem(last=False)


class Docket:
    """The turns that wait to be judged."""

    def __init__(self) -> None:
        """Nobody waits yet, and nobody was judged."""
        self._waiting: list[Turn] = []
        self._judged = Judged()

    async def judge(self, turn: Turn, *, has_company: bool) -> None:
        """Judge a turn together with all that wait.

        With company it first waits until the other requests that are ready now have been read, and wait too. A turn
        that was judged before waits for nobody.
        """
        began_s = perf_counter()
        turn.assessment = self._judged.find(turn)
        if turn.assessment is not None:
            turn.took_s = perf_counter() - began_s
            return
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
            for each in waiting:
                self._judged.keep(each)


def judge_alone(turn: Turn, *, explain: bool = False) -> None:
    """Have a turn judged by itself, and explained if asked for."""
    if turn.assessor is None:
        return
    began_s = perf_counter()
    try:
        turn.assessment = turn.assessor.assess(turn.text, turn.context, turn.instructions, explain=explain)
    except Exception:
        log.exception("the classifier failed on request %s", turn.request_id)
    turn.took_s = perf_counter() - began_s


def _judge_together(assessor: Assessor | None, turns: list[Turn]) -> None:
    """Judge turns of one classifier; where that fails each by itself, so that none fails for another's sake."""
    if assessor is None:
        return
    began_s = perf_counter()
    try:
        found = assessor.assess_all([(turn.text, turn.context, turn.instructions) for turn in turns])
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
