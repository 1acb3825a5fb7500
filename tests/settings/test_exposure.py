"""A gateway that anybody on the network may call says so, once, of the address that it listens on."""

import argparse
from pathlib import Path

import pytest

from router.commands.serve import announce, with_options
from router.config.check import check
from router.config.load import parse_settings
from tests.live import POOL

OPEN = POOL.replace("server: {", "server: {host: 0.0.0.0, ")
KEY = f"auth: {{keys: [{{name: a, sha256: {'0' * 64}}}]}}\n"


def warnings_of(text: str, capsys: pytest.CaptureFixture[str], host: str | None = None) -> list[str]:
    options = argparse.Namespace(host=host, port=None, workers=None)
    announce(with_options(parse_settings(text, "router.yaml", {}), options))
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]


def test_it_is_said_once_when_the_gateway_starts(capsys: pytest.CaptureFixture[str]) -> None:
    (warning,) = warnings_of(OPEN, capsys)
    assert "0.0.0.0 is beyond loopback" in warning
    assert warnings_of(OPEN + KEY, capsys) == []


def test_the_address_of_the_command_line_counts_and_not_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert warnings_of(OPEN, capsys, host="127.0.0.1") == []
    assert len(warnings_of(POOL, capsys, host="0.0.0.0")) == 1
    assert warnings_of(POOL, capsys, host="127.0.0.2") == [], "all of 127.0.0.0/8 is this machine"


def test_check_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "router.yaml"
    file.write_text(OPEN)
    (warning,) = check(file, {}, lambda artifact: None).warnings
    assert (warning.key, warning.line) == (
        "server.host",
        1 + next(at for at, line in enumerate(OPEN.splitlines()) if "0.0.0.0" in line),
    )
