"""What client software sends around its user's words, as it sends it: who answers, and what the record says of it."""

from typing import Any

import pytest
from openai import APIStatusError, BadRequestError, OpenAI

from tests.e2e.test_openai_client import HARD, HI
from tests.live import POOL, LiveGateway, gateway

QUESTION = HARD[0]["content"]
TITLE: list[Any] = [
    {"role": "system", "content": "You are a title generator. You output ONLY a thread title. Nothing else."},
    {"role": "user", "content": "Generate a title for this conversation:\n"},
    {"role": "user", "content": f'"{QUESTION}"'},
]


def ask(client: OpenAI, messages: list[Any], session: str = "") -> Any:
    headers = {"x-session-id": session} if session else {}
    return client.chat.completions.with_raw_response.create(
        model="auto", messages=messages, extra_headers=headers
    ).headers


def test_the_title_of_a_hard_conversation_is_an_easy_task(client: OpenAI, live: LiveGateway) -> None:
    told = ask(client, TITLE)
    assert (told["x-router-route"], told["x-router-reason"]) == ("small", "below_threshold")
    record = live.record(told["x-router-request-id"])
    assert (record.route, record.reason, record.outcome) == ("small", "below_threshold", "ok")


def test_a_title_is_bound_by_no_session_and_binds_none(client: OpenAI, live: LiveGateway) -> None:
    assert ask(client, HARD, live.url)["x-router-route"] == "strong"
    assert ask(client, HI, live.url)["x-router-reason"] == "session_pinned"
    assert ask(client, TITLE, live.url)["x-router-reason"] == "below_threshold"
    assert ask(client, HI, live.url)["x-router-route"] == "strong"


def test_an_agent_that_reports_in_its_users_place_stays_on_the_model_that_began_the_turn(client: OpenAI) -> None:
    answer = {"role": "assistant", "content": "Thought: I look.\n<code>\nprint(open('proof').read())\n</code>"}
    report = {
        "role": "user",
        "content": "Observation:\nExecution logs:\nLemma 1.\nLast output from code snippet:\nNone",
    }
    assert ask(client, HARD)["x-router-route"] == "strong"
    told = ask(client, [*HARD, answer, report])
    assert (told["x-router-route"], told["x-router-reason"]) == ("strong", "turn_pinned")


def test_rules_behind_a_plain_request_do_not_make_it_a_hard_one(client: OpenAI) -> None:
    rules = "# *SEARCH/REPLACE block* Rules:\n\nOpen with ```.\n" + QUESTION * 3
    assert ask(client, [{"role": "user", "content": f"fix the typo\n\n{rules}"}])["x-router-route"] == "small"


def test_a_hard_task_is_one_in_the_frame_of_an_agent_too(client: OpenAI) -> None:
    task = "Design a rate limiter for several regions, and discuss its trade-offs in consistency and how it fails."
    crew = f"\nCurrent Task: {task}\n\nThis is the expected criteria for your final answer: a page\nyou MUST return it all."
    alone = ask(client, [{"role": "user", "content": task}])
    assert alone["x-router-route"] == "strong"
    for framed in (crew, f"New task:\n{task}"):
        told = ask(client, [{"role": "user", "content": framed}])
        assert told["x-router-complexity"] == alone["x-router-complexity"]


@pytest.mark.parametrize(
    "script", ["", "fail=context_length&"], ids=["as the gateway foresees", "as the provider says"]
)
def test_agents_are_told_in_words_they_know_that_the_conversation_is_too_long(script: str) -> None:
    """opencode and pi compact on these words; OpenAI's JavaScript SDK shows them the message and no code."""
    pool = POOL.replace("?latency_ms=0", f"?{script}latency_ms=0")
    with gateway(pool) as live, OpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
        long = "word " * (20 if script else 500_000)
        with pytest.raises(BadRequestError, match="exceeds the context window") as caught:
            client.chat.completions.create(model="auto", messages=[{"role": "user", "content": long}])
    assert caught.value.code == "context_length_exceeded"


def test_agents_are_told_in_words_they_know_that_the_body_is_too_large(client: OpenAI) -> None:
    with pytest.raises(APIStatusError, match="Request entity too large") as caught:
        client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "x" * 9_000_000}])
    assert caught.value.status_code == 413
