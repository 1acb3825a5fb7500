from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.config.load import load_settings, parse_settings
from router.core.fusion import Member
from router.settings import Complaint, Settings, SettingsError
from tests.settings.conftest import KEYS, POOL, ROUTING

Load = Callable[..., Settings]
Complain = Callable[..., dict[str, Complaint]]

DOCUMENTED = """
pool:                              # deployments by name; prices and limits come from litellm's table unless given
  small:  {model: openai/gpt-6-luna}
  strong: {model: anthropic/claude-opus-5}
  flash:  {model: gemini/gemini-3-flash-preview}
  local:  {model: openai/qwen3, api_base: http://127.0.0.1:8001/v1, api_key: ${LOCAL_KEY},
           price: {input_usd_per_mtok: 0, output_usd_per_mtok: 0}, context_window: 32768, supports: [tools]}
routing:
  small: [small, local]            # first is preferred, the rest are fallbacks
  strong: [strong]
  mode: balanced                   # cost | balanced | quality
  baseline: strong                 # what savings are measured against
fusion:
  enabled: true
  panel: [strong, flash, local]
  judge: strong
"""


def test_the_documented_example_loads(load: Load) -> None:
    loaded = load(DOCUMENTED, LOCAL_KEY="local-secret")
    assert list(loaded.pool) == ["small", "strong", "flash", "local"]
    assert loaded.routing.small == ("small", "local")
    assert loaded.routing.baseline == "strong"
    assert loaded.fusion.enabled
    assert loaded.fusion.controls.panel == (Member("strong"), Member("flash"), Member("local"))
    local = loaded.pool["local"]
    assert (local.api_key, local.api_base, local.upstream_model) == (
        "local-secret",
        "http://127.0.0.1:8001/v1",
        "qwen3",
    )
    assert local.direct
    assert local.deployment.context_window == 32768
    assert local.deployment.supports == {"tools": True, "vision": False, "audio": False, "json_schema": False}
    assert local.deployment.price is not None
    assert local.deployment.price.input == 0
    assert not loaded.pool["strong"].direct
    assert loaded.pool["strong"].api_key == "anthropic-secret"


def test_everything_but_pool_and_routes_has_a_default(load: Load) -> None:
    loaded = load(POOL + ROUTING)
    assert loaded.routing.baseline == "strong"
    assert loaded.limits.max_body_bytes == 8 * 1024 * 1024
    assert not loaded.fusion.enabled
    assert loaded.fusion.controls.judge == "strong"
    assert loaded.fusion.web is None
    assert loaded.ledger.store_text == "none"
    assert loaded.server.host == "127.0.0.1"
    assert loaded.warnings == ()


def test_all_complaints_come_at_once_in_the_order_of_the_file(complaints: Complain) -> None:
    text = """
pool:
  small: {model: gpt-6-luna}
  strong: {model: opneai/gpt-5, apikey: x}
routing: {small: [smal], strong: [], mode: fast}
server: {port: 99999}
limits: {total_s: soon}
"""
    found = complaints(text)
    assert {
        "pool.small.model",
        "pool.strong.model",
        "pool.strong.apikey",
        "routing.small[0]",
        "routing.strong",
        "routing.mode",
        "server.port",
        "limits.total_s",
    } <= set(found)
    lines = [complaint.line or 0 for complaint in found.values()]
    assert lines == sorted(lines)
    assert found["server.port"].line == 6


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("servr: {}", "servr", "server"),
        ("limits: {max_inflight: 3}", "limits.max_inflight", "max_in_flight"),
        ("routing: {small: [small], strong: [strong], basline: strong}", "routing.basline", "baseline"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(complaints: Complain, text: str, key: str, nearest: str) -> None:
    found = complaints(POOL + text)[key]
    assert found.fix == f"did you mean {nearest}?"
    assert found.line == POOL.count("\n") + 1


def test_unknown_keys_of_a_deployment_are_errors_too(complaints: Complain) -> None:
    found = complaints("pool:\n  small:\n    model: openai/gpt-6-luna\n    time_outs: {}\n" + ROUTING)
    assert found["pool.small.time_outs"].line == 4
    assert "timeouts" in found["pool.small.time_outs"].fix


def test_a_key_given_twice_is_an_error(complaints: Complain) -> None:
    found = complaints(POOL + "  small: {model: openai/gpt-6.1-sol}\n" + ROUTING)
    assert found["pool.small"].problem == "is given twice (first in line 3)"
    assert found["pool.small"].line == 6


@pytest.mark.parametrize(
    "text",
    [
        "pool: [",
        "pool: {a: b",
        "\tpool: x",
        "pool: *sk-secret-alias",
        "a: &sk-x 1\nb: &sk-x 2\n: :",
        "pool: \x01",
        "- a",
    ],
)
def test_broken_yaml_is_one_complaint_that_quotes_nothing_secret(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, "router.yaml", {})
    assert "sk-" not in str(caught.value)
    assert "router.yaml" in str(caught.value)


def test_a_billion_laughs_are_not_laughed() -> None:
    text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for inner, outer in zip("abcdefghi", "bcdefghij", strict=True):
        text += f"{outer}: &{outer} [{', '.join([f'*{inner}'] * 10)}]\n"
    with pytest.raises(SettingsError, match="nests too deep or refers to itself"):
        parse_settings(text, "router.yaml", {})


def test_a_file_that_refers_to_itself_is_an_error() -> None:
    with pytest.raises(SettingsError, match="refers to itself"):
        parse_settings("pool: &p\n  small: *p\n", "router.yaml", {})


def test_an_empty_file_says_what_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings("", "router.yaml", {})
    assert {"pool", "routing.small", "routing.strong"} <= {complaint.key for complaint in caught.value.complaints}


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="fusion-router init"):
        load_settings(tmp_path / "nowhere.yaml", {})


def test_a_file_in_another_encoding_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "router.yaml"
    path.write_bytes("pool: {ä: 1}".encode("latin-1"))
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(path, {})


WORDS = [
    "pool",
    "routing",
    "fusion",
    "server",
    "auth",
    "ledger",
    "limits",
    "classifier",
    "small",
    "strong",
    "model",
]
WORDS += ["price", "api_key", "panel", "tasks", "aliases", "keys", "headers", "supports", "port"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("${X}"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(WORDS),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_the_file_holds_the_answer_is_settings_or_complaints(value: object) -> None:
    found, complaints = None, tuple[Complaint, ...]()
    try:
        found = parse_settings(yaml.safe_dump(value, allow_unicode=True), "router.yaml", KEYS)
    except SettingsError as error:
        complaints = error.complaints
    assert (found is None) == bool(complaints)
    assert all(complaint.problem and complaint.fix for complaint in complaints)
    assert found is None or found.pool.keys() >= {*found.routing.small, *found.routing.strong}


def test_numbers_in_scientific_notation_are_numbers(load: Load) -> None:
    assert load(POOL + ROUTING + "limits: {total_s: 1e3, max_body_bytes: 1e6}").limits.total_s == 1000


@pytest.mark.parametrize(
    ("limit", "fix"),
    [
        ("total_s: 1.0e-9", "at least 0.01"),
        ("max_header_bytes: 1", "at least 1024"),
        ("cooldown_s: 1000", "at most 300"),
    ],
)
def test_a_limit_that_nothing_could_work_under_or_that_would_not_hold_is_refused(
    complaints: Complain, limit: str, fix: str
) -> None:
    assert fix in complaints(POOL + ROUTING + f"limits: {{{limit}}}")[f"limits.{limit.partition(':')[0]}"].fix


def test_a_time_out_that_never_passes_is_a_warning_where_the_file_gives_it(load: Load) -> None:
    pool = POOL.replace("gpt-6-luna}", "gpt-6-luna, timeouts: {idle_s: 20, total_s: 10}}")
    warned = [warning.key for warning in load(pool + ROUTING + "limits: {first_byte_s: 100, total_s: 50}").warnings]
    assert warned == ["pool.small.timeouts.idle_s", "limits.first_byte_s"]
    assert not load(POOL + ROUTING + "limits: {total_s: 5}").warnings


@pytest.mark.parametrize("auth", ["{keys: []}", "{keys: }"])
def test_an_empty_list_of_keys_is_no_way_to_open_the_gateway(complaints: Complain, auth: str) -> None:
    assert "remove auth" in complaints(POOL + ROUTING + f"auth: {auth}")["auth.keys"].fix


@pytest.mark.parametrize("value", ["-1", "0", ".nan", ".inf", "true", "'5'", "[]"])
def test_a_limit_is_a_positive_finite_number(complaints: Complain, value: str) -> None:
    assert "limits.total_s" in complaints(POOL + ROUTING + f"limits: {{total_s: {value}}}")


def test_retention_can_be_turned_off_with_null(load: Load) -> None:
    assert load(POOL + ROUTING + "ledger: {retention_days: null}").ledger.retention_days is None


def test_a_classifier_path_counts_from_the_config_file(load: Load, tmp_path: Path) -> None:
    assert load(POOL + ROUTING + "classifier: {path: artifacts/v2}").classifier.path == tmp_path / "artifacts/v2"


def test_client_keys_are_hashes_and_hidden(load: Load) -> None:
    loaded = load(POOL + ROUTING + f"auth: {{keys: [{{name: app, sha256: {'AB' * 32}}}]}}")
    assert loaded.auth.keys[0].sha256 == "ab" * 32
    assert "ab" * 32 not in repr(loaded)


def test_a_plain_client_key_is_refused_without_repeating_it(complaints: Complain) -> None:
    found = complaints(POOL + ROUTING + "auth: {keys: [{name: app, sha256: sk-plain-secret}]}")
    assert "sha256sum" in found["auth.keys[0].sha256"].fix
    assert "sk-plain-secret" not in str(found)
