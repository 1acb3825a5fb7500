"""Turns that wait together are judged together, each as it would be by itself."""

from collections.abc import Sequence

import pytest

from classifier import Classifier
from classifier.assessment import Assessment, Assessor
from router.judging import Docket, Turn, judge_alone

TEXTS = ("hi", "Prove that there are infinitely many primes.", "", "明日の天気は？", "x = 1\n" * 2_000)


class Counting(Assessor):
    """Notes who is judged with whom, and cannot bear one word."""

    artifact = ""

    def __init__(self, artifact: str = "counting@1:0") -> None:
        self.artifact = artifact
        self.seen: list[tuple[str, ...]] = []

    def assess(self, text: str, context: str = "", *, explain: bool = False) -> Assessment:
        self.seen.append((text,))
        if text == "unbearable":
            raise ValueError
        return Assessment(len(text) / 100, 0.0, "chat", 0.1, False, 10, self.artifact)

    def assess_all(self, turns: Sequence[tuple[str, str]]) -> list[Assessment]:
        found = super().assess_all(turns)
        self.seen = [tuple(text for text, _ in turns)]
        return found


def _wait(docket: Docket, assessor: Assessor | None, *texts: str) -> list[Turn]:
    return [docket.add(Turn(assessor, text, "", "r-1")) for text in texts]


def test_the_first_that_asks_has_all_judged_that_wait_and_the_others_find_it_done() -> None:
    docket, counting = Docket(), Counting()
    turns = _wait(docket, counting, "a", "bb", "ccc")
    docket.judge(turns[1])
    assert counting.seen == [("a", "bb", "ccc")]
    assert [turn.assessment.complexity for turn in turns if turn.assessment] == [0.01, 0.02, 0.03]
    for turn in turns:
        docket.judge(turn)
    assert counting.seen == [("a", "bb", "ccc")]


def test_each_has_its_share_of_the_time_that_judging_took() -> None:
    docket = Docket()
    turns = _wait(docket, Counting(), "a", "b")
    docket.judge(turns[0])
    assert turns[0].took_s == turns[1].took_s > 0


def test_where_one_fails_the_others_are_judged_all_the_same() -> None:
    docket = Docket()
    turns = _wait(docket, Counting(), "a", "unbearable", "b")
    docket.judge(turns[0])
    assert [turn.assessment is not None for turn in turns] == [True, False, True]


def test_each_is_judged_by_the_artifact_it_came_under() -> None:
    docket, old, new = Docket(), Counting("old@1:0"), Counting("new@1:0")
    turns = [*_wait(docket, old, "a"), *_wait(docket, new, "b"), *_wait(docket, None, "c")]
    docket.judge(turns[0])
    assert [turn.assessment and turn.assessment.artifact for turn in turns] == ["old@1:0", "new@1:0", None]


@pytest.mark.parametrize("order", [TEXTS, TEXTS[::-1]])
def test_company_changes_nothing_that_the_classifier_says(order: tuple[str, ...]) -> None:
    docket, classifier = Docket(), Classifier.load()
    together, alone = _wait(docket, classifier, *order), [Turn(classifier, text, "", "r-2") for text in order]
    docket.judge(together[0])
    for turn in alone:
        judge_alone(turn)
    assert [turn.assessment for turn in together] == [turn.assessment for turn in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.assessment is not None
        assert other.assessment is not None
        assert (one.assessment.features == other.assessment.features).all()
