"""The OpenAI-dialect way out, over a real socket and in the process."""

import asyncio
import dataclasses
import gc
import traceback
import uuid

import orjson
import pytest

from router import errors
from router.core.types import Deployment
from router.dispatch import openai_dialect
from router.dispatch.http_transport import HttpTransport
from router.dispatch.openai_dialect import OpenAIProvider
from router.dispatch.provider import Call, Target, Timeouts

KEY = "sk-proj-NeverShowThisKey0123456789"
PATIENT = Timeouts()

MISBEHAVIOURS = {
    "fail=400": errors.UpstreamRejected,
    "fail=401": errors.UpstreamAuthFailed,
    "fail=402": errors.UpstreamAuthFailed,
    "fail=403": errors.UpstreamAuthFailed,
    "fail=404": errors.UpstreamModelMissing,
    "fail=408": errors.UpstreamTimeout,
    "fail=422": errors.UpstreamRejected,
    "fail=429": errors.UpstreamRateLimited,
    "fail=500": errors.UpstreamFailed,
    "fail=502": errors.UpstreamFailed,
    "fail=503": errors.UpstreamFailed,
    "fail=504": errors.UpstreamTimeout,
    "fail=529": errors.UpstreamFailed,
    "fail=content_filter": errors.UpstreamFiltered,
    "fail=context_length": errors.UpstreamContextTooLong,
    "fail=content_type": errors.UpstreamBadReply,
    "fail=hang": errors.UpstreamTimeout,
    "fail=reset": errors.UpstreamUnreachable,
    "latency_ms=5000": errors.UpstreamTimeout,
}
WHOLE_ONLY = {
    "fail=malformed": errors.UpstreamBadReply,
    "fail=empty": errors.UpstreamEmpty,
    "truncate_after=1": errors.UpstreamBadReply,
    "stall_after=1": errors.UpstreamTimeout,
    "error_after=1": errors.UpstreamFailed,
}
STREAM_ONLY = {
    "truncate_after=3": errors.UpstreamBroken,
    "stall_after=3": errors.UpstreamTimeout,
    "truncate_after=0": errors.UpstreamUnreachable,
}


async def drain(caller, call) -> bytes:
    async with caller.provider.stream(call) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_a_reply_comes_back_whole_with_the_model_name_replaced_and_unknown_fields_kept(caller):
    call = caller.call("echo", messages=[{"role": "user", "content": "naïve ☃"}], future_field={"kept": True})
    reply = await caller.provider.complete(call)
    assert reply["model"] == "echo"
    assert reply["choices"][0]["message"]["content"] == "naïve ☃"
    assert call.body["model"] == "auto", "the caller's body must not be changed"


@pytest.mark.parametrize("option", MISBEHAVIOURS | WHOLE_ONLY)
async def test_every_misbehaviour_of_a_whole_reply_is_its_own_error(caller, option):
    with pytest.raises(errors.UpstreamError) as caught:
        await caller.provider.complete(caller.call(f"instant?{option}", total_s=0.3))
    assert type(caught.value) is (MISBEHAVIOURS | WHOLE_ONLY)[option]
    assert_shows_no_key(caught.value)


@pytest.mark.parametrize("option", MISBEHAVIOURS | STREAM_ONLY)
async def test_every_misbehaviour_of_a_stream_is_its_own_error(caller, option):
    with pytest.raises(errors.UpstreamError) as caught:
        await drain(caller, caller.call(f"instant?{option}", stream=True))
    assert type(caught.value) is (MISBEHAVIOURS | STREAM_ONLY)[option]
    assert_shows_no_key(caught.value)


def assert_shows_no_key(error: errors.UpstreamError) -> None:
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error.body())
    for key in (KEY, KEY[3:], "NeverShow"):
        assert key not in shown


async def test_a_refusal_is_not_billed_and_an_answer_gone_wrong_is(caller):
    with pytest.raises(errors.UpstreamRateLimited) as refused:
        await caller.provider.complete(caller.call("instant?fail=429"))
    with pytest.raises(errors.UpstreamEmpty) as empty:
        await caller.provider.complete(caller.call("instant?fail=empty"))
    assert (refused.value.billed, empty.value.billed) == (False, True)


async def test_retry_after_reaches_the_error_in_seconds(caller):
    for option, seconds in (("2", 2.0), ("0.75", 0.75)):
        with pytest.raises(errors.UpstreamRateLimited) as caught:
            await caller.provider.complete(caller.call(f"instant?fail=429&retry_after={option}"))
        assert caught.value.retry_after_s == seconds


async def test_the_total_deadline_ends_a_reply_that_the_other_limits_would_allow(caller):
    for stream in (False, True):
        call = caller.call("instant?latency_ms=3000", total_s=0.2, timeouts=PATIENT, stream=stream)
        began = asyncio.get_running_loop().time()
        with pytest.raises(errors.UpstreamTimeout):
            await (drain(caller, call) if stream else caller.provider.complete(call))
        assert asyncio.get_running_loop().time() - began < 1.5


@pytest.mark.parametrize("stream", [False, True])
async def test_a_deployments_own_total_limit_ends_a_call_that_the_request_would_allow(caller, stream):
    own = Timeouts(total_s=0.2)
    call = caller.call("instant?latency_ms=3000", total_s=60.0, timeouts=own, stream=stream)
    with pytest.raises(errors.UpstreamTimeout):
        await asyncio.wait_for(drain(caller, call) if stream else caller.provider.complete(call), 2.5)


async def test_the_total_deadline_ends_a_stream_that_never_pauses(caller):
    call = caller.call("instant?words=500&tokens_per_second=50", total_s=0.3, timeouts=PATIENT, stream=True)
    with pytest.raises(errors.UpstreamTimeout):
        await drain(caller, call)


async def test_a_call_whose_deadline_has_passed_is_not_made(over_socket, upstream):
    before = upstream.app.requests
    with pytest.raises(errors.UpstreamTimeout):
        await over_socket.provider.complete(over_socket.call(total_s=-1.0))
    assert upstream.app.requests == before


async def test_the_idle_limit_begins_with_the_first_byte_and_the_first_byte_limit_ends_there(caller):
    slow_start = Timeouts(first_byte_s=2.0, idle_s=0.15)
    raw = await drain(caller, caller.call("instant?latency_ms=400", timeouts=slow_start, stream=True))
    assert raw.endswith(b"data: [DONE]\n\n")
    slow_middle = Timeouts(first_byte_s=0.15, idle_s=2.0)
    model = "instant?reply=hi&tokens_per_second=4"
    raw = await drain(caller, caller.call(model, timeouts=slow_middle, stream=True))
    assert raw.endswith(b"data: [DONE]\n\n")


QUICK = Timeouts(first_byte_s=0.3, idle_s=0.3)


async def test_a_model_may_think_for_long_while_comments_show_that_it_lives(caller):
    model = "instant?reply=hi&think_ms=800&keep_alive_ms=50"
    raw = await drain(caller, caller.call(model, timeouts=QUICK, stream=True))
    assert raw.count(b": keep-alive") == 16
    assert raw.endswith(b"data: [DONE]\n\n")


async def test_a_stream_that_has_begun_and_shows_no_life_is_ended_by_the_idle_limit(caller):
    call = caller.call("instant?reply=hi&think_ms=2000", timeouts=QUICK, stream=True)
    with pytest.raises(errors.UpstreamTimeout, match="no bytes"):
        await drain(caller, call)


async def test_comments_hold_nobody_beyond_the_total(caller):
    call = caller.call("instant?think_ms=60000&keep_alive_ms=50", total_s=0.6, timeouts=QUICK, stream=True)
    with pytest.raises(errors.UpstreamTimeout, match="total time"):
        await drain(caller, call)


async def test_a_stream_is_the_same_bytes_over_a_socket_as_in_the_process(caller):
    raw = await drain(caller, caller.call("strong?latency_ms=0&tokens_per_second=0", stream=True))
    events = raw.removesuffix(b"\n\n").split(b"\n\n")
    assert events[-1] == b"data: [DONE]"
    first = orjson.loads(events[0].removeprefix(b"data: "))
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert first["model"] == "strong"


async def test_leaving_a_stream_early_closes_the_connection(over_socket, upstream, wait_until):
    before = upstream.app.hung_up
    call = over_socket.call("instant?words=500&tokens_per_second=100", stream=True)
    async with over_socket.provider.stream(call) as chunks:
        await anext(chunks)
    assert await wait_until(lambda: upstream.app.hung_up == before + 1)


@pytest.mark.parametrize("stream", [False, True])
async def test_cancelling_a_call_closes_the_connection(over_socket, upstream, wait_until, stream):
    hung_up, requests = upstream.app.hung_up, upstream.app.requests
    call = over_socket.call("instant?fail=hang", timeouts=PATIENT, stream=stream)
    task = asyncio.ensure_future(drain(over_socket, call) if stream else over_socket.provider.complete(call))
    assert await wait_until(lambda: upstream.app.requests == requests + 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await wait_until(lambda: upstream.app.hung_up == hung_up + 1)


async def test_fifty_streams_at_once_lose_and_reorder_nothing(over_socket):
    async def texts(i: int) -> str:
        model = f"echo?tokens_per_second=2000&seed={i}"
        words = " ".join(f"{i}-{n}" for n in range(40))
        raw = await drain(
            over_socket,
            over_socket.call(model, stream=True, timeouts=PATIENT, messages=[{"role": "user", "content": words}]),
        )
        events = [orjson.loads(line[6:]) for line in raw.splitlines() if line.startswith(b"data: {")]
        got = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
        assert got == words
        return got

    assert len(await asyncio.gather(*(texts(i) for i in range(50)))) == 50


async def test_nobody_listening_is_unreachable():
    transport = HttpTransport()
    target = Target(Deployment("small", "openai/x"), "openai", "x", "http://127.0.0.1:9/v1", KEY)
    call = Call(target, {"messages": []}, asyncio.get_running_loop().time() + 5)
    with pytest.raises(errors.UpstreamUnreachable):
        await OpenAIProvider(transport).complete(call)
    await transport.aclose()


@pytest.mark.parametrize("base", [None, "nonsense", "localhost:8000/v1", "ftp://host/v1", "http://:80:90/"])
async def test_an_api_base_that_is_no_url_is_an_error_that_names_the_setting(base):
    transport = HttpTransport()
    target = Target(Deployment("small", "openai/x"), "openai", "x", base, KEY)
    call = Call(target, {"messages": []}, asyncio.get_running_loop().time() + 5)
    with pytest.raises(errors.UpstreamUnreachable, match=r"pool\.small\.api_base"):
        await OpenAIProvider(transport).complete(call)
    with pytest.raises(errors.UpstreamUnreachable, match=r"pool\.small\.api_base"):
        async with OpenAIProvider(transport).stream(call):
            pass


async def test_a_reply_beyond_the_size_limit_is_refused(caller, monkeypatch):
    monkeypatch.setattr(openai_dialect, "MAX_REPLY_BYTES", 100_000)
    with pytest.raises(errors.UpstreamBadReply, match="longer than"):
        await caller.provider.complete(caller.call("instant?words=50000"))


async def test_connections_are_reused_from_call_to_call(over_socket):
    for _ in range(5):
        await over_socket.provider.complete(over_socket.call())
        await drain(over_socket, over_socket.call(stream=True))
    assert over_socket.provider.transport.counts() == (0, 1)


async def test_a_changed_target_of_the_same_name_is_used_at_once(over_socket):
    call = over_socket.call()
    await over_socket.provider.complete(call)
    elsewhere = dataclasses.replace(call.target, api_base="http://127.0.0.1:9/v1")
    with pytest.raises(errors.UpstreamUnreachable):
        await over_socket.provider.complete(dataclasses.replace(call, target=elsewhere))


async def test_embeddings_pass_through(caller):
    call = caller.call("small?latency_ms=0", input=["a", "b"], encoding_format="base64")
    call = Call(call.target, call.body, call.deadline_s, operation="embeddings")
    reply = await caller.provider.complete(call)
    assert [entry["index"] for entry in reply["data"]] == [0, 1]
    assert isinstance(reply["data"][0]["embedding"], str)


async def test_a_closed_transport_opens_anew(over_socket):
    await over_socket.provider.complete(over_socket.call())
    await over_socket.provider.transport.aclose()
    assert over_socket.provider.transport.counts() == (0, 0)
    assert (await over_socket.provider.complete(over_socket.call()))["choices"]
    assert over_socket.provider.transport.counts() == (0, 1)


async def test_a_stream_that_is_never_entered_leaves_nothing_behind(over_socket, recwarn):
    over_socket.provider.stream(over_socket.call(stream=True))
    gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


async def test_a_400_that_echoes_the_key_does_not_show_it(over_socket):
    call = over_socket.call(f"instant?{KEY}=1")
    with pytest.raises(errors.UpstreamRejected, match="redacted") as caught:
        await over_socket.provider.complete(call)
    assert_shows_no_key(caught.value)


async def test_a_key_with_a_line_break_is_an_error_that_names_the_setting_and_not_the_key(over_socket):
    call = over_socket.call()
    target = dataclasses.replace(call.target, api_key=KEY + "\n")
    with pytest.raises(errors.UpstreamAuthFailed, match=r"pool\.small\.api_key") as caught:
        await over_socket.provider.complete(dataclasses.replace(call, target=target))
    assert_shows_no_key(caught.value)


async def test_a_header_whose_name_is_none_is_an_error_that_says_so(over_socket):
    call = over_socket.call()
    target = dataclasses.replace(call.target, headers={"x key": "value"})
    with pytest.raises(errors.UpstreamAuthFailed, match=r"name is none; check the names in pool\.small\.headers"):
        await over_socket.provider.complete(dataclasses.replace(call, target=target))


async def test_a_body_that_json_cannot_say_is_rejected_without_being_sent(caller):
    for stream in (False, True):
        call = caller.call(secret_thing={1, 2}, stream=stream)
        with pytest.raises(errors.UpstreamRejected, match="JSON"):
            await (drain(caller, call) if stream else caller.provider.complete(call))


async def test_fail_times_counts_per_model_name(caller):
    model = f"instant?fail_times=2&seed={uuid.uuid4().int % 1_000_000}"
    for _ in range(2):
        with pytest.raises(errors.UpstreamFailed):
            await caller.provider.complete(caller.call(model))
    assert (await caller.provider.complete(caller.call(model)))["choices"]
