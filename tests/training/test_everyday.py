"""The everyday prompts: well formed, varied, and split so that no family sits in both halves."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from training.everyday_data import (
    EVERYDAY_PATH,
    HALVES,
    LEVELS,
    EverydayDataError,
    EverydayPrompt,
    assign_halves,
    counts_table,
    load_everyday,
)

ROOT = Path(__file__).parents[2]
DEMO_PATH = ROOT / "router" / "demo" / "prompts.jsonl"


@pytest.fixture(scope="module")
def prompts() -> list[EverydayPrompt]:
    return load_everyday()


def _request(row: dict) -> str:
    messages = row.get("messages") or [{"role": "user", "content": row["prompt"]}]
    return json.dumps([messages, row.get("tools", [])], sort_keys=True)


def test_ids_and_requests_are_unique(prompts):
    assert len({p.id for p in prompts}) == len(prompts)
    rows = [json.loads(line) for line in EVERYDAY_PATH.read_text(encoding="utf-8").splitlines()]
    assert [n for n in Counter(map(_request, rows)).values() if n > 1] == []


def test_there_are_enough_of_every_kind(prompts):
    assert len(prompts) >= 600
    languages = Counter(p.language for p in prompts)
    assert sum(n >= 25 for n in languages.values()) >= 10
    assert 0.40 <= languages["en"] / len(prompts) <= 0.50
    levels = Counter(p.level for p in prompts)
    share = {level: levels[level] / len(prompts) for level in LEVELS}
    assert 0.35 <= share["trivial"] + share["easy"] <= 0.50
    assert 0.18 <= share["medium"] <= 0.30
    assert 0.27 <= share["hard"] + share["expert"] <= 0.40
    assert sum(bool(p.tools) for p in prompts) >= 30


def test_complexity_follows_the_level(prompts):
    bands = {
        "trivial": (0, 0.05),
        "easy": (0.02, 0.15),
        "medium": (0.2, 0.5),
        "hard": (0.5, 0.75),
        "expert": (0.75, 1),
    }
    for p in prompts:
        low, high = bands[p.level]
        assert low <= p.complexity <= high, p.id


def test_hard_prompts_come_in_every_larger_language(prompts):
    languages = Counter(p.language for p in prompts)
    hard = Counter(p.language for p in prompts if p.level in ("hard", "expert"))
    assert all(hard[language] >= 5 for language, n in languages.items() if n >= 20)


def test_length_is_not_the_label(prompts):
    length = {p.id: sum(len(str(m.get("content") or "")) for m in p.messages) for p in prompts}
    assert sum(length[p.id] > 1000 for p in prompts if p.level in ("trivial", "easy")) >= 10
    assert sum(length[p.id] < 150 for p in prompts if p.level in ("hard", "expert")) >= 40


def test_no_family_in_both_halves(prompts):
    halves: dict[str, set[str]] = {}
    for p in prompts:
        halves.setdefault(p.family, set()).add(p.half)
    assert [family for family, found in halves.items() if len(found) > 1] == []


def test_a_family_has_one_level(prompts):
    levels: dict[str, set[str]] = {}
    for p in prompts:
        levels.setdefault(p.family, set()).add(p.level)
    assert [family for family, found in levels.items() if len(found) > 1] == []


def test_the_halves_are_those_of_the_rule(prompts):
    rows = [{"family": p.family, "level": p.level, "language": p.language, "task": p.task} for p in prompts]
    expected = {p.family: p.half for p in prompts}
    assert assign_halves(rows) == expected
    assert assign_halves(reversed(rows)) == expected


@pytest.mark.parametrize("field", ["level", "language", "task"])
def test_the_halves_are_balanced(prompts, field):
    by_value: dict[str, Counter[str]] = {}
    for p in prompts:
        by_value.setdefault(getattr(p, field), Counter())[p.half] += 1
    for value, counts in by_value.items():
        allowed = max(4, 0.1 * counts.total())
        assert abs(counts["train"] - counts["behaviour"]) <= allowed, value


def test_a_half_is_what_it_says(prompts):
    parts = [load_everyday(half) for half in HALVES]
    assert sorted(p.id for part in parts for p in part) == sorted(p.id for p in prompts)
    assert all(p.half == half for half, part in zip(HALVES, parts, strict=True) for p in part)
    with pytest.raises(ValueError, match="no half 'test'"):
        load_everyday("test")


def test_every_prompt_has_a_newest_human_text(prompts):
    assert all(p.text.strip() for p in prompts)


def test_tool_results_answer_a_call(prompts):
    for p in prompts:
        calls: set[str] = set()
        for message in p.messages:
            calls |= {call["id"] for call in message.get("tool_calls", [])}
            if message["role"] == "tool":
                assert message["tool_call_id"] in calls, p.id


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object"),
        ({"level": None}, "without level"),
        ({"level": "simple"}, "level 'simple' is none of"),
        ({"complexity": 1.2}, "complexity 1.2"),
        ({"closed_answer": 1}, "closed_answer"),
        ({"output_tokens": 0}, "output_tokens"),
        ({"prompt": ""}, "prompt must be"),
        ({"messages": []}, "either prompt or messages"),
        ({"tools": "x"}, "tools must be"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, complaint):
    row = {
        "id": "x-1",
        "prompt": "hi",
        "language": "en",
        "task": "chat",
        "level": "easy",
        "complexity": 0.1,
        "closed_answer": False,
        "output_tokens": 5,
        "family": "f",
        "half": "train",
    }
    if isinstance(line, dict):
        line = json.dumps({k: v for k, v in {**row, **line}.items() if v is not None})
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(row) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(EverydayDataError, match=complaint) as caught:
        load_everyday(path=path)
    assert "p.jsonl:2" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EverydayDataError, match="nowhere"):
        load_everyday(path=tmp_path / "nowhere.jsonl")


def test_the_readme_shows_the_counts(prompts):
    readme = (EVERYDAY_PATH.parent / "README.md").read_text(encoding="utf-8")
    assert counts_table(prompts) in readme


def test_the_demo_prompts_are_separate(prompts):
    rows = [json.loads(line) for line in DEMO_PATH.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 48
    assert len({row["id"] for row in rows}) == 48
    assert {row["expect"] for row in rows} == {"small", "strong", "fusion"}
    everyday = {p.text.casefold() for p in prompts if len(p.messages) == 1 and len(p.text) > 20}
    demo = {str(m["content"]).casefold() for row in rows for m in row["messages"] if m["role"] == "user"}
    assert everyday & demo == set()
