"""The requests with a system message: well formed, of both sorts, and learned from as they are served."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.artifact import DEFAULT_PATH, load
from classifier.assessment import Assessment
from classifier.model import about_material
from classifier.request import MOST_CHARS, request_of
from classifier.text import read
from classifier.words import WordTable
from router.core.policy import Thresholds
from router.core.prompt import INSTRUCTIONS_CHARS
from tests.training.conftest import WordJudge
from training import prepared
from training.data import load as load_tables
from training.dense import dense_rows
from training.everyday_check import instructed_check
from training.instructed_data import (
    INSTRUCTED_PATH,
    SYSTEM_PATH,
    InstructedDataError,
    InstructedPrompt,
    SystemMessage,
    in_company,
    load_instructed,
    load_system_messages,
)
from training.labels import label
from training.material import NO_ROW
from training.rows import everyday_rows, instructed_rows
from training.task_words import TaskWords
from training.turns import turns_of

TRAIN, HELD_OUT = load_instructed("train"), load_instructed("held-out")
MESSAGES = [
    SystemMessage("Summarise it in a sentence.", True, "en"),
    SystemMessage("Be brief.", False, "en"),
    SystemMessage("Locale: de-AT", False, "en"),
]


def test_every_line_is_of_one_half_and_its_id_is_its_own() -> None:
    ids = [prompt.id for prompt in (*TRAIN, *HELD_OUT)]
    assert len(set(ids)) == len(ids) == INSTRUCTED_PATH.read_text(encoding="utf-8").count("\n")
    assert not {p.family for p in TRAIN} & {p.family for p in HELD_OUT}


@pytest.mark.parametrize("half", [TRAIN, HELD_OUT], ids=["train", "held-out"])
@pytest.mark.parametrize("asks", [True, False])
def test_easy_and_hard_requests_of_both_sorts_are_in_both_halves(half: list[InstructedPrompt], asks: bool) -> None:
    mine = [p for p in half if p.asks == asks]
    assert sum(p.p_small >= 0.86 for p in mine) > 30
    assert sum(p.p_small <= 0.46 and p.p_strong - p.p_small >= 0.15 for p in mine) > 30


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("p_small", 1.2),
        ("p_strong", True),
        ("task", "cooking"),
        ("half", "test"),
        ("asks", "yes"),
        ("tokens", 0),
        ("prompt", " "),
    ],
)
def test_a_wrong_line_is_named_with_its_field(tmp_path: Path, name: str, value: object) -> None:
    line = json.loads(INSTRUCTED_PATH.read_text(encoding="utf-8").split("\n")[0])
    (tmp_path / "prompts.jsonl").write_text(json.dumps({**line, name: value}))
    with pytest.raises(InstructedDataError, match=rf"prompts\.jsonl:1: {name}"):
        load_instructed("train", tmp_path / "prompts.jsonl")


def test_a_missing_file_a_line_that_is_not_json_and_one_without_a_field_are_named(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    with pytest.raises(InstructedDataError, match="cannot read"):
        load_instructed("train", path)
    for text in ("{", '{"id": "in-0001"}'):
        path.write_text(text)
        with pytest.raises(InstructedDataError, match=r"prompts\.jsonl:1"):
            load_instructed("train", path)


def test_system_messages_are_short_of_both_sorts_and_not_those_of_held_out_requests(tmp_path: Path) -> None:
    messages = load_system_messages()
    assert all(len(message.text) <= MOST_CHARS for message in messages)
    assert len({message.text for message in messages}) == len(messages)
    assert not {message.text for message in messages} & {prompt.instructions for prompt in HELD_OUT}
    for is_task in (True, False):
        mine = [message for message in messages if message.is_task == is_task]
        assert len(mine) >= 400
        assert len({message.language for message in mine}) >= 15
    for line in (
        '{"text": "x", "is_task": 1, "language": "en"}',
        '{"text": " ", "is_task": true, "language": "en"}',
        "{}",
    ):
        (tmp_path / SYSTEM_PATH.name).write_text(line)
        with pytest.raises(InstructedDataError, match=rf"{SYSTEM_PATH.name}:1"):
            load_system_messages(tmp_path / SYSTEM_PATH.name)


def test_some_messages_come_once_more_beside_a_setting_and_stay_what_they_are() -> None:
    messages = load_system_messages()
    found = in_company(messages, 0)
    assert 0.15 < len(found) / len(messages) < 0.35
    assert found == in_company(messages, 0)
    settings = {message.text for message in messages if not message.is_task}
    kinds = {message.text: message.is_task for message in messages}
    for message in found:
        assert len(message.text) <= MOST_CHARS
        halves = [
            (message.text[:at], message.text[at + 1 :]) for at in range(len(message.text)) if message.text[at] in " \n"
        ]
        own = [part for half in halves for part, other in (half, half[::-1]) if other in settings and part in kinds]
        assert message.is_task in {kinds[part] for part in own}
    assert {message.is_task for message in found} == {True, False}
    assert in_company([message for message in messages if message.is_task], 0) == []


def test_turns_are_judged_requests_with_short_instructions_what_everyday_prompts_bring_and_prompts_that_ask() -> None:
    table = WordTable(load(DEFAULT_PATH)[1])
    first = next(p for p in TRAIN if len(p.instructions) <= MOST_CHARS)
    words = TaskWords(("you",), np.array([1.0]), 0.25, {first.instructions: 7.0})
    rows = everyday_rows()
    readings = [read(text) for text in rows.texts]
    apart = np.array([row for row, reading in enumerate(readings) if reading.request is not None])[:40]
    dense = np.zeros((len(rows), len(dense_rows(readings[:1], table)[0])), dtype=np.float32)
    found = turns_of(rows, dense, apart, TRAIN, MESSAGES, table, words, 0)
    short = [p for p in TRAIN if len(p.instructions) <= MOST_CHARS]
    judged, told = found.source == "instructed", found.source == "task"
    assert judged.sum() == len(short)
    assert (found.row[judged] == NO_ROW).all()
    np.testing.assert_array_equal(found.is_material[judged], [not p.asks for p in short])
    np.testing.assert_array_equal(found.dense[0], dense_rows([read(short[0].prompt)], table)[0])
    np.testing.assert_array_equal(found.asked[0], dense_rows([read(short[0].instructions)], table)[0])
    np.testing.assert_array_equal(found.task[judged], words.of_texts([p.instructions for p in short]))
    assert found.task[0] == 7
    brought = found.source == "brought"
    assert set(found.row[brought]) <= set(apart)
    assert found.is_material[brought].all()
    text = rows.texts[found.row[brought][0]]
    request, whole = dense_rows([read(request_of(text)), read(text)], table)
    np.testing.assert_array_equal(found.asked[brought][0], request)
    assert not np.array_equal(found.dense[brought][0], whole)  # the material alone
    assert found.is_material[told].all()
    np.testing.assert_array_equal(found.asked[told], dense_rows([read(MESSAGES[0].text)] * told.sum(), table))
    of_judged = {row.tobytes() for row in found.dense[judged & found.is_material]}
    for row, turn in zip(found.row[told], found.dense[told], strict=True):
        assert turn.tobytes() in of_judged if row == NO_ROW else row in apart
    asking = ~judged & ~brought & ~told
    assert asking.any()
    assert not found.is_material[asking].any()
    roles = {
        row.tobytes()
        for row, is_material in zip(found.asked[judged], found.is_material[judged], strict=True)
        if not is_material
    }
    settings = {row.tobytes() for row in dense_rows([read(message.text) for message in MESSAGES[1:]], table)}
    under = {row.tobytes() for row in found.asked[asking]}
    assert under <= roles | settings
    assert under & roles
    assert under & settings


def test_a_turn_of_material_is_learned_by_its_short_instructions_and_never_by_itself(
    tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = [p for p in TRAIN if len(p.instructions) <= MOST_CHARS]
    asking, told = (next(p for p in short if p.asks == asks) for asks in (True, False))
    # set apart in this one is a request, which is not what it asks for
    told_letter = replace(
        told, prompt="Dear all,\n\n" + "the lift is out of order again. " * 20 + "\n\nWhen is it mended?"
    )
    long = next(p for p in TRAIN if len(p.instructions) > MOST_CHARS and not p.asks)
    for name in ("everyday_rows", "family_rows"):
        monkeypatch.setattr(prepared, name, lambda: instructed_rows([]))
    monkeypatch.setattr(prepared, "load_instructed", lambda half: [asking, told, long, told_letter])
    monkeypatch.setattr(prepared, "load_system_messages", lambda: MESSAGES)
    data = load_tables(tables)
    found = prepared.prepare(data, label(data))
    table = WordTable(load(DEFAULT_PATH)[1])
    assert found.rows.texts[-3:] == (asking.prompt, told.prompt, told_letter.prompt)
    assert found.readings[-2:] == (read(told.instructions), read(told.instructions))
    assert not set(found.apart.row) & {len(found.rows) - 2, len(found.rows) - 1}
    request, *turns = dense_rows([read(p) for p in (told.instructions, told.prompt, told_letter.prompt)], table)
    for row, turn in zip((-2, -1), turns, strict=True):
        np.testing.assert_allclose(found.dense[row], about_material(request, turn), rtol=1e-5)


def test_the_held_out_requests_are_counted_by_level_and_by_where_the_task_stands(judge: WordJudge) -> None:
    told: list[str] = []

    class Told(WordJudge):
        def assess(self, text: str, context: str = "", instructions: str = "", *, explain: bool = False) -> Assessment:
            told.append(instructions)
            return judge.assess(text, context, instructions)

    found = instructed_check(Told(), {"balanced": Thresholds(0.0, 0.0)})
    easy, hard = (
        [p for p in HELD_OUT if p.p_small >= 0.86],
        [p for p in HELD_OUT if p.p_small <= 0.46 and p.p_strong - p.p_small >= 0.15],
    )
    assert {name: each["n"] for name, each in found.items()} == {
        "easy, the turn asks": sum(p.asks for p in easy),
        "hard, the turn asks": sum(p.asks for p in hard),
        "easy, the system message does": sum(not p.asks for p in easy),
        "hard, the system message does": sum(not p.asks for p in hard),
    }
    assert all(each["strong_in_balanced"] == 1 for each in found.values())
    assert sorted(told) == sorted(
        p.instructions if len(p.instructions) <= INSTRUCTIONS_CHARS else "" for p in easy + hard
    )
