"""Whatever the string: no exception, every number in range, and work that does not grow with its length."""

from time import process_time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from classifier import Assessment, Classifier
from classifier.text import VIEW_CHARS, read

# "İ" becomes two in lower case, and head and tail are joined by a line end.
MOST_CHARS = 2 * (VIEW_CHARS + 1)
SCRIPTS = [
    (0x00, 0x7F), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xEFF),
    (0x1000, 0x109F), (0x2000, 0x206F), (0x2E80, 0x9FFF), (0xAC00, 0xD7A3), (0xD800, 0xDFFF), (0xFF00, 0xFFEF),
    (0x1F300, 0x1FAFF), (0xE0000, 0xE007F), (0x10FFF0, 0x10FFFF),
]  # fmt: skip
# What the patterns and marks look for, and what may go on for long inside them.
PIECES = [
    "\n", " ", "\t", "\r\n", "\x00", "\x1c", "\x85", "\u2028", "\u3000", "#", ":", ".", ",", "!", "?", "-", "0", "7", "٣",
    "²", "İ", "ſ", "\u0301", "\ud800", "please ", "Please, ", "hi ", "hello there, ", "thank you ", "thanks in advance. ",
    "i hope you are well. ", "could you please help me with this ", "answer ", "Answer: ", "the letter ", "step by step ",
    "do not ", "then ", "and ", "question", "Question:", "\nQuestion: ", "\n# user query :", "context:", "[1]", "\n---\n", "<query>", "</question>",
    "\nContext: ", "\n[2] ", "<context>", "</context>", "<documents id=", "\nsources above ", "relevant ", "\n**", "Article",
    "\nA. ", "\n(b) ", "\n  [C] ", "```", "____", "$$", "-th ", "0.0", "how many ", "write a function ", "\n- ", "証", "例え", "한국",
]  # fmt: skip
in_one_script = st.sampled_from(SCRIPTS).flatmap(
    lambda ends: st.text(st.integers(*ends).map(chr), max_size=60)  # surrogates too, which st.characters leaves out
)
in_any_script = st.lists(in_one_script, max_size=8).map("".join)
repeated = st.tuples(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join), st.integers(1, 3_000)).map(
    lambda parts: parts[0] * parts[1]
)
anything = st.lists(in_any_script | repeated | st.sampled_from(PIECES), max_size=5).map("".join)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def is_sound(assessment: Assessment) -> bool:
    return (
        0 <= assessment.complexity <= 1
        and -1 <= assessment.gain <= 1
        and 0 <= assessment.novelty <= 1
        and 1 <= assessment.expected_output_tokens <= 10_000
        and assessment.features is not None
        and bool(np.isfinite(assessment.features).all())
    )


@given(anything, st.sampled_from(["", "a", "\n" * 400, "\ud800", "Question:"]), st.booleans())
@example("İ" * 20_000, "", True)
@example("İ " * 20_000, "", True)
@settings(max_examples=300, deadline=None)
def test_any_string_in_any_script_is_judged_soundly(
    classifier: Classifier, prompt: str, context: str, explain: bool
) -> None:
    assert is_sound(classifier.assess(prompt, context, explain=explain))


@pytest.mark.parametrize("size", [10_000_000], ids=["10 MB"])
@pytest.mark.parametrize("piece", ["a", " ", "\n", "please ", "\n# ", "例", "0", "\ud800", "A. x\n", "Question:\n"])
def test_ten_megabytes_are_judged_soundly(classifier: Classifier, piece: str, size: int) -> None:
    huge = piece * (size // len(piece))
    assert is_sound(classifier.assess(huge, huge, explain=True))


@given(anything)
@example("İ" * 20_000)
@settings(max_examples=200, deadline=None)
def test_what_is_read_of_a_prompt_is_bounded(prompt: str) -> None:
    reading = read(prompt + "x" * VIEW_CHARS * 3)
    assert len(reading.body) <= MOST_CHARS
    assert len(reading.words) <= MOST_CHARS


@pytest.mark.parametrize("end", ["", "x", ":", " thanks"])
@pytest.mark.parametrize("start", ["", "context:\n", "\nQuestion", "hi "])
def test_no_repetition_is_gone_over_again_and_again(start: str, end: str) -> None:
    # A pattern with two repeats that share a character needs minutes here, a sound one a few milliseconds: the limit is
    # no measurement, it only ends the test.
    for piece in PIECES:
        for gap in ("", " ", "\n", "#"):
            prompt = start + (piece + gap) * (VIEW_CHARS // len(piece + gap)) + end
            began_s = process_time()
            read(prompt)
            assert process_time() - began_s < 1, repr((start, piece, gap, end))
