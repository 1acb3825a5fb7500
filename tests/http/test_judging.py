"""Turns that wait together are judged together, each as it would be by itself; one that comes again is not judged again."""

import asyncio
from collections.abc import Sequence

import pytest

from classifier import Classifier
from classifier.assessment import Assessment, Assessor
from router.judging import MOST_JUDGED, Docket, Turn, judge_alone

TEXTS = ("hi", "Prove that there are infinitely many primes.", "", "明日の天気は？", "x = 1\n" * 2_000)


class Counting(Assessor):
    """Notes who is judged with whom, and cannot bear one word."""

    artifact = ""

    def __init__(self, artifact: str = "counting@1:0") -> None:
        self.artifact = artifact
        self.seen: list[tuple[str, ...]] = []
        self.history: list[tuple[str, ...]] = []
        self.loses = 0

    def assess(self, text: str, context: str = "", instructions: str = "", *, explain: bool = False) -> Assessment:
        self.seen.append((text,))
        if text == "unbearable":
            raise ValueError
        return Assessment(len(text) / 100, 0.0, "chat", 0.1, False, 10, self.artifact)

    def assess_all(self, turns: Sequence[tuple[str, str, str]]) -> list[Assessment]:
        found = super().assess_all(turns)
        self.seen = [tuple(text for text, _, _ in turns)]
        self.history += self.seen
        return found[self.loses :]


def _turns(assessor: Assessor | None, *texts: str) -> list[Turn]:
    return [Turn(assessor, text, "", "", "r-1") for text in texts]


async def _judge(turns: list[Turn]) -> None:
    docket = Docket()
    await asyncio.gather(*(docket.judge(turn, has_company=True) for turn in turns))


async def test_who_waits_together_is_judged_in_one_go() -> None:
    counting = Counting()
    turns = _turns(counting, "a", "bb", "ccc")
    await _judge(turns)
    assert counting.seen == [("a", "bb", "ccc")]
    assert [turn.assessment.complexity for turn in turns if turn.assessment] == [0.01, 0.02, 0.03]


async def test_who_is_alone_is_judged_at_once() -> None:
    docket, counting = Docket(), Counting()
    (turn,) = _turns(counting, "a")
    await docket.judge(turn, has_company=False)
    assert counting.seen == [("a",)]


async def test_each_has_its_share_of_the_time_that_judging_took() -> None:
    turns = _turns(Counting(), "a", "b")
    await _judge(turns)
    assert turns[0].took_s == turns[1].took_s > 0


async def test_where_one_fails_the_others_are_judged_all_the_same_and_the_log_tells(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns = _turns(Counting(), "a", "unbearable", "b")
    await _judge(turns)
    assert [turn.assessment is not None for turn in turns] == [True, False, True]
    assert "3 requests together" in caplog.text


async def test_an_assessor_that_loses_a_turn_costs_nobody_an_assessment() -> None:
    counting, other = Counting(), Counting("other@1:0")
    counting.loses = 1
    turns = [*_turns(counting, "a", "b"), *_turns(other, "c")]
    await _judge(turns)
    assert all(turn.assessment for turn in turns)


async def test_each_is_judged_by_the_artifact_it_came_under() -> None:
    turns = [*_turns(Counting("old@1:0"), "a"), *_turns(Counting("new@1:0"), "b"), *_turns(None, "c")]
    await _judge(turns)
    assert [turn.assessment and turn.assessment.artifact for turn in turns] == ["old@1:0", "new@1:0", None]


async def test_one_whose_caller_goes_while_it_waits_is_not_judged_and_harms_nobody() -> None:
    docket, counting = Docket(), Counting()
    gone, stays = _turns(counting, "gone", "stays")
    tasks = [asyncio.ensure_future(docket.judge(turn, has_company=True)) for turn in (gone, stays)]
    asyncio.get_running_loop().call_soon(tasks[0].cancel)
    await asyncio.gather(*tasks, return_exceptions=True)
    later = _turns(counting, "later")
    await docket.judge(later[0], has_company=False)
    assert stays.assessment is not None
    assert not any("gone" in together for together in counting.history)


async def _judged(docket: Docket, assessor: Assessor | None, key: str, text: str = "a") -> Turn:
    turn = Turn(assessor, text, "", "", "r-1", key)
    await docket.judge(turn, has_company=False)
    return turn


async def test_a_turn_that_comes_again_is_not_judged_again() -> None:
    docket, counting = Docket(), Counting()
    first, again = [await _judged(docket, counting, "one") for _ in range(2)]
    assert again.assessment is first.assessment is not None
    assert counting.history == [("a",)]
    assert 0 < again.took_s < 0.01


async def test_turns_with_other_keys_or_none_are_judged_each() -> None:
    docket, counting = Docket(), Counting()
    for key in ("one", "two", "", ""):
        await _judged(docket, counting, key)
    assert counting.history == [("a",)] * 4


async def test_a_new_artifact_judges_everything_anew() -> None:
    docket, old, new = Docket(), Counting("old@1:0"), Counting("new@1:0")
    for assessor in (old, new, new, None):
        turn = await _judged(docket, assessor, "one")
        assert (turn.assessment.artifact if turn.assessment else None) == (assessor.artifact if assessor else None)
    assert len(old.history) == len(new.history) == 1


async def test_what_an_old_artifact_said_of_other_turns_is_forgotten_with_the_first_turn_of_the_new() -> None:
    docket, old, new = Docket(), Counting("old@1:0"), Counting("new@1:0")
    await _judged(docket, old, "another")
    await _judged(docket, new, "one")
    another = await _judged(docket, new, "another")
    assert another.assessment is not None
    assert another.assessment.artifact == "new@1:0"


async def test_what_failed_is_tried_again() -> None:
    docket, counting = Docket(), Counting()
    for _ in range(2):
        counting.seen.clear()
        assert (await _judged(docket, counting, "one", "unbearable")).assessment is None
        assert ("unbearable",) in counting.seen


async def test_the_turns_that_came_last_are_kept_and_no_more() -> None:
    docket, counting = Docket(), Counting()
    await _judged(docket, counting, "stays")
    for number in range(MOST_JUDGED - 1):
        await _judged(docket, counting, f"passes {number}")
    await _judged(docket, counting, "stays")  # used: it goes after those that came later
    await _judged(docket, counting, "one more")
    counting.history.clear()
    await _judged(docket, counting, "stays")
    assert counting.history == []
    await _judged(docket, counting, "passes 0")
    assert len(counting.history) == 1


@pytest.mark.parametrize("order", [TEXTS, TEXTS[::-1]])
async def test_company_changes_nothing_that_the_classifier_says(order: tuple[str, ...]) -> None:
    classifier = Classifier.load()
    together, alone = _turns(classifier, *order), _turns(classifier, *order)
    await _judge(together)
    for turn in alone:
        judge_alone(turn)
    assert [turn.assessment for turn in together] == [turn.assessment for turn in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.assessment is not None
        assert other.assessment is not None
        assert (one.assessment.features == other.assessment.features).all()
