"""The same ledger in PostgreSQL: same rows, same export, same patience with a server that goes away."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from router.cli import main
from router.core.types import Attempt, Usage
from router.record.ledger.database import open_ledger, read_url
from router.record.ledger.feedback import VERDICTS, Judgement, keep_judgement
from router.record.ledger.migrate import migrate
from router.record.ledger.schema import VERSION
from router.record.ledger.store import Retention, prune, used_bytes
from tests.live import gateway
from tests.record.ledgers import Counts, fill, record, rows, url_of, wait_until, writer
from tests.record.postgres import Postgres, binaries, postgres
from tests.record.test_ledger import later_schema

PROGRAMS = binaries()
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="needs Debian's package postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    assert PROGRAMS is not None
    with postgres(PROGRAMS) as running:
        yield running


@pytest.fixture
def url(server: Postgres) -> URL:
    """An empty database."""
    engine = create_engine(read_url(server.url), isolation_level="AUTOCOMMIT")
    name = f"ledger_{time.monotonic_ns()}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return read_url(server.url).set(database=name)


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def test_rows_exports_and_sums_are_those_of_sqlite(
    url: URL, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [record("a", started_at=1e9, prompt="hi\0 \ud800", answer="hello"), record("b", started_at=2e9, attempts=[])]
    huge = Attempt("small", "scripted/small", "answer", "ok", 0.1, Usage(2**70, 1), 0.1)
    local = url_of(tmp_path / "ledger.db")
    for ledger in (url, local):
        counts = fill(ledger, [*made, record("bad", attempts=[huge])])
        assert (counts.rows, counts.drops) == (2, {"bad_row": 1})
    found = []
    for at, ledger in enumerate((shown(url), str(local.database))):
        output = tmp_path / f"{at}.jsonl"
        assert main(["ledger", "export", "--ledger", ledger, "--output", str(output)]) == 0
        lines = [json.loads(line) for line in output.read_text().splitlines()]
        found.append([{key: value for key, value in line.items() if not key.endswith("_hash")} for line in lines])
    assert found[0] == found[1]
    assert [row["request_id"] for row in found[0]] == ["a", "b"]
    for command in (["ledger", "stats", "--json"], ["savings", "--since", "2001-01-01", "--json"]):
        said = []
        for ledger in (shown(url), str(local.database)):
            assert main([*command, "--ledger", ledger]) == 0
            said.append(
                {key: value for key, value in json.loads(capsys.readouterr().out).items() if key != "size_bytes"}
            )
        assert said[0] == said[1], command


def test_verdicts_given_at_the_same_time_leave_one(url: URL) -> None:
    fill(url, [record("a")])
    engine = open_ledger(url)
    verdicts = [Judgement("a", verdict) for verdict in VERDICTS] * 4
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda judgement: keep_judgement(engine, judgement, "", time.time()), verdicts))
    engine.dispose()
    assert None not in kept
    assert rows(url, "SELECT count(*) AS n FROM feedback") == [{"n": 1}]


def test_writers_share_a_database_and_readers_see_numbers_in_their_order(url: URL) -> None:
    open_ledger(url).dispose()
    counts, seen = Counts(), []
    writers = [writer(url, counts) for _ in range(4)]
    for made in writers:
        made.start()
    for at in range(400):
        writers[at % 4].add(record(f"r{at}"))
        if at % 40 == 0:
            time.sleep(0.05)
            seen.append([row["seq"] for row in rows(url, "SELECT seq FROM requests ORDER BY seq")])
    for made in writers:
        made.stop()
    assert counts.drops == {}
    seen.append([row["seq"] for row in rows(url, "SELECT seq FROM requests ORDER BY seq")])
    assert seen[-1] == list(range(1, 401))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen), "no number appears after a later one"


def test_rows_wait_for_a_server_that_died_and_none_is_lost_or_doubled(server: Postgres, url: URL) -> None:
    counts = Counts()
    made = writer(url, counts)
    made.start()
    made.add(record("before"))
    wait_until(lambda: counts.rows == 1)
    server.stop()
    try:
        for at in range(300):
            made.add(record(f"r{at}"))
        wait_until(lambda: made._complained)
    finally:
        server.start()
    wait_until(lambda: counts.rows == 301, 15)
    made.stop()
    assert counts.drops == {}
    assert rows(url, "SELECT count(*) AS n, count(DISTINCT request_id) AS ids FROM requests") == [
        {"n": 301, "ids": 301}
    ]


def test_several_processes_bring_one_database_up_to_a_later_schema(url: URL) -> None:
    fill(url, [record("old")])
    engine, found = open_ledger(url), list[int]()

    def bring_up() -> None:
        with engine.begin() as connection:
            found.append(migrate(connection, later_schema(), VERSION + 1))

    threads = [threading.Thread(target=bring_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert sorted(found) == [VERSION, VERSION + 1, VERSION + 1]
    assert rows(url, "SELECT request_id, grade FROM requests") == [{"request_id": "old", "grade": None}]


def test_retention_by_size_keeps_the_newest_and_its_estimate_is_near_the_truth(url: URL) -> None:
    fill(
        url,
        [
            record(f"r{at}", prompt="".join(chr(97 + (at * 7 + i * i) % 26) for i in range(1_500)))
            for at in range(2_000)
        ],
    )
    engine = open_ledger(url)
    tables = ("requests", "calls", "texts")
    real = sum(
        rows(url, f"SELECT pg_total_relation_size('{table}') AS n FROM (SELECT 1) x")[0]["n"] for table in tables
    )
    with engine.connect() as connection:
        estimated = used_bytes(connection)
    assert 0.6 < estimated / real < 1.6
    gone = prune(engine, Retention(max_bytes=estimated // 2))
    assert 900 < gone < 1_300
    left = [row["request_id"] for row in rows(url, "SELECT request_id FROM requests ORDER BY seq")]
    assert left == [f"r{at}" for at in range(gone, 2_000)]
    assert rows(url, "SELECT count(*) AS n FROM calls")[0]["n"] == 2 * len(left)
    assert prune(engine, Retention(days=0)) == len(left)
    engine.dispose()


def test_a_gateway_records_takes_verdicts_and_hands_out_decisions(url: URL) -> None:
    quick = "latency_ms=0&tokens_per_second=0&jitter=0"
    config = f"""
pool:
  small: {{model: "scripted/small?{quick}"}}
  strong: {{model: "scripted/strong?{quick}"}}
routing: {{small: [small], strong: [strong], baseline: strong}}
server: {{access_log: false}}
ledger: {{url: "{shown(url)}", store_text: all}}
"""
    hi: list[Any] = [{"role": "user", "content": "hi"}]
    with gateway(config) as live, OpenAI(base_url=f"{live.url}/v1", api_key="x") as client:
        answer: Any = client.chat.completions.create(model="auto", messages=hi)
        request_id = answer.router["request_id"]
        for verdict in ("failed", "good_fit", "good_fit"):
            body = {"request_id": request_id, "verdict": verdict, "score": 1}
            assert httpx.post(f"{live.url}/v1/feedback", json=body).status_code == 200
        found = [json.loads(line) for line in httpx.get(f"{live.url}/v1/decisions?since=1h").text.splitlines()]
    assert [(row["request_id"], row["verdict"], row["cost_usd"]) for row in found] == [
        (request_id, "good_fit", answer.router["cost_usd"])
    ]
    assert rows(url, "SELECT prompt, answer FROM texts") == [
        {"prompt": "hi", "answer": answer.choices[0].message.content}
    ]


def test_the_password_is_in_no_complaint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "stats", "--ledger", "postgresql://u:hunter22secret@127.0.0.1:9/db"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("The ledger at postgresql+psycopg://u:***@127.0.0.1:9/db cannot be used: ")
    assert "hunter22secret" not in said
