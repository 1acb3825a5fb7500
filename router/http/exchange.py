"""One request over ASGI: authenticate, read, answer, stream, fail. Nothing here knows what routing is."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import cache
from math import ceil
from typing import Any
from urllib.parse import quote

from router.core.relay import event_bytes
from router.core.request import ModelRequest
from router.core.whole_json import dumps
from router.errors import GatewayError, MethodNotAllowed, SlowCaller, UpstreamError
from router.http.auth import Authenticator
from router.http.body import CallerGone, Receive, Scope, WireLimits, check_body_headers, read_body
from router.http.server import ON_HANG_UP, OnHangUp
from router.http.slots import Slots
from router.record.record import Draft

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_AS_IT_IS = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
"""What a header can hold and no percent sign begins; the rest of a name is percent-encoded."""

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""Source: W3C Trace Context, 3.2.2. Whoever sends another has no trace that could be joined."""


class AsgiExchange:
    """The caller's side of one request. ``closed`` is set when the caller hung up."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        parse: Callable[[bytes], ModelRequest],
        auth: Authenticator,
        limits: WireLimits,
        slots: Slots,
    ) -> None:
        """Take the ASGI triple, the dialect's parser, who may call, and what there is room for."""
        self._scope, self._receive, self._send = scope, receive, send
        self._auth, self._limits, self._slots = auth, limits, slots
        self.parse = parse
        self.has_company = self._has_slot = False
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        session = self.headers.get(b"x-session-id")
        self.session_header = session.decode("latin-1") or None if session else None
        self.fusion_depth = _fusion_depth(self.headers)
        trace = self.headers.get(b"traceparent")
        self.traceparent = trace.decode() if trace and _TRACEPARENT.fullmatch(trace) else None
        self.closed = self.answered = False
        self._begun = False
        self._on_hang_up: set[OnHangUp] = (scope.get("extensions") or {}).get(ON_HANG_UP, set())

    async def receive(self, draft: Draft) -> bytes:
        """Authenticate and read the body; from here on a hang-up cancels the request.

        Raises:
            GatewayError: wrong key, method, content type or size; too slow; no room.
        """
        draft.caller = self._auth.caller(self.headers)
        if self._scope["method"] != "POST":
            raise MethodNotAllowed(f"{self._scope['method']} is not allowed here; send a POST.")
        self.has_company = self._slots.taken > 0
        self._slots.take()
        self._has_slot = True
        check_body_headers(self.headers)
        try:
            body = await read_body(self._scope, self._receive, self.headers, self._limits)
        except CallerGone:
            self.closed = True
            raise asyncio.CancelledError from None
        self._on_hang_up.add(self._hung_up)
        return body

    async def reply(self, draft: Draft, body: dict[str, Any]) -> None:
        """Answer in one piece."""
        draft.status = 200
        await self._respond(200, dumps(body), draft)

    async def begin(self, draft: Draft) -> None:
        """Send the status and the headers of an event stream."""
        draft.status, self._begun = 200, True
        # the call that streams has not ended; a run has made none yet, and nobody knows how many it will make
        attempts = None if draft.route == "fusion" else len(draft.attempts) + 1
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
            *_router_headers(draft, attempts, with_cost=False),
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(self, data: bytes) -> None:
        """Send events as they are."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, chunks: list[dict[str, Any]]) -> None:
        """Send the last chunks and the end of the stream."""
        data = b"".join([event_bytes(chunk) for chunk in chunks]) + b"data: [DONE]\n\n"
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def fail(self, draft: Draft, error: GatewayError) -> None:
        """Say what went wrong: with its status, or in an event where the stream has begun (and then no ``[DONE]``)."""
        if self._begun:
            await self._send({"type": "http.response.body", "body": self._broken(error), "more_body": False})
            self.answered = True
            return
        draft.status = error.status
        await self._respond(error.status, dumps(error.body()), draft, error_headers(error, spent=_has_spent(draft)))
        self.answered = True

    def _broken(self, error: GatewayError) -> bytes:
        """What a stream ends with that broke."""
        return event_bytes(error.body())

    def release(self) -> None:
        """Listen for a hang-up no longer, and let another request have the place."""
        self._on_hang_up.discard(self._hung_up)
        if self._has_slot:
            self._slots.give_back()

    async def _respond(self, status: int, body: bytes, draft: Draft, extra: list[Header] | None = None) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *_router_headers(draft, len(draft.attempts), with_cost=True),
            *(extra or ()),
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _hung_up(self, serving: "asyncio.Task[None]") -> None:
        """Cancel the request."""
        self.closed = True
        serving.cancel()


def id_headers(request_id: str) -> list[Header]:
    """A reply's id under our name, and under the one by which OpenAI's SDKs show it (``request_id``, ``_request_id``)."""
    named = request_id.encode()
    return [(b"x-router-request-id", named), (b"x-request-id", named)]


def _router_headers(draft: Draft, attempts: int | None, *, with_cost: bool) -> list[Header]:
    """The ``x-router-*`` headers, as far as they are known."""
    headers = id_headers(draft.request_id)
    if attempts is not None:
        headers.append((b"x-router-attempts", b"%d" % attempts))
    if draft.route is not None:
        headers.append((b"x-router-route", draft.route.encode()))
    if draft.reason is not None:
        headers.append((b"x-router-reason", draft.reason.encode()))
    model = draft.model
    if model is not None:
        headers.append((b"x-router-model", _named(model)))
    if draft.classifier:
        headers.append((b"x-router-classifier", _named(draft.classifier)))
    assessment = draft.decision.assessment if draft.decision is not None else None
    if assessment is not None:
        headers.append((b"x-router-complexity", b"%.3f" % assessment.complexity))
    if with_cost and draft.decision is not None:
        bill = draft.bill
        headers.append((b"x-router-cost-usd", b"unpriced" if bill.unpriced else b"%.9f" % (bill.cost_usd or 0.0)))
        if draft.baseline.price is None:
            headers.append((b"x-router-baseline-cost-usd", b"unpriced"))
        elif bill.baseline_cost_usd is not None:
            headers.append((b"x-router-baseline-cost-usd", b"%.9f" % bill.baseline_cost_usd))
    return headers


@cache
def _named(name: str) -> bytes:
    """A model's or an artifact's name as a header holds it; they are few, so each is written once."""
    return quote(name, _AS_IT_IS, errors="replace").encode("ascii")


def _fusion_depth(headers: Mapping[bytes, bytes]) -> int:
    """How many runs this request is inside of, by the larger word of two; what cannot be read counts as one."""
    told = (headers.get(b"x-router-fusion-depth"), headers.get(b"x-openrouter-fusion-depth"))
    if told == (None, None):
        return 0
    return max([int(value) if value.isdigit() and len(value) < 4 else 1 for value in told if value], default=0)


def _has_spent(draft: Draft) -> bool:
    """Whether a call was made that may cost money."""
    return any(attempt.usage is not None for attempt in draft.attempts)


def error_headers(error: GatewayError, *, spent: bool = False) -> list[Header]:
    """When to come back, and whether at all: not where money has been spent, so that SDKs do not spend it again."""
    headers: list[Header] = [(b"connection", b"close")] if isinstance(error, SlowCaller) else []
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", b"POST"))
    told = error.should_retry if isinstance(error, UpstreamError) else None
    if spent or told is False or (isinstance(error, UpstreamError) and error.billed):
        return [*headers, (b"x-should-retry", b"false")]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, ceil(error.retry_after_s))))
        headers.append((b"retry-after-ms", b"%d" % max(1, error.retry_after_s * 1000)))
    if told or error.status in (429, 503):
        headers.append((b"x-should-retry", b"true"))
    return headers
