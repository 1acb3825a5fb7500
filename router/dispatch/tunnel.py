"""The way through a proxy: a tunnel to a provider behind TLS, and which replies to a plain request are not the provider's."""

import ssl
from collections.abc import Mapping

from router import __version__
from router.dispatch.address import Origin, authority, header_lines
from router.dispatch.breakage import (
    Breakage,
    NoTunnelInTime,
    OutOfTime,
    ProxyFailed,
    ProxyForbids,
    ProxyWantsLogin,
    meaning,
)
from router.dispatch.connection import Connection
from router.dispatch.provider import Proxy, Target
from router.errors import UpstreamError, UpstreamUnreachable

REFUSALS: Mapping[int, type[Breakage]] = {403: ProxyForbids, 407: ProxyWantsLogin}
"""What a proxy's answer to ``CONNECT`` means; all that is neither here nor a success is ``ProxyFailed``."""

_AMBIGUOUS = (403, 502, 503, 504)
"""Statuses of a provider and of a proxy alike; a provider's say in JSON what is wrong."""


async def open_tunnel(
    connection: Connection, origin: Origin, proxy: Proxy, tls: ssl.SSLContext, ends_s: float
) -> Connection:
    """Ask the proxy at the other end for a tunnel, and speak TLS through it.

    Raises:
        Breakage: the proxy opens none, or not in time.
        OSError: the handshake with whom it leads to failed.
    """
    place = authority(origin.host, origin.port)
    headers = {"host": place, "user-agent": f"fusion-router/{__version__}"}
    if proxy.authorization is not None:
        headers["proxy-authorization"] = proxy.authorization
    try:
        reply = connection.send(
            f"CONNECT {place} HTTP/1.1\r\n".encode() + header_lines(headers) + b"\r\n", ends_s, None
        )
        try:
            await reply.head()
        except OutOfTime:
            raise NoTunnelInTime from None
        except Breakage:
            raise ProxyFailed from None
        if not 200 <= reply.status < 300 or reply.has_body:  # a provider waits for us to begin
            raise REFUSALS.get(reply.status, ProxyFailed)
        return await connection.secure(tls, origin.host)
    except BaseException:
        connection.break_off()
        raise


def refused_by_proxy(status: int, headers: Mapping[str, str], target: Target) -> UpstreamError | None:
    """The error where a refusal is not the provider's; None where it is, as all are that come out of a tunnel."""
    if target.proxy is None or (target.api_base or "").lower().startswith("https:"):
        return None
    name = target.deployment.name
    if status == 407:
        return meaning(ProxyWantsLogin(), name)
    if status not in _AMBIGUOUS or "json" in headers.get("content-type", "").lower():
        return None
    return UpstreamUnreachable(
        f"{name}: {status}, but not in JSON, so from the proxy or another server before the provider; "
        "have the provider's host allowed there, or name it in NO_PROXY"
    )
