"""The environment's proxies: whose they are, who is left out, and what is said of them."""

import argparse
import base64
from pathlib import Path

import pytest

from router.commands import check
from router.commands.serve import announce
from router.config.load import load_settings
from router.config.proxies import is_left_out
from router.dispatch.provider import Proxy
from router.settings import SettingsError

POOL = """
pool:
  small: {model: openai/gpt-4o-mini}
  plain: {model: openai/qwen3, api_base: "http://models.corp.example:8001/v1", api_key: x}
  local: {model: openai/qwen3, api_base: "http://127.0.0.1:8001/v1", api_key: x}
  flash: {model: gemini/gemini-2.5-flash}
routing: {small: [small], strong: [flash]}
ledger: {enabled: false}
"""
KEYS = {"OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k"}


def proxies(tmp_path: Path, **env: str) -> dict[str, Proxy | None]:
    path = tmp_path / "router.yaml"
    path.write_text(POOL)
    return {name: target.proxy for name, target in load_settings(path, {**KEYS, **env}).pool.items()}


def hosts(tmp_path: Path, **env: str) -> dict[str, str]:
    return {name: f"{each.host}:{each.port}" for name, each in proxies(tmp_path, **env).items() if each is not None}


@pytest.mark.parametrize(
    ("env", "small", "plain"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": "http://p.example:3128"}, "p.example:3128", None),
        ({"https_proxy": "p.example"}, "p.example:80", None),
        ({"HTTPS_PROXY": "https://p.example/"}, "p.example:443", None),
        ({"HTTP_PROXY": "http://[fd00::1]:8080"}, None, "fd00::1:8080"),
        ({"http_proxy": "http://a:1", "HTTP_PROXY": "http://b:2"}, None, "a:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://b:2"}, None, None),
        ({"ALL_PROXY": "http://a:1", "HTTP_PROXY": "http://b:2"}, "a:1", "b:2"),
        ({"all_proxy": "http://a:1", "NO_PROXY": "corp.example"}, "a:1", None),
        ({"all_proxy": "http://a:1", "NO_PROXY": "x, .openai.com", "no_proxy": "corp.example:8001"}, "a:1", None),
        ({"all_proxy": "http://a:1", "NO_PROXY": "*"}, None, None),
    ],
)
def test_each_scheme_has_its_variable_lower_case_goes_before_and_no_proxy_before_all(tmp_path, env, small, plain):
    expected = {name: at for name, at in (("small", small), ("plain", plain)) if at is not None}
    assert hosts(tmp_path, **env) == expected


@pytest.mark.parametrize(
    ("host", "no_proxy", "left_out"),
    [
        ("api.openai.com", "", False),
        ("api.openai.com", "openai.com", True),
        ("api.openai.com", ".openai.com", True),
        ("api.openai.com", "*.openai.com", True),
        ("API.OpenAI.com.", "internal, OPENAI.COM", True),
        ("api.openai.com", "internal openai.com", True),
        ("notopenai.com", "openai.com", False),
        ("openai.com.example", "openai.com", False),
        ("api.openai.com", "openai.com:443", True),
        ("api.openai.com", "openai.com:8443", False),
        ("api.openai.com", "a,*", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "2.3", False),
        ("10.1.2.3", "10.1.2.3:80", False),
        ("fd00::1", "[fd00::1]:443", True),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "fe00::/8, :::, /, [", False),
        ("localhost", "", True),
        ("a.localhost", "", True),
        ("127.3.0.1", "", True),
        ("::1", "", True),
        ("0.0.0.0", "", True),
    ],
)
def test_this_machine_and_what_no_proxy_lists_are_left_out(host, no_proxy, left_out):
    assert is_left_out(host, 443, no_proxy) is left_out


def test_a_login_is_sent_as_it_was_meant_and_shown_nowhere(tmp_path):
    proxy = proxies(tmp_path, HTTPS_PROXY="http://me%40corp:p%2Fss%20w@p.example:3128")["small"]
    assert proxy is not None
    assert proxy.authorization is not None
    assert base64.b64decode(proxy.authorization.removeprefix("Basic ")) == b"me@corp:p/ss w"
    assert proxy.authorization not in repr(proxy)
    assert "corp" not in repr(proxy)


@pytest.mark.parametrize(
    "value", ["socks5://p.example:1080", "http://", "http://me:s3cr/et@p.example:3128", "http://p.example:99999", "://"]
)
def test_a_proxy_that_cannot_be_used_is_an_error_without_its_value_where_it_is_needed(tmp_path, value):
    with pytest.raises(SettingsError, match=r"^HTTPS_PROXY: is not the URL of an HTTP proxy") as caught:
        proxies(tmp_path, HTTPS_PROXY=value)
    assert "s3cr" not in str(caught.value)
    assert hosts(tmp_path, HTTPS_PROXY=value, NO_PROXY="api.openai.com") == {}
    load_settings(tmp_path / "router.yaml", {**KEYS, "HTTPS_PROXY": value}, calls=False)


def test_the_pool_of_the_environment_has_the_proxy_too():
    settings = load_settings(None, {"OPENAI_API_KEY": "k", "HTTPS_PROXY": "http://p.example:3128"})
    assert {target.proxy for target in settings.pool.values()} == {Proxy("p.example", 3128)}


def test_serve_and_check_say_who_is_called_through_which_proxy_and_not_by_which_login(tmp_path, monkeypatch, capsys):
    path = tmp_path / "router.yaml"
    path.write_text(POOL)
    env = {**KEYS, "HTTPS_PROXY": "http://me:s3cret@p.example:3128", "http_proxy": "http://p.example:8080"}
    for name in ("https_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    check.run(argparse.Namespace(config=path))
    announce(load_settings(path, env))
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        for way in (
            "small through p.example:3128 (HTTPS_PROXY)",
            "plain through p.example:8080 (http_proxy)",
            "local directly",
            "flash as litellm reads these variables",
        ):
            assert f"proxy: {way}\n" in text
        assert "s3cret" not in text
