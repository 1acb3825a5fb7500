from collections.abc import Callable
from pathlib import Path

import pytest

from router.config.load import load_settings
from router.settings import Complaint, Settings, SettingsError
from tests.settings.conftest import KEYS, POOL, ROUTING

Load = Callable[..., Settings]
Complain = Callable[..., dict[str, Complaint]]


def test_secrets_are_read_from_the_environment(load: Load) -> None:
    text = """
pool:
  small:
    model: openai/m
    api_base: http://127.0.0.1:1/v1
    api_key: ${MY_KEY}
    headers: {authorization: "Bearer ${TOKEN}-${TOKEN}", x-plain: yes}
  strong: {model: anthropic/claude-opus-5}
routing: {small: [small], strong: [strong]}
ledger: {url: "sqlite:///${DATA}/ledger.db"}
"""
    loaded = load(text, MY_KEY="k1", TOKEN="t1", DATA="/data")
    assert loaded.pool["small"].api_key == "k1"
    assert loaded.pool["small"].headers == {"authorization": "Bearer t1-t1", "x-plain": "yes"}
    assert loaded.ledger.url == "sqlite:////data/ledger.db"


@pytest.mark.parametrize("reference", ["${NOT_SET}", "'a ${NOT_SET} b'"])
def test_a_missing_variable_is_named(complaints: Complain, reference: str) -> None:
    found = complaints(f"pool: {{small: {{model: openai/gpt-6-luna, api_key: {reference}}}}}" + ROUTING)
    assert "NOT_SET, which is not set" in found["pool.small.api_key"].problem


def test_a_dollar_and_a_name_without_braces_is_taken_as_written_and_doubted(load: Load) -> None:
    loaded = load(POOL.replace("gpt-6-luna}", "gpt-6-luna, api_key: $MY_KEY}") + ROUTING)
    assert loaded.pool["small"].api_key == "$MY_KEY"
    (warning,) = [warning for warning in loaded.warnings if warning.key == "pool.small.api_key"]
    assert "${NAME}" in warning.fix
    assert "MY_KEY" not in str(warning), "it may be a key all the same"


@pytest.mark.parametrize("reference", ["'${'", "'${A'", "'${A-B}'", "'${}'"])
def test_a_malformed_reference_is_an_error(complaints: Complain, reference: str) -> None:
    assert "pool.small.api_key" in complaints(f"pool: {{small: {{model: openai/x, api_key: {reference}}}}}" + ROUTING)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("pool: {small: {model: '${OPENAI_API_KEY}'}}", "pool.small.model"),
        ("pool: {small: {model: openai/x, api_base: 'http://${OPENAI_API_KEY}/v1'}}", "pool.small.api_base"),
        ("pool: {small: {model: openai/x, context_window: ${OPENAI_API_KEY}}}", "pool.small.context_window"),
        ("server: {port: ${OPENAI_API_KEY}}", "server.port"),
        ("routing: {small: ['${OPENAI_API_KEY}']}", "routing.small[0]"),
    ],
)
def test_other_fields_may_not_refer_to_the_environment(complaints: Complain, text: str, key: str) -> None:
    found = complaints(text)
    assert "environment variable" in found[key].problem
    assert KEYS["OPENAI_API_KEY"] not in str(found)


def test_no_secret_is_shown(load: Load) -> None:
    text = POOL.replace("gpt-6-luna}", "gpt-6-luna, api_key: sk-1, headers: {x: sk-2}}") + ROUTING
    shown = repr(load(text + 'ledger: {url: "sqlite:///${P}"}', P="sk-3")) + str(load(text))
    assert not any(secret in shown for secret in ("sk-1", "sk-2", "sk-3", *KEYS.values()))


def test_no_secret_is_in_a_complaint(complaints: Complain) -> None:
    text = """
pool:
  a: {model: openai/x, api_key: [sk-1], headers: sk-2, key: sk-3, api_base: "http://user:sk-4@host"}
  b: {model: openai/x, api_key: {sk-5x: 1}}
ledger: {url: "postgres://u:sk-6@h"}
auth: {keys: sk-7}
"""
    assert "sk-" not in str(complaints(text))


def test_a_provider_without_its_key_says_which_variable_it_wants(complaints: Complain) -> None:
    found = complaints("pool: {a: {model: groq/openai/gpt-oss-20b}}\nrouting: {small: [a], strong: [a]}")
    assert "GROQ_API_KEY" in found["pool.a.api_key"].problem


def test_a_providers_key_is_not_sent_to_another_address(load: Load) -> None:
    text = """
pool:
  own: {model: openai/gpt-6-luna, api_base: https://api.openai.com/v1}
  proxy: {model: openai/gpt-6-luna, api_base: http://10.0.0.1/v1}
  claude: {model: anthropic/claude-opus-5, api_base: http://10.0.0.1}
routing: {small: [own, proxy], strong: [claude]}
"""
    pool = load(text).pool
    assert pool["own"].api_key == KEYS["OPENAI_API_KEY"]
    assert pool["proxy"].api_key is None
    assert pool["claude"].api_key is None


def test_the_line_break_that_a_mounted_secret_ends_in_is_no_part_of_it(load: Load) -> None:
    text = """
pool:
  small: {model: openai/m, api_base: http://127.0.0.1:1/v1, api_key: "${MY_KEY}", headers: {x-key: "Token ${MY_KEY}"}}
  strong: {model: anthropic/claude-opus-5}
routing: {small: [small], strong: [strong]}
"""
    loaded = load(text, MY_KEY=" k1\r\n", ANTHROPIC_API_KEY="k2\n")
    assert loaded.pool["small"].api_key == "k1"
    assert loaded.pool["small"].headers == {"x-key": "Token k1"}
    assert loaded.pool["strong"].api_key == "k2"
    chosen = load_settings(None, {"OPENAI_API_KEY": "k3\n"})
    assert {target.api_key for target in chosen.pool.values()} == {"k3"}


def test_a_secret_of_several_lines_or_none_is_an_error(complaints: Complain) -> None:
    text = "pool: {small: {model: openai/gpt-6-luna, api_key: '${MY_KEY}'}}" + ROUTING
    found = complaints(text, MY_KEY="first-key\nsecond-key\n")["pool.small.api_key"]
    assert "several lines" in found.problem
    assert "first-key" not in str(found)
    assert "not set" in complaints(text, MY_KEY="\n")["pool.small.api_key"].problem


def test_where_nobody_is_called_only_the_ledgers_secrets_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "router.yaml"
    pool = "pool: {small: {model: openai/gpt-6-luna}, strong: {model: openai/gpt-6-sol, api_key: '${MY_KEY}'}}"
    path.write_text(f"{pool}{ROUTING}ledger: {{url: 'postgresql://me:${{LEDGER_PASSWORD}}@h/db'}}")
    loaded = load_settings(path, {"LEDGER_PASSWORD": "secret"}, calls=False)
    assert set(loaded.pool) == {"small", "strong"}
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {}, calls=False)
    assert [complaint.key for complaint in caught.value.complaints] == ["ledger.url"]
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {"LEDGER_PASSWORD": "secret"})
    assert {complaint.key for complaint in caught.value.complaints} == {"pool.small.api_key", "pool.strong.api_key"}
