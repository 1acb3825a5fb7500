"""A scripted answer in OpenAI's dialect: one body, or the pieces of a stream. Bytes only, no delays."""

import base64
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from zlib import crc32

import orjson

from router.dispatch.scripted.answer import Said, ToolCall, tokens_of

_CREATED = 1_760_000_000  # a fixed point in time keeps replies the same from run to run
_ARGUMENT_CHARS = 12
_EMBEDDING_SIZE = 16

DONE = b"data: [DONE]\n\n"


def usage_of(said: Sequence[Said], input_tokens: int, cached: float) -> dict[str, Any]:
    """Count a reply as OpenAI's ``usage`` object does."""
    output_tokens = sum(choice.output_tokens() for choice in said)
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": {"cached_tokens": int(input_tokens * cached)},
        "completion_tokens_details": {"reasoning_tokens": sum(len(choice.thoughts) for choice in said)},
    }


def completion(
    reply_id: str, model: str, said: Sequence[Said], usage: dict[str, Any] | None, top_logprobs: int | None
) -> bytes:
    """Write a whole reply.

    Args:
        reply_id: its ``id``.
        model: its ``model``.
        said: the choices.
        usage: None leaves it out.
        top_logprobs: alternatives per token; None means that no logprobs were asked for.
    """
    body: dict[str, Any] = {
        "id": reply_id,
        "object": "chat.completion",
        "created": _CREATED,
        "model": model,
        "choices": [_choice(index, choice, top_logprobs) for index, choice in enumerate(said)],
        "system_fingerprint": "fp_scripted",
    }
    if usage is not None:
        body["usage"] = usage
    return orjson.dumps(body)


def _choice(index: int, said: Said, top_logprobs: int | None) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if said.tool_calls else said.text,
        "refusal": None,
    }
    if said.thoughts:
        message["reasoning_content"] = "".join(said.thoughts)
    if said.tool_calls:
        message["tool_calls"] = [_call(call, call.arguments) for call in said.tool_calls]
    logprobs = None if top_logprobs is None else _logprobs(said.tokens, top_logprobs)
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": said.finish_reason}


def _call(call: ToolCall, arguments: str) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _logprobs(tokens: Sequence[str], top: int) -> dict[str, Any]:
    return {"content": [_logprob(token, top) for token in tokens], "refusal": None}


def _logprob(token: str, top: int) -> dict[str, Any]:
    def entry(rank: int) -> dict[str, Any]:
        word = token if rank == 0 else f"{token}{rank}"
        return {"token": word, "logprob": -0.1 - rank, "bytes": list(word.encode())}

    return {**entry(0), "top_logprobs": [entry(rank) for rank in range(top)]}


@lru_cache(maxsize=256)
def _text_pieces(reply_id: str, model: str, index: int, tokens: tuple[str, ...]) -> tuple[bytes, ...]:
    head, tail = _frame(reply_id, model, index)
    return tuple(head + b'{"content":' + orjson.dumps(token) + b"}" + tail for token in tokens)


def _frame(reply_id: str, model: str, index: int) -> tuple[bytes, bytes]:
    """The bytes around a delta: what every chunk of a choice has in common."""
    event = _event(reply_id, model, [{"index": index, "delta": 0, "logprobs": None, "finish_reason": None}])
    head, _, tail = event.partition(b'"delta":0')
    return head + b'"delta":', tail


def _event(reply_id: str, model: str, choices: list[Any], **more: Any) -> bytes:
    chunk = {"id": reply_id, "object": "chat.completion.chunk", "created": _CREATED, "model": model, **more}
    return b"data: " + orjson.dumps({**chunk, "choices": choices}) + b"\n\n"


def chunks(
    reply_id: str, model: str, said: Sequence[Said], usage: dict[str, Any] | None, top_logprobs: int | None
) -> tuple[bytes, ...]:
    """Write a stream: per choice a role chunk, deltas and a finish; then usage if given; then ``[DONE]``."""
    pieces: list[bytes] = []
    for index, choice in enumerate(said):
        pieces += _choice_chunks(reply_id, model, index, choice, top_logprobs)
    if usage is not None:
        pieces.append(_event(reply_id, model, [], usage=usage))
    pieces.append(DONE)
    return tuple(pieces)


def _choice_chunks(reply_id: str, model: str, index: int, said: Said, top: int | None) -> Iterator[bytes]:
    def chunk(delta: Mapping[str, Any], finish: str | None = None, logprobs: Any = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return _event(reply_id, model, [choice])

    yield chunk({"role": "assistant", "content": None if said.tool_calls else "", "refusal": None})
    for thought in said.thoughts:
        yield chunk({"reasoning_content": thought})
    if top is None:
        yield from _text_pieces(reply_id, model, index, said.tokens)
    else:
        for token in said.tokens:
            yield chunk({"content": token}, logprobs=_logprobs([token], top))
    for number, call in enumerate(said.tool_calls):
        yield chunk({"tool_calls": [{"index": number, **_call(call, "")}]})
        for start in range(0, len(call.arguments), _ARGUMENT_CHARS):
            part = call.arguments[start : start + _ARGUMENT_CHARS]
            yield chunk({"tool_calls": [{"index": number, "function": {"arguments": part}}]})
    yield chunk({}, finish=said.finish_reason)


def error_body(message: str, kind: str, code: str | None, param: str | None = None) -> bytes:
    """Write an error as OpenAI does."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def embeddings(model: str, request: Mapping[str, Any]) -> bytes:
    """Write embeddings: numbers derived from each input, as floats or base64 of little-endian float32."""
    asked = request.get("input", "")
    inputs = asked if isinstance(asked, list) and asked and not isinstance(asked[0], int) else [asked]
    size = request.get("dimensions") or _EMBEDDING_SIZE
    packed = request.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _embedding(text, size, packed=packed)}
        for index, text in enumerate(inputs)
    ]
    tokens = sum(len(tokens_of(text)) if isinstance(text, str) else len(text) for text in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps({"object": "list", "data": data, "model": model, "usage": usage})


def _embedding(text: object, size: int, *, packed: bool) -> list[float] | str:
    stem = str(text).encode()
    values = [crc32(stem, i) / 2**31 - 1.0 for i in range(size)]
    return base64.b64encode(struct.pack(f"<{size}f", *values)).decode() if packed else values
