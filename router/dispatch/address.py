"""Where the calls to a target go: from its ``api_base`` to the bytes that every request there begins with."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from router import __version__
from router.dispatch.provider import Operation, Proxy, Target
from router.errors import UpstreamAuthFailed, UpstreamUnreachable

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OUR_HEADERS = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Of the connection or of the body's frame: another value breaks the call."""
_KEPT_IN_PATHS = "/:@!$&'()*+,;=~%"
"""What may stand in a path besides letters, digits and ``-._``; ``%`` because bases come quoted. Source: RFC 3986."""


class Origin(NamedTuple):
    """Whom to connect to; connections to the same origin are shared."""

    host: str
    port: int
    tls: bool
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where calls of one kind go, and what each of them carries.

    Attributes:
        path: with the query; a whole URL where it is a proxy that reads it.
        headers: names in lower case.
        head: the request's first bytes, up to the headers that differ from call to call.
    """

    origin: Origin
    path: str
    headers: Mapping[str, str]
    head: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Write the head, once for all calls."""
        object.__setattr__(self, "head", f"POST {self.path} HTTP/1.1\r\n".encode() + header_lines(self.headers))


def address_of(
    target: Target, operation: Operation, *, stream: bool = False, default_base: str | None = None
) -> Address:
    """Say where a target's calls go.

    Raises:
        UpstreamUnreachable: it has no usable ``api_base``.
        UpstreamAuthFailed: a header cannot be sent; the message names the setting, not the value.
    """
    name = target.deployment.name
    base = target.api_base or default_base
    if base is None:
        raise UpstreamUnreachable(f"{name}: no api_base; set pool.{name}.api_base to the provider's base URL")
    try:
        url = urlsplit(base)
        host, port = (url.hostname or "").encode("idna").decode(), url.port
    except ValueError:  # UnicodeError is one
        host, port = "", None
    if not host or url.scheme not in ("http", "https"):
        raise UpstreamUnreachable(
            f"{name}: api_base is not an http(s) URL; set pool.{name}.api_base, e.g. http://127.0.0.1:8001/v1"
        )
    tls = url.scheme == "https"
    usual_port = 443 if tls else 80
    shown = authority(host, None if port == usual_port else port)
    headers = {
        "host": shown,
        "user-agent": f"fusion-router/{__version__}",
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        "accept-encoding": "identity",  # compressors hold a stream's tokens back, and a reply's few kB gain nothing
    }
    if target.api_key is not None:
        headers["authorization"] = f"Bearer {target.api_key}"
    elif url.username:
        user = f"{unquote(url.username)}:{unquote(url.password or '')}"
        headers["authorization"] = f"Basic {b64encode(user.encode()).decode()}"
    proxy = target.proxy
    if proxy is not None and proxy.authorization is not None and not tls:  # in a tunnel it would reach the provider
        headers["proxy-authorization"] = proxy.authorization
    headers |= {key.lower(): value for key, value in target.headers.items()}
    for key, value in headers.items():
        if not HEADER_NAME.fullmatch(key):
            raise UpstreamAuthFailed(f"{name}: a header's name is none; check the names in pool.{name}.headers")
        if any(char in value for char in "\r\n\0"):
            raise UpstreamAuthFailed(
                f"{name}: a header holds a line break; check the end of pool.{name}.api_key and its headers"
            )
    path = f"{url.path.rstrip('/')}/{operation}" + (f"?{url.query}" if url.query else "")  # Azure's api-version
    path = quote(path, safe=f"{_KEPT_IN_PATHS}?")
    if proxy is not None and not tls:
        path = f"http://{shown}{path}"
    return Address(Origin(host, port or usual_port, tls, proxy), path, headers)


def authority(host: str, port: int | None) -> str:
    """Host and port as a URL has them."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Headers as they go over the wire. Source: RFC 9110 section 5.5 lets values hold any byte but controls."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode()
