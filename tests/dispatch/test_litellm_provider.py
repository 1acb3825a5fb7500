import asyncio
import gc
import inspect
import json
import threading
import time
import warnings
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from router import errors
from router.core.types import Deployment
from router.dispatch import litellm_provider
from router.dispatch.hints import Objection, objections
from router.dispatch.litellm_errors import ERRORS, translate
from router.dispatch.litellm_provider import LitellmProvider
from router.dispatch.provider import Call, Target, Timeouts
from router.http.openai import read_chat
from router.providers import PROVIDERS
from tests.dispatch.fake_anthropic import SECRET_WORDS, FakeAnthropic
from tests.dispatch.loopback import loopback

MESSAGES = [{"role": "user", "content": "prompt-words"}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


class Upstream:
    def __init__(self, fake: FakeAnthropic, api_base: str) -> None:
        self.fake = fake
        self.api_base = api_base

    def call(self, model: str = "claude-opus-5", deadline_s: float = 10, **body: Any) -> Call:
        target = Target(
            deployment=Deployment("strong", f"anthropic/{model}"),
            provider="anthropic",
            upstream_model=model,
            api_base=self.api_base,
            api_key="key-words",
            direct=False,
            timeouts=Timeouts(connect_s=1, first_byte_s=5, idle_s=5, total_s=10),
        )
        body = {"model": "auto", "messages": MESSAGES, "max_tokens": 50, **body}
        return Call(target, body, asyncio.get_running_loop().time() + deadline_s)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    fake = FakeAnthropic()
    async with loopback(fake.answer) as api_base:
        yield Upstream(fake, api_base)


@pytest.fixture
def provider() -> LitellmProvider:
    return LitellmProvider()


async def read(provider: LitellmProvider, call: Call) -> tuple[list[dict[str, Any]], bool]:
    """The chunks of a stream, and whether it ended with [DONE]."""
    async with provider.stream(call) as pieces:
        events = b"".join([piece async for piece in pieces]).split(b"\n\n")
    data = [event.removeprefix(b"data: ") for event in events if event]
    return [orjson.loads(item) for item in data if item != b"[DONE]"], bool(data) and data[-1] == b"[DONE]"


async def test_every_exception_of_litellm_has_an_entry_in_the_table(provider: LitellmProvider) -> None:
    await provider.warm_up()
    import litellm.exceptions

    raised = {
        name
        for name, value in vars(litellm.exceptions).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == "litellm.exceptions"
    }
    assert raised - set(ERRORS) == set()


async def test_a_hang_up_while_litellm_prepares_a_call_raises_no_warning(
    provider: LitellmProvider, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """litellm makes the call's coroutine in a thread; who is cancelled meanwhile never awaits it."""
    seen: list[str] = []
    loop, begun, prepared = asyncio.get_running_loop(), threading.Event(), threading.Event()
    in_a_thread = loop.run_in_executor

    def hang_up(executor: Any, prepare: Any) -> asyncio.Future[Any]:
        asking.cancel()
        working = in_a_thread(executor, lambda: (begun.set(), prepare(), prepared.set())[1])
        assert begun.wait(5), "what no thread has begun would be cancelled with the call"
        return working

    with warnings.catch_warnings():
        warnings.resetwarnings()
        await provider.warm_up()
        litellm_provider._import_litellm()  # another test may have loaded it before the filters were reset
        monkeypatch.setattr(warnings, "showwarning", lambda message, *_others: seen.append(str(message)))
        asking: Any = asyncio.create_task(provider.complete(upstream.call()))
        monkeypatch.setattr(loop, "run_in_executor", hang_up)
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert prepared.wait(5)
        await asyncio.sleep(0.05)  # the loop is told, and drops it
        asking = None  # it holds the coroutine by its traceback
        gc.collect()
        warnings.warn("another's", RuntimeWarning, stacklevel=1)
    assert seen[-1] == "another's"
    assert [words for words in seen if "never awaited" in words] == []  # what other tests left is collected here too


def test_only_one_file_imports_litellm() -> None:
    package = Path(errors.__file__).parent
    importers = {
        path.name
        for path in package.rglob("*.py")
        if 'import_module("litellm' in path.read_text() or "import litellm\n" in path.read_text()
    }
    assert importers == {"litellm_provider.py"}


async def test_importing_litellm_does_not_block_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.dispatch.litellm_provider._import_litellm", lambda: time.sleep(0.3), raising=True)
    warming = asyncio.create_task(LitellmProvider().warm_up())
    started = time.perf_counter()
    await asyncio.sleep(0.01)
    assert time.perf_counter() - started < 0.2
    await warming


async def test_a_rehearsal_calls_nobody(upstream: Upstream, provider: LitellmProvider) -> None:
    await provider.warm_up([upstream.call().target])
    assert upstream.fake.bodies == []


async def test_a_reply_has_openais_shape_and_counts_cached_tokens(
    upstream: Upstream, provider: LitellmProvider
) -> None:
    reply = await provider.complete(upstream.call())
    assert reply["choices"][0]["message"]["content"] == "hi"
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert (reply["usage"]["prompt_tokens"], reply["usage"]["completion_tokens"]) == (18, 7)
    assert reply["usage"]["prompt_tokens_details"]["cached_tokens"] == 5
    assert reply["usage"]["prompt_tokens_details"]["cache_creation_tokens"] == 3
    assert "cache_read_input_tokens" not in reply["usage"]


async def test_tools_are_offered_and_their_calls_come_back(upstream: Upstream, provider: LitellmProvider) -> None:
    reply = await provider.complete(upstream.call(tools=[TOOL]))
    message = reply["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at": 1}'}
    assert reply["choices"][0]["finish_reason"] == "tool_calls"


async def test_long_whole_numbers_in_tool_schemas_keep_their_digits(
    upstream: Upstream, provider: LitellmProvider
) -> None:
    number = 123456789012345678901234567890
    schema = {"type": "object", "properties": {"x": {"type": "integer", "maximum": number}}}
    tool = {"type": "function", "function": {"name": "look", "parameters": schema}}
    raw = orjson.dumps({"model": "auto", "messages": MESSAGES, "max_tokens": 50, "tools": ["tool"]})
    request = read_chat(raw.replace(b'"tool"', json.dumps(tool).encode()))
    call = replace(upstream.call(), body=request.body, around_model=request.around_model)
    await provider.complete(call)
    assert str(number) in json.dumps(upstream.fake.bodies[-1]["tools"])


async def test_a_stream_ends_with_one_usage_chunk_and_done(upstream: Upstream, provider: LitellmProvider) -> None:
    chunks, done = await read(provider, upstream.call(stream=True))
    text = "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"])
    assert text == "w0 w1 w2 "
    assert done
    with_usage = [chunk for chunk in chunks if chunk.get("usage")]
    assert len(with_usage) == 1
    assert with_usage[0] is chunks[-1]
    assert with_usage[0]["choices"] == []
    assert with_usage[0]["usage"]["prompt_tokens_details"]["cached_tokens"] == 5
    assert with_usage[0]["usage"]["prompt_tokens_details"]["cache_creation_tokens"] == 3


async def test_half_a_surrogate_pair_in_a_stream_costs_nothing(upstream: Upstream, provider: LitellmProvider) -> None:
    async with provider.stream(upstream.call("halving", stream=True)) as pieces:
        events = b"".join([piece async for piece in pieces])
    assert events.count(b"\\ud83d") == 3
    assert events.endswith(b"data: [DONE]\n\n")


async def test_tool_calls_are_streamed(upstream: Upstream, provider: LitellmProvider) -> None:
    chunks, done = await read(provider, upstream.call(stream=True, tools=[TOOL]))
    deltas = [c["delta"]["tool_calls"][0] for chunk in chunks for c in chunk["choices"] if "tool_calls" in c["delta"]]
    assert deltas[0]["function"]["name"] == "look"
    assert "".join(delta["function"].get("arguments") or "" for delta in deltas) == '{"at":1}'
    assert done


REFUSALS = {
    "limited": errors.UpstreamRateLimited,
    "overloaded": errors.UpstreamFailed,
    "unauthorised": errors.UpstreamAuthFailed,
    "forbidden": errors.UpstreamAuthFailed,
    "missing": errors.UpstreamModelMissing,
    "wrong": errors.UpstreamRejected,
    "picky": errors.UpstreamIncapable,
    "long": errors.UpstreamContextTooLong,
    "failing": errors.UpstreamFailed,
    "html": errors.UpstreamBadReply,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", REFUSALS)
async def test_a_refusal_is_said_in_our_words_and_repeats_theirs_of_the_request_alone(
    upstream: Upstream, provider: LitellmProvider, model: str, stream: bool
) -> None:
    call = upstream.call(model, stream=stream)
    with pytest.raises(errors.UpstreamError) as caught:
        await (read(provider, call) if stream else provider.complete(call))
    assert type(caught.value) is REFUSALS[model]
    told = {
        "wrong": "(400): messages: prompt-words [redacted]",
        "picky": "(400): thinking is not supported",
        "long": "(400): prompt is too long: 250000 tokens",
    }
    assert told.get(model, "") in caught.value.message
    prompt, key = SECRET_WORDS.split()
    assert key not in caught.value.message
    assert model in told or prompt not in caught.value.message
    assert caught.value.__cause__ is None
    assert len(upstream.fake.bodies) == 1, "litellm must not retry"


async def test_a_reply_with_nothing_in_it_is_empty_as_a_direct_one_would_be_and_billed(
    upstream: Upstream, provider: LitellmProvider
) -> None:
    with pytest.raises(errors.UpstreamEmpty) as caught:
        await provider.complete(upstream.call("empty"))
    assert caught.value.usage["completion_tokens"] == 7


@pytest.mark.parametrize("stream", [False, True])
async def test_retry_after_is_kept(upstream: Upstream, provider: LitellmProvider, stream: bool) -> None:
    call = upstream.call("limited", stream=stream)
    with pytest.raises(errors.UpstreamRateLimited) as caught:
        await (read(provider, call) if stream else provider.complete(call))
    assert caught.value.retry_after_s == 7
    assert caught.value.upstream_status == 429


class RateLimitError(Exception):
    """As litellm's, with what the provider sent."""

    def __init__(self, **headers: str) -> None:
        self.litellm_response_headers = {name.replace("_", "-"): text for name, text in headers.items()}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"x_ratelimit_reset": "30"}, 30.0),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
    ],
)
def test_retry_after_is_read_as_from_everybody_else(headers: dict[str, str], seconds: float | None) -> None:
    assert translate(RateLimitError(**headers), "small").retry_after_s == seconds


async def test_the_providers_own_status_is_kept(upstream: Upstream, provider: LitellmProvider) -> None:
    with pytest.raises(errors.UpstreamFailed) as caught:
        await provider.complete(upstream.call("overloaded"))
    assert caught.value.upstream_status == 529


async def test_an_error_before_the_first_token_is_not_a_broken_stream(
    upstream: Upstream, provider: LitellmProvider
) -> None:
    with pytest.raises(errors.UpstreamFailed):
        await read(provider, upstream.call("failing-at-once", stream=True))


@pytest.mark.parametrize("model", ["failing-midway", "cut", "ending-early"])
async def test_a_stream_cut_short_never_looks_like_a_clean_end(
    upstream: Upstream, provider: LitellmProvider, model: str
) -> None:
    received = b""
    with pytest.raises(errors.UpstreamBroken) as caught:  # noqa: PT012 - what came before the break matters
        async with provider.stream(upstream.call(model, stream=True)) as pieces:
            async for piece in pieces:
                received += piece
    assert b"w2" in received
    assert b"[DONE]" not in received
    assert b'"finish_reason":"' not in received
    assert "prompt-words" not in str(caught.value)


async def test_a_stalling_stream_is_broken_off_after_the_idle_time(
    upstream: Upstream, provider: LitellmProvider
) -> None:
    call = upstream.call("stalling", stream=True)
    call = replace(call, target=replace(call.target, timeouts=Timeouts(idle_s=0.2)))
    with pytest.raises(errors.UpstreamTimeout):
        await read(provider, call)
    await until_broken_off(upstream, "stalling")


async def test_a_ping_is_a_sign_of_life_and_holds_nobody_beyond_the_deadline(
    upstream: Upstream, provider: LitellmProvider
) -> None:
    await read(provider, upstream.call(stream=True))  # the first call has imports of its own
    for limits in (Timeouts(first_byte_s=0.4, idle_s=5), Timeouts(first_byte_s=5, idle_s=0.3)):
        call = upstream.call("thinking", stream=True)
        _, done = await read(provider, replace(call, target=replace(call.target, timeouts=limits)))
        assert done
    call = upstream.call("pinging", deadline_s=0.6, stream=True)
    with pytest.raises(errors.UpstreamTimeout):
        await read(provider, replace(call, target=replace(call.target, timeouts=Timeouts(idle_s=0.3))))
    await until_broken_off(upstream, "pinging")


@pytest.mark.parametrize("stream", [False, True])
async def test_the_deadline_ends_a_call_and_its_connection(
    upstream: Upstream, provider: LitellmProvider, stream: bool
) -> None:
    call = upstream.call("hanging", deadline_s=0.3, stream=stream)
    with pytest.raises(errors.UpstreamTimeout):
        await (read(provider, call) if stream else provider.complete(call))
    await until_broken_off(upstream, "hanging")


async def test_cancelling_a_call_closes_the_connection(upstream: Upstream, provider: LitellmProvider) -> None:
    await provider.warm_up()
    task = asyncio.create_task(provider.complete(upstream.call("hanging")))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_broken_off(upstream, "hanging")


async def test_leaving_a_stream_closes_the_connection(
    upstream: Upstream, provider: LitellmProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[Any] = []  # else the garbage collector closes it for us, as it may or may not in the gateway
    watch = litellm_provider.watch
    monkeypatch.setattr(litellm_provider, "watch", lambda *given: held.append(given[0]) or watch(*given))
    async with provider.stream(upstream.call("slow", stream=True)) as pieces:
        await anext(pieces)
        await anext(pieces)
    await until_broken_off(upstream, "slow")
    assert held, "what litellm made of it is still there, and did not close it"


async def test_an_unreachable_server_is_unreachable(upstream: Upstream, provider: LitellmProvider) -> None:
    call = upstream.call()
    call = replace(call, target=replace(call.target, api_base="http://127.0.0.1:1"))
    with pytest.raises(errors.UpstreamUnreachable):
        await provider.complete(call)
    with pytest.raises(errors.UpstreamUnreachable):
        await read(provider, replace(call, body={**call.body, "stream": True}))


async def test_a_caller_cannot_redirect_the_operators_key(upstream: Upstream, provider: LitellmProvider) -> None:
    hostile = {
        "api_base": "http://127.0.0.1:1",
        "base_url": "http://127.0.0.1:1",
        "api_key": "other",
        "custom_llm_provider": "openai",
        "mock_response": "owned",
        "fallbacks": ["openai/gpt-6-luna"],
        "extra_headers": {"x-api-key": "other"},
        "headers": {"x-api-key": "other"},
        "num_retries": 9,
        "timeout": 0.001,
        "_skip_mcp_handler": False,
        "aws_region_name": "x",
        "vertex_credentials": "x",
    }
    reply = await provider.complete(upstream.call(**hostile))
    assert reply["choices"][0]["message"]["content"] == "hi"
    sent = upstream.fake.headers[-1]
    assert sent["x-api-key"] == "key-words"
    assert not set(hostile) & set(upstream.fake.bodies[-1])


async def test_unknown_fields_reach_the_provider(upstream: Upstream, provider: LitellmProvider) -> None:
    await provider.complete(upstream.call(context_hint={"tier": 2}))
    assert upstream.fake.bodies[-1]["context_hint"] == {"tier": 2}


async def test_hints_the_provider_does_not_know_are_left_out(upstream: Upstream, provider: LitellmProvider) -> None:
    hints = {"seed": 7, "frequency_penalty": 0.5, "presence_penalty": 0.5, "logit_bias": {"1": 2}}
    silent = {"n": 1, "logprobs": False, "top_logprobs": 0, "modalities": ["text"]}
    await provider.complete(upstream.call(**hints, **silent))
    assert not (hints.keys() | silent.keys()) & set(upstream.fake.bodies[-1])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hint_the_model_refuses_is_told_from_the_rest_and_left_out_where_the_call_says_so(
    upstream: Upstream, provider: LitellmProvider, stream: bool
) -> None:
    call = upstream.call("one-sampler", temperature=0.5, top_p=0.5, stream=stream)
    with pytest.raises(errors.UpstreamIncapable) as caught:
        await (read(provider, call) if stream else provider.complete(call))
    assert objections(caught.value, call.body) == (Objection("top_p", beside="temperature"),)
    heeding = replace(call, changes={"top_p": None, "max_tokens": 77})
    await (read(provider, heeding) if stream else provider.complete(heeding))
    sent = upstream.fake.bodies[-1]
    assert (sent["temperature"], sent["max_tokens"]) == (0.5, 77)
    assert "top_p" not in sent


async def test_a_parameter_the_provider_cannot_honour_is_named(upstream: Upstream, provider: LitellmProvider) -> None:
    with pytest.raises(errors.UpstreamIncapable, match="logprobs") as caught:
        await provider.complete(upstream.call(logprobs=True))
    assert caught.value.param == "logprobs"
    assert caught.value.next_step == "fall_back"


async def test_what_a_provider_is_known_to_refuse_is_what_litellm_says_of_all_its_models(
    provider: LitellmProvider,
) -> None:
    await provider.warm_up()
    import litellm

    refuses = {name: facts.refuses for name, facts in PROVIDERS.items() if facts.refuses}
    asked = set()
    for model, facts in litellm.model_cost.items():
        owner = facts.get("litellm_provider")
        if owner in refuses and facts.get("mode") == "chat":
            asked.add(owner)
            name = model.removeprefix(f"{owner}/")
            has = litellm.get_supported_openai_params(model=name, custom_llm_provider=owner)
            assert not refuses[owner] & set(has or ()), model
    assert asked == refuses.keys() - {"cohere"}, "litellm lists cohere's chat models as cohere_chat"


async def test_an_image_that_cannot_be_fetched_for_a_provider_is_what_is_blamed(
    upstream: Upstream, provider: LitellmProvider
) -> None:
    image = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/secret-words.png"}}
    with pytest.raises(errors.UpstreamRejected, match="an image's URL cannot be fetched; send data") as caught:
        await provider.complete(upstream.call(messages=[{"role": "user", "content": [image]}]))
    assert caught.value.param == "messages"
    assert "secret-words" not in caught.value.message


async def test_configured_and_per_call_headers_are_sent(upstream: Upstream, provider: LitellmProvider) -> None:
    call = upstream.call()
    call = replace(call, target=replace(call.target, headers={"x-team": "a"}), headers={"x-router-fusion-depth": "1"})
    await provider.complete(call)
    assert upstream.fake.headers[-1]["x-team"] == "a"
    assert upstream.fake.headers[-1]["x-router-fusion-depth"] == "1"


async def test_the_environments_key_is_not_sent_to_another_address(
    upstream: Upstream, provider: LitellmProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "environment-key")
    call = upstream.call()
    await provider.complete(replace(call, target=replace(call.target, api_key=None)))
    assert "environment-key" not in str(upstream.fake.headers[-1])


async def until_broken_off(upstream: Upstream, model: str) -> None:
    for _ in range(100):
        if model in upstream.fake.broken_off:
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"the connection of {model} was left open")
