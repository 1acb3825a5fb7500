"""``fusion-router explain`` of a file of messages."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from router.cli import main
from tests.live import POOL


def explained(content: bytes, folder: Path, capsys: Any) -> tuple[int, str, str]:
    """The exit code, and what was said to standard output and to standard error."""
    (folder / "router.yaml").write_text(POOL)
    (folder / "messages.json").write_bytes(content)
    code = main(["explain", "--json", "--file", str(folder / "messages.json"), "--config", str(folder / "router.yaml")])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_half_an_emoji_in_a_file_of_messages_is_explained(tmp_path: Path, capsys: Any) -> None:
    code, out, _ = explained(rb'[{"role": "user", "content": "half \ud83d"}]', tmp_path, capsys)
    assert (code, json.loads(out)["route"]) == (0, "small")


@pytest.mark.parametrize("depth", [300, 1000])
def test_a_file_that_is_nested_too_deep_is_refused_in_one_line(depth: int, tmp_path: Path, capsys: Any) -> None:
    deep = b"[" * depth + b"]" * depth
    content = b'{"messages": [{"role": "user", "content": "hi"}], "tools": [{"a": ' + deep + b"}]}"
    code, out, err = explained(content, tmp_path, capsys)
    assert (code, out, err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({}, "no provider key was found in the environment"),
        ({"OPENAI_BASE_URL": "no address"}, "OPENAI_BASE_URL is not an address"),
        ({"OLLAMA_HOST": "127.0.0.1"}, "a local server is named, but not which of its models to use"),
    ],
)
def test_the_demos_pool_stands_in_and_the_true_reason_is_given(
    env: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(os, "environ", env)
    assert main(["explain", "hi"]) == 0
    said = capsys.readouterr()
    assert why in said.err
    assert said.err.endswith("deciding for the demo's pool.\n")
    assert "scripted/small" in said.out


def test_a_proxy_that_cannot_be_used_is_no_matter_where_nobody_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(os, "environ", {"OPENAI_API_KEY": "k", "ALL_PROXY": "socks5://proxy.example:1080"})
    assert main(["explain", "hi"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "openai/" in said.out
