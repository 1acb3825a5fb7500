"""Verdicts in bulk: into a ledger, or through a gateway; wrong lines are named and the rest goes on."""

from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from sqlalchemy.engine import URL

from router.cli import main
from tests.e2e.test_failures import AUTH
from tests.e2e.test_ledger import HI, config, facts_of
from tests.live import gateway
from tests.record.ledgers import fill, record, rows, url_of, wait_until

LINES = """{"request_id": "a", "verdict": "failed"}
{"request_id": "b", "verdict": "good_fit", "score": 0.5, "comment": "call 4111 1111 1111 1111"}
{"request_id": "c", "verdict": "superb"}
not json

{"request_id": "a", "verdict": "underpowered"}
{"request_id": "never", "verdict": "failed"}
"""
CSV = 'request_id,verdict,score,comment\na,underpowered,,\nb,good_fit,0.5,"fine, thanks"\nc,good_fit,lots,\n'


@pytest.fixture
def url(tmp_path: Path) -> URL:
    url = url_of(tmp_path / "ledger.db")
    fill(url, [record("a"), record("b"), record("c")])
    return url


def test_a_file_of_verdicts_goes_into_the_ledger_and_wrong_lines_are_named(
    url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "v.jsonl").write_text(LINES)
    assert main(["feedback", "--file", str(tmp_path / "v.jsonl"), "--ledger", str(url.database)]) == 1
    said = capsys.readouterr()
    assert "2 verdicts kept, 1 not, 2 lines wrong" in said.out
    assert "v.jsonl:3: `verdict` must be one of good_fit" in said.err
    assert "v.jsonl:4:" in said.err
    assert "never: no such request" in said.err
    kept = rows(url, "SELECT request_id, verdict, score, comment FROM feedback ORDER BY request_id")
    assert [(row["request_id"], row["verdict"]) for row in kept] == [("a", "underpowered"), ("b", "good_fit")]
    assert kept[1]["comment"] == "call [card number]"


def test_a_table_of_verdicts_is_read_too(url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "v.csv").write_text(CSV, encoding="utf-8-sig")  # as spreadsheets write it
    assert main(["feedback", "--file", str(tmp_path / "v.csv"), "--ledger", str(url.database)]) == 1
    assert "v.csv:4: `score` must be a number" in capsys.readouterr().err
    kept = rows(url, "SELECT verdict, score, comment FROM feedback ORDER BY request_id")
    assert kept[1] == {"verdict": "good_fit", "score": 0.5, "comment": "fine, thanks"}


def test_verdicts_go_through_a_gateway_that_counts_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(tmp_path / "l.db")
    with gateway(config(tmp_path / "l.db")) as live, OpenAI(base_url=f"{live.url}/v1", api_key="x") as client:
        ids: list[Any] = [
            facts_of(client.chat.completions.create(model="small", messages=HI))["request_id"] for _ in range(20)
        ]
        wait_until(lambda: len(rows(url, "SELECT seq FROM requests")) == 20)
        lines = "".join(f'{{"request_id": "{name}", "verdict": "overprovisioned"}}\n' for name in ids)
        (tmp_path / "v.jsonl").write_text(lines)
        monkeypatch.setenv("FUSION_ROUTER_API_KEY", "sk-any")
        assert main(["feedback", "--file", str(tmp_path / "v.jsonl"), "--url", live.url]) == 0
        assert "20 verdicts kept" in capsys.readouterr().out
        labels = {"route": "small", "verdict": "overprovisioned"}
        assert live.registry.get_sample_value("router_feedback_total", labels) == 20
    assert rows(url, "SELECT count(*) AS n FROM feedback")[0]["n"] == 20


def test_a_gateway_that_is_not_there_loses_nothing_silently(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "v.jsonl").write_text('{"request_id": "a", "verdict": "failed"}\n')
    assert main(["feedback", "--file", str(tmp_path / "v.jsonl"), "--url", "http://127.0.0.1:9"]) == 1
    said = capsys.readouterr()
    assert "http://127.0.0.1:9: cannot be reached" in said.err
    assert "0 verdicts kept, 1 not" in said.out
    assert main(["feedback", "--file", str(tmp_path / "nowhere.jsonl")]) == 1


def test_a_key_that_is_refused_is_said_once_with_where_it_is_taken_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FUSION_ROUTER_API_KEY", raising=False)
    (tmp_path / "v.jsonl").write_text(
        "".join(f'{{"request_id": "r{number}", "verdict": "failed"}}\n' for number in range(100))
    )
    with gateway(config(tmp_path / "l.db") + AUTH) as live:
        assert main(["feedback", "--file", str(tmp_path / "v.jsonl"), "--url", live.url]) == 1
    said = capsys.readouterr()
    assert "0 verdicts kept, 100 not" in said.out
    assert said.err.count("refused with 401") == 1
    assert "FUSION_ROUTER_API_KEY" in said.err
