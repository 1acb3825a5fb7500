"""``POST /v1/route``: the decision in full, over a socket."""

from typing import Any, NoReturn

import httpx
import pytest
from openai import OpenAI

from classifier import Classifier
from tests.live import POOL, LiveGateway, gateway

MEDIUM = "Explain the difference between TCP and UDP to a new engineer, with trade-offs."
HARD = "Prove that every bounded sequence of reals has a convergent subsequence, and say why this fails in l2."


def dry_run(client: OpenAI, **body: Any) -> dict[str, Any]:
    return client.post("/route", body={"model": "auto", **body}, cast_to=object)  # type: ignore[return-value]


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_a_dry_run_says_why_what_it_would_cost_and_what_would_flip_it_and_calls_nobody(
    client: OpenAI, live: LiveGateway
) -> None:
    before = len(live.records)
    found = dry_run(client, messages=asked(HARD))
    assert found["reason_in_words"]
    assert found["contributions"]
    assert set(found["estimated_cost_usd"]) == {"small", "strong"}
    assert {each["deployment"] for each in found["deployments"]} >= {"small", "strong"}
    assert found["would_flip"]
    assert all(flip["words"] for flip in found["would_flip"])
    assert len(live.records) == before


def test_a_dry_run_carries_the_decisions_headers_and_names_no_model_that_answered(client: OpenAI) -> None:
    raw = client.post("/route", body={"model": "auto", "messages": asked(HARD)}, cast_to=httpx.Response)
    told = {name.removeprefix("x-router-"): said for name, said in raw.headers.items() if name.startswith("x-router-")}
    found = raw.json()
    assert (told["route"], told["reason"]) == (found["route"], found["reason"])
    assert told["complexity"] == f"{found['complexity']:.3f}"
    assert (told["attempts"], float(told["cost-usd"])) == ("0", 0.0)
    assert "model" not in told


def test_a_dry_run_says_whether_the_system_messages_task_was_judged(client: OpenAI) -> None:
    code = "func (c *Cache) Get(k string) *Item {\n\tif it, ok := c.m[k]; ok {\n\t\tit.hits++\n\t\treturn it\n\t}\n\treturn nil\n}"
    task = {"role": "system", "content": "Review the code for concurrency bugs and prove each fix correct."}
    role = {"role": "system", "content": "You are a helpful assistant."}
    assert dry_run(client, messages=[task, *asked(code)])["judged_by_instructions"] is True
    assert dry_run(client, messages=[role, *asked(HARD)])["judged_by_instructions"] is False


class Failing:
    """A classifier that fails."""

    artifact = "failing"

    def assess(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("a defect")


def test_a_classifier_that_fails_is_logged_under_the_id_that_the_caller_has(capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(POOL) as running:
        running.front.services.assessor = Failing()  # type: ignore[assignment]
        reply = httpx.post(f"{running.url}/v1/route", json={"model": "auto", "messages": asked("hi")})
    assert reply.json()["reason"] == "classifier_unavailable"
    assert f"failed on request {reply.headers['x-router-request-id']}" in capsys.readouterr().err


def test_a_mode_that_is_said_to_flip_the_decision_does(client: OpenAI) -> None:
    found = dry_run(client, messages=asked(MEDIUM), router={"mode": "quality"})
    modes = [flip for flip in found["would_flip"] if flip["by"] == "mode"]
    assert found["route"] == "strong"
    assert modes
    for flip in modes:
        assert dry_run(client, messages=asked(MEDIUM), router=flip["needs"])["route"] == flip["route"]


def test_a_dry_run_shows_what_the_artifact_promises(client: OpenAI) -> None:
    certificate = dry_run(client, messages=asked("hi"))["certificate"]
    assert certificate["artifact"] == Classifier.load().artifact
    assert {"n", "failures", "alpha", "delta", "window", "versions", "expires"} <= certificate.keys()
    assert certificate["n"] > certificate["sent_small"] > certificate["failures"]
    assert dry_run(client, messages=asked("hi"))["promise_doubts"] == []


def test_what_a_caller_forces_is_flipped_by_asking_otherwise(client: OpenAI) -> None:
    found = dry_run(client, model="strong", messages=asked("hi"))
    assert found["reason"] == "forced_by_caller"
    assert [flip["by"] for flip in found["would_flip"]] == ["request"]


def test_the_words_name_the_number_that_was_above_its_threshold(client: OpenAI) -> None:
    seen = set()
    for text in (MEDIUM, HARD, "Prove that there are infinitely many primes"):
        found = dry_run(client, messages=asked(text))
        if found["reason"] == "above_threshold":
            is_hard = found["complexity"] >= found["thresholds"]["complexity"]
            gains = found["gain"] >= found["thresholds"]["gain"]
            seen.add(is_hard)
            assert ("likely not good enough" in found["reason_in_words"]) is is_hard
            assert ("gains enough" in found["reason_in_words"]) is gains
    assert seen


def test_a_dry_run_shows_a_sessions_pin_and_keeps_it_no_longer(
    client: OpenAI, live: LiveGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_s, session = live.front.services.now(), {"session_id": f"dry {live.port}"}
    client.chat.completions.create(model="auto", messages=asked(HARD), extra_body={"router": session})  # type: ignore[arg-type]
    reasons = []
    for minutes in (50, 100):
        monkeypatch.setattr(live.front.services, "now", lambda at_s=began_s + 60 * minutes: at_s)
        reasons.append(dry_run(client, messages=asked("hi"), router=session)["reason"])
    assert reasons == ["session_pinned", "below_threshold"]
