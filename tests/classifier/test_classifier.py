import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Assessment, Classifier

HOSTILE = [
    "",
    " \n\t",
    "\x00\x01\x1b[0m",
    "\ud800 lone \udfff",
    "a" * 10_000_000,
    "שלום",
    "今天天气怎么样",
    "🙂" * 500,
    "\n" * 9999,
]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def in_range(assessment: Assessment) -> bool:
    return (
        0 <= assessment.complexity <= 1
        and -1 <= assessment.gain <= 1
        and 0 <= assessment.novelty <= 1
        and assessment.expected_output_tokens >= 1
    )


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_string_is_judged_without_raising(classifier: Classifier, text: str) -> None:
    assert in_range(classifier.assess(text, text, explain=True))


@given(st.text(alphabet=st.characters(codec=None), max_size=400), st.text(max_size=50))
@settings(max_examples=200, deadline=None)
def test_every_judgement_is_in_range(classifier: Classifier, text: str, context: str) -> None:
    assert in_range(classifier.assess(text, context))


def test_the_same_prompt_is_judged_the_same(classifier: Classifier) -> None:
    assert classifier.assess("Why is the sky blue?") == classifier.assess("Why is the sky blue?")


def test_a_proof_is_harder_than_a_greeting(classifier: Classifier) -> None:
    proof = "Prove that there are infinitely many primes congruent to 3 modulo 4."
    assert classifier.assess(proof).complexity > classifier.assess("hello there").complexity


def test_contributions_come_largest_first_and_only_when_asked(classifier: Classifier) -> None:
    explained = classifier.assess("Prove that the sequence converges.", explain=True).contributions
    assert [abs(part.weight) for part in explained] == sorted((abs(part.weight) for part in explained), reverse=True)
    assert classifier.assess("Prove that the sequence converges.").contributions == ()


def test_the_artifact_is_named_with_version_and_hash(classifier: Classifier) -> None:
    name, _, digest = classifier.artifact.partition(":")
    assert "@" in name
    assert len(digest) == 12


@pytest.mark.parametrize("layout", ["Context:\n{0}\n\nQuestion: {1}", "{1}\n\nContext:\n{0}"])
def test_pasted_passages_do_not_move_the_question(classifier: Classifier, layout: str) -> None:
    question = "What is the time complexity of merging k sorted lists of total length n with a heap?"
    passage = "The tower was finished in 1889 for a fair. It is made of iron.\n\n" * 200
    pasted = classifier.assess(layout.format(passage, question))
    assert abs(pasted.complexity - classifier.assess(question).complexity) < 0.1


def test_contributions_add_up_to_the_log_odds(classifier: Classifier) -> None:
    explained = classifier.assess("Prove that every group of order 45 is abelian.", explain=True)
    total = sum(part.weight for part in explained.contributions)
    assert math.isclose(1 / (1 + math.exp(-total)), explained.complexity, abs_tol=1e-4)


def test_options_and_answer_format_do_not_move_complexity(classifier: Classifier) -> None:
    question = "Which gas is most abundant in the air?"
    wrapped = f"{question}\nA. oxygen\nB. nitrogen\nC. argon\n\nAnswer with the letter only."
    assert classifier.assess(wrapped).complexity == classifier.assess(question).complexity
