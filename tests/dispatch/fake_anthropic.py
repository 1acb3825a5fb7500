"""A small Anthropic Messages server on loopback; the model's name says how it behaves."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

USAGE = {"input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 7}
SECRET_WORDS = "prompt-words key-words"

_REFUSALS: dict[str, tuple[int, str, str, dict[str, str]]] = {
    "limited": (429, "rate_limit_error", SECRET_WORDS, {"retry-after": "7"}),
    "overloaded": (529, "overloaded_error", SECRET_WORDS, {}),
    "unauthorised": (401, "authentication_error", f"invalid x-api-key {SECRET_WORDS}", {}),
    "forbidden": (403, "permission_error", SECRET_WORDS, {}),
    "missing": (404, "not_found_error", f"model: {SECRET_WORDS}", {}),
    "wrong": (400, "invalid_request_error", f"messages: {SECRET_WORDS}", {}),
    "picky": (400, "invalid_request_error", "thinking is not supported with this model", {}),
    "long": (400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum", {}),
    "failing": (500, "api_error", SECRET_WORDS, {}),
}


@dataclass
class FakeAnthropic:
    """Keeps what it was sent, and which calls were broken off."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    broken_off: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        mode = body["model"]
        if mode in _REFUSALS:
            status, kind, message, headers = _REFUSALS[mode]
            error = {"type": "error", "error": {"type": kind, "message": message}}
            return web.json_response(error, status=status, headers=headers)
        if mode == "one-sampler" and body.keys() >= {"temperature", "top_p"}:
            message = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
            return web.json_response(error, status=400)
        if mode == "html":
            return web.Response(text="<html>maintenance</html>", content_type="text/html")
        try:
            if mode == "hanging":
                await asyncio.sleep(30)
            return await (self._stream(request, body) if body.get("stream") else self._whole(body))
        except (asyncio.CancelledError, ConnectionError):
            self.broken_off.append(mode)
            raise

    async def _whole(self, body: dict[str, Any]) -> web.Response:
        content: list[dict[str, Any]] = [{"type": "text", "text": "hi"}]
        if body["model"] == "empty":
            content = []
        if body.get("tools"):
            content = [{"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}}]
        message = {"id": "m1", "type": "message", "role": "assistant", "model": body["model"], "content": content}
        stop = "tool_use" if body.get("tools") else "end_turn"
        return web.json_response({**message, "stop_reason": stop, "usage": USAGE})

    async def _stream(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        mode = body["model"]

        async def send(kind: str, **data: Any) -> None:
            await response.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode())

        message = {"id": "m1", "type": "message", "role": "assistant", "model": mode, "content": []}
        await send("message_start", message={**message, "usage": {**USAGE, "output_tokens": 1}})
        if mode == "failing-at-once":
            await send("error", error={"type": "overloaded_error", "message": SECRET_WORDS})
            return response
        for _ in range({"thinking": 12, "pinging": 600}.get(mode, 0)):
            await send("ping")
            await asyncio.sleep(0.05)
        await send("content_block_start", index=0, content_block={"type": "text", "text": ""})
        said = "\ud83d{}" if mode == "halving" else "w{} "
        for word in range(200 if mode == "slow" else 3):
            await send("content_block_delta", index=0, delta={"type": "text_delta", "text": said.format(word)})
            await asyncio.sleep(0.02 if mode == "slow" else 0)
        if mode == "stalling":
            await asyncio.sleep(30)
        if mode == "failing-midway":
            await send("error", error={"type": "overloaded_error", "message": SECRET_WORDS})
            return response
        if mode == "cut":
            assert request.transport is not None
            request.transport.abort()
            return response
        if mode == "ending-early":
            return response
        await send("content_block_stop", index=0)
        if body.get("tools"):
            block = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
            await send("content_block_start", index=1, content_block=block)
            await send("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"at":1}'})
            await send("content_block_stop", index=1)
        stop = "tool_use" if body.get("tools") else "end_turn"
        await send("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": 7})
        await send("message_stop")
        return response
