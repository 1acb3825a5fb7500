"""How a prompt asks is read off its first word, its last sentence and its last mark."""

from math import expm1

import pytest

from classifier import Classifier
from classifier.asking import ASKING, asking
from classifier.text import read


def _of(text: str) -> dict[str, float]:
    reading = read(text)
    return dict(zip(ASKING, asking(reading), strict=True))


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("Is seven a prime?", "ends with a question mark"),
        ("七是质数吗？", "ends with a question mark"),
        ("Prove that seven is prime.  \n", "ends with a full stop"),
        ("证明七是质数。", "ends with a full stop"),
        ("Translate this line:", "ends with a colon"),
        ("Seven is prime", None),
        ("", None),
    ],
)
def test_a_prompt_ends_one_way_or_none(text: str, ending: str | None) -> None:
    found = {name for name, value in _of(text).items() if name.startswith("ends with") and value}
    assert found == ({ending} if ending else set())


def test_a_question_word_counts_where_the_prompt_begins_with_it() -> None:
    assert _of("Where is it?")["begins with a question word"] == 1
    assert _of("Tell me where it is.")["begins with a question word"] == 0


def test_which_counts_near_the_end_of_a_long_prompt_only() -> None:
    story = "It rained for days and the river rose over the lower fields. " * 4
    assert _of(story + "Which field was flooded?")["asks which near the end"] == 1
    assert _of("Which of these is told? " + story)["asks which near the end"] == 0


def test_the_last_sentence_is_counted_in_words_whatever_follows_it() -> None:
    for end in ("?", "...", "?!\n\n", ""):
        assert expm1(_of("Tom has two pears. How many are left" + end)["words of the last sentence"]) == pytest.approx(
            4
        )


def test_only_numbers_of_one_digit_are_counted() -> None:
    classifier = Classifier.load()
    features = classifier.assess("Add 3 and 4 to 12 and 2024.").features
    found = dict(zip(classifier.feature_names, features, strict=True))
    assert expm1(found["numbers of one digit"]) == pytest.approx(2)
