"""The prompts by kind of task: well formed, spread in difficulty, and without a format that gives the label away."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest

from training.families_data import FAMILIES_PATH, FamiliesDataError, FamilyPrompt, counts_tables, load_families
from training.rows import HOUSEKEEPING


@pytest.fixture(scope="module")
def prompts() -> list[FamilyPrompt]:
    return load_families()


def by_kind(prompts: list[FamilyPrompt]) -> dict[str, list[FamilyPrompt]]:
    kinds: dict[str, list[FamilyPrompt]] = defaultdict(list)
    for prompt in prompts:
        kinds[prompt.kind].append(prompt)
    return kinds


def test_ids_and_prompts_are_unique(prompts):
    assert len({p.id for p in prompts}) == len(prompts)
    assert len({p.prompt for p in prompts}) == len(prompts)


def test_every_kind_has_several_prompts_and_a_real_spread(prompts):
    for kind, chosen in by_kind(prompts).items():
        small = [p.p_small for p in chosen]
        assert len(chosen) >= 4, kind
        if kind != HOUSEKEEPING:  # whatever the conversation is about, its title is easy
            assert max(small) - min(small) >= 0.25, kind


def test_no_prompt_is_judged_easier_for_the_small_model(prompts):
    assert [p.id for p in prompts if p.p_strong < p.p_small] == []


def test_easy_hard_and_worthwhile_prompts_are_all_there(prompts):
    """Both succeed, both fail, and the strong model alone succeeds."""
    n = len(prompts)
    assert sum(p.p_small >= 0.85 for p in prompts) >= 0.1 * n
    assert sum(p.p_strong <= 0.4 for p in prompts) >= 0.03 * n
    assert sum(p.p_strong - p.p_small >= 0.25 for p in prompts) >= 0.2 * n


def test_length_is_not_the_label(prompts):
    """The longer prompt is the harder one only a little more often than not, within large kinds and over all prompts."""

    def together(chosen: list[FamilyPrompt]) -> float:
        length, small = np.argsort(np.argsort([(len(p.prompt), -p.p_small) for p in chosen], axis=0), axis=0).T
        return float(np.corrcoef(length, small)[0, 1])

    found = [together(chosen) for chosen in by_kind(prompts).values()]
    assert np.mean([r for r, chosen in zip(found, by_kind(prompts).values(), strict=True) if len(chosen) >= 12]) < 0.35
    assert np.mean(found) < 0.5  # the kinds of a few prompts were spread by asking for more, which takes more words
    assert together(prompts) < 0.3


def test_the_readme_shows_the_counts(prompts):
    readme = FAMILIES_PATH.with_name("README.md").read_text(encoding="utf-8")
    assert counts_tables(prompts) in readme


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object"),
        ({"extra": 1}, "fields are"),
        ({"task": "poetry"}, "task 'poetry' is none of"),
        ({"p_small": 1.2}, "p_small 1.2"),
        ({"p_strong": True}, "p_strong True"),
        ({"closed": 1}, "closed must be"),
        ({"tokens": 0}, "tokens must be"),
        ({"prompt": " "}, "prompt must be"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, change, complaint):
    row = json.loads(FAMILIES_PATH.read_text(encoding="utf-8").split("\n")[0])
    path = tmp_path / "wrong.jsonl"
    path.write_text(change if isinstance(change, str) else json.dumps(row | change))
    with pytest.raises(FamiliesDataError, match=f"wrong.jsonl:1: .*{complaint}"):
        load_families(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FamiliesDataError, match=r"none\.jsonl"):
        load_families(tmp_path / "none.jsonl")
