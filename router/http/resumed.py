"""Going on with HTTP/1.1 where a client offered something else: what the parser takes for another protocol's first bytes.

Java's clients offer HTTP/2 with a request on a plain connection (``Upgrade: h2c``) and send its body behind. A server may
leave the offer alone (RFC 9110, 7.8); the parser, which cannot know that, stops at the end of the head.
"""

from typing import Any

from httptools import HttpRequestParser

_FRAMING = (b"content-length", b"transfer-encoding")


class Resumed:
    """What a parser tells, for a connection that has had the first head already: its body, then whatever comes."""

    def __init__(self, connection: Any) -> None:
        """Tell ``connection``, a protocol with httptools' callbacks."""
        self._connection = connection
        self._has_begun = False

    def on_message_begin(self) -> None:
        """The first has begun; others begin."""
        if self._has_begun:
            self._connection.on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Of a later request."""
        if self._has_begun:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of a later request."""
        if self._has_begun:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        """The first head is complete again; others are for the first time."""
        if self._has_begun:
            self._connection.on_headers_complete()
        self._has_begun = True

    def on_body(self, body: bytes) -> None:
        """Part of a body."""
        self._connection.on_body(body)

    def on_message_complete(self) -> None:
        """The end of a body."""
        self._connection.on_message_complete()


def resumed_parser(connection: Any, headers: list[tuple[bytes, bytes]]) -> HttpRequestParser:
    """A parser that has read a head with the framing of ``headers`` and goes on with the body."""
    parser = HttpRequestParser(Resumed(connection))
    framing = [b"%b: %b\r\n" % header for header in headers if header[0] in _FRAMING]
    parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing))
    return parser
