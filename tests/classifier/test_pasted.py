"""What a prompt brings along is told from what it asks, in the forms in which applications paste it."""

import pytest

from classifier.pasted import labelled_lines, without_material
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


# What stands above a label without being a question may be no more than the beginning of a request, if little follows.
CASES = [
    (form, question, times)
    for form in FORMS
    for question in QUESTIONS
    for times in (1, 60)
    if form != "material behind" or times > 1 or question.endswith("?")
]


@pytest.mark.parametrize(("form", "question", "times"), CASES)
def test_of_a_pasted_passage_only_the_question_is_read(form: str, question: str, times: int) -> None:
    reading = read(FORMS[form].format(p=PASSAGE * times, q=question))
    assert reading.words == read(question).words
    assert reading.n_pasted_chars >= len(PASSAGE) * times


@pytest.mark.parametrize("first", ["Answer from these sources:", "Using the context passages, answer:"])
def test_words_before_numbered_passages_do_not_point_at_what_follows_them(first: str) -> None:
    text = f"{first}\n[1] {PASSAGE}\n[2] {PASSAGE}\n[3] {PASSAGE}\n\nWhat is it made of?"
    ask, n_pasted_chars = without_material(text, labelled_lines(text))
    assert ask == f"{first}\nWhat is it made of?"
    assert n_pasted_chars >= 3 * len(PASSAGE)


@pytest.mark.parametrize(
    "template",
    [
        "Use the following pieces of context to answer the question at the end. If you don't know, say so.\n\n{p}\n\nQuestion: {q}\n"
        "Helpful Answer:",
        "You answer questions. Use the pieces of retrieved context.\nQuestion: {q} \nContext: {p} \nAnswer:",
        "Context information is below.\n-----\n{p}\n-----\nGiven the context and no prior knowledge, answer.\nQuery: {q}",
        '### Task:\nRespond to the query using the context.\n\n<context>\n<source id="1">{p}</source>\n</context>\n\n'
        "<user_query>\n{q}\n</user_query>",
        "Use the articles below to answer.\n\nWikipedia article section:\n{p}\n\nQuestion: {q}",
        "Kontext:\n{p}\n\nFrage: {q}",
        "Contexte :\n{p}\n\nQuestion : {q}",
        "上下文：\n{p}\n\n问题：{q}",
    ],
)
def test_of_the_templates_of_frameworks_only_the_question_is_read(template: str) -> None:
    assert read(template.format(p=PASSAGE * 40, q=QUESTIONS[0])).words == read(QUESTIONS[0]).words


def test_an_instruction_above_material_stays_beside_a_question_below() -> None:
    text = f"Explain in detail why the model is wrong.\n\nArticle:\n{PASSAGE * 9}\n\nIs it sustainable?"
    assert (
        without_material(text, labelled_lines(text))[0]
        == "Explain in detail why the model is wrong.\nIs it sustainable?"
    )


@pytest.mark.parametrize(
    "text",
    [
        "What does <context> mean in this parser, and why is </context> never reached?",
        "Explain `sources[1]` and `sources[2]` in this snippet:\n\nsources = read()\nprint(sources[1], sources[2])",
        "Write an article about the context of the French revolution.",
        "# API tester\n\nYou test APIs.\n\n## Documents you need\n\n- a specification\n"
        + "- a report of the run\n" * 90,
        "Given nums, swap nums[0] and nums[1].\n\nExample 1:\n\n[1] is left as it is.\n\nStarter code:\nclass A: pass",
        "Here is my parser:\ninterface Node {\n  kind: string;\n  source: string;\n}\n\nWrite a lossless one and prove its bound.",
        "I have this queue.\n\nSource code:\nclass Queue: ...\n\nProve or refute that it is linearizable.",
        "Here is my scheduler.\n\nDocument each function below:\ndef run(): ...\n\nThen prove that it is fair.",
        "class Request:\n    user: User\n    context: dict[str, Any]\n\nRefactor this to ports and adapters.",
        "I am a landlord.\n\nArticle 5 of the contract says: no pets.\n\nAnalyse whether this clause is void.",
        "Subject: the grant\n\nBackground: a trial.\nReference: 2024-11\n\nWrite the methodology section in full.",
        "services:\n  web:\n    build:\n      context: .\n    ports: [80]\n\nWhy does it restart? Rewrite it.",
        "# Task\nBuild a rate limiter.\n\n## Context:\n- a million requests\n- three regions\n\n## Limits:\n- no Redis",
        "These are my meeting notes:\n\n" + PASSAGE * 20 + "\n\nDesign the sharding scheme and write the migration.",
        "Can you analyse this report?\n\n" + PASSAGE * 20 + "\n\nBuild a model with three scenarios.",
        "Fix this page:\n<article>\n<text>x</text>\n</article>",
        "class Answer(Model):\n    question: ForeignKey\n\nMake it faster.",
    ],
)
def test_what_only_looks_like_pasted_material_is_read(text: str) -> None:
    assert without_material(text, labelled_lines(text)) == (text, 0)


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
