from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier import Classifier
from classifier.abilities import Abilities, Ability, design, family_of, key_of
from classifier.artifact import ArtifactError
from classifier.assessment import TASKS, Assessment

LIKE_SMALL = Ability("small", (0.0, 1.0, 0.0), outcomes=100)
KNOWN = (
    "gpt-4o-mini-2024-07-18",
    "gpt-4o-mini-2024-07-18:fc",
    "gpt-4o-2024-05-13",
    "gpt-4-0613",
    "gpt-4-1106-preview",
    "gpt-3.5-turbo-0125",
    "claude-3-5-sonnet-20240620",
    "claude-3-haiku-20240307",
    "claude-instant-1",
    "claude-1",
    "llama-3.1-8b-instruct",
    "llama-3.1-70b-instruct",
    "llama-3.1-70b-base",
    "gemini-1.5-pro-002",
    "gemma-2-9b-it",
    "mistral-large-2407",
    "command-r",
    "command-r-plus",
)


def assessment(complexity: float, gain: float, task: str = "math") -> Assessment:
    assert task in TASKS
    return Assessment(complexity, gain, task, 0.5, False, 100, "fake@1:0")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("openrouter/openai/gpt-4o-mini:free", "gpt-4o-mini-2024-07-18"),
        ("azure/gpt-4o-2024-08-06", "gpt-4o-2024-05-13"),
        ("openai/gpt-4", "gpt-4-0613"),
        ("openai/gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
        ("openrouter/anthropic/claude-3.5-sonnet", "claude-3-5-sonnet-20240620"),
        ("vertex_ai/claude-3-5-sonnet@20240620", "claude-3-5-sonnet-20240620"),
        ("bedrock/us.anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku-20240307"),
        ("together_ai/meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", "llama-3.1-70b-instruct"),
        ("groq/llama-3.1-8b-instant", "llama-3.1-8b-instruct"),
        ("ollama/llama3.1:8b", "llama-3.1-8b-instruct"),
        ("ollama/gemma2:9b", "gemma-2-9b-it"),
        ("gemini/gemini-1.5-pro-latest", "gemini-1.5-pro-002"),
        ("mistral/mistral-large-latest", "mistral-large-2407"),
        ("command-r+", "command-r-plus"),
        ("claude-1", "claude-1"),
        ("openai/gpt-6-luna", None),
        ("openai/gpt-4o-nano", None),
        ("openai/llama-3.1-405b-instruct", None),
        ("", None),
    ],
)
def test_a_model_is_found_by_the_names_that_providers_give_it(asked: str, found: str | None) -> None:
    known = Abilities(dict.fromkeys(KNOWN, LIKE_SMALL)).find(asked)
    assert (known.name if known else None) == found


def test_of_two_editions_the_one_with_more_outcomes_stands_for_the_rest() -> None:
    few, many = replace(LIKE_SMALL, outcomes=100), replace(LIKE_SMALL, outcomes=900)
    abilities = Abilities({"m-2024-01-01": few, "m-2024-02-02": many})
    assert [getattr(abilities.find(name), "name", None) for name in ("x/m", "x/m-2024-01-01")] == [
        "m-2024-02-02",
        "m-2024-01-01",
    ]


def test_a_declared_likeness_counts_until_the_model_itself_is_known() -> None:
    abilities = Abilities(dict.fromkeys(KNOWN, LIKE_SMALL))
    declared = abilities.find("openai/gpt-6-luna", like="gpt-4o-mini")
    assert declared is not None
    assert (declared.name, declared.exact) == ("gpt-4o-mini-2024-07-18", False)
    other_edition = abilities.find("openai/gpt-4o-2024-08-06", like="gpt-4-0613")
    assert other_edition is not None
    assert other_edition.name == "gpt-4-0613"
    itself = abilities.find("openai/gpt-4-0613", like="gpt-4o-mini")
    assert itself is not None
    assert (itself.name, itself.exact) == ("gpt-4-0613", True)
    unknown = abilities.find("openai/gpt-4o-2024-08-06", like="nobody")
    assert unknown is not None
    assert unknown.name == "gpt-4o-2024-05-13"


@given(st.text())
def test_no_name_is_too_odd_to_be_looked_up(name: str) -> None:
    assert isinstance(key_of(name) + family_of(name), str)
    assert Abilities({"m": LIKE_SMALL}).find(name, like=name) is None or "m" in name.lower()


def test_a_model_like_a_tier_succeeds_as_often_as_the_tier() -> None:
    prompts = [assessment(0.2, 0.1), assessment(0.9, 0.05), assessment(0.5, -0.3)]
    small, strong = LIKE_SMALL.success(prompts), Ability("strong", (0.0, 0.0, 1.0)).success(prompts)
    assert small == pytest.approx([0.8, 0.1, 0.5])
    assert strong == pytest.approx([0.9, 0.15, 0.2])


def test_a_task_that_a_model_is_good_at_raises_its_success_there_alone() -> None:
    coder = replace(LIKE_SMALL, tasks={"code": 1.0})
    math, code = coder.success([assessment(0.5, 0, "math"), assessment(0.5, 0, "code")])
    assert math == pytest.approx(0.5)
    assert code == pytest.approx(1 / (1 + np.exp(-1)))


@given(st.floats(0, 1), st.floats(-1, 1), st.sampled_from(TASKS))
def test_success_is_a_probability_for_every_assessment(complexity: float, gain: float, task: str) -> None:
    able = Ability("strong", (3.0, 2.0, -2.0), {"math": 9.0})
    (found,) = able.success([assessment(complexity, gain, task)])
    assert 0 <= found <= 1


def test_an_ability_survives_the_manifest_and_tasks_of_other_releases_are_passed_over() -> None:
    able = Ability("small", (0.25, 1.0, 0.5), {"code": -0.5}, 77)
    entry = able.as_json()
    assert Ability.of(entry) == able
    assert Ability.of({**entry, "tasks": {**entry["tasks"], "juggling": 1.0}}) == able


@pytest.mark.parametrize("entry", [{}, {"like": "small", "weights": [1], "tasks": {}, "outcomes": 1}, None])
def test_an_entry_that_cannot_be_read_is_refused_by_name(entry: Mapping[str, object]) -> None:
    with pytest.raises(ArtifactError, match=r"models\.odd"):
        Abilities.of({"odd": entry})


def test_the_mean_over_a_mix_is_the_mean_over_its_cells() -> None:
    prompts = [assessment(0.2, 0.1, "code"), assessment(0.7, 0.1, "math")]
    odds = design(prompts)[:, 1:3]
    mix = {
        "task": ["code", "math"],
        "share": [0.25, 0.75],
        "small": odds[:, 0].tolist(),
        "strong": odds[:, 1].tolist(),
    }
    able = Ability("small", (0.3, 0.8, 0.2), {"code": 0.5})
    assert able.mean_success(mix) == pytest.approx(float(able.success(prompts) @ [0.25, 0.75]))


def test_the_shipped_artifact_knows_models_and_says_nothing_of_others() -> None:
    classifier = Classifier.load()
    judged = classifier.assess("Prove that the square root of two is irrational.")
    weak, able = (classifier.success(judged, name) for name in ("openai/gpt-3.5-turbo", "openai/gpt-4o"))
    assert weak is not None
    assert able is not None
    assert weak < able
    assert classifier.success(judged, "openai/gpt-6-luna") is None
    declared = classifier.success(judged, "openai/gpt-6-luna", like="gpt-4o")
    assert declared == able
    means = [classifier.mean_success(name) for name in ("openai/gpt-3.5-turbo", "openai/gpt-4o", "nobody/knows")]
    assert means[2] is None
    assert means[0] is not None
    assert means[1] is not None
    assert 0 < means[0] < means[1] < 1
