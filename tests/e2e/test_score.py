"""``fusion-router score`` from standard input to standard output."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from router.cli import main
from tests.live import POOL


def scored(lines: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> tuple[int, list[Any]]:
    """The exit code, and what was written for each line."""
    (tmp_path / "router.yaml").write_text(POOL)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    code = main(["score", "--config", str(tmp_path / "router.yaml")])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_line_is_scored_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    lines = (
        b'{"id": 1, "prompt": "hi"}\n\n'
        b'{"id": "two", "messages": [{"role": "user", "content": "Prove the prime number theorem, rigorously."}]}'
    )
    code, found = scored(lines, tmp_path, monkeypatch, capsys)
    assert code == 0
    assert [(row["id"], row["route"]) for row in found] == [(1, "small"), ("two", "strong")]
    assert found[0]["complexity"] < found[1]["complexity"]


BAD = {
    "no JSON": (b"{", None),
    "no object": (b"[1]", None),
    "no prompt": (b'{"id": 3}', 3),
    "no messages": (b'{"id": 4, "messages": []}', 4),
    "deep tools": (b'{"id": 5, "prompt": "x", "tools": [{"a": ' + b"[" * 1000 + b"]" * 1000 + b"}]}", 5),
    "a deep id": (b'{"id": ' + b"[" * 300 + b"]" * 300 + b', "prompt": "x"}', None),
}


@pytest.mark.parametrize(("line", "id"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_has_its_error_and_the_rest_goes_on(
    line: bytes, id: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    code, (bad, good) = scored(line + b'\n{"id": 2, "prompt": "hi"}\n', tmp_path, monkeypatch, capsys)
    assert code == 1
    assert (bad["id"], set(bad)) == (id, {"id", "error"})
    assert (good["id"], good["route"]) == (2, "small")


def test_half_an_emoji_and_a_long_number_are_as_good_as_any_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    lines = rb'{"id": "\ud83d", "prompt": "half \ud83d"}' + b'\n{"id": ' + b"9" * 30 + b', "prompt": "hi"}'
    code, found = scored(lines, tmp_path, monkeypatch, capsys)
    assert code == 0
    assert [row["id"] for row in found] == ["\ud83d", int("9" * 30)]
