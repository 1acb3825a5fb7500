"""What the classifier knows of the pool's models, as check, dry runs and the policy say it."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from router.app import build_services
from router.cli import main
from router.consider import consider
from router.explain import explanation, in_words
from router.http.openai import read_chat
from router.settings import Settings

CONFIG = """
pool:
  small: {model: scripted/small, like: gpt-4o-mini}
  strong: {model: scripted/strong, like: gpt-4o}
  odd: {model: scripted/echo}
routing: {small: [small], strong: [strong, odd], baseline: strong}
ledger: {enabled: false}
"""
HARD = "Prove that every bounded sequence of reals has a convergent subsequence, and say why this fails in l2."


@pytest.fixture
def settings(load: Callable[..., Settings]) -> Settings:
    return load(CONFIG)


def test_a_dry_run_lists_for_each_deployment_what_it_costs_and_how_likely_it_answers_well(settings: Settings) -> None:
    services, _ = build_services(settings)
    body = {"model": "auto", "messages": [{"role": "user", "content": HARD}]}
    found = explanation(consider(services, read_chat(orjson.dumps(body)), explain=True), services)
    small, strong, odd = found["deployments"]
    assert (small["deployment"], small["known_as"], small["exact"]) == ("small", "gpt-4o-mini-2024-07-18", False)
    assert 0 < small["success"] < 1
    assert 0 < strong["success"] < 1
    assert small["estimated_cost_usd"] < strong["estimated_cost_usd"]
    assert (odd["success"], odd["known_as"]) == (None, None)
    words = in_words(found)
    assert f"small (scripted/small) would answer well with {small['success']:.0%}" in words
    assert "odd (scripted/echo)" not in words


def test_the_policy_has_a_prior_for_each_deployment_whose_model_is_known(settings: Settings) -> None:
    services, _ = build_services(settings)
    assert set(services.policy.priors) == {"small", "strong"}
    assert 0.5 < services.policy.priors["small"] < services.policy.priors["strong"] < 1


def test_without_a_classifier_nothing_is_said_of_single_models(settings: Settings) -> None:
    services, _ = build_services(settings)
    services.assessor = None
    body = {"model": "auto", "messages": [{"role": "user", "content": HARD}]}
    found = explanation(consider(services, read_chat(orjson.dumps(body)), explain=True), services)
    assert [each["success"] for each in found["deployments"]] == [None, None, None]
    assert "would answer well" not in in_words(found)


def test_check_says_through_which_name_a_model_is_known_and_what_would_help_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "router.yaml"
    path.write_text(CONFIG.replace("scripted/echo", "scripted/echo, like: anthropic/claude-opus-4-5"))
    assert main(["check", "--config", str(path)]) == 0
    said = capsys.readouterr().out
    assert "small: scripted/small is known through gpt-4o-mini-2024-07-18, from " in said
    assert "odd: no outcomes of scripted/echo are recorded nor of anthropic/claude-opus-4-5" in said
    assert "training add-model" in said
