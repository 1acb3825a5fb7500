"""The plain ASGI functions that stand in front of FastAPI: the model paths, where every microsecond is per request.

Everything else goes on to the FastAPI application behind.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from router.core.request import ModelRequest
from router.explain import answer_route
from router.http.auth import Authenticator
from router.http.body import Receive, Scope, WireLimits
from router.http.connection_limits import ConnectionLimits
from router.http.exchange import AsgiExchange, Send, id_headers
from router.http.openai import read_chat, read_embeddings
from router.http.responses import KeptResponses, ResponsesExchange
from router.http.slots import Slots
from router.pipeline import Services, answer_chat, answer_embeddings, answer_responses

Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Hallway = Callable[[Services, AsgiExchange], Awaitable[None]]

MODEL_PATHS: Mapping[str, tuple[Callable[[bytes], ModelRequest] | None, Hallway]] = {
    "/v1/chat/completions": (read_chat, answer_chat),
    "/chat/completions": (read_chat, answer_chat),
    "/v1/responses": (None, answer_responses),
    "/responses": (None, answer_responses),
    "/v1/route": (read_chat, answer_route),
    "/route": (read_chat, answer_route),
    "/v1/embeddings": (read_embeddings, answer_embeddings),
    "/embeddings": (read_embeddings, answer_embeddings),
}
"""Who reads a path's bodies, and the hallway they go down. Nobody but its exchange reads those of the Responses API."""


class Front:
    """The ASGI application that the server runs."""

    def __init__(
        self,
        behind: Application,
        services: Services,
        auth: Authenticator,
        limits: WireLimits,
        slots: Slots,
        connection_limits: ConnectionLimits,
        responses: KeptResponses,
    ) -> None:
        """Stand in front of ``behind``; serve as many model requests at a time as there are slots."""
        self.connection_limits = connection_limits
        self._behind, self.services = behind, services
        self._auth, self._limits, self._slots = auth, limits, slots
        self._responses = responses

    @property
    def in_flight(self) -> int:
        """Requests that are being served."""
        return self._slots.taken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        served = MODEL_PATHS.get(scope["path"])
        if served is None:
            await self._behind(scope, receive, _with_id(send, self.services.new_id()))
            return
        parse, hallway = served
        told = self._auth, self._limits, self._slots
        if parse is None:
            exchange: AsgiExchange = ResponsesExchange(scope, receive, send, *told, self._responses)
        else:
            exchange = AsgiExchange(scope, receive, send, parse, *told)
        try:
            await hallway(self.services, exchange)
        except asyncio.CancelledError:
            if not (exchange.closed or exchange.answered):
                raise
        finally:
            exchange.release()


def _with_id(send: Send, request_id: str) -> Send:
    """Put an id on a reply that no record is kept of: whoever complains of it has something to name."""

    async def send_on(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *id_headers(request_id)]
        await send(message)

    return send_on
