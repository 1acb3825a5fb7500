"""What comes out of a ledger: whole, typed, the same in both formats, and readable by the training."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy.engine import URL

from router.cli import main
from router.core.types import Attempt, Usage
from router.record.ledger import export as export_module
from router.record.ledger import read as read_module
from router.record.ledger.database import open_ledger
from router.record.ledger.feedback import Judgement, keep_judgement
from tests.record.ledgers import FEATURES, fill, record, rows, url_of
from training.readers.ledger import read_ledger
from training.readers.rows import records

NOW = time.time()


@pytest.fixture
def url(tmp_path: Path) -> URL:
    """Seven requests a day apart, the newest last; two judged, one with its texts."""
    url = url_of(tmp_path / "ledger.db")
    made = [record(f"req_{at}", started_at=NOW - (6 - at) * 86_400) for at in range(6)]
    fill(url, [*made, record("req_6", prompt="What is 2+2?", answer="4", fusion={"mode": "vote", "cost": {}})])
    engine = open_ledger(url)
    keep_judgement(engine, Judgement("req_5", "underpowered", 0.25, None), "", NOW)
    keep_judgement(engine, Judgement("req_6", "good_fit", None, "fine"), "", NOW)
    engine.dispose()
    return url


def exported(url: URL, tmp_path: Path, form: str, *more: str) -> list[dict[str, Any]]:
    output = tmp_path / f"out.{form}"
    assert (
        main(["ledger", "export", "--ledger", str(url.database), "--format", form, "--output", str(output), *more]) == 0
    )
    return records(output)


def test_both_formats_hold_every_request_with_calls_feedback_and_texts(url: URL, tmp_path: Path) -> None:
    lines, table = exported(url, tmp_path, "jsonl"), exported(url, tmp_path, "parquet")
    assert [row["request_id"] for row in lines] == [f"req_{at}" for at in range(7)]
    last = lines[-1]
    assert (last["prompt"], last["answer"], last["verdict"], last["comment"]) == (
        "What is 2+2?",
        "4",
        "good_fit",
        "fine",
    )
    assert last["features"] == FEATURES.tolist()
    assert [call["stage"] for call in last["calls"]] == ["answer", "retry"]
    assert sum(call["cost_usd"] for call in last["calls"]) == pytest.approx(last["cost_usd"])
    assert last["fusion"] == {"mode": "vote"}
    for row in table:
        row["fusion"] = json.loads(row["fusion"]) if row["fusion"] else None
    assert table == lines
    columns = set(pq.read_schema(tmp_path / "out.parquet").names)
    assert set(rows(url, "SELECT * FROM requests LIMIT 1")[0]) < columns


def test_only_what_is_newer_is_exported(url: URL, tmp_path: Path) -> None:
    assert [row["request_id"] for row in exported(url, tmp_path, "jsonl", "--since", "36h")] == ["req_5", "req_6"]


def test_training_reads_the_export(url: URL, tmp_path: Path) -> None:
    for form in ("jsonl", "parquet"):
        table = exported(url, tmp_path, form)
        answers = read_ledger(table)
        assert answers.prompt_id == [table[6]["prompt_hash"]]
        assert (answers.score, answers.output_tokens) == ([1.0], [20.0])
        assert answers.tiers == {"scripted/small": "small"}
        assert answers.rejected["ledger: features without text"] == 6


def test_pages_and_row_groups_leave_nothing_out_and_nothing_twice(
    url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_module, "PAGE", 2)
    monkeypatch.setattr(export_module, "_GROUP_ROWS", 3)
    table = exported(url, tmp_path, "parquet")
    assert [row["request_id"] for row in table] == [f"req_{at}" for at in range(7)]
    assert pq.ParquetFile(tmp_path / "out.parquet").num_row_groups == 2


def test_json_lines_go_to_standard_output_and_parquet_asks_for_a_file(url: URL) -> None:
    command = [sys.executable, "-m", "router", "ledger", "export", "--ledger", str(url.database)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 7
    done = subprocess.run([*command, "--format", "parquet"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "--output" in done.stderr


def test_an_export_that_breaks_leaves_the_old_file_and_no_half(
    url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(url, tmp_path, "jsonl")
    before = (tmp_path / "out.jsonl").read_bytes()

    def fail(*_arguments: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export_module, "requests_since", fail)
    assert main(["ledger", "export", "--ledger", str(url.database), "--output", str(tmp_path / "out.jsonl")]) == 130
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert not (tmp_path / "out.jsonl.part").exists()


def test_without_pyarrow_the_export_says_what_to_install(
    url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("router.commands.ledger.find_spec", lambda name: None)
    options = ["--ledger", str(url.database), "--format", "parquet", "--output", str(tmp_path / "x.parquet")]
    assert main(["ledger", "export", *options]) == 1
    assert "'.[training]'" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_file_that_cannot_be_written_is_named(url: URL, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--ledger", str(url.database), "--format", form, "--output", "/nowhere/x"]
    assert main(["ledger", "export", *options]) == 1
    assert "/nowhere/x cannot be written: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["ledger", "stats"], ["ledger", "prune", "--older-than", "1d"], ["savings"]])
def test_a_ledger_that_cannot_be_used_is_named(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.db").write_text("no database")
    assert main([*command, "--ledger", str(tmp_path / "other.db")]) == 1
    assert capsys.readouterr().err == f"The ledger at {tmp_path}/other.db cannot be used: file is not a database\n"
    assert main([*command, "--ledger", "mysql://host/db"]) == 1
    assert "--ledger is neither a SQLite nor a PostgreSQL URL; write" in capsys.readouterr().err


def test_a_full_disk_behind_standard_output_is_not_blamed_on_the_ledger(url: URL) -> None:
    command = [sys.executable, "-m", "router", "ledger", "export", "--ledger", str(url.database)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "standard output cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_config_that_cannot_be_used_is_complained_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["savings", "--config", "/nowhere.yaml"]) == 1
    assert capsys.readouterr().err.count("/nowhere.yaml") == 1


def test_a_reader_that_has_seen_enough_is_no_fault_of_the_ledger(tmp_path: Path) -> None:
    url = url_of(tmp_path / "large.db")
    fill(url, [record(f"r{at}", prompt="x" * 4_000) for at in range(200)])
    command = f"{sys.executable} -m router ledger export --ledger {url.database} | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)  # a pipe is the point
    assert (done.stdout, done.stderr) == ("{", "")


def test_requests_without_a_price_are_counted_beside_what_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = url_of(tmp_path / "l.db")
    fill(
        url,
        [record("priced"), record("unpriced", attempts=[Attempt("x", "openai/x", "answer", "ok", 0.1, Usage(9, 9))])],
    )
    assert main(["ledger", "stats", "--ledger", str(url.database)]) == 0
    assert "$0.000300, and 1 requests unpriced" in capsys.readouterr().out


def test_stats_count_what_there_is(url: URL, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "stats", "--ledger", str(url.database), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["requests"], found["calls"], found["feedback"], found["texts"]) == (7, 14, 2, 1)
    assert found["by_route_and_outcome"][0]["requests"] == 7
    assert found["by_route_and_outcome"][0]["cost_usd"] == pytest.approx(7 * 0.0003)
    assert found["last_at"] - found["first_at"] == pytest.approx(
        6 * 86_400, abs=3_600
    )  # NOW is when the tests were collected
    assert main(["ledger", "stats", "--ledger", str(url.database)]) == 0
    assert "stored for 1 requests, with the answer for 1" in capsys.readouterr().out


def test_pruning_by_age_takes_a_request_with_everything_of_it(url: URL, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "prune", "--ledger", str(url.database), "--older-than", "12h"]) == 0
    assert "6 requests deleted" in capsys.readouterr().out
    for table, expected in {"requests": 1, "calls": 2, "texts": 1, "feedback": 1}.items():
        assert rows(url, f"SELECT count(*) AS n FROM {table}")[0]["n"] == expected, table


def test_pruning_by_size_keeps_the_newest_and_gives_the_disk_its_room_back(tmp_path: Path) -> None:
    url = url_of(tmp_path / "ledger.db")
    fill(url, [record(f"r{at}", prompt="x" * 4_000) for at in range(1_500)])
    before = (tmp_path / "ledger.db").stat().st_size
    assert before > 6_000_000
    assert main(["ledger", "prune", "--ledger", str(url.database), "--max-mb", "2"]) == 0
    assert (tmp_path / "ledger.db").stat().st_size < 2_100_000
    left = [row["request_id"] for row in rows(url, "SELECT request_id FROM requests ORDER BY seq")]
    assert 100 < len(left) < 600
    assert left == [f"r{at}" for at in range(1_500 - len(left), 1_500)]


def test_pruning_says_what_it_wants(url: URL, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "prune", "--ledger", str(url.database)]) == 1
    assert "--older-than" in capsys.readouterr().err
    assert main(["ledger", "prune", "--ledger", str(url.database), "--older-than", "2999-01-01"]) == 1
    assert "in the future" in capsys.readouterr().err
    assert rows(url, "SELECT count(*) AS n FROM requests")[0]["n"] == 7


@pytest.mark.parametrize("name", ["/nowhere/ledger.db", "mysql://h/db", "sqlite:///"])
def test_a_ledger_that_is_not_there_is_named_with_what_to_do(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "stats", "--ledger", name]) == 1
    said = capsys.readouterr().err
    assert "ledger" in said
    assert "Traceback" not in said


def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    before = path.read_bytes()
    assert main(["ledger", "stats", "--ledger", str(path)]) == 1
    assert "not a database" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", [["ledger", "stats"], ["ledger", "prune", "--max-mb", "1"], ["savings"]])
def test_another_programs_database_is_refused_and_left_alone(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "Other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (name TEXT)")
    before = path.read_bytes()
    assert main([*command, "--ledger", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"The database at {path} holds no ledger; name it with --ledger")
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["Other.db"]


def test_a_ledger_that_cannot_be_written_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(url_of(path)).dispose()
    monkeypatch.setattr("os.access", lambda place, mode: not mode & os.W_OK)  # root may write whatever its mode says
    assert main(["ledger", "stats", "--ledger", str(path)]) == 1
    assert f"{path} or its directory cannot be written" in (said := capsys.readouterr().err)
    assert "copy it" in said
