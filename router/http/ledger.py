"""The ledger's endpoints: verdicts on answers come in, decisions go out."""

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import orjson
from fastapi import FastAPI, Request, Response

from router.core.since import read_since
from router.core.whole_json import loads
from router.errors import BadRequest, BodyTooLarge, LedgerDisabled
from router.http.auth import Authenticator
from router.http.body import CallerGone, WireLimits, check_body_headers, read_body
from router.http.slots import Slots

if TYPE_CHECKING:
    from router.record.ledger.access import LedgerAccess

MAX_FEEDBACK_BYTES = 65_536
DEFAULT_LIMIT, MAX_LIMIT = 1_000, 10_000
"""Decisions in one answer."""

NEXT_AFTER = "x-router-next-after"
"""Header of a page of decisions: what to send as ``after`` for the next."""

OnFeedback = Callable[[str | None, str], None]


def add_ledger_endpoints(
    app: FastAPI,
    ledger: "LedgerAccess | None",
    auth: Authenticator,
    auditors: Collection[str],
    on_feedback: OnFeedback,
    limits: WireLimits,
    slots: Slots,
) -> None:
    """Put the endpoints on the application; without a ledger they say so.

    Args:
        auditors: keys that may read and judge everybody's requests.
        on_feedback: is told the route and the verdict of each judgement that is news.
        limits: of other bodies; a verdict's is smaller.
        slots: a verdict takes one while it is read and kept.
    """

    def open_ledger() -> "LedgerAccess":
        if ledger is None:
            raise LedgerDisabled("This gateway keeps no ledger; set `ledger.enabled: true` in its config.")
        return ledger

    def scope_of(caller: str) -> str | None:
        """Whose requests a caller may see: its own, or everybody's."""
        return None if caller == "" or caller in auditors else caller

    @app.post("/v1/feedback")
    @app.post("/feedback")
    async def feedback(request: Request) -> Response:
        """A verdict on an answer. The last one on a request counts; the same one again is answered alike."""
        from router.record.ledger.feedback import read_judgement

        caller = auth.caller(dict(request.scope["headers"]))
        kept_in = open_ledger()
        slots.take()
        try:
            judgement = read_judgement(_parsed(await _body(request, limits)))
            kept = await kept_in.judge(judgement, caller, scope_of(caller))
        except CallerGone:
            return Response()  # to nobody
        finally:
            slots.give_back()
        if kept.is_news:
            on_feedback(kept.route, judgement.verdict)
        said = {
            "request_id": judgement.request_id,
            "verdict": judgement.verdict,
            "score": judgement.score,
            "comment": judgement.comment,
            "route": kept.route,
        }
        return Response(orjson.dumps(said), media_type="application/json")

    @app.get("/v1/decisions")
    @app.get("/decisions")
    async def decisions(request: Request) -> Response:
        """Recorded decisions as JSON lines, in the order in which they were written."""
        caller = auth.caller(dict(request.scope["headers"]))
        kept_in = open_ledger()
        since_s = _since(request.query_params.get("since"))
        after = _whole(request, "after", 0, 0, 2**63 - 1)
        limit = _whole(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        lines, last = await kept_in.decisions(since_s, after, limit, scope_of(caller))
        return Response(lines, headers={NEXT_AFTER: str(last)}, media_type="application/x-ndjson")


def _since(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return read_since(text, time.time())
    except ValueError as error:
        raise BadRequest(f"`since` is wrong: {error}.", param="since") from None


def _whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise BadRequest(f"`{name}` must be a whole number from {least} to {most}.", param=name)
    return int(text)


async def _body(request: Request, limits: WireLimits) -> bytes:
    headers = dict(request.scope["headers"])
    check_body_headers(headers)
    try:
        return await read_body(request.scope, request.receive, headers, WireLimits(MAX_FEEDBACK_BYTES, limits.read_s))
    except BodyTooLarge:
        raise BodyTooLarge(f"A verdict is at most {MAX_FEEDBACK_BYTES} bytes.", param="body") from None


def _parsed(body: bytes) -> object:
    try:
        return loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.", param="body") from None
