"""What a prompt brings along is told from what it asks, in the forms in which applications paste it."""

import pytest

from classifier.pasted import without_material
from classifier.text import read

PASSAGE = "The tower was finished in 1889 for a fair. It is made of iron. It is painted every seven years. "
QUESTIONS = (
    "How tall is it?",
    "Find every integer n for which n^2 + n + 41 is prime and prove that there is no other.",
    "A train leaves at nine.\nAnother one leaves at ten.\n\nWhich of them arrives first, and why?",
)
FORMS = {
    "labels": "Use the following context to answer.\n\nContext:\n{p}\n\nQuestion: {q}",
    "headings": "## Retrieved documents:\n{p}\n\n## Question:\n{q}",
    "bold labels": "**Context:** {p}\n\n**Question:** {q}",
    "a label at the start": "Context: {p}\nQuestion: {q}",
    "documents": "Answer from these alone.\n\nDocument 1:\n{p}\n\nDocument 2:\n{p}\n\nUser question: {q}",
    "tags": "<context>\n{p}\n</context>\n\n{q}",
    "tags with names": '<documents>\n<document id="1">\n{p}\n</document>\n</documents>\n{q}',
    "tags behind": "{q}\n\n<search_results>\n{p}\n</search_results>",
    "material behind": "{q}\n\nContext:\n{p}",
    "numbered": "[1] {p}\n[2] {p}\n[3] {p}\n\nUsing the sources above, answer: {q}",
}


@pytest.mark.parametrize("times", [1, 60])
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("form", FORMS)
def test_of_a_pasted_passage_only_the_question_is_read(form: str, question: str, times: int) -> None:
    reading = read(FORMS[form].format(p=PASSAGE * times, q=question))
    assert reading.words == read(question).words
    assert reading.n_pasted_chars >= len(PASSAGE) * times


def test_a_question_between_an_announcement_and_the_passage_is_read() -> None:
    text = "Which year does this article name?\n\n" + PASSAGE * 60
    assert without_material(text)[0] == "Which year does this article name?"


def test_what_is_asked_at_the_end_of_labelled_material_is_read() -> None:
    assert without_material(f"Article:\n{PASSAGE * 9}\n\nWhat is it made of?")[0] == "What is it made of?"


@pytest.mark.parametrize(
    "text",
    [
        "What does <context> mean in this parser, and why is </context> never reached?",
        "Explain `sources[1]` and `sources[2]` in this snippet:\n\nsources = read()\nprint(sources[1], sources[2])",
        "Write an article about the context of the French revolution.",
        "# API tester\n\nYou test APIs.\n\n## Documents you need\n\n- a specification\n"
        + "- a report of the run\n" * 90,
        "Given nums, swap nums[0] and nums[1].\n\nExample 1:\n\n[1] is left as it is.\n\nStarter code:\nclass A: pass",
    ],
)
def test_what_only_looks_like_pasted_material_is_read(text: str) -> None:
    assert without_material(text) == (text, 0)


TRANSCRIPT = (
    "USER: Prove that every compact metric space is separable.\nASSISTANT: Take finite covers by balls of radius 1/n."
)


@pytest.mark.parametrize(
    "frame",
    [
        "Generate a concise title for this chat.\n<chat_history>\n{}\n</chat_history>",
        "Provide a short title for the conversation.\n\nConversation:\n{}",
        "```\n{}\n```\nName this conversation in three words.",
        "Suggest three tags for it.\n\n> **User**: hello\n> **Assistant**: hello\n\n{}",
    ],
)
def test_a_conversation_pasted_into_a_request_is_not_what_is_asked(frame: str) -> None:
    reading = read(frame.format(TRANSCRIPT))
    assert "compact" not in reading.words
    assert {"title", "conversation", "tags"} & set(reading.words)
    assert reading.n_pasted_chars >= len(TRANSCRIPT)


@pytest.mark.parametrize(
    "text",
    [
        TRANSCRIPT,
        "You are helpful and precise.\nUser: Prove that every compact metric space is separable.\nAssistant:",
        TRANSCRIPT + "\nUSER: And is the converse true for compact sets?",
        "What does `assistant:` mean in this log about compact spaces?",
    ],
)
def test_a_conversation_that_is_itself_what_is_asked_is_read(text: str) -> None:
    assert "compact" in read(text).words
