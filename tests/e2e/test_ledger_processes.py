"""The ledger of gateways as they are run: several workers, SIGTERM, and retention meanwhile."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.e2e.test_failures import start
from tests.e2e.test_ledger import HI, config, facts_of
from tests.record.ledgers import rows, url_of


def stopped(process: "subprocess.Popen[bytes]") -> str:
    """End a gateway as a service manager does; gives its log."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.communicate(timeout=15)[1].decode()
    finally:
        process.kill()


def test_sigterm_right_after_the_last_answer_loses_no_row(tmp_path: Path) -> None:
    process, port = start(config=config(tmp_path / "l.db"), tmp_path=tmp_path)
    try:
        with OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="x", max_retries=0) as client:
            for _ in range(30):
                client.chat.completions.create(model="small", messages=HI)
    finally:
        log = stopped(process)
    assert "Traceback" not in log
    assert f"{tmp_path}/l.db, no text" in log
    assert rows(url_of(tmp_path / "l.db"), "SELECT count(*) AS n FROM requests") == [{"n": 30}]
    assert not (tmp_path / "l.db-wal").exists(), "the last one out tidies up"


def test_workers_end_when_the_process_that_started_them_is_killed_and_lose_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # who is killed leaves its temporary files
    process, port = start("--workers", "2", config=config(tmp_path / "l.db"), tmp_path=tmp_path)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    try:
        with OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="x", max_retries=2) as client:
            client.chat.completions.create(model="small", messages=HI)
        process.kill()
        process.communicate(timeout=15)  # ends when nobody holds the pipe of the log any more
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/healthz")
    finally:
        for worker in map(int, workers):
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    assert rows(url_of(tmp_path / "l.db"), "SELECT count(*) AS n FROM requests") == [{"n": 1}]


def test_workers_share_a_ledger_and_take_verdicts_on_each_others_answers(tmp_path: Path) -> None:
    process, port = start("--workers", "2", config=config(tmp_path / "l.db"), tmp_path=tmp_path)
    told, base = 0.0, f"http://127.0.0.1:{port}"
    try:
        for _ in range(8):  # a connection each, so that both workers get some
            with OpenAI(base_url=f"{base}/v1", api_key="x", max_retries=2) as client:
                facts = facts_of(client.chat.completions.create(model="small", messages=HI))
            told += facts["cost_usd"]
            said = httpx.post(f"{base}/v1/feedback", json={"request_id": facts["request_id"], "verdict": "good_fit"})
            assert said.status_code == 200, said.text
        metrics = httpx.get(f"{base}/metrics").text
    finally:
        log = stopped(process)
    assert "Traceback" not in log
    url = url_of(tmp_path / "l.db")
    kept: dict[str, Any] = rows(url, "SELECT count(*) AS n, sum(cost_usd) AS cost FROM requests")[0]
    assert kept == {"n": 8, "cost": pytest.approx(told)}
    assert rows(url, "SELECT count(*) AS n FROM feedback") == [{"n": 8}]
    assert "router_ledger_rows_total 8.0" in metrics
    assert 'router_feedback_total{route="small",verdict="good_fit"} 8.0' in metrics
