"""The judged traffic: well formed, counted as its README says, and without the prompts' texts."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from classifier.assessment import TASKS
from training.traffic_check import RECORDED_PATH, main

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


def test_the_check_compares_a_side_with_its_own_models_and_leaves_suspect_outcomes_out(tmp_path, capsys):
    ids = [json.loads(line)["prompt_id"] for line in RECORDED_PATH.read_text(encoding="utf-8").splitlines()][:20]
    said = {row["prompt_id"]: row for row in map(json.loads, RECORDED_PATH.read_text(encoding="utf-8").splitlines())}
    middle = sorted(said[name]["p_small"] for name in ids)[10]
    prompts = {
        "prompt_id": ids,
        "prompt": [f"text {number}" for number in range(20)],
        "group": list(range(20)),
        **dict.fromkeys(("subset", "category", "language", "kind"), ["x"] * 20),
        "source": ["exam"] * 20,
        "split": ["train"] * 20,
    }
    rows = [(name, "llama-3-8b-instruct:fc", float(said[name]["p_small"] >= middle), False) for name in ids]
    rows += [(name, "gemma-2-9b-it", float(said[name]["p_small"] < middle), True) for name in ids]
    rows += [(name, "somebody-else", 0.0, False) for name in ids]
    columns = dict(zip(("prompt_id", "model", "score", "suspect"), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(prompts), tmp_path / "prompts.parquet")
    pq.write_table(
        pa.table({**columns, "output_tokens": [1.0] * len(rows), "output_chars": [4.0] * len(rows)}),
        tmp_path / "outcomes.parquet",
    )
    (tmp_path / "models.csv").write_text("model,tier\nllama-3-8b-instruct,small\n", encoding="utf-8")
    main(["--data", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "| p_small | exam | 20 |" in printed
    assert "| 1.00 |" in printed
    assert "p_strong" not in printed
