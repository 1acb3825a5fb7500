"""The provider of the benchmarks: a fixed answer, or a fixed stream, with as little work per request as Python can do.

    python -m tests.bench.upstream --port 9001

A stream has as many chunks, as far apart, as the request's ``chunks`` and ``gap_ms`` ask for; each chunk's content is
its number, so that whoever reads it can tell lost, doubled and swapped ones.
"""

import argparse
import asyncio
import re
from typing import ClassVar, cast

import orjson
import uvloop

ANSWER = "The gateway answers with a paragraph of ordinary length, as a small model would. " * 6
USAGE = {"prompt_tokens": 200, "completion_tokens": 100, "total_tokens": 300}
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_COMMON = {"id": "chatcmpl-bench", "created": 1_760_000_000, "model": "bench"}
_EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_LAST = b"0\r\n\r\n"


def whole_answer() -> bytes:
    message = {"role": "assistant", "content": ANSWER, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = orjson.dumps({**_COMMON, "object": "chat.completion", "choices": [choice], "usage": USAGE})
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def stream_pieces(count: int) -> list[bytes]:
    """The numbered chunks, a finish, usage, and the end; each an HTTP chunk of its own."""
    chunk = {**_COMMON, "object": "chat.completion.chunk"}

    def event(choices: list[dict[str, object]], **more: object) -> bytes:
        return _http_chunk(b"data: " + orjson.dumps({**chunk, "choices": choices, **more}) + b"\n\n")

    numbered = [
        event([{"index": 0, "delta": {"content": f"{number} "}, "logprobs": None, "finish_reason": None}])
        for number in range(count)
    ]
    finish = event([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
    return [*numbered, finish, event([], usage=USAGE), _http_chunk(b"data: [DONE]\n\n") + _LAST]


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Upstream(asyncio.Protocol):
    """One connection. Reads no more of a request than where it ends and what it asks for."""

    whole = whole_answer()
    pieces: ClassVar[dict[int, list[bytes]]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.buffer = cast("asyncio.Transport", transport), b""
        self.timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self.buffer, 0, end)
            total = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < total:
                return
            body, self.buffer = self.buffer[end + 4 : total], self.buffer[total:]
            self.answer(body)

    def answer(self, body: bytes) -> None:
        if b'"stream":true' not in body:
            self.transport.write(self.whole)
            return
        asked = orjson.loads(body)
        count, self.gap_s = asked.get("chunks", 200), asked.get("gap_ms", 2) / 1000
        if count not in self.pieces:
            self.pieces[count] = stream_pieces(count)
        self.left = iter(self.pieces[count])
        self.transport.write(_EVENTS)
        self.loop = asyncio.get_running_loop()
        self.due_s = self.loop.time()
        self.tick()

    def tick(self) -> None:
        """Send one piece; due times add up from the start, so that a late one does not delay the rest."""
        piece = next(self.left, None)
        if piece is None or self.transport.is_closing():
            return
        self.transport.write(piece)
        self.due_s += self.gap_s
        self.timer = self.loop.call_at(self.due_s, self.tick)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9001)
    uvloop.run(serve(parser.parse_args().port))
