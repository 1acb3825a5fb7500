import re
from pathlib import Path

import pytest

from router.config.check import check
from router.config.load import parse_settings
from router.config.template import render_config

LOCAL = {
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "OPENAI_API_KEY": "key-words",
    "FUSION_ROUTER_SMALL": "qwen3:8b",
    "FUSION_ROUTER_STRONG": "yes",
}
ENVIRONMENTS = [
    {},
    {"OPENAI_API_KEY": "key-words"},
    {"ANTHROPIC_API_KEY": "key-words", "OPENROUTER_API_KEY": "key-words", "OPENAI_API_KEY": "key-words"},
    LOCAL,
    {**LOCAL, "GROQ_API_KEY": "key-words"},
    {"OLLAMA_HOST": "127.0.0.1"},
    {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
    {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "key-words\n", "FUSION_ROUTER_SMALL": "qwen3:8b"},
]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_what_init_writes_passes_check_where_it_was_written(tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "router.yaml"
    path.write_text(render_config(env), encoding="utf-8")
    report = check(path, env, lambda artifact: None)
    assert report.ok, report.complaints
    assert report.settings is not None
    assert "key-words" not in path.read_text()


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_its_commented_sections_are_right_too(env: dict[str, str]) -> None:
    text = re.sub(
        r"(?m)^# ?((?:fusion|limits|ledger):|  (?:enabled|panel|judge|max_cost_usd|web|  search|  fetch|max_in_flight|\w+_s|url|store_text|retention_days):)",
        r"\1",
        render_config(env),
    )
    secrets = {**env, "LEDGER_PASSWORD": "secret"}
    settings = parse_settings(text.replace("  # aliases", "  aliases"), "router.yaml", secrets)
    assert settings.ledger.url.endswith("/ledger.db")
    assert settings.fusion.enabled
    assert settings.fusion.controls.max_cost_usd == 0.5
    assert settings.fusion.web is not None
    assert settings.fusion.web.search is not None
    assert settings.limits.max_in_flight == 512
    assert settings.routing.aliases == {"gpt-4o": "auto"}


def test_an_artifact_that_does_not_load_is_a_complaint(tmp_path: Path) -> None:
    def broken(artifact: Path | None) -> object:
        raise ValueError("manifest is missing")

    path = tmp_path / "router.yaml"
    config = render_config({})
    path.write_text(config + "classifier: {path: mine}\n")
    report = check(path, {}, broken)
    assert not report.ok
    assert "manifest is missing" in str(report.complaints[0])
    assert report.complaints[0].line == config.count("\n") + 1


def test_check_reports_what_is_wrong_instead_of_raising(tmp_path: Path) -> None:
    report = check(tmp_path / "nowhere.yaml", {}, lambda artifact: None)
    assert not report.ok
    assert report.settings is None


def test_a_local_server_without_names_for_its_models_is_where_the_placeholders_are() -> None:
    env = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "key-words", "FUSION_ROUTER_SMALL": "qwen3:8b"}
    text = render_config(env)
    assert "OPENAI_BASE_URL is http://127.0.0.1:9/v1, but what it serves is not known" in text
    pool = parse_settings(text, "router.yaml", env).pool
    assert {target.api_base for target in pool.values()} == {"http://127.0.0.1:9/v1"}
    assert {target.api_key for target in pool.values()} == {"key-words"}
    assert [target.upstream_model for target in pool.values()] == ["qwen3:8b", "strong-model"]
