"""A role and a date at the beginning of instructions are told from what follows."""

import pytest

from classifier.preamble import behind_preamble

TASK = "Translate the text to French."


@pytest.mark.parametrize(
    "preamble",
    [
        "You are a helpful assistant. ",
        "You are GPT-4.1, a model by Acme Inc.\n\n",
        "you're an editor!!\n",
        "You\u2019re an editor. ",
        "Today\u2019s date is 2026-11-26. ",
        "Act as a lawyer. ",
        "Du bist Übersetzer. ",
        "Ты — переводчик. ",
        "Sei un assistente. ",
        "你是一个有用的助手。",
        "Today is Thursday, 26 November 2026.\n",
        "Current date: 2026-11-26\n",
        "You are Ida. You are an expert.\nDate: 2026-11-26\n",
    ],
)
def test_what_stands_behind_a_role_and_a_date_is_found(preamble: str) -> None:
    assert behind_preamble(preamble + TASK) == TASK


@pytest.mark.parametrize(
    "instructions",
    [
        "",
        TASK,
        "You are a helpful assistant.",
        "You are a translator",
        f"{TASK} You are Ida.",
        "Today's sales, as a table.",
        "Выдели ключевые слова. Ответь списком.",
        "Seite 3 zusammenfassen. Auf Englisch.",
        "Tu essaies de résumer. Sois bref.",
    ],
)
def test_instructions_without_either_or_with_nothing_else_have_nothing_behind_them(instructions: str) -> None:
    assert behind_preamble(instructions) == ""
