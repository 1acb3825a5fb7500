"""The scripted models as a separate OpenAI-compatible server, over a real socket.

Serves ``/v1/chat/completions``, ``/v1/embeddings`` and ``/v1/models`` (also without ``/v1``); model names with or
without ``scripted/``. Plain ASGI: it must be fast enough to be the upstream of a load test.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic
from typing import Any, cast

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.dispatch.scripted import wire
from router.dispatch.scripted.engine import Performance, ScriptEngine
from router.dispatch.scripted.roster import BUILT_INS

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_ABORT = "scripted.abort"


class ScriptedUpstream:
    """The ASGI application.

    Attributes:
        requests: calls so far.
        hung_up: calls whose caller closed the connection before the reply's end.
    """

    def __init__(self, engine: ScriptEngine | None = None) -> None:
        """Take an engine to share its count of calls, or begin a new one."""
        self._engine = engine or ScriptEngine()
        self.requests = 0
        self.hung_up = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        operation = scope["path"].removeprefix("/v1").strip("/")
        if scope["method"] == "GET" and operation == "models":
            await _send_whole(send, _models())
        elif scope["method"] == "POST" and operation in ("chat/completions", "embeddings"):
            self.requests += 1
            performance = self._engine.play(operation, await _body(receive), _authorization(scope))
            await self._perform(performance, scope, receive, send)
        else:
            body = wire.error_body(f"Unknown request URL: {scope['path']}", "invalid_request_error", "unknown_url")
            await _send_whole(send, Performance((body,), 404))

    async def _perform(self, performance: Performance, scope: Scope, receive: Receive, send: Send) -> None:
        if performance.ending == "end" and not performance.wait_s and len(performance.pieces) == 1:
            await _send_whole(send, performance)
            return
        watch = asyncio.ensure_future(_disconnect(receive))
        acting = asyncio.ensure_future(_act(performance, scope, send))
        try:
            await asyncio.wait((watch, acting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watch.cancel()
            acting.cancel()
            await asyncio.gather(watch, acting, return_exceptions=True)
        if acting.cancelled():
            self.hung_up += 1


async def _act(performance: Performance, scope: Scope, send: Send) -> None:
    due_s = monotonic() + performance.wait_s
    await asyncio.sleep(performance.wait_s)
    if performance.ending == "hang" and not performance.pieces:
        await asyncio.Event().wait()
    if performance.ending == "reset" or (performance.ending == "cut" and not performance.pieces):
        _abort(scope)
    elif performance.ending == "end" and len(performance.pieces) == 1:
        await _send_whole(send, performance)
    else:
        await _send_pieces(performance, scope, send, due_s)


async def _send_pieces(performance: Performance, scope: Scope, send: Send, due_s: float) -> None:
    clock = asyncio.get_running_loop().time
    await send({"type": "http.response.start", "status": performance.status, "headers": _headers(performance)})
    for number, piece in enumerate(performance.pieces):
        if before_s := performance.before_s(number):
            # due times add up from the start: a late wake-up is made up for, not carried along
            due_s += before_s
            await asyncio.sleep(due_s - clock())
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if performance.ending == "hang":
        await asyncio.Event().wait()
    if performance.ending == "cut":
        _abort(scope)
    else:
        await send({"type": "http.response.body", "body": b""})


async def _send_whole(send: Send, performance: Performance) -> None:
    body = performance.pieces[0]
    headers = [*_headers(performance), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": performance.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _headers(performance: Performance) -> list[tuple[bytes, bytes]]:
    extra = [(name.encode(), value.encode()) for name, value in performance.headers]
    return [(b"content-type", performance.content_type.encode()), *extra]


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body = bytes(message.get("body", b""))
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _authorization(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"), "")


def _abort(scope: Scope) -> None:
    cast("Callable[[], None]", scope["extensions"][_ABORT])()


def _models() -> Performance:
    data = [
        {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "scripted",
            "context_window": profile.context_window,
        }
        for name, profile in BUILT_INS.items()
    ]
    return Performance((orjson.dumps({"object": "list", "data": data}),))


class _AbortableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a way for the application to drop the connection, which ASGI has no word for."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = {_ABORT: self._flush_and_close}

    def _flush_and_close(self) -> None:
        self.transport.close()


def scripted_server(host: str, port: int, app: ScriptedUpstream | None = None) -> uvicorn.Server:
    """Prepare the server; ``await server.serve()`` runs it. Port 0 lets the system choose."""
    config = uvicorn.Config(
        app or ScriptedUpstream(),
        host=host,
        port=port,
        http=_AbortableProtocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    return uvicorn.Server(config)


def run_scripted_upstream(sockets: list[socket.socket]) -> None:
    """Serve the scripted models until interrupted."""
    host, port = sockets[0].getsockname()[:2]
    scripted_server(host, port).run(sockets)
