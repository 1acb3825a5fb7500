"""The answer and the analysis, while they stream."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.split import AnswerSplit

MARKER = "===analysis 0123456789abcdef==="
JSON = '{"consensus": ["x"], "confidence": 0.9}'
ANSWERS = [
    "A plain answer.",
    'With code:\n\n```json\n{"name": "x"}\n```\nand more.',
    "Ends in a fence:\n```python\nprint(1)\n```",
    "=== a heading ===\nand text ==",
    '{"result": 1}',
    "Braces { in { text } and `ticks` and ~~~ too",
    "Half a word of json\nana",
]
ENDS = [
    f"\n{MARKER}\n{JSON}",
    f"\n\n{MARKER}{JSON}",
    f"\n\n```json\n{JSON}\n```",
    f"\n\n## Analysis\n```\n{JSON}\n```",
    f"\n\n{JSON}",
    f"\n\n**Analysis:**\n{MARKER}\n```json\n{JSON}\n```",
]


def split(text: str, cuts: list[int]) -> tuple[str, str]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    splitter = AnswerSplit(MARKER)
    passed = "".join(splitter.feed(text[a:b]) for a, b in pairwise(edges))
    rest, analysis = splitter.close()
    return passed + rest, analysis


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("end", ENDS)
@given(cuts=st.lists(st.integers(0, 400), max_size=12))
def test_nothing_of_the_analysis_leaves_wherever_the_text_is_cut(answer: str, end: str, cuts: list[int]) -> None:
    passed, analysis = split(answer + end, cuts)
    assert passed == answer
    assert JSON in analysis


@pytest.mark.parametrize("end", ENDS)
def test_one_character_at_a_time_is_one_way_to_cut(end: str) -> None:
    text = ANSWERS[1] + end
    assert split(text, list(range(len(text))))[0] == ANSWERS[1]


@pytest.mark.parametrize("answer", ANSWERS)
@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_an_answer_without_an_analysis_leaves_whole(answer: str, cuts: list[int]) -> None:
    assert split(answer + "\n", cuts) == (answer + "\n", "")


@given(st.text(alphabet='ab {}`~="\n', max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_any_text_without_an_analysis_leaves_whole(text: str, cuts: list[int]) -> None:
    assert split(text, cuts) == (text, "")


OWN = [
    '{"consensus": "We ship on Monday.", "dissent": "none"}',
    'Here it is:\n\n```json\n{"dissent": ["a"], "n": {"consensus": 1}}\n```\nand a word after it.',
    'Analysis:\n\n{"blind_spots": []}',
]


@pytest.mark.parametrize("answer", OWN)
@pytest.mark.parametrize("end", [ENDS[0], ENDS[1], ENDS[5]])
@given(cuts=st.lists(st.integers(0, 400), max_size=12))
def test_an_object_that_the_marker_follows_is_the_answers_own(answer: str, end: str, cuts: list[int]) -> None:
    passed, analysis = split(answer + end, cuts)
    assert passed == answer
    assert JSON in analysis
    assert answer not in analysis


def test_a_marker_with_nothing_after_it_does_not_make_an_analysis_an_answer() -> None:
    assert split(f"Answer.\n\n{JSON}\n{MARKER}\n", [5, 30])[0] == "Answer."


@pytest.mark.parametrize("kept", range(4, len(MARKER)))
def test_half_a_marker_at_the_end_does_not_leave(kept: int) -> None:
    assert split(f"Answer.\n{MARKER[:kept]}", [3, 9]) == ("Answer.", "") or split(
        f"Answer.\n{MARKER[:kept]}", [3, 9]
    ) == ("Answer.\n", "")


@pytest.mark.parametrize("end", ['\n{"conse', '\n```json\n{ "blind_sp', '\n{"dissent'])
def test_half_an_opening_at_the_end_does_not_leave(end: str) -> None:
    assert split(f"Answer.{end}", [3, 9])[0].strip() == "Answer."


def test_an_analysis_without_an_answer_leaves_nothing() -> None:
    passed, analysis = split(f"{MARKER}\n{JSON}", [5])
    assert passed == ""
    assert JSON in analysis


def test_an_answer_streams_on_while_it_is_surely_answer() -> None:
    splitter = AnswerSplit(MARKER)
    assert splitter.feed("The first words ") + splitter.feed("leave at once") == "The first words leave at once"
