"""Providers whose replies are odd, byte by byte, and what the official client makes of what we pass on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import openai
import pytest
from openai import AsyncOpenAI

from tests.live import LiveGateway, free_port, gateway

POOL = """
pool:
  small:  {{model: openai/x-small, api_base: "http://127.0.0.1:{port}/v1", api_key: k, price: {{input_usd_per_mtok: 5, output_usd_per_mtok: 5}}}}
  strong: {{model: "scripted/strong?latency_ms=0&tokens_per_second=0&jitter=0&reply=rescued"}}
routing: {{small: [small], strong: [strong], baseline: strong}}
ledger: {{enabled: false, store_text: all}}
server: {{access_log: false, log_level: error}}
fusion: {{panel: [strong, {{model: strong, seed: 1}}], judge: small, early_exit: false}}
"""
HI: list[Any] = [{"role": "user", "content": "hi"}]


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "a", "choices": [choice], **more}, ensure_ascii=False).encode() + b"\n\n"


HELLO, WORLD, STOP = (
    event({"role": "assistant", "content": "héllo "}),
    event({"content": "wörld 😀"}),
    event({}, "stop"),
)
DONE = b"data: [DONE]\n\n"
WHOLE = HELLO + WORLD + STOP + DONE
TEXT = "héllo wörld 😀"
EMOJI = WHOLE.index("😀".encode())
IN_LINES = WHOLE.replace(b', "choices"', b',\ndata: "choices"')


@asynccontextmanager
async def behind(*pieces: bytes, kind: str = "text/event-stream", head: str = "") -> AsyncIterator[LiveGateway]:
    """A gateway whose small model answers with these bytes, each in a packet of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(asked.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n{head}\r\n".encode())
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.002)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        with gateway(POOL.format(port=server.sockets[0].getsockname()[1])) as live:
            yield live


async def told(live: LiveGateway, *, stream: bool = True, model: str = "small") -> str:
    """The answer, as OpenAI's client reads it."""
    async with AsyncOpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
        made: Any = await client.chat.completions.create(model=model, messages=HI, stream=stream)
        if not stream:
            return str(made.choices[0].message.content)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in made if chunk.choices])


@pytest.mark.parametrize(
    "pieces",
    [
        (WHOLE.replace(b"\n", b"\r\n"),),
        (WHOLE.replace(b"\n", b"\r"),),
        tuple(WHOLE[at : at + 1] for at in range(len(WHOLE))),
        (b"\xef\xbb\xbf" + WHOLE,),
        (b": busy\n\n", HELLO, b": still\n: busy\n" + WORLD, b":\n\n" + STOP + DONE),
        (WHOLE.replace(b"data: ", b"data:"),),
        (WHOLE.replace(b"data: ", b"event: message\nretry: 10\nid: 1\ndata: "),),
        (IN_LINES,),
        (IN_LINES.replace(b"\n", b"\r\n"),),
        (WHOLE[: EMOJI + 2], WHOLE[EMOJI + 2 :]),
        (WHOLE[:-2],),
    ],
    ids=["CRLF", "CR", "byte by byte", "BOM", "comments", "no blank", "fields", "lines", "CRLF lines", "in a character",
         "no end"],
)  # fmt: skip
async def test_a_stream_is_read_however_it_is_written(pieces: tuple[bytes, ...]) -> None:
    async with behind(*pieces) as live:
        assert await told(live) == TEXT
        assert live.wait_for_records(1)[0].outcome == "ok"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_half_a_character_costs_that_character(stream: bool) -> None:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}]}
    raw = WHOLE if stream else json.dumps(body, ensure_ascii=False).encode()
    kind = "text/event-stream" if stream else "application/json"
    async with behind(raw.replace("😀".encode(), b"\xf0\x9f"), kind=kind) as live:
        assert await told(live, stream=stream) == TEXT.replace("😀", "\ufffd")


async def test_a_whole_reply_to_who_asked_for_a_stream_is_passed_on_as_one() -> None:
    calls = [{"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    message = {"role": "assistant", "content": TEXT, "tool_calls": calls}
    body = {
        "id": "a",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    async with (
        behind(json.dumps(body).encode(), kind="application/json") as live,
        AsyncOpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client,
        client.chat.completions.stream(model="small", messages=HI, stream_options={"include_usage": True}) as stream,
    ):
        whole = await stream.get_final_completion()
        assert whole.choices[0].message.content == TEXT
        assert whole.choices[0].finish_reason == "tool_calls"
        assert [call.function.name for call in whole.choices[0].message.tool_calls or ()] == ["a", "b"]
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 5
        record = live.wait_for_records(1)[0]
        assert [(call.outcome, call.usage and call.usage.output_tokens) for call in record.attempts] == [("ok", 5)]


HALF = rb"\ud83d"
"""Of a surrogate pair, as JSON in ASCII has it: providers send it whose tokens end inside of an emoji."""


async def test_a_judge_may_write_an_emoji_in_halves_and_half_of_one() -> None:
    words = (
        event({"content": "HALF"}).replace(b"HALF", HALF),
        event({"content": "REST"}).replace(b"REST", rb"\ude00 " + HALF),
    )
    async with behind(*words, STOP, DONE) as live:
        assert await told(live, model="fusion") == "\ud83d" + "\ude00 \ud83d"
        assert live.wait_for_records(1)[0].outcome == "ok"


async def test_a_run_whose_members_wrote_half_an_emoji_can_be_read_again() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "half HALF"}, "finish_reason": "stop"}
    raw = json.dumps({"choices": [choice]}).encode().replace(b"HALF", HALF)
    async with behind(raw, kind="application/json") as live:
        async with AsyncOpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
            asked = {"fusion": {"panel": ["small", "strong"], "judge": "strong", "quorum": 2}}
            made: Any = await client.chat.completions.create(model="auto", messages=HI, extra_body={"router": asked})
            kept: Any = await client.get(f"/fusion/runs/{made.router['fusion']['run_id']}", cast_to=object)
    assert {said["content"] for said in kept["responses"]} == {"half \ud83d", "rescued"}


ERROR = b'{"error": {"code": %d, "message": "%s"}, "user_id": "u"}'


@pytest.mark.parametrize("how", ["whole", "whole for a stream", "first event"])
async def test_an_error_under_status_200_is_the_error_that_it_says(how: str) -> None:
    busy, is_event = ERROR % (429, b"slow down"), how == "first event"
    raw, kind = (
        (b": working\n\ndata: " + busy + b"\n\n", "text/event-stream") if is_event else (busy, "application/json")
    )
    async with behind(raw, kind=kind) as live:
        with pytest.raises(openai.RateLimitError) as limited:
            await told(live, stream=how != "whole")
        assert limited.value.response.headers["x-router-cost-usd"] == "0.000000000"
        assert limited.value.response.headers["x-should-retry"] == "true"
    long = ERROR % (400, b"maximum context length is 8192 tokens")
    async with behind(b"data: " + long + b"\n\n" if is_event else long, kind=kind) as live:
        with pytest.raises(openai.BadRequestError) as refused:
            await told(live, stream=how != "whole")
        assert refused.value.code == "context_length_exceeded"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_answer_that_ended_in_an_error_is_none(stream: bool) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "as far as"}, "finish_reason": "error"}
    raw = HELLO + event({"content": ""}, "error") + DONE if stream else json.dumps({"choices": [choice]}).encode()
    pieces = (HELLO, raw.removeprefix(HELLO)) if stream else (raw,)
    async with behind(*pieces, kind="text/event-stream" if stream else "application/json") as live:
        if stream:
            with pytest.raises(openai.APIError):
                await told(live)
        else:
            assert await told(live, stream=False, model="auto") == "rescued"


async def test_a_models_name_is_whole_again_once_its_header_is_decoded() -> None:
    name = "openai/模型-ü 7b at 50%"
    with gateway(POOL.replace("openai/x-small", name).format(port=free_port())) as live:
        async with AsyncOpenAI(base_url=f"{live.url}/v1", api_key="any", max_retries=0) as client:
            with pytest.raises(openai.InternalServerError) as caught:
                await client.chat.completions.create(model="small", messages=HI)
            assert unquote(caught.value.response.headers["x-router-model"]) == name
            plain = await client.chat.completions.with_raw_response.create(model="strong", messages=HI)
            assert plain.headers["x-router-model"].startswith("scripted/strong?latency_ms=0&")


async def test_what_an_error_under_200_says_was_used_is_billed() -> None:
    error = {"error": {"message": "overloaded", "code": 503}, "usage": {"prompt_tokens": 100, "completion_tokens": 20}}
    async with behind(json.dumps(error).encode(), kind="application/json") as live:
        with pytest.raises(openai.InternalServerError):
            await told(live, stream=False)
        attempts = live.wait_for_records(1)[0].attempts
        assert [(attempt.outcome, attempt.cost_usd) for attempt in attempts] == [("upstream_error", 0.0006)] * 2
