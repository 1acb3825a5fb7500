"""A turn that brings only material is judged by the task that its system message sets; one that asks is judged by itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Classifier
from classifier.model import WHOLE_SHARE
from classifier.request import MOST_CHARS
from training.instructed_data import load_system_messages

LEASE = (
    "4.2 The Tenant shall keep the interior in good repair, fair wear and tear excepted. 4.3 The Landlord may enter upon two "
    "days' notice in writing, save in an emergency. 4.4 Arrears bear interest at four per cent above base from the due date."
)
TICKET = (
    "order 88120 came with a cracked lid, second time now. ordered in march, blue one, paid by card, receipt attached"
)
NOTICE = (
    "The pool in Weidenallee stays closed until the end of May, since tiles came loose under the diving board in March. Season "
    "tickets are valid for four weeks longer. Courses move to the hall of the grammar school, and begin there on 2 April."
)
MATERIALS = (LEASE, TICKET, NOTICE)
EASY = "Translate the text to French. Return only the translation."
HARD = "Find every way in which two of these rules can contradict each other, prove that the list is complete, and redraft the whole so that none remains."
ASKING = ("What is the capital of Norway?", "Prove that there are infinitely many primes congruent to 3 modulo 4.")
ROLES = (
    "You are a helpful assistant.",
    "You are the assistant of Brightwater Energy's customers. Be polite and brief, and never promise refunds.",
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


@pytest.mark.parametrize("material", MATERIALS)
def test_over_the_same_material_a_hard_task_is_judged_harder_than_an_easy_one(
    classifier: Classifier, material: str
) -> None:
    easy, hard = (classifier.assess(material, instructions=task) for task in (EASY, HARD))
    assert easy.is_by_instructions
    assert hard.is_by_instructions
    assert hard.complexity > easy.complexity
    assert hard.gain > easy.gain


@pytest.mark.parametrize("task", [EASY, HARD])
def test_the_numbers_judged_are_mostly_those_of_the_task_and_hold_a_share_of_the_material(
    classifier: Classifier, task: str
) -> None:
    found, told, turn = (
        assessment.features
        for assessment in (
            classifier.assess(TICKET, instructions=task),
            classifier.assess(task),
            classifier.assess(TICKET),
        )
    )
    assert found is not None
    assert told is not None
    assert turn is not None
    np.testing.assert_allclose(found, (1 - WHOLE_SHARE) * told + WHOLE_SHARE * turn, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "before", ["You are a helpful assistant. ", "Du bist Redakteurin.\n\n", "Today is 3 May 2027.\n"]
)
@pytest.mark.parametrize("task", ["Translate the text to French.", "Extract all dates as JSON."])
def test_a_role_or_a_date_in_front_of_a_task_does_not_hide_it(classifier: Classifier, before: str, task: str) -> None:
    for material in (LEASE, TICKET):
        assert classifier.assess(material, instructions=task).is_by_instructions
        assert classifier.assess(material, instructions=before + task).is_by_instructions
    for asking in ASKING:
        assert classifier.assess(asking, instructions=before) == classifier.assess(asking)


def test_instructions_that_begin_alike_are_told_apart(classifier: Classifier) -> None:
    first, second = (classifier.assess(TICKET, instructions=f"{EASY} {more}") for more in ("In French.", HARD))
    assert first != second


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("asking", ASKING)
def test_a_turn_that_asks_is_judged_as_it_would_be_alone(classifier: Classifier, asking: str, role: str) -> None:
    alone, under = classifier.assess(asking), classifier.assess(asking, instructions=role)
    assert under == alone
    assert not under.is_by_instructions


def test_long_instructions_are_no_turns_task(classifier: Classifier) -> None:
    padded = f"{EASY}{' ' * MOST_CHARS}"
    assert classifier.assess(LEASE, instructions=padded) == classifier.assess(LEASE)


@pytest.mark.parametrize(
    "turn", ["", " ", ".", "…", "\N{ROCKET}", "Begin.", "Go ahead!", "Please start now.", "Los geht's", "开始"]
)
def test_where_the_first_turn_only_begins_the_whole_prompt_is_in_its_instructions(
    classifier: Classifier, turn: str
) -> None:
    for told in (EASY, HARD, f"{HARD}\n\n{LEASE} {NOTICE}"):
        found = classifier.assess(turn, instructions=told)
        assert found.is_by_instructions
        assert (found.complexity, found.gain) == (classifier.assess(told).complexity, classifier.assess(told).gain)


@pytest.mark.parametrize("turn", ["", ".", "Begin.", "\N{THUMBS UP SIGN}"])
def test_in_a_conversation_a_turn_that_says_nothing_is_no_beginning(classifier: Classifier, turn: str) -> None:
    policy = f"{HARD} {LEASE} {NOTICE}"
    assert len(policy) > MOST_CHARS
    before = f"{TICKET}\nA new lid is on its way, and we are sorry for the trouble."
    assert not classifier.assess(turn, before, policy).is_by_instructions


@pytest.mark.parametrize(
    "turn",
    [
        "go to market plan",
        "What is it?",
        "run 12 km",
        "Start a fire",
        "hi",
        "yes",
        "now what",
        "\nA) red\nB) blue\nC) green",
    ],
)
def test_a_turn_that_says_more_than_begin_is_not_taken_for_a_beginning(classifier: Classifier, turn: str) -> None:
    assert not classifier.assess(turn, instructions=f"{HARD} {LEASE} {NOTICE}").is_by_instructions


def test_turns_under_instructions_are_judged_alike_alone_and_together(classifier: Classifier) -> None:
    turns = [(text, "", told) for text in (*MATERIALS, *ASKING, "Begin.") for told in ("", EASY, *ROLES)]
    assert classifier.assess_all(turns) == [classifier.assess(*turn) for turn in turns]


@given(
    st.text(alphabet=st.characters(codec=None), max_size=300),
    st.text(alphabet=st.characters(codec=None), max_size=MOST_CHARS),
)
@settings(max_examples=100, deadline=None)
def test_any_instructions_are_judged_without_raising(classifier: Classifier, text: str, told: str) -> None:
    found = classifier.assess(text, instructions=told, explain=True)
    assert 0 <= found.complexity <= 1
    assert -1 <= found.gain <= 1


@pytest.mark.parametrize(
    "setting",
    ["Output JSON only.", "Reply in German only.", "Use metric units.", "Today is Thursday, 26 November 2026."],
)
def test_under_a_system_message_that_sets_no_task_a_turn_that_asks_is_judged_by_itself(
    classifier: Classifier, setting: str
) -> None:
    assert setting not in {message.text for message in load_system_messages()}  # the classifier has seen others
    for asking in ASKING:
        assert classifier.assess(asking, instructions=setting) == classifier.assess(asking)
