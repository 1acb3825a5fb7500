"""What providers get wrong, seen from the caller: fallbacks, cooldowns, broken streams, hang-ups, drains."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import openai
import orjson
import pytest
from openai import OpenAI

from tests.live import LiveGateway, free_port, gateway, upstream

HI: list[Any] = [{"role": "user", "content": "hi"}]
QUICK = "latency_ms=0&tokens_per_second=0&jitter=0"


def pool(
    small: str, *, strong: str = QUICK, more: str = "", routes: str = "small: [small], strong: [strong]", base: str = ""
) -> str:
    at = f', api_base: "{base}", api_key: sk-upstream-secret' if base else ""
    prefix = "openai/scripted" if base else "scripted"
    return f"""
pool:
  small: {{model: "{prefix}/small?{small}"{at}}}
  strong: {{model: "{prefix}/strong?{strong}"{at}}}
{more}
routing: {{{routes}, baseline: strong}}
ledger: {{enabled: false}}
server: {{access_log: false, log_level: error}}
"""


def client_of(live: LiveGateway, **options: Any) -> OpenAI:
    return OpenAI(base_url=f"{live.url}/v1", api_key="sk-caller", max_retries=0, **options)


@pytest.fixture(scope="module")
def upstream_url() -> Iterator[str]:
    with upstream() as url:
        yield url


@pytest.mark.parametrize(
    ("habit", "code", "reason"),
    [
        ("fail=500", "upstream_error", "fallback_error"),
        ("fail=429&retry_after=7", "upstream_rate_limited", "fallback_error"),
        ("fail=401", "upstream_auth_failed", "fallback_error"),
        ("fail=404", "upstream_model_missing", "fallback_error"),
        ("fail=empty", "upstream_empty", "fallback_error"),
        ("fail=malformed", "upstream_bad_reply", "fallback_error"),
        ("fail=content_type", "upstream_bad_reply", "fallback_error"),
        ("fail=reset", "upstream_unreachable", "fallback_error"),
        ("fail=504", "upstream_timeout", "fallback_timeout"),
        ("fail=context_length", "context_length_exceeded", "fallback_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("over_a_socket", [False, True])
def test_a_failing_deployment_is_replaced_by_the_next(
    upstream_url: str, habit: str, code: str, reason: str, stream: bool, over_a_socket: bool
) -> None:
    with gateway(pool(habit, base=upstream_url if over_a_socket else "")) as live, client_of(live) as client:
        reply = client.chat.completions.with_raw_response.create(model="auto", messages=HI, stream=stream)
        assert reply.headers["x-router-route"] == "strong"
        assert reply.headers["x-router-reason"] == reason
        for _ in reply.parse() if stream else ():
            pass
        record = live.record(reply.headers["x-router-request-id"])
        assert record.outcome == "ok"
        first = record.attempts[0].outcome
        assert first == code or (code == "upstream_unreachable" and first.startswith("upstream_"))
        assert record.attempts[-1].outcome == "ok"
        assert record.attempts[-1].stage == "retry"


def test_a_rate_limited_deployment_cools_for_as_long_as_it_said_and_is_not_called() -> None:
    with gateway(pool("fail=429&retry_after=60")) as live, client_of(live) as client:
        client.chat.completions.create(model="auto", messages=HI)
        again = client.chat.completions.with_raw_response.create(model="auto", messages=HI)
        assert again.headers["x-router-attempts"] == "1"
        assert again.headers["x-router-reason"] == "fallback_unavailable"


def test_a_deployment_comes_back_after_its_cooldown() -> None:
    with gateway(pool("fail=429&retry_after=0.2&fail_times=1&" + QUICK)) as live, client_of(live) as client:
        client.chat.completions.create(model="auto", messages=HI)
        time.sleep(0.3)
        again = client.chat.completions.with_raw_response.create(model="auto", messages=HI)
        assert again.headers["x-router-route"] == "small"
        assert again.headers["x-router-reason"] == "below_threshold"


def test_another_deployment_of_the_same_model_takes_over_without_a_fallback() -> None:
    twin = f'  twin: {{model: "scripted/small?fail=500&fail_times=1&{QUICK}"}}'
    with gateway(
        pool(f"fail=500&fail_times=1&{QUICK}", more=twin, routes="small: [small, twin], strong: [strong]")
    ) as live:
        with client_of(live) as client:
            reply = client.chat.completions.with_raw_response.create(model="auto", messages=HI)
        assert reply.headers["x-router-reason"] == "below_threshold"
        assert reply.headers["x-router-attempts"] == "2"


@pytest.mark.parametrize("habit", ["fail=401", "fail=402", "fail=403", "fail=404", "fail=408", "fail=hang"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["auto", "small"])
def test_a_twin_with_another_key_or_host_answers_before_another_model_is_asked(
    habit: str, stream: bool, model: str
) -> None:
    script = f"{habit}&fail_times=1&{QUICK}"  # of the model's calls only the first goes wrong
    twin = f'  twin: {{model: "scripted/small?{script}"}}'
    config = pool(script, more=twin, routes="small: [small, twin], strong: [strong]")
    with gateway(config + "limits: {first_byte_s: 0.3, total_s: 1.2}\n") as live, client_of(live) as client:
        reply = client.chat.completions.with_raw_response.create(model=model, messages=HI, stream=stream)
        assert reply.headers["x-router-route"] == "small"
        assert reply.headers["x-router-reason"] in ("below_threshold", "forced_by_caller")
        assert reply.headers["x-router-attempts"] == "2"
        for _ in reply.parse() if stream else ():
            pass
        record = live.record(reply.headers["x-router-request-id"])
        assert [attempt.deployment for attempt in record.attempts] == ["small", "twin"]


def test_when_everything_fails_the_last_error_comes_back_and_sdks_are_told_when_to_retry() -> None:
    with gateway(pool("fail=429&retry_after=9", strong="fail=429&retry_after=9")) as live, client_of(live) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="auto", messages=HI)
        headers = caught.value.response.headers
        assert headers["retry-after"] == "9"
        assert headers["retry-after-ms"] == "9000"
        assert headers["x-should-retry"] == "true"
        assert headers["x-router-attempts"] == "2"
        with pytest.raises(openai.RateLimitError) as later:
            client.chat.completions.create(model="auto", messages=HI)
        assert later.value.body["code"] == "upstream_rate_limited"  # type: ignore[index]
        assert later.value.body["type"] == "rate_limit_error"  # type: ignore[index]
        headers = later.value.response.headers
        assert 1 <= int(headers["retry-after"]) <= 9
        assert headers["x-should-retry"] == "true"
        assert headers["x-router-attempts"] == "0"


@pytest.mark.parametrize(
    ("small", "strong", "told"),
    [("7", "0", "7"), ("0", "7", "7"), ("40", "7", "7"), ("7", "40", "7"), ("0", "0", None)],
)
def test_of_several_rate_limits_the_shortest_known_wait_is_passed_on(small: str, strong: str, told: str | None) -> None:
    with (
        gateway(pool(f"fail=429&retry_after={small}", strong=f"fail=429&retry_after={strong}")) as live,
        client_of(live) as client,
    ):
        told_s = []
        for _ in range(5):
            with pytest.raises(openai.RateLimitError) as caught:
                client.chat.completions.create(model="auto", messages=HI)
            told_s.append(caught.value.response.headers.get("retry-after"))
        assert told_s[0] == told
        longest_s = int(told or 30)  # without a provider's word a cooldown of ours begins at the third
        assert longest_s - 3 <= int(told_s[-1] or 0) <= longest_s
        assert caught.value.response.headers["x-router-attempts"] == "0"


@pytest.mark.parametrize(("small", "strong"), [("fail=429&retry_after=9", "fail=500"), ("fail=500", "fail=500")])
def test_where_not_all_are_left_out_for_rate_limits_it_is_a_503(small: str, strong: str) -> None:
    with gateway(pool(small, strong=strong)) as live, client_of(live) as client:
        for _ in range(4):
            with pytest.raises(openai.APIStatusError) as caught:
                client.chat.completions.create(model="auto", messages=HI)
        assert caught.value.status_code == 503
        assert caught.value.body["code"] == "no_deployment_available"  # type: ignore[index]
        assert 1 <= int(caught.value.response.headers["retry-after"]) <= 30


def test_a_provider_that_wants_to_be_left_alone_for_years_is_heeded_no_longer_than_a_cooldown() -> None:
    years = "fail=429&retry_after=999999999"
    with gateway(pool(years, strong=years)) as live, client_of(live) as client:
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="auto", messages=HI)
        assert caught.value.response.headers["retry-after"] == "300"


def test_where_money_was_spent_sdks_are_told_not_to_retry() -> None:
    with gateway(pool("fail=empty", strong="fail=empty")) as live, client_of(live) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="auto", messages=HI)
        assert caught.value.response.headers["x-should-retry"] == "false"
        record = live.record(caught.value.response.headers["x-router-request-id"])
        assert record.cost_usd
        assert record.cost_usd > 0


def test_a_request_that_the_provider_rejects_is_not_sent_elsewhere() -> None:
    with gateway(pool("fail=400")) as live, client_of(live) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="auto", messages=HI)
        assert caught.value.response.headers["x-router-attempts"] == "1"


def test_a_forced_route_and_a_named_deployment_do_not_fall_back_to_another_route() -> None:
    with gateway(pool("fail=500")) as live, client_of(live) as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="small", messages=HI)


def events(raw: bytes) -> list[Any]:
    return [line[6:] for line in raw.decode().split("\n\n") if line.startswith("data: ")]


async def read_stream(live: LiveGateway) -> tuple[int, list[Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{live.url}/v1/chat/completions", json={"model": "auto", "messages": HI, "stream": True}
        ) as reply,
    ):
        return reply.status, events(await reply.read())


@pytest.mark.parametrize("habit", ["truncate_after=3", "error_after=3"])
@pytest.mark.parametrize("over_a_socket", [False, True])
async def test_a_stream_that_breaks_says_so_and_never_looks_like_an_end(
    upstream_url: str, habit: str, over_a_socket: bool
) -> None:
    with gateway(
        pool(f"latency_ms=0&jitter=0&tokens_per_second=30&words=40&{habit}", base=upstream_url if over_a_socket else "")
    ) as live:
        status, got = await read_stream(live)
        assert status == 200
        assert got[-1] != "[DONE]"
        assert json.loads(got[-1])["error"]["code"] == "upstream_broken"
        assert not any('"finish_reason":"' in event for event in got)
        record = live.wait_for_records(1)[0]
        assert record.outcome == "upstream_broken"
        assert record.attempts[0].usage is not None
        assert record.attempts[0].usage.estimated


async def test_a_stream_that_falls_silent_is_ended_by_the_idle_limit() -> None:
    with gateway(pool(f"{QUICK}&words=40&stall_after=3") + "limits: {idle_s: 0.3}\n") as live:
        began_s = time.monotonic()
        _, got = await read_stream(live)
        assert time.monotonic() - began_s < 3
        assert "error" in json.loads(got[-1])


@pytest.mark.parametrize("over_a_socket", [False, True])
def test_a_model_that_thinks_for_long_is_not_left_for_another_while_its_stream_shows_life(
    upstream_url: str, over_a_socket: bool
) -> None:
    habits = f"{QUICK}&think_ms=1000&keep_alive_ms=50&reply=deep"
    limits = "limits: {first_byte_s: 0.4, idle_s: 0.4}\n"
    base = upstream_url if over_a_socket else ""
    with gateway(pool(QUICK, strong=habits, base=base) + limits) as live, client_of(live) as client:
        for _ in range(4):
            reply = client.chat.completions.with_raw_response.create(model="strong", messages=HI, stream=True)
            assert reply.headers["x-router-attempts"] == "1"
            said = [chunk.choices[0].delta.content or "" for chunk in reply.parse() if chunk.choices]
            assert "".join(said) == "deep"


async def test_a_provider_that_sends_a_head_and_then_nothing_is_left_for_another() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        small = f'{{model: openai/x, api_base: "{base}", api_key: k}}'
        config = pool(QUICK).replace(f'{{model: "scripted/small?{QUICK}"}}', small)
        with gateway(config + "limits: {first_byte_s: 0.3}\n") as live:
            _, got = await read_stream(live)
            assert got[-1] == "[DONE]"
            assert live.wait_for_records(1)[0].reason == "fallback_timeout"


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_hangs_is_left_for_another(stream: bool) -> None:
    limits = "limits: {first_byte_s: 0.3, total_s: 1.2}\n"
    with gateway(pool("fail=hang") + limits) as live, client_of(live) as client:
        reply = client.chat.completions.with_raw_response.create(model="auto", messages=HI, stream=stream)
        assert reply.headers["x-router-reason"] == "fallback_timeout"


def test_the_total_deadline_ends_a_request() -> None:
    limits = "limits: {total_s: 0.5, first_byte_s: 0.3}\n"
    with gateway(pool("fail=hang", strong="fail=hang") + limits) as live, client_of(live) as client:
        began_s = time.monotonic()
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="auto", messages=HI)
        assert caught.value.status_code == 504
        assert time.monotonic() - began_s < 2


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_hangs_up_cancels_the_call_and_is_recorded(stream: bool) -> None:
    habits = f"{QUICK}&words=400&tokens_per_second=50" if stream else "fail=hang"
    with gateway(pool(habits)) as live:
        async with aiohttp.ClientSession() as session:
            body = {"model": "auto", "messages": HI, "stream": stream}
            task = asyncio.create_task(session.post(f"{live.url}/v1/chat/completions", json=body).__aenter__())
            if stream:
                reply = await task
                await reply.content.readany()
                reply.close()
            else:
                await asyncio.sleep(0.3)
                task.cancel()
        await asyncio.sleep(0.2)
        record = live.wait_for_records(1)[0]
        assert record.outcome == "aborted"
        assert [attempt.outcome for attempt in record.attempts] == ["aborted"]
        assert record.cost_usd is not None
        assert record.cost_usd > 0
        (usage,) = (attempt.usage for attempt in record.attempts)
        assert usage is not None
        assert usage.output_tokens > 0, "what was written until then is paid for, sent or not"
        assert record.answered == usage
        assert record.baseline_cost_usd is not None
        assert record.baseline_cost_usd > record.cost_usd, "the same tokens: strong would have been cut off too"
        assert live.front.in_flight == 0


async def test_a_stream_delivered_to_its_end_is_a_success_even_if_the_caller_then_closes() -> None:
    with gateway(pool(QUICK)) as live:
        _, got = await read_stream(live)
        assert got[-1] == "[DONE]"
        assert live.wait_for_records(1)[0].outcome == "ok"


async def test_more_than_the_limit_in_flight_gets_503_and_a_record() -> None:
    with gateway(pool("latency_ms=600&jitter=0&tokens_per_second=0") + "limits: {max_in_flight: 2}\n") as live:
        async with aiohttp.ClientSession() as session:

            async def one() -> tuple[int, str | None]:
                async with session.post(
                    f"{live.url}/v1/chat/completions", json={"model": "auto", "messages": HI}
                ) as reply:
                    return reply.status, reply.headers.get("retry-after")

            answers = await asyncio.gather(*(one() for _ in range(5)))
        assert sorted(status for status, _ in answers) == [200, 200, 503, 503, 503]
        assert all(after == "1" for status, after in answers if status == 503)
        assert len(live.wait_for_records(5)) == 5


async def test_waiting_for_a_provider_never_moves_the_overhead() -> None:
    with gateway(pool("latency_ms=700&jitter=0&tokens_per_second=0")) as live:
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{live.url}/v1/chat/completions", json={"model": "auto", "messages": HI}) as reply:
                assert reply.status == 200
        record = live.wait_for_records(1)[0]
        assert record.duration_s > 0.7
        assert sum(record.overhead_s.values()) < 0.05


async def test_a_stream_counts_the_call_it_is_in() -> None:
    with gateway(pool(QUICK)) as live, client_of(live) as client:
        reply = client.chat.completions.with_raw_response.create(model="auto", messages=HI, stream=True)
        assert reply.headers["x-router-attempts"] == "1"


async def test_streams_that_keep_breaking_cool_the_deployment_down() -> None:
    habits = "latency_ms=0&jitter=0&tokens_per_second=60&words=40&truncate_after=3"
    with gateway(pool(habits) + "limits: {cooldown_s: 60}\n") as live:
        for _ in range(3):
            await read_stream(live)
        _, got = await read_stream(live)
        assert got[-1] == "[DONE]"
        assert live.wait_for_records(4)[-1].reason == "fallback_unavailable"


def test_a_call_that_hung_is_booked_as_an_estimate_and_not_to_be_repeated_blindly() -> None:
    with gateway(pool("fail=hang", strong="fail=hang") + "limits: {total_s: 0.6}\n") as live, client_of(live) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="auto", messages=HI)
        assert caught.value.response.headers["x-should-retry"] == "false"
        record = live.record(caught.value.response.headers["x-router-request-id"])
        assert record.cost_usd
        assert all(attempt.usage and attempt.usage.estimated for attempt in record.attempts)


def test_a_fallback_does_not_move_the_session_and_a_forced_call_does_not_pin_it() -> None:
    with gateway(pool(f"fail=500&fail_times=2&{QUICK}")) as live, client_of(live) as client:
        session: dict[str, Any] = {"extra_headers": {"x-session-id": "s"}}

        def ask(model: str) -> str:
            raw = client.chat.completions.with_raw_response.create(model=model, messages=HI, **session)
            return raw.headers["x-router-route"]

        assert ask("auto") == "strong"
        assert ask("strong") == "strong"
        assert ask("auto") == "small"


@pytest.mark.parametrize(
    "controls", [{"max_cost_usd": 0.0001}, {"exclude": ["strong"]}], ids=["a budget", "an exclusion"]
)
def test_one_turn_that_may_not_have_strong_leaves_the_session_there(controls: dict[str, Any]) -> None:
    hard = (
        "Prove rigorously that the sum of the reciprocals of the primes diverges, and derive its asymptotic constant."
    )
    with gateway(pool(QUICK)) as live, client_of(live) as client:

        def ask(text: str, **more: Any) -> tuple[str, str]:
            body = {"router": {"session_id": "s", **more}}
            raw = client.chat.completions.with_raw_response.create(
                model="auto", messages=[{"role": "user", "content": text}], extra_body=body
            )
            return raw.headers["x-router-route"], raw.headers["x-router-reason"]

        assert ask(hard)[0] == "strong"
        assert ask("hi", **controls)[0] == "small"
        assert ask("hi") == ("strong", "session_pinned")


async def test_a_dry_run_is_refused_as_the_real_thing_is() -> None:
    with gateway(pool(QUICK)) as live:
        async with aiohttp.ClientSession() as session:
            async with session.post(
                live.url + "/v1/route", data=b"{}", headers={"content-type": "text/plain"}
            ) as reply:
                assert reply.status == 415
                assert reply.headers["x-router-request-id"]
            async with session.get(live.url + "/v1/route") as reply:
                assert reply.status == 405


async def asked_before_sigterm(
    process: "subprocess.Popen[bytes]", port: int
) -> tuple[aiohttp.ClientResponse, dict[str, Any]]:
    """What a caller gets whose request was in flight when the gateway was told to go."""
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        task = asyncio.create_task(session.post(url, json={"model": "auto", "messages": HI}).__aenter__())
        await asyncio.sleep(0.4)
        process.send_signal(signal.SIGTERM)
        reply = await task
        return reply, await reply.json()


async def test_when_the_drain_runs_out_callers_get_an_error_of_ours(tmp_path: Any) -> None:
    config = pool("latency_ms=20000&jitter=0").replace("access_log: false", "drain_s: 1, access_log: false")
    process, port = start(config=config, tmp_path=tmp_path)
    try:
        reply, body = await asked_before_sigterm(process, port)
        assert reply.status == 503
        assert body["error"]["code"] == "overloaded"
        assert reply.headers["x-should-retry"] == "false", "a call was made and is paid for"
        assert not {"retry-after", "retry-after-ms"} & set(reply.headers), "nor is it said when"
    finally:
        process.kill()
        log = process.communicate()[1].decode()
    assert "Traceback" not in log


KEY = "sk-very-secret-caller-key"
AUTH = f"auth: {{keys: [{{name: team-a, sha256: {sha256(KEY.encode()).hexdigest()}}}]}}\n"


def test_keys_open_the_gateway_by_either_header_and_nothing_else_does() -> None:
    with gateway(pool(QUICK) + AUTH) as live:
        good = OpenAI(base_url=f"{live.url}/v1", api_key=KEY, max_retries=0)
        assert good.chat.completions.create(model="auto", messages=HI).choices
        assert live.wait_for_records(1)[-1].caller == "team-a"
        by_header = OpenAI(
            base_url=f"{live.url}/v1",
            api_key="x",
            max_retries=0,
            default_headers={"x-api-key": KEY},
        )
        assert by_header.chat.completions.create(model="auto", messages=HI).choices
        bad = OpenAI(base_url=f"{live.url}/v1", api_key="sk-wrong", max_retries=0)
        for call in (lambda: bad.chat.completions.create(model="auto", messages=HI), bad.models.list):
            with pytest.raises(openai.AuthenticationError) as caught:
                call()
            assert "sk-wrong" not in str(caught.value.body)
        assert live.wait_for_records(3)[-1].outcome == "invalid_api_key"


def test_keys_and_prompts_are_in_no_log_error_or_metric(upstream_url: str) -> None:
    secret_prompt = "zebra-crossing-prompt-4711"
    with subprocess.Popen(
        [sys.executable, "-m", "router", "serve", "--config", "/dev/stdin", "--port", str(port := free_port())],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdin
        assert process.stderr
        config = pool("fail=401", strong="fail=401", base=upstream_url).replace(
            "access_log: false, log_level: error", "log_level: debug"
        )
        process.stdin.write((config + AUTH).encode())
        process.stdin.close()
        client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_retries=0)
        wait_until_served(port, process)
        seen = ""
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model="auto", messages=[{"role": "user", "content": secret_prompt}])
        seen += str(caught.value.body)
        metrics = client._client.get(f"http://127.0.0.1:{port}/metrics").text
        process.send_signal(signal.SIGTERM)
        log = process.stderr.read().decode()
        process.wait(10)
        assert "upstream_auth_failed" in log
        for text in (seen, metrics, log):
            for secret in (KEY, "sk-upstream-secret", secret_prompt):
                assert secret not in text


def wait_until_served(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the gateway did not start")


def start(
    *arguments: str, config: str, tmp_path: Any, log: Path | None = None
) -> tuple["subprocess.Popen[bytes]", int]:
    path = tmp_path / "router.yaml"
    path.write_text(config)
    port = free_port()
    command = [sys.executable, "-m", "router", "serve", "--config", str(path), "--port", str(port), *arguments]
    with ExitStack() as files:
        to = subprocess.PIPE if log is None else files.enter_context(log.open("wb"))
        process = subprocess.Popen(command, stderr=to)
    wait_until_served(port, process)
    return process, port


async def test_sigterm_lets_requests_in_flight_finish(tmp_path: Any) -> None:
    process, port = start(config=pool("latency_ms=1500&jitter=0&tokens_per_second=0"), tmp_path=tmp_path)
    try:
        reply, body = await asked_before_sigterm(process, port)
        assert reply.status == 200
        assert body["choices"]
        assert await asyncio.to_thread(process.wait, 10) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()


def test_several_workers_share_a_port_and_add_up_their_metrics(tmp_path: Any) -> None:
    process, port = start("--workers", "2", config=pool(QUICK), tmp_path=tmp_path)
    try:
        for _ in range(12):
            with OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="x", max_retries=2) as client:
                client.chat.completions.create(model="auto", messages=HI)
        ends_s, counted = time.monotonic() + 5, 0.0
        while counted < 12 and time.monotonic() < ends_s:  # the other worker hands over twice a second
            with OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="x") as client:
                text = client._client.get(f"http://127.0.0.1:{port}/metrics").text
            counts = [line for line in text.splitlines() if line.startswith("router_requests_total{")]
            counted = sum(float(line.rsplit(" ", 1)[1]) for line in counts)
            time.sleep(0.05)
        assert counted == 12
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_monitor_may_ask_for_health_by_head(path: str) -> None:
    with gateway(pool(QUICK)) as live:
        async with aiohttp.ClientSession() as session, session.head(live.url + path) as reply:
            assert (reply.status, await reply.read()) == (200, b"")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_answer(path: str) -> None:
    with gateway(pool(QUICK)) as live:
        async with aiohttp.ClientSession() as session, session.get(live.url + path) as reply:
            assert reply.status == 200


async def test_readiness_fails_when_nobody_can_answer() -> None:
    with gateway(pool("fail=429&retry_after=60", strong="fail=429&retry_after=60")) as live:
        await read_stream(live)
        async with aiohttp.ClientSession() as session, session.get(live.url + "/readyz") as reply:
            assert reply.status == 503
            assert (await reply.json())["checks"] == {"pool": False, "classifier": True}


async def test_a_dry_run_decides_like_the_real_thing_and_calls_nobody() -> None:
    with gateway(pool("fail=500", strong="fail=500")) as live:
        async with aiohttp.ClientSession() as session:
            async with session.post(live.url + "/v1/route", json={"model": "auto", "messages": HI}) as reply:
                found = orjson.loads(await reply.read())
        assert found["route"] == "small"
        assert found["reason"] == "below_threshold"
        assert found["contributions"]
        assert set(found["estimated_cost_usd"]) == {"small", "strong"}
        assert not live.records
