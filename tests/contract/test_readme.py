"""The README is true to the letter: its commands, its tables and its code run here."""

import argparse
import errno
import io
import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from router.commands import serve as serve_command
from router.commands.serve import announce
from router.config.fields import Section
from router.config.load import parse_settings
from router.core.types import Reason
from router.record.metrics import Metrics
from tests.live import POOL, free_port, gateway

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_config_examples_load(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = set(re.findall(r"\$\{(\w+)\}", block)) | {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"}
    settings = parse_settings(block, "README.yaml", dict.fromkeys(names, "sk-test"))
    assert settings.pool


def test_every_key_that_the_config_knows_is_in_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    known: set[str] = set()
    close = Section.close

    def noted(section: Section) -> None:
        known.update(section._asked)
        close(section)

    monkeypatch.setattr(Section, "close", noted)
    for block in blocks("yaml"):
        test_config_examples_load(block, monkeypatch)
    assert {"cached_input_usd_per_mtok", "lacks", "idle_s", "quorum", "auditors"} <= known
    assert not {key for key in known if not re.search(rf"\b{key}\b", README)}


@pytest.mark.parametrize("block", blocks("python"))
def test_python_examples_run_against_a_live_gateway(block: str) -> None:
    with gateway() as live:
        exec(compile(block.replace("http://127.0.0.1:8000", live.url), "README.md", "exec"), {})
        assert live.records


def test_every_reason_is_in_its_table_and_no_other() -> None:
    table = README.partition("### Reasons")[2].partition("\n#")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == {reason.value for reason in Reason}


def test_every_metric_is_in_its_table_and_no_other() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    exposed = {
        name for metric in registry.collect() for name in [metric.name + ("_total" if metric.type == "counter" else "")]
    }
    table = README.partition("## Metrics")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(router_\w+)`", table)) == exposed


@pytest.mark.parametrize("command", ["explain", "score", "init", "check"])
def test_commands_of_the_readme_do_what_it_says(command: str, tmp_path: Path) -> None:
    run: dict[str, Any] = {"capture_output": True, "text": True, "cwd": tmp_path, "env": {"PATH": "/usr/bin:/bin"}}
    base = [sys.executable, "-m", "router", command]
    if command == "explain":
        done = subprocess.run([*base, "hi", "--json"], **run)
        assert json.loads(done.stdout)["route"] == "small"
    elif command == "score":
        lines = '{"id": 1, "prompt": "hi"}\nnot json\n{"id": 2, "messages": [{"role": "user", "content": "hello"}]}\n'
        done = subprocess.run(base, input=lines, **run)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["id"] for row in rows] == [1, None, 2]
        assert "error" in rows[1]
        assert {"complexity", "gain", "route", "reason", "task", "novelty"} <= rows[0].keys()
        assert done.returncode == 1
    elif command == "init":
        assert subprocess.run(base, **run).returncode == 0
        assert (tmp_path / "router.yaml").exists()
        assert subprocess.run(base, **run).returncode == 1
    else:
        (tmp_path / "router.yaml").write_text(
            "pool: {a: {modle: scripted/small}}\nrouting: {small: [a], strong: [b]}\n"
        )
        done = subprocess.run([*base, "--config", "router.yaml"], **run)
        assert done.returncode == 1
        assert "router.yaml:1" in done.stderr
        assert "model" in done.stderr
        (tmp_path / "good.yaml").write_text(POOL)
        done = subprocess.run([*base, "--config", "good.yaml"], **run)
        assert done.returncode == 0
        assert "mode balanced" in done.stdout


def test_the_demo_prints_the_rows_that_the_readme_shows_and_a_terminal_without_some_letters_the_others() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "router", "demo", "--exit", "--port", "0"], capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stderr
    assert "48 answered" in done.stdout
    shown = blocks("text")[0]
    assert not set(shown.splitlines()) - set(done.stdout.splitlines())


def serve(directory: Path, *options: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """``serve`` as it ends where it cannot begin; no keys are in its environment."""
    command = [sys.executable, "-m", "router", "serve", *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=directory, env={"PATH": "/usr/bin:/bin", **env})


def test_a_server_whose_port_is_taken_says_so_before_it_says_that_it_serves(tmp_path: Path) -> None:
    (tmp_path / "router.yaml").write_text(POOL)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = serve(tmp_path, "--config", "router.yaml", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1:" in done.stderr
    assert "--port" in done.stderr
    assert "fusion-router on http" not in done.stderr


def test_a_scripted_upstream_whose_port_is_taken_says_so_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "router", "scripted-upstream", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "scripted models on" not in done.stderr


def test_a_server_says_where_it_listens_as_a_url_and_serves_where_nothing_can_be_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = parse_settings(POOL, "router.yaml", {})
    announce(replace(settings, server=replace(settings.server, host="::1")))
    assert "fusion-router on http://[::1]:8000/v1" in capsys.readouterr().err

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    announce(settings)


def test_a_server_may_open_as_many_files_as_it_is_allowed_to() -> None:
    code = (
        "import resource; from router.http.files import open_as_many_files_as_allowed;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 700)); open_as_many_files_as_allowed();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "(700, 700)", done.stderr


def test_few_open_files_are_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    settings = parse_settings(POOL, "router.yaml", {})
    announce(settings, 700)
    assert "may open 700 files here, enough for 318 requests at once" in capsys.readouterr().err
    announce(settings, 2_000)
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_whose_metrics_cannot_be_kept_where_they_should_says_so(tmp_path: Path, workers: str) -> None:
    (tmp_path / "router.yaml").write_text(POOL)
    options = ("--config", "router.yaml", "--port", str(free_port()), "--workers", workers)
    done = serve(tmp_path, *options, PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "missing"))
    assert done.returncode == 1
    assert f"metrics cannot be kept in {tmp_path}/missing: No such file or directory; set PROMETHEUS_" in done.stderr
    assert "Traceback" not in done.stderr
    assert "fusion-router on http" not in done.stderr


def test_workers_without_any_temporary_directory_are_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "router.yaml").write_text(POOL)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "read-only"))
    options = argparse.Namespace(config=tmp_path / "router.yaml", host=None, port=free_port(), workers=2)
    assert serve_command.run(options) == 1
    assert "metrics cannot be kept in a temporary directory: No such file" in capsys.readouterr().err


def test_a_server_without_keys_or_config_says_what_to_do(tmp_path: Path) -> None:
    done = serve(tmp_path)
    assert done.returncode == 1
    assert "fusion-router demo" in done.stderr
