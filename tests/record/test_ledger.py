"""The ledger: one row a request and one a call, whatever happens to the database meanwhile."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Double, Engine, MetaData, Table, Text, event
from sqlalchemy.engine import URL

from router.app import request_ids
from router.core.types import Attempt, Special, Usage
from router.record.ledger import writer as writer_module
from router.record.ledger.database import open_ledger
from router.record.ledger.migrate import LedgerTooNew, migrate
from router.record.ledger.read import requests_since
from router.record.ledger.schema import METADATA, VERSION
from router.record.ledger.store import Retention, claim_tidying
from router.record.ledger.writer import LedgerWriter
from tests.record.ledgers import Counts, fill, record, rows, url_of, wait_until, writer

HUGE = Attempt("small", "scripted/small", "answer", "ok", 0.1, Usage(2**70, 1), 0.1)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def url(tmp_path: Path) -> URL:
    return url_of(tmp_path / "state" / "ledger.db")


def test_a_request_leaves_one_row_and_one_for_each_call(url: URL) -> None:
    counts = fill(url, [record("req_a"), record("req_b", attempts=[])])
    assert (counts.rows, counts.drops) == (2, {})
    first, second = rows(url, "SELECT * FROM requests ORDER BY seq")
    assert (first["request_id"], first["seq"], second["seq"]) == ("req_a", 1, 2)
    assert first["cost_usd"] == pytest.approx(0.0003)
    assert (first["input_tokens"], first["output_tokens"], first["answered_cached_tokens"]) == (200, 20, 40)
    assert first["baseline_cost_usd"] == pytest.approx(100 * 5e-6 + 20 * 25e-6)
    assert (first["complexity"], first["threshold_complexity"], first["propensity"]) == (0.25, 0.5, 1.0)
    assert second["cost_usd"] is None
    calls = rows(url, "SELECT * FROM calls ORDER BY seq, position")
    assert [(call["seq"], call["position"], call["stage"], call["outcome"]) for call in calls] == [
        (1, 0, "answer", "upstream_empty"),
        (1, 1, "retry", "ok"),
    ]
    assert [bool(call["estimated"]) for call in calls] == [True, False]
    assert calls[1]["price_source"] == "config"
    assert rows(url, "SELECT * FROM texts") == []


def test_who_has_no_key_leaves_no_row_and_cannot_push_others_out(url: URL) -> None:
    stranger = replace(record("stranger", attempts=[]), outcome="invalid_api_key", status=401)
    counts = fill(url, [record("req_a"), *[stranger] * 3, record("req_b")])
    assert (counts.rows, counts.drops) == (2, {})
    assert [row["request_id"] for row in rows(url, "SELECT request_id FROM requests")] == ["req_a", "req_b"]


def test_every_column_is_filled_by_name(url: URL) -> None:
    """What a row's maker leaves out would be NULL without a word."""
    fill(url, [record(prompt="hi", answer="hello")])
    empty = {name for name, value in rows(url, "SELECT * FROM requests")[0].items() if value is None}
    assert empty == {"first_token_s", "fusion", "answered_special"}
    missing = [name for name, value in rows(url, "SELECT * FROM calls")[0].items() if value is None]
    assert missing == ["special", "changes"]
    assert None not in rows(url, "SELECT * FROM texts")[0].values()


def in_a_tier() -> Attempt:
    usage = Usage(100, 20, special=Special("flex", audio_input_tokens=7))
    return Attempt("small", "scripted/small", "answer", "ok", 0.2, usage, 0.0002, is_plain=True)


def test_a_tier_and_audio_are_kept_and_where_their_price_is_from(url: URL) -> None:
    fill(url, [record(attempts=[in_a_tier()])])
    kept = '{"tier":"flex","audio_input_tokens":7}'
    assert rows(url, "SELECT answered_special FROM requests") == [{"answered_special": kept}]
    said = {"special": kept, "price_source": "config, not that of tier flex"}
    assert rows(url, "SELECT special, price_source FROM calls") == [said]
    engine = open_ledger(url)
    ((found,),) = requests_since(engine)
    engine.dispose()
    assert found["answered_special"] == found["calls"][0]["special"] == {"tier": "flex", "audio_input_tokens": 7}


def test_what_a_call_was_sent_otherwise_is_kept(url: URL) -> None:
    changes = {"temperature": None, "max_tokens": 16_384}
    fill(url, [record(attempts=[replace(in_a_tier(), changes=changes)])])
    engine = open_ledger(url)
    ((found,),) = requests_since(engine)
    engine.dispose()
    assert found["calls"][0]["changes"] == changes


def test_a_ledger_of_the_first_schema_goes_on_with_tiers(url: URL) -> None:
    fill(url, [record("old")])
    with sqlite3.connect(str(url.database)) as old:
        old.execute("ALTER TABLE requests DROP COLUMN answered_special")
        old.execute("ALTER TABLE calls DROP COLUMN special")
        old.execute("ALTER TABLE calls DROP COLUMN changes")
        old.execute("UPDATE schema_version SET version = 1")
    old.close()
    counts = fill(url, [record("new", attempts=[in_a_tier()])])
    assert counts.rows == 1
    found = rows(url, "SELECT answered_special IS NULL AS empty FROM requests ORDER BY seq")
    assert [row["empty"] for row in found] == [1, 0]


def test_ids_come_in_the_order_of_their_seconds_and_share_nothing_else() -> None:
    """The ledger's index of them then grows at its end."""
    clock = iter([7.5, 7.9, 8.0, 300.0])
    made = list(islice(request_ids(lambda: next(clock)), 900))
    stamps = [id_[:12] for id_ in made]
    assert list(dict.fromkeys(stamps)) == ["req_00000007", "req_00000008", "req_0000012c"]
    assert stamps == sorted(stamps)
    assert len({id_[12:] for id_ in made}) == 900
    assert {len(id_) for id_ in made} == {28}


def test_hashes_are_keyed_equal_within_a_ledger_and_different_between_two(tmp_path: Path) -> None:
    one, other = url_of(tmp_path / "one.db"), url_of(tmp_path / "other.db")
    fill(one, [record("a"), record("b"), record("c", prompt_digest=b"x", session_id="s2")])
    fill(other, [record("a")])
    query = "SELECT prompt_hash, session_hash FROM requests ORDER BY seq"
    a, b, c = rows(one, query)
    assert a == b
    assert a["prompt_hash"] != c["prompt_hash"]
    assert a["session_hash"] != c["session_hash"]
    assert a != rows(other, query)[0]
    assert "s1" not in str(a)


def test_hostile_words_are_stored_as_text(url: URL) -> None:
    names = ["nul\0", "\ud800 half", "'; DROP TABLE requests; --", "x" * 100_000]
    assert fill(url, [record(str(at), asked_model=name) for at, name in enumerate(names)]).rows == 4
    kept = [row["asked_model"] for row in rows(url, "SELECT asked_model FROM requests ORDER BY seq")]
    assert kept == ["nul\ufffd", "? half", names[2], "x" * 200]


def test_a_key_in_place_of_the_models_name_is_not_kept(url: URL) -> None:
    fill(url, [record("r1", asked_model="sk-proj-abcdEFGH0123456789", decision=None), record("r2")])
    kept = rows(url, "SELECT asked_model FROM requests ORDER BY seq")
    assert [row["asked_model"] for row in kept] == ["[key]", "auto"]


@pytest.mark.parametrize("bad", [{"attempts": [HUGE]}, {"caller": object()}, {"caller": "half \ud800"}])
def test_a_row_that_the_database_refuses_is_dropped_alone_and_counted(url: URL, bad: dict[str, Any]) -> None:
    counts = fill(url, [record("a"), record("bad", **bad), record("b")])
    assert (counts.rows, counts.drops) == (2, {"bad_row": 1})
    assert [row["request_id"] for row in rows(url, "SELECT request_id FROM requests ORDER BY seq")] == ["a", "b"]


def test_a_request_that_is_already_there_is_not_written_twice(url: URL) -> None:
    counts = fill(url, [record("a")])
    counts = fill(url, [record("a"), record("b")])
    assert (counts.rows, counts.drops) == (1, {"bad_row": 1})
    assert len(rows(url, "SELECT * FROM calls")) == 4


def test_a_locked_database_delays_rows_and_loses_none(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.record.ledger.database.BUSY_S", 0.05)
    fill(url, [record("first")])
    lock = sqlite3.connect(str(url.database), isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    counts = Counts()
    made = writer(url, counts)
    made.start()
    made.add(record("second"))
    wait_until(lambda: made._complained)
    assert "locked" in made._complained
    assert counts.rows == 0
    for at in range(3):
        made.add(record(f"later {at}"))
    wait_until(lambda: counts.waiting == 4)
    assert counts.unwritable
    lock.execute("COMMIT")
    lock.close()
    wait_until(lambda: counts.rows == 4)
    wait_until(lambda: not counts.unwritable)
    made.stop()
    assert (counts.drops, counts.waiting) == ({}, 0)


@pytest.mark.parametrize("hanging", ["write", "claim_tidying"])
def test_a_database_that_never_answers_is_seen_before_a_row_is_lost(
    hanging: str, url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "STUCK_S", 0.1)
    answer, asked, real = threading.Event(), threading.Event(), getattr(writer_module.store, hanging)

    def hang(*arguments: Any) -> Any:
        asked.set()
        answer.wait(10)
        return real(*arguments)

    monkeypatch.setattr(writer_module.store, hanging, hang)
    counts = Counts()
    made = writer(url, counts)
    made.add(record("first"))
    made.start()
    assert asked.wait(5)
    time.sleep(0.15)
    for at in range(3):
        made.add(record(f"later {at}"))
    assert counts.unwritable
    assert counts.waiting == (4 if hanging == "write" else 3)
    answer.set()
    wait_until(lambda: counts.rows == 4 and not counts.unwritable)
    made.stop()
    assert (counts.drops, counts.waiting) == ({}, 0)


def test_a_full_queue_drops_what_comes_and_counts_it(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_WAITING", 5)
    counts = Counts()
    made = writer(url, counts)
    for at in range(8):
        made.add(record(str(at)))
    assert counts.drops == {"queue_full": 3}
    made.start()
    made.stop()
    assert counts.rows == 5


def test_texts_beyond_their_room_are_dropped_and_their_requests_kept(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_WAITING_CHARS", 20)
    counts = fill(url, [record("a", prompt="x" * 14), record("b", prompt="y")])
    assert (counts.rows, counts.drops) == (2, {"texts_full": 1})
    assert [row["prompt"] for row in rows(url, "SELECT prompt FROM texts")] == ["x" * 14]


def test_a_file_that_is_deleted_under_the_writer_is_made_anew(url: URL) -> None:
    counts = Counts()
    made = writer(url, counts)
    made.start()
    made.add(record("a"))
    wait_until(lambda: counts.rows == 1)
    for path in Path(str(url.database)).parent.iterdir():
        path.unlink()
    made.add(record("b"))
    wait_until(lambda: counts.rows == 2)
    made.stop()
    assert [row["request_id"] for row in rows(url, "SELECT request_id FROM requests")] == ["b"]


def test_a_directory_that_comes_back_gets_the_rows_that_waited(tmp_path: Path) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("a file where a directory should be")
    counts = Counts()
    made = writer(url_of(blocked / "ledger.db"), counts)
    made.start()
    made.add(record("a"))
    wait_until(lambda: made._complained)
    blocked.unlink()
    wait_until(lambda: counts.rows == 1)
    made.stop()
    written = rows(url_of(blocked / "ledger.db"), "SELECT request_id FROM requests")
    assert [row["request_id"] for row in written] == ["a"]


def test_rows_that_come_while_nothing_can_be_written_are_shown_as_waiting_before_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "RETRY_S", (60.0,))
    (tmp_path / "state").write_text("a file where a directory should be")
    counts = Counts()
    made = writer(url_of(tmp_path / "state" / "ledger.db"), counts)
    made.start()
    made.add(record("first"))
    wait_until(lambda: made._complained)
    wait_until(lambda: counts.waiting == 1)
    for at in range(5):
        made.add(record(f"later {at}"))
    assert counts.waiting == 6
    made.stop()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("router"), "propagate", True)  # a gateway that ran before has turned it off
    return caplog


def test_rows_that_cannot_be_written_by_the_end_are_counted_and_said(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("")
    counts = fill(url_of(tmp_path / "state" / "ledger.db"), [record(str(at)) for at in range(450)])
    assert (counts.rows, counts.drops) == (0, {"not_written": 450})
    assert "450 requests are not in it" in said.text


def test_a_database_that_holds_up_the_end_is_not_waited_for_but_what_it_costs_is_said(
    url: URL, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer_module, "STOP_S", 0.2)
    fill(url, [record("first")])
    made = writer(url, Counts())
    with sqlite3.connect(str(url.database), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        made.start()
        for at in range(7):
            made.add(record(f"r{at}"))
        made.stop()
        other.execute("ROLLBACK")
    assert "7 requests are not in it" in said.text


def test_a_full_disk_costs_time_and_no_rows_once_there_is_room_again(url: URL) -> None:
    """SQLite's own limit on pages says what a full disk says."""
    fill(url, [record("first")])
    counts, limit = Counts(), {"pages": 40}
    made = writer(url, counts)
    with _page_limit(limit):
        made.start()
        for at in range(400):
            made.add(record(f"r{at}", prompt="x" * 2_000))
        wait_until(lambda: "full" in made._complained)
        limit["pages"] = 1_000_000
        wait_until(lambda: counts.rows == 400, 10)
    made.stop()
    assert counts.drops == {}


@contextmanager
def _page_limit(limit: dict[str, int]) -> Iterator[None]:
    def on_connect(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit['pages']}")

    event.listen(Engine, "connect", on_connect)
    yield
    event.remove(Engine, "connect", on_connect)


WRITE_UNTIL_KILLED = """
import itertools, sys, time
from tests.record.ledgers import Counts, record, url_of, writer
from pathlib import Path
counts = Counts()
made = writer(url_of(Path(sys.argv[1])), counts)
made.start()
for at in itertools.count():
    made.add(record(f"{sys.argv[2]}_{at}"))
    if at % 50 == 0:
        print(counts.rows, flush=True)
        time.sleep(0.01)
"""


def test_a_killed_process_loses_only_what_was_not_written_and_the_file_is_whole(url: URL) -> None:
    """Two real processes write to one file; one is killed in the middle, the other goes on."""
    path = str(url.database)
    made = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE_UNTIL_KILLED, path, name],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for name in ("a", "b")
    ]  # fmt: skip
    reported = 0
    try:
        while reported < 1_000:
            reported = int(made[0].stdout.readline())  # type: ignore[union-attr]
        made[0].send_signal(signal.SIGKILL)
        made[0].wait()
        lines = made[0].stdout.read().split()  # type: ignore[union-attr]
        reported = max([reported, *map(int, lines)])
        before = rows(url, "SELECT count(*) AS n FROM requests WHERE request_id LIKE 'b%'")[0]["n"]
        wait_until(
            lambda: rows(url, "SELECT count(*) AS n FROM requests WHERE request_id LIKE 'b%'")[0]["n"] > before, 10
        )
    finally:
        for process in made:
            process.kill()
            process.wait()
            process.stdout.close()  # type: ignore[union-attr]
    written = rows(url, "SELECT count(*) AS n FROM requests WHERE request_id LIKE 'a%'")[0]["n"]
    assert written >= reported, "what was reported as written is there"
    found = rows(url, "SELECT count(*) AS n, count(DISTINCT seq) AS seqs FROM requests")[0]
    assert found["n"] == found["seqs"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        orphans = "SELECT count(*) FROM calls WHERE seq NOT IN (SELECT seq FROM requests)"
        assert connection.execute(orphans).fetchone() == (0,)
    assert fill(url, [record("after")]).rows == 1


def test_several_writers_share_a_file_and_number_their_rows_without_gaps(url: URL) -> None:
    counts = Counts()
    writers = [writer(url, counts) for _ in range(4)]
    for name, made in enumerate(writers):
        made.start()
        for at in range(300):
            made.add(record(f"{name}_{at}"))
    for made in writers:
        made.stop()
    assert counts.drops == {}
    found = rows(url, "SELECT min(seq) AS least, max(seq) AS most, count(*) AS n FROM requests")[0]
    assert (found["least"], found["most"], found["n"]) == (1, 1_200, 1_200)


def test_the_file_is_the_owners_alone(url: URL) -> None:
    fill(url, [record()])
    path = Path(str(url.database))
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def later_schema() -> MetaData:
    """The schema as a later release might have it: a column more, and a table."""
    later = MetaData()
    for table in METADATA.tables.values():
        table.to_metadata(later)
    later.tables["requests"].append_column(Column("grade", Double, info={"since": VERSION + 1}))
    Table(
        "grades",
        later,
        Column("name", Text, primary_key=True, info={"since": VERSION + 1}),
        info={"since": VERSION + 1},
    )
    return later


def test_a_ledger_is_brought_up_to_a_later_schema_with_its_rows(url: URL) -> None:
    fill(url, [record("old")])
    engine = open_ledger(url)
    later = later_schema()

    def bring_up() -> None:
        with engine.begin() as connection:
            found.append(migrate(connection, later, VERSION + 1))

    found: list[int] = []
    threads = [threading.Thread(target=bring_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [VERSION, *[VERSION + 1] * 3], "one of them did it, the others found it done"
    assert rows(url, "SELECT request_id, grade FROM requests") == [{"request_id": "old", "grade": None}]
    assert rows(url, "SELECT * FROM grades") == []
    assert rows(url, "SELECT version FROM schema_version") == [{"version": VERSION + 1}]
    with pytest.raises(LedgerTooNew, match="update fusion-router"):
        open_ledger(url)
    engine.dispose()


def test_a_ledger_of_a_later_release_is_left_alone(url: URL) -> None:
    fill(url, [record("old")])
    with sqlite3.connect(str(url.database)) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    counts = fill(url, [record("new")])
    assert counts.drops == {"not_written": 1}


def test_the_writer_outlives_a_record_that_no_row_can_be_made_of(url: URL) -> None:
    counts = Counts()
    made: LedgerWriter = writer(url, counts)
    made.start()
    made.add(record("broken", overhead_s={}))
    made.add(record("sound"))
    made.stop()
    assert (counts.rows, counts.drops) == (1, {"bad_row": 1})


DAY_S = 86_400


def test_old_rows_and_older_texts_go_by_themselves_a_chunk_at_a_time(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.record.ledger.store.CHUNK", 7)
    monkeypatch.setattr(writer_module, "TIDY_EVERY_S", 0.5)
    now_s = time.time()
    old = [record(f"old_{at}", started_at=now_s - 91 * DAY_S, prompt="x") for at in range(20)]
    blanked = [record(f"blank_{at}", started_at=now_s - 40 * DAY_S, prompt="x") for at in range(20)]
    fill(url, [*old, *blanked, record("new", prompt="x")])
    counts = Counts()
    made = writer(url, counts, retention=Retention(days=90, text_days=30))
    made.start()
    wait_until(lambda: rows(url, "SELECT count(*) AS n FROM requests")[0]["n"] == 21)
    made.stop()
    assert rows(url, "SELECT count(*) AS n FROM texts") == [{"n": 1}]
    assert rows(url, "SELECT count(*) AS n FROM calls") == [{"n": 42}]
    assert counts.size_bytes > 50_000


def test_the_newest_rows_are_kept_where_their_number_is_limited(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "TIDY_EVERY_S", 0.5)
    fill(url, [record(str(at)) for at in range(50)])
    made = writer(url, retention=Retention(max_rows=10))
    made.start()
    wait_until(lambda: rows(url, "SELECT count(*) AS n FROM requests")[0]["n"] == 10)
    made.stop()
    assert [row["seq"] for row in rows(url, "SELECT seq FROM requests ORDER BY seq")] == list(range(41, 51))


def test_one_of_several_processes_looks_for_old_rows(url: URL) -> None:
    fill(url, [record()])
    engine = open_ledger(url)
    now_s = time.time() + 1_000
    assert [claim_tidying(engine, now_s, 30.0) for _ in range(3)] == [True, False, False]
    assert claim_tidying(engine, now_s + 31, 30.0)
    engine.dispose()


def test_old_rows_are_looked_for_again_when_a_clock_that_was_ahead_is_set_right(url: URL) -> None:
    fill(url, [record()])
    engine = open_ledger(url)
    now_s = time.time()
    assert claim_tidying(engine, now_s + 365 * 86_400, 30.0)
    assert [claim_tidying(engine, now_s, 30.0) for _ in range(3)] == [True, False, False]
    assert not claim_tidying(engine, now_s - 20, 30.0), "hosts' clocks differ by seconds"
    engine.dispose()


def test_a_search_is_a_call_with_a_cost_and_without_tokens(url: URL) -> None:
    search = Attempt("searxng", "searxng", "panel", "ok", 0.3, None, 0.005)
    fill(url, [record(attempts=[search])])
    call = rows(url, "SELECT * FROM calls")[0]
    assert (call["cost_usd"], call["input_tokens"], call["price_source"]) == (0.005, None, "fusion.web.search")
    assert rows(url, "SELECT cost_usd, unpriced FROM requests") == [{"cost_usd": 0.005, "unpriced": 0}]
