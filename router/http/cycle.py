"""uvicorn's cycle of a request and its reply, with a shorter way to write the reply.

Laws:

* A reply's head leaves with the first part of its body, in one packet; an empty part sends the head alone. ASGI asks
  for as much: a server must not start sending before it has been given some of the body.
* No header can add another: a line break inside of one fails the request.
* A body of unknown length leaves in chunks; to a client of HTTP/1.0, which knows none, as it is, and ends with the
  connection.

uvicorn writes head and body apart, which takes two system calls and two packets, and searches each name and value by
itself for what none of them may hold.
"""

from asyncio import Event
from collections.abc import Mapping, Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

_WITHOUT_BODY = (204, 304)


class Cycle(RequestResponseCycle):
    """One request and its reply. What uvicorn sets on each object and never changes stays on the class."""

    access_log = False
    disconnected = False
    more_body = True
    response_started = response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    _ends_with_the_connection = False
    _unframed: Sequence[tuple[bytes, bytes]] = ()
    """The headers of a reply of unknown length."""

    _head = b""

    def __init__(self, connection: HttpToolsProtocol, *, keep_alive: bool, is_waited_for: bool) -> None:
        """The request that a connection has read the head of; ``is_waited_for`` where the body waits for our leave."""
        self.scope, self.transport, self.flow = connection.scope, connection.transport, connection.flow
        self.logger, self.on_response = connection.logger, connection.on_response_complete
        self.default_headers = connection.server_state.default_headers
        self.keep_alive, self.waiting_for_100_continue = keep_alive, is_waited_for
        self.message_event = Event()
        self.body = bytearray()

    async def send(self, message: Any) -> None:
        """Take a part of the reply from the application."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.body" and self.response_started and not self.response_complete:
            self._write(message.get("body", b""), more=message.get("more_body", False))
        elif kind == "http.response.start" and not self.response_started:
            self._head = self._written(message)
            self.response_started, self.waiting_for_100_continue = True, False
        else:
            raise RuntimeError(f"ASGI message {kind!r} came where it cannot be sent")

    def take_body(self) -> bytes | None:
        """The body, where all of it has come and the caller is still there; ``receive`` has nothing more then."""
        if self.more_body or self.disconnected:
            return None
        self.flow.resume_reading()
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return body

    @property
    def head_has_left(self) -> bool:
        """Whether the caller has been told how the connection goes on."""
        return self.response_started and not self._head

    def probe(self) -> bytes:
        """What can be sent now and means nothing; empty where there is no such thing."""
        if not self.head_has_left:
            return b"HTTP/1.1 100 Continue\r\n\r\n" if self.scope["http_version"] != "1.0" else b""
        if not any(value.startswith(b"text/event-stream") for _, value in self._unframed):
            return b""
        return b"3\r\n:\n\n\r\n" if self.chunked_encoding else b":\n\n"

    def _written(self, message: Mapping[str, Any]) -> bytes:
        """The reply's head; notes what it says of the body and of the connection."""
        status, headers = message["status"], [*self.default_headers, *message.get("headers", ())]
        has_length = closes = False
        for name, value in headers:
            if name == b"content-length":
                self.expected_content_length, has_length = int(value), True
            elif name == b"connection":
                closes = value.lower() == b"close"
        if closes:
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        self.chunked_encoding = not has_length and status not in _WITHOUT_BODY and self.scope["method"] != "HEAD"
        if self.chunked_encoding:
            self._unframed = headers
            if self.scope["http_version"] == "1.0":
                self.chunked_encoding, self._ends_with_the_connection = False, True
            else:
                headers.append((b"transfer-encoding", b"chunked"))
        lines = [STATUS_LINE[status].rstrip(), *map(b": ".join, headers)]
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        if head.count(b"\n") != len(lines) + 1 or head.count(b"\r") != len(lines) + 1:
            raise RuntimeError("a header of the reply holds a line break")
        return head

    def _write(self, body: bytes, *, more: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            body, self.expected_content_length = b"", 0
        elif self.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = chunk if more else chunk + b"0\r\n\r\n"
        else:
            self.expected_content_length -= len(body)
            is_wrong = self.expected_content_length < 0 or (self.expected_content_length and not more)
            if is_wrong and not self._ends_with_the_connection:
                raise RuntimeError("the reply's body is not as long as its content-length says")
        if head or body:
            self.transport.write(head + body)
        if not more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
