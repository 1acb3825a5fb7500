"""The ledger of a live gateway: one row a request, one a call, sums as the callers were told; verdicts and audits."""

import asyncio
import json
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from sqlalchemy.engine import URL

from router.record.ledger.read import as_lines
from tests.live import POOL, LiveGateway, gateway
from tests.record.ledgers import rows, url_of, wait_until

QUICK = "latency_ms=0&tokens_per_second=0&jitter=0&latency_tail=1&fail_rate=0"
ASK: list[Any] = [{"role": "user", "content": "Weigh the arguments for and against a carbon tax."}]
HI: list[Any] = [{"role": "user", "content": "hi"}]
KEYS = "auth:\n  keys:\n" + "".join(
    f"    - {{name: {name}, sha256: {sha256(f'sk-{name}'.encode()).hexdigest()}}}\n"
    for name in ("app", "other", "auditor")
)


def config(path: Path, more: str = "") -> str:
    return f"""
pool:
  small:   {{model: "scripted/small?{QUICK}"}}
  flaky:   {{model: "scripted/flash?fail=500"}}
  strong:  {{model: "scripted/strong?{QUICK}"}}
  scholar: {{model: "scripted/scholar?{QUICK}"}}
  judge:   {{model: "scripted/judge?{QUICK}"}}
  slow:    {{model: "scripted/strong?latency_ms=0&words=400&tokens_per_second=50&jitter=0"}}
  broken:  {{model: "scripted/small?fail=401"}}
  unknown: {{model: "openai/scripted/nobody-prices-this", api_base: "http://127.0.0.1:9/v1", api_key: sk-x}}
routing: {{small: [flaky, small], strong: [strong], baseline: strong}}
fusion: {{panel: [small, scholar, broken], judge: judge}}
limits: {{cooldown_failures: 1000}}
server: {{access_log: false, log_level: error}}
ledger: {{url: "sqlite:///{path}"{more}}}
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> URL:
    return url_of(tmp_path_factory.mktemp("ledger") / "ledger.db")


@pytest.fixture(scope="module")
def live(url: URL) -> Iterator[LiveGateway]:
    with gateway(config(Path(str(url.database)))) as running:
        yield running


def client_of(live: LiveGateway, key: str = "any") -> OpenAI:
    return OpenAI(base_url=f"{live.url}/v1", api_key=key, max_retries=0)


def facts_of(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.model_extra["router"]
    return found


def test_mixed_traffic_leaves_one_row_a_request_one_a_call_and_the_sums_that_callers_saw(
    live: LiveGateway, url: URL
) -> None:
    told: dict[str, dict[str, Any]] = {}
    with client_of(live) as client:
        for model in ("auto", "small", "strong", "judge"):
            answer = client.chat.completions.create(model=model, messages=HI)
            told[facts_of(answer)["request_id"]] = facts_of(answer)
        for stream_options in ({}, {"stream_options": {"include_usage": True}}):
            for model in ("auto", "fusion"):
                *_, last = client.chat.completions.create(model=model, messages=ASK, stream=True, **stream_options)  # type: ignore[call-overload]
                told[facts_of(last)["request_id"]] = facts_of(last)
        answer = client.chat.completions.create(model="fusion", messages=ASK)
        told[facts_of(answer)["request_id"]] = facts_of(answer)
        failed = []
        for model, body in (("nobody", {}), ("broken", {}), ("auto", {"router": {"mode": "reckless"}})):
            with pytest.raises(openai.APIStatusError) as caught:
                client.chat.completions.create(model=model, messages=HI, extra_body=body)
            failed.append(caught.value.response.headers["x-router-request-id"])
        stream = client.chat.completions.create(model="slow", messages=HI, stream=True)
        next(iter(stream))
        hung_up = stream.response.headers["x-router-request-id"]
        stream.close()
    sent = [*told, *failed, hung_up]
    wait_until(lambda: len(rows(url, "SELECT request_id FROM requests")) >= len(sent))
    kept = {row["request_id"]: row for row in rows(url, "SELECT * FROM requests")}
    assert sorted(kept) == sorted(sent)
    calls = rows(url, "SELECT request_id, calls.* FROM calls JOIN requests USING (seq) ORDER BY seq, position")
    for request_id, facts in told.items():
        row, mine = kept[request_id], [call for call in calls if call["request_id"] == request_id]
        assert row["outcome"] == "ok"
        assert (row["route"], row["reason"], row["model"]) == (facts["route"], facts["reason"], facts["model"])
        assert row["cost_usd"] == pytest.approx(facts["cost_usd"], abs=1e-9)
        assert row["baseline_cost_usd"] == pytest.approx(facts["baseline_cost_usd"], abs=1e-9)
        assert [(call["deployment"], call["outcome"]) for call in mine] == [
            (attempt["deployment"], attempt["outcome"]) for attempt in facts["attempts"]
        ]
        assert sum(call["cost_usd"] or 0 for call in mine) == pytest.approx(facts["cost_usd"], abs=1e-9)
        assert row["features"] is not None or row["complexity"] is None
    totals = rows(
        url, "SELECT sum(cost_usd) AS cost, sum(baseline_cost_usd) AS baseline FROM requests WHERE outcome='ok'"
    )
    assert totals[0]["cost"] == pytest.approx(sum(facts["cost_usd"] for facts in told.values()), abs=1e-6)
    assert totals[0]["baseline"] == pytest.approx(sum(facts["baseline_cost_usd"] for facts in told.values()), abs=1e-6)
    assert [kept[request_id]["outcome"] for request_id in failed] == [
        "model_not_found",
        "upstream_auth_failed",
        "invalid_router_control",
    ]
    assert kept[hung_up]["outcome"] == "aborted"
    assert kept[hung_up]["cost_usd"] > 0
    panels = [row for row in kept.values() if row["fusion"] is not None]
    assert len(panels) == 3
    assert all(json.loads(row["fusion"])["status"] in ("judged", "degraded", "agreed") for row in panels)
    assert {call["stage"] for call in calls} >= {"answer", "retry", "panel", "judge"}
    assert rows(url, "SELECT * FROM texts") == []
    assert "carbon" not in Path(str(url.database)).read_bytes().decode("latin-1")


def test_a_verdict_can_be_given_as_soon_as_the_answer_is_there(live: LiveGateway, url: URL) -> None:
    with client_of(live) as client, httpx.Client(base_url=live.url) as http:
        for _ in range(3):
            answer = client.chat.completions.create(model="auto", messages=HI)
            verdict = {"request_id": facts_of(answer)["request_id"], "verdict": "good_fit"}
            said = http.post("/v1/feedback", json=verdict)
            assert said.status_code == 200, said.text
            assert said.json() == {**verdict, "score": None, "comment": None, "route": "small"}
        again = http.post("/v1/feedback", json=verdict)
        assert (again.status_code, again.json()) == (200, said.json())
        changed = {**verdict, "verdict": "underpowered", "score": 0.2, "comment": "write to jo@example.com"}
        assert http.post("/feedback", json=changed).json()["comment"] == "write to [e-mail]"
    kept = rows(url, "SELECT verdict, score FROM feedback ORDER BY given_at")
    assert [row["verdict"] for row in kept] == ["good_fit", "good_fit", "underpowered"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"verdict": "good_fit"}, "request_id"),
        ({"request_id": 7, "verdict": "good_fit"}, "request_id"),
        ({"request_id": "req_1"}, "verdict"),
        ({"request_id": "req_1", "verdict": "superb"}, "verdict"),
        ({"request_id": "req_1", "verdict": "failed", "score": 1.5}, "score"),
        ({"request_id": "req_1", "verdict": "failed", "score": True}, "score"),
        ({"request_id": "req_1", "verdict": "failed", "comment": 3}, "comment"),
        ({"request_id": "req_1", "verdict": "failed", "comment": "x" * 2001}, "comment"),
        ({"request_id": "req_1", "verdict": "failed", "rating": 3}, "rating"),
        ([1], "body"),
        ("{", "body"),
    ],
)
def test_a_wrong_verdict_is_refused_by_the_field_that_is_wrong(live: LiveGateway, body: Any, param: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    said = httpx.post(f"{live.url}/v1/feedback", content=content)
    assert (said.status_code, said.json()["error"]["param"]) == (400, param)
    assert httpx.post(f"{live.url}/v1/feedback", content="x" * 100_000).status_code == 413


def test_a_form_of_a_foreign_page_gives_no_verdict(live: LiveGateway) -> None:
    said = httpx.post(
        f"{live.url}/v1/feedback",
        content='{"request_id": "req_1", "verdict": "failed"}',
        headers={"content-type": "text/plain"},
    )
    assert said.status_code == 415


def test_a_verdict_on_nobodys_request_is_not_found(live: LiveGateway) -> None:
    said = httpx.post(f"{live.url}/v1/feedback", json={"request_id": "req_never", "verdict": "failed"})
    assert (said.status_code, said.json()["error"]["code"]) == (404, "request_not_found")


def test_verdicts_are_counted_by_route_where_they_are_news(tmp_path: Path) -> None:
    with gateway(config(tmp_path / "l.db")) as live, client_of(live) as client:
        request_id = facts_of(client.chat.completions.create(model="small", messages=HI))["request_id"]
        for verdict in ("underpowered", "underpowered", "good_fit"):
            said = httpx.post(f"{live.url}/v1/feedback", json={"request_id": request_id, "verdict": verdict})
            assert said.status_code == 200
        for verdict in ("underpowered", "good_fit"):
            labels = {"route": "small", "verdict": verdict}
            assert live.registry.get_sample_value("router_feedback_total", labels) == 1


def test_a_key_sees_and_judges_its_own_requests_and_an_auditor_everybodys(tmp_path: Path) -> None:
    with gateway(config(tmp_path / "l.db", ", auditors: [auditor]") + KEYS) as live, httpx.Client() as http:
        http.base_url = live.url  # type: ignore[assignment]
        ids = {}
        for key in ("app", "other"):
            with client_of(live, f"sk-{key}") as client:
                ids[key] = facts_of(client.chat.completions.create(model="small", messages=HI))["request_id"]
        heads = {key: {"authorization": f"Bearer sk-{key}"} for key in ("app", "other", "auditor")}

        def judge(key: str, of: str) -> int:
            body = {"request_id": ids[of], "verdict": "failed"}
            return http.post("/v1/feedback", json=body, headers=heads[key]).status_code

        assert [judge("app", "app"), judge("auditor", "app"), judge("other", "app")] == [200, 200, 404]
        seen = {}
        for key, head in heads.items():
            lines = http.get("/v1/decisions", headers=head).text.splitlines()
            seen[key] = sorted(json.loads(line)["caller"] for line in lines)
        assert seen == {"app": ["app"], "other": ["other"], "auditor": ["app", "other"]}
        for path in ("/v1/decisions", "/v1/feedback"):
            assert http.request("POST" if "feed" in path else "GET", path).status_code == 401


def test_a_comment_may_end_inside_an_emoji(tmp_path: Path) -> None:
    with gateway(config(tmp_path / "l.db")) as live, client_of(live) as client:
        request_id = facts_of(client.chat.completions.create(model="small", messages=HI))["request_id"]
        cut = json.dumps({"request_id": request_id, "verdict": "failed", "comment": "so bad \ud83d"})
        said = httpx.post(f"{live.url}/v1/feedback", content=cut, headers={"content-type": "application/json"})
    assert (said.status_code, said.json()["comment"]) == (200, "so bad ?")


def test_decisions_are_paged_by_number_without_gaps_or_repeats(tmp_path: Path) -> None:
    url = url_of(tmp_path / "l.db")
    with gateway(config(tmp_path / "l.db")) as live, client_of(live) as client, httpx.Client(base_url=live.url) as http:
        began_s = time.time()
        sent = [facts_of(client.chat.completions.create(model="auto", messages=HI))["request_id"] for _ in range(7)]
        wait_until(lambda: len(rows(url, "SELECT seq FROM requests")) == 7)
        seen, after = [], "0"
        while True:
            page = http.get("/v1/decisions", params={"after": after, "limit": 3, "since": str(began_s - 1)})
            assert page.headers["content-type"].startswith("application/x-ndjson")
            after = page.headers["x-router-next-after"]
            found = [json.loads(line) for line in page.text.splitlines()]
            if not found:
                break
            seen += found
        assert [row["request_id"] for row in seen] == sent
        assert after == str(seen[-1]["seq"])
        assert (seen[0]["reason"], seen[0]["decided_reason"]) == ("fallback_error", "below_threshold")
        assert seen[0]["calls"][-1]["outcome"] == "ok"
        assert not {"features", "prompt", "answer"} & set(seen[0])
        assert http.get("/v1/decisions", params={"since": str(time.time() + 60)}).text == ""
        for params, param in (({"limit": "0"}, "limit"), ({"after": "-1"}, "after"), ({"since": "lately"}, "since")):
            refused = http.get("/v1/decisions", params=params)
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_a_page_of_decisions_is_written_off_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    off_the_loop: list[bool] = []

    def write(page: Any) -> bytes:
        try:
            asyncio.get_running_loop()
            off_the_loop.append(False)
        except RuntimeError:
            off_the_loop.append(True)
        return as_lines(page)

    monkeypatch.setattr("router.record.ledger.access.as_lines", write)
    with gateway(config(tmp_path / "l.db")) as live, client_of(live) as client:
        client.chat.completions.create(model="auto", messages=HI)
        wait_until(lambda: live.registry.get_sample_value("router_ledger_rows_total") == 1)
        assert len(httpx.get(f"{live.url}/v1/decisions").text.splitlines()) == 1
    assert off_the_loop == [True]


def test_without_a_ledger_the_endpoints_say_so() -> None:
    with gateway(POOL) as live:
        for said in (
            httpx.get(f"{live.url}/v1/decisions"),
            httpx.post(f"{live.url}/v1/feedback", json={"request_id": "r", "verdict": "failed"}),
        ):
            assert (said.status_code, said.json()["error"]["code"]) == (404, "ledger_disabled")
            assert "ledger.enabled" in said.json()["error"]["message"]


def test_requests_are_answered_while_the_ledger_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "state"
    blocked.write_text("a file where a directory should be")
    with gateway(config(blocked / "l.db")) as live, client_of(live) as client:
        request_id = facts_of(client.chat.completions.create(model="auto", messages=HI))["request_id"]
        said = httpx.post(f"{live.url}/v1/feedback", json={"request_id": request_id, "verdict": "good_fit"})
        assert (said.status_code, said.json()["error"]["code"]) == (503, "ledger_unavailable")
        advice = [said.headers.get(name) for name in ("retry-after", "retry-after-ms", "x-should-retry")]
        assert advice == ["5", "5000", "true"], "as the model paths say it"
        assert httpx.get(f"{live.url}/v1/decisions").status_code == 503
        assert httpx.get(f"{live.url}/readyz").status_code == 200
        blocked.unlink()
        wait_until(lambda: live.registry.get_sample_value("router_ledger_rows_total") == 1)
        said = httpx.post(f"{live.url}/v1/feedback", json={"request_id": request_id, "verdict": "good_fit"})
        assert said.status_code == 200
        assert live.registry.get_sample_value("router_ledger_dropped_rows_total", {"reason": "not_written"}) == 0


@pytest.mark.parametrize("stores", ["none", "prompts", "all"])
def test_texts_are_kept_as_the_operator_says_and_redacted(tmp_path: Path, stores: str) -> None:
    url = url_of(tmp_path / "l.db")
    prompt = "Mail jo.doe@example.com the key sk-live-0123456789abcdef; charge 4111 1111 1111 1111."
    first: list[Any] = [
        {"role": "user", "content": "Tell me of ships."},
        {"role": "assistant", "content": "They float."},
    ]
    asked: list[Any] = [*first, {"role": "user", "content": prompt}]
    with gateway(config(tmp_path / "l.db", f", store_text: {stores}")) as live, client_of(live) as client:
        answers = [client.chat.completions.create(model="small", messages=asked).choices[0].message.content]
        parts = client.chat.completions.create(model="strong", messages=asked, stream=True)
        answers.append("".join(part.choices[0].delta.content or "" for part in parts if part.choices))
        answers.append(client.chat.completions.create(model="fusion", messages=asked).choices[0].message.content)
        wait_until(lambda: len(rows(url, "SELECT seq FROM requests")) == 3)
    kept = rows(url, "SELECT * FROM texts ORDER BY seq")
    assert len(kept) == (0 if stores == "none" else 3)
    for row, answer in zip(kept, answers, strict=False):
        assert row["prompt"] == "Mail [e-mail] the key [key]; charge [card number]."
        assert row["context"] == "Tell me of ships.\nThey float."
        assert row["answer"] == (answer if stores == "all" else None)
