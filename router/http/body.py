"""Reading a request's body: JSON as it is, within its size, within its time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from router.errors import BodyTooLarge, SlowCaller, WrongContentType
from router.http.server import WHOLE_BODY

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class WireLimits:
    """What a caller may send.

    Attributes:
        read_s: time for the whole body to arrive.
    """

    max_body_bytes: int
    read_s: float


class CallerGone(Exception):
    """The connection was lost before the body was here."""


def check_body_headers(headers: Mapping[bytes, bytes]) -> None:
    """A body is JSON as it is, and says so: what a form on a foreign web page can send is not taken.

    Raises:
        WrongContentType: it says otherwise.
    """
    kind = headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if kind != b"application/json" and not kind.endswith(b"+json"):
        raise WrongContentType("The body must be sent as `content-type: application/json`.")
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise WrongContentType("The body must be sent as it is, without `content-encoding`.")


async def read_body(scope: Scope, receive: Receive, headers: Mapping[bytes, bytes], limits: WireLimits) -> bytes:
    """Read the body of an ASGI request.

    Raises:
        BodyTooLarge, SlowCaller: it does not keep to the limits.
        CallerGone: nobody sends it any more.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limits.max_body_bytes:
        raise _too_large(limits)
    whole_body = (scope.get("extensions") or {}).get(WHOLE_BODY)
    body: bytes | None = whole_body() if whole_body is not None else None
    if body is not None:
        if len(body) > limits.max_body_bytes:
            raise _too_large(limits)
        return body
    try:
        async with asyncio.timeout(limits.read_s):
            return await _parts(receive, limits)
    except TimeoutError as error:
        raise SlowCaller(f"The request body did not arrive within {limits.read_s:g} s.") from error


async def _parts(receive: Receive, limits: WireLimits) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limits.max_body_bytes:
            raise _too_large(limits)
        if not message.get("more_body"):
            return b"".join(parts)


def _too_large(limits: WireLimits) -> BodyTooLarge:
    return BodyTooLarge(
        # the status's old name is what agents know that they should compact the conversation by
        f"Request entity too large: the body has more than {limits.max_body_bytes} bytes (`limits.max_body_bytes`).",
        param="body",
    )
