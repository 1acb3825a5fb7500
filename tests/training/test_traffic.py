"""The judged traffic: well formed, counted as its README says, and without the prompts' texts."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from classifier.classifier import TASKS

FOLDER = Path(__file__).parents[2] / "training" / "traffic"
FIELDS = {"prompt_id", "p_small", "p_strong", "task", "closed", "tokens"}


@pytest.fixture(scope="module")
def judgements() -> list[dict]:
    return [json.loads(line) for line in (FOLDER / "judgements.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_line_has_exactly_the_fields_and_no_text(judgements):
    assert all(set(row) == FIELDS for row in judgements)
    assert all(re.fullmatch(r"u:[a-z0-9_.]+:[0-9a-f]{12}", row["prompt_id"]) for row in judgements)


def test_ids_are_unique_and_sorted(judgements):
    ids = [row["prompt_id"] for row in judgements]
    assert ids == sorted(set(ids))


def test_values_lie_in_their_ranges(judgements):
    for row in judgements:
        assert 0 <= row["p_small"] <= row["p_strong"] <= 1, row
        assert row["task"] in TASKS, row
        assert row["closed"] in (0, 1), row
        assert isinstance(row["tokens"], int), row
        assert 0 < row["tokens"] <= 8000, row


def test_the_judge_tells_prompts_apart(judgements):
    small = sorted(row["p_small"] for row in judgements)
    assert max(Counter(small).values()) < 0.08 * len(small)
    assert small[len(small) // 10] < 0.35
    assert small[-len(small) // 10] > 0.75


def test_the_readme_counts_what_is_there(judgements):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    told = {name: int(count.replace(",", "")) for name, count in re.findall(r"^\| ([\w.]+) \| ([\d,]+) \|", text, re.M)}
    counts = Counter(row["prompt_id"].split(":")[1] for row in judgements)
    assert told == {"all": len(judgements), **counts}
