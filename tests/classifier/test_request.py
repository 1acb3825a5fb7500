"""What a prompt asks is set apart by form from the material that it brings along, and nothing else is."""

import pytest

from classifier import Classifier
from classifier.request import request_of
from classifier.text import read
from training.frames import FRAMES

PROSE = "The board met on Tuesday and agreed that the new boiler is to be paid in three parts. Rosa was away. " * 3
TABLE = "name   qty   price\nbolt    20    1.30\nnut     40    0.80\nwasher  90    0.20\nhinge    8    2.45"
CODE = "def total(rows):\n    found = 0\n    for row in rows:\n        found += row.price * row.qty\n    return found"
LETTER = f"From: Ann Marsh\nTo: Tom Reed\nSubject: boiler\n\n{PROSE}"
MATERIALS = (PROSE, TABLE, CODE, LETTER)
FORMS = (
    "{q}\n\n{m}",
    "{m}\n\n{q}",
    "{q}\n---\n{m}\n---",
    '{q}\n"""\n{m}\n"""',
    "{q}\n```\n{m}\n```",
    "```\n{m}\n```\n{q}",
    "{q}\n<text>\n{m}\n</text>",
    "<mail>\n{m}\n</mail>\n\n{q}",
    "{q}\n\n{m}\n\nAnswer:",
)
QUESTION = "Who was away, and which part of this is paid first?"


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("form", FORMS)
def test_what_stands_apart_from_material_is_what_is_asked(form: str, material: str) -> None:
    assert request_of(form.format(q=QUESTION, m=material)) == QUESTION


def test_a_line_may_ask_where_no_line_is_blank() -> None:
    assert request_of(f"{QUESTION}\n{TABLE}") == QUESTION
    assert request_of(f"{TABLE}\n{QUESTION}") == QUESTION


def test_one_line_before_a_long_one_asks_by_its_mark() -> None:
    assert request_of(f"Extract all dates from this text:\n{PROSE}") == "Extract all dates from this text:"
    assert request_of(f"{PROSE}\n{QUESTION}") == QUESTION
    assert request_of(f"The board's last letter.\n{PROSE}") == ""


def test_what_is_asked_at_both_ends_is_asked_together() -> None:
    text = f"Here is a letter of last week.\n\n{PROSE * 2}\n\n{QUESTION}"
    assert request_of(text) == f"Here is a letter of last week.\n{QUESTION}"


def test_of_two_short_parts_that_are_nearly_all_the_shorter_one_asks() -> None:
    text = "Rewrite this so that it is friendly.\n\nYou still have not sent the samples. I said Monday, and it is Friday now."
    assert request_of(text) == "Rewrite this so that it is friendly."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "What is the capital of Norway?",
        "What is the capital of Norway?\n\nAnd of Sweden?",
        PROSE,
        f"{PROSE * 2}\n\n{PROSE * 2}",
        TABLE,
        LETTER,
        f"{CODE}\n\n{CODE}",
        "\n" * 500,
        f"{QUESTION} " * 9,
    ],
)
def test_where_nothing_is_set_apart_all_is_asked(text: str) -> None:
    assert request_of(text) == ""
    assert read(text).request is None


def test_the_reading_of_a_request_is_that_of_the_request_alone_but_for_what_was_left_out() -> None:
    text = f"{QUESTION}\n\n{PROSE * 60}"
    request, alone = read(text).request, read(QUESTION)
    assert request is not None
    assert request._replace(n_pasted_chars=0, n_apart_chars=0) == alone
    assert request.n_pasted_chars == request.n_apart_chars == len(text) - len(QUESTION)


MANIFEST = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: mailer\nspec:\n  replicas: 2\n  template:\n    spec:\n"
    + (
        "      containers:\n      - name: mailer\n        image: registry.local/mailer:1.4.2\n        ports: [{containerPort: 8085}]\n"
    )
)
EASY = (
    "Which port does the container listen on?",
    "Wie viele Replikate sind eingestellt?",
    "rename mailer to postman, please",
)


@pytest.mark.parametrize("question", EASY)
def test_an_easy_question_about_technical_material_is_easy(question: str) -> None:
    classifier = Classifier.load()
    thresholds = classifier.manifest.thresholds["balanced"]
    for text in (f"{question}\n\n{MANIFEST}", f"```\n{MANIFEST}```\n\n{question}"):
        found = classifier.assess(text)
        assert found.gain < thresholds["gain"], text
        assert found.complexity < thresholds["complexity"], text


def test_a_problem_with_its_statement_is_read_as_a_whole() -> None:
    statement = (
        "You are given an array a of n integers and q queries. In a query you are given l, r and k, and must print the k-th\n"
        "smallest number of the segment after all its even numbers were halved.\n\n"
        "Input\nThe first line has n and q (1 <= n, q <= 2*10^5). The second line has the array.\n\n"
        "Output\nPrint q lines.\n\nExample\n5 2\n1 2 3 4 5\n1 3 2\n2 5 1\n\nSolve it in Python."
    )
    assert read(statement).request is not None
    classifier = Classifier.load()
    assert classifier.assess(statement).complexity > classifier.assess("Solve it in Python.").complexity + 0.2


DESIGN = "Design a lock-free multi-producer queue in C++20 and argue why it is linearizable."
CAPITAL = "What is the capital of Norway? I only need the name of the city, as it is written."


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


@pytest.mark.parametrize(
    "frame",
    [
        "Instruction:\n{}",
        "Task:\n{}",
        "Question:\n{}\n\nAnswer:",
        "Here is the user's request:\n\n{}\n\nRespond helpfully.",
        "Respond in German.\n\n{}",
        "{}\n\nKeep it under 100 words.",
        "Current date: 2026-11-26\n\n{}",
        "Problem:\n{}",
        "You are a helpful assistant.\n\n{}",
    ],
)
def test_what_frames_a_request_is_not_taken_for_what_is_asked(frame: str, classifier: Classifier) -> None:
    assert frame not in FRAMES  # the classifier has seen others
    hard, easy = (classifier.assess(frame.replace("{}", text)) for text in (DESIGN, CAPITAL))
    assert hard.complexity > 0.5
    assert easy.complexity < 0.3
