"""The fresh behaviour set: well formed, varied, and without a prompt that a fit may have seen."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from training.everyday_data import EVERYDAY_PATH, TASKS, load_everyday
from training.families_data import load_families

FRESH_PATH = EVERYDAY_PATH.with_name("fresh.jsonl")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in FRESH_PATH.read_text(encoding="utf-8").split("\n") if line]


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def test_a_line_has_its_fields(rows):
    for row in rows:
        assert set(row) == {"id", "prompt", "language", "level", "task", "p_small", "p_strong", "closed", "tokens"}, (
            row["id"]
        )
        words = [row[name] for name in ("id", "prompt", "language", "level", "task")]
        assert all(isinstance(value, str) and value.strip() for value in words), row["id"]
        assert 0 <= row["p_small"] <= row["p_strong"] <= 1, row["id"]
        assert row["level"] in ("easy", "hard"), row["id"]
        assert row["task"] in TASKS, row["id"]
    assert len({row["id"] for row in rows}) == len({row["prompt"] for row in rows}) == len(rows)


def test_both_levels_are_there_in_many_languages_and_tasks(rows):
    for level, least in (("easy", 150), ("hard", 110)):
        mine = [row for row in rows if row["level"] == level]
        assert len(mine) >= least
        assert len({row["language"] for row in mine}) >= 10
        assert len({row["task"] for row in mine}) >= 6
        assert Counter(row["language"] for row in mine)["en"] <= 0.6 * len(mine)


def test_length_is_not_the_level(rows):
    assert sum(len(row["prompt"]) > 400 for row in rows if row["level"] == "easy") >= 5
    assert sum(len(row["prompt"]) < 150 for row in rows if row["level"] == "hard") >= 25


def test_no_prompt_repeats_one_that_a_fit_may_see(rows):
    seen = [words(prompt.text) for prompt in load_everyday()]
    seen += [words(prompt.prompt) for prompt in load_families()]
    for row in rows:
        mine = words(row["prompt"])
        of_a_size = [other for other in seen if 0.75 * len(mine) <= len(other) <= len(mine) / 0.75]
        repeated = [other for other in of_a_size if mine | other and len(mine & other) >= 0.75 * len(mine | other)]
        assert repeated == [], row["id"]
