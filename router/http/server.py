"""uvicorn, with what it lacks: deadlines for a request's head and for taking the reply, a cap on the head, notice of a hang-up.

Source: uvicorn's ``HttpToolsProtocol``; its ``h11_max_incomplete_event_size`` caps the head for h11 only, and its
keep-alive timer does not run while a head trickles in.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, parse_url
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.http.connection_limits import BUSY_S, ConnectionLimits
from router.http.cycle import Cycle
from router.http.half_closed import still_waits
from router.http.outbox import Outbox
from router.http.resumed import resumed_parser

ON_HANG_UP = "fusion_router.on_hang_up"
"""The ASGI extension: a set of functions that are called with the serving task when the connection is lost.

ASGI itself has the application wait for ``http.disconnect``, which takes a task of its own per request.
"""

OnHangUp = Callable[[asyncio.Task[None]], None]

WHOLE_BODY = "fusion_router.whole_body"
"""The ASGI extension: gives the request's body where all of it has come, else None: ``receive`` is then the way to it.

Most bodies come with their heads: for those nobody needs a timer, an event or a list of parts.
"""


class GuardedProtocol(HttpToolsProtocol):
    """Counts and times the bytes of a head, and times how a reply is taken. The application has ``connection_limits``."""

    cycle: Cycle
    pipeline: deque[tuple[Cycle, Any]]  # type: ignore[assignment]  # all cycles are ours
    transport: Outbox
    _in_head = False
    """Between a head's first byte and its last; a line's end before the first, as some clients end a body, is none of it."""

    _head_bytes = 0
    """Of a head that began with a packet; -1 while a body comes."""

    _header_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _reply_timer: asyncio.TimerHandle | None = None
    _idle_since_s: float | None = None
    _is_ending = False
    """The server ends: who asks again is told that this was the last time."""

    _asked_at_s = 0.0
    _answered: Cycle | None = None
    """The request that is being served, or was last; ``cycle`` is the newest, which may wait behind it."""

    _serving: asyncio.Task[None] | None = None
    _is_deaf = False
    """What came behind the requests that are being served was refused; nothing more is read."""

    def connection_made(self, transport: Any) -> None:
        """Start timing."""
        self._limits: ConnectionLimits = getattr(self.app, "connection_limits", ConnectionLimits())
        super().connection_made(Outbox(transport, self.loop, self.tasks, self._limits.reply_s))
        self._on_hang_up: set[OnHangUp] = set()
        self._extensions = {ON_HANG_UP: self._on_hang_up, WHOLE_BODY: self._whole_body}
        self._idle_since_s = self.loop.time()
        self._start_timer()
        if self._limits.max_callers is not None and len(self.connections) > self._limits.max_callers:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop timing, and tell who wants to know."""
        self._stop_timer()
        self.resume_writing()
        self.transport.lost()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().connection_lost(exc)
        self._extensions = {}  # it holds our method, as the requests that wait do: cycles that only the collector would find
        self.pipeline.clear()
        self._tell_of_hang_up()

    def _make_room(self) -> None:
        """Close the connection that has been idle for longest: somebody new needs the file that it keeps open."""
        connections: Iterable[Any] = self.connections
        idle = [
            (each._idle_since_s, id(each), each.transport)
            for each in connections
            if each is not self and each._idle_since_s is not None and not each.transport.is_closing()
        ]
        if idle:
            min(idle)[-1].close()

    def pause_writing(self) -> None:
        """The caller does not take what it is sent: it has until the end of its request's time."""
        super().pause_writing()
        ends_s, untaken = self._asked_at_s + self._limits.reply_s, self.transport.get_write_buffer_size()
        self._reply_timer = self.loop.call_at(ends_s, self._end_reply, untaken)

    def resume_writing(self) -> None:
        """It takes it."""
        super().resume_writing()
        if self._reply_timer is not None:
            self._reply_timer.cancel()
            self._reply_timer = None

    def _end_reply(self, untaken: int) -> None:
        """Its time is over. A caller who is still taking one that is complete may go on.

        Else the request ends at once: a time-out that ended it in the same turn of the loop would blame its provider.
        """
        left = self.transport.get_write_buffer_size()
        if self._answered is not None and self._answered.response_complete and left < untaken:
            self._reply_timer = self.loop.call_later(self._limits.reply_s, self._end_reply, left)
            return
        self._tell_of_hang_up()
        self.transport.abort()

    def _tell_of_hang_up(self) -> None:
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
        if self._serving is not None:
            for tell in tuple(self._on_hang_up):
                tell(self._serving)
            self._serving = None

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's own always closes
        """The caller sends no more: stay open as long as it may be waiting for the reply to what it sent."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body or self.pipeline:
            return False
        cycle.keep_alive = False
        return still_waits(self.transport, cycle, self.loop, self.loop.time())

    def data_received(self, data: bytes) -> None:
        """Count, then read."""
        if self._is_deaf:
            return
        if self._head_bytes >= 0:
            self._head_bytes += len(data)
        try:
            self._feed(data)
        except HttpParserError:
            complaint = "Invalid HTTP request received."
            self.logger.warning(complaint)
            self.send_400_response(complaint)
            return
        if self._head_bytes > self._limits.max_head_bytes:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._in_head and self._head_timer is None and not self._owes_a_reply():
            self._start_timer()  # most heads are whole: no timer for those

    def _feed(self, data: bytes) -> None:
        """Parse; where another protocol is offered, what follows is still HTTP/1.1, first of all the request's body."""
        while data:
            try:
                self.parser.feed_data(data)
                return
            except HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
                self.cycle.more_body, self._head_bytes = True, -1
                self.cycle.message_event.clear()
                self.parser = resumed_parser(self, self.headers)

    def on_message_begin(self) -> None:
        """Begin to count; the connection is not idle."""
        self._idle_since_s, self._in_head = None, True
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._header_bytes = 0

    def on_headers_complete(self) -> None:
        """The head is here: no more counting until the next one.

        Raises:
            ValueError: it is too large; the parser stops, and ``send_400_response`` says why.
        """
        came, self._head_bytes, self._in_head = self._head_bytes, -1, False
        self._stop_timer()
        if not 0 < came <= self._limits.max_head_bytes:  # more came than the head, or it came behind another request
            self._header_bytes = sum(len(name) + len(value) + 4 for name, value in self.headers)
            if self._header_bytes > self._limits.max_head_bytes:
                raise ValueError("the head is too large")
        existing, self.cycle = self.cycle, self._new_cycle()
        if existing is None or existing.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:  # it was sent before the reply to the one before it
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def send_400_response(self, msg: str) -> None:
        """The parser stopped: on a head that is too large, or on what is not HTTP."""
        if self._header_bytes > self._limits.max_head_bytes:
            self._head_bytes = self._header_bytes
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._owes_a_reply():
            self._end_behind_replies()
        else:
            super().send_400_response(msg)

    def on_message_complete(self) -> None:
        """The next bytes belong to a new head."""
        self._head_bytes = 0
        if not self.pipeline:
            self._asked_at_s = self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Serve what was sent meanwhile, or begin to be idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        if self._in_head:  # of the next request
            if self._head_timer is None:
                self._start_timer()
            return
        self._idle_since_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._await_idleness(self.timeout_keep_alive)

    def shutdown(self) -> None:
        """The server ends: close an idle connection, and let a busy one's next reply say that it is the last."""
        self._is_ending, self.timeout_keep_alive = True, BUSY_S  # type: ignore[assignment]  # uvicorn takes whole seconds
        self._unset_keepalive_if_required()
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.head_has_left:
            self.cycle.keep_alive = False
        else:
            self.timeout_keep_alive_handler()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle for long enough.

        One timer for as long as the connection lives: one for each request, as uvicorn has it, takes 2 µs.
        """
        self.timeout_keep_alive_task = None
        if self._idle_since_s is None:
            return
        left_s = self._idle_since_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._await_idleness(left_s)
        else:
            super().timeout_keep_alive_handler()

    def _await_idleness(self, for_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(for_s, self.timeout_keep_alive_handler)

    def _start_asgi_task(self, cycle: Cycle, app: Any) -> None:  # type: ignore[override]
        """Serve a request."""
        self._answered, self._asked_at_s = cycle, self.loop.time()
        task = self._serving = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _new_cycle(self) -> Cycle:
        """The request whose head is here. uvicorn's way to make one takes three times as long."""
        parser, url = self.parser, self.url
        if url.startswith(b"/"):
            raw_path, _, query = url.partition(b"?")
        else:  # a whole URL, as proxies are sent it, or what is none
            parsed = parse_url(url)
            raw_path, query = parsed.path, parsed.query or b""
        path = raw_path.decode("ascii")
        version = parser.get_http_version()
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "scheme": self.scheme,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "client": self.client,
            "server": self.server,
            "state": self.app_state.copy(),
            "extensions": self._extensions,
        }
        self.scope = scope
        keep_alive = version != "1.0" and not self._is_ending and parser.should_keep_alive()
        is_waited_for = self.expect_100_continue and version != "1.0"
        return Cycle(self, keep_alive=keep_alive, is_waited_for=is_waited_for)

    def _whole_body(self) -> bytes | None:
        """Of the request that is being served."""
        return self._answered.take_body() if self._answered is not None else None

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(self._limits.head_s, self._refuse, b"408 Request Timeout")

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: bytes) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self._owes_a_reply():
            self._end_behind_replies()
            return
        if self._head_bytes > 0:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()

    def _owes_a_reply(self) -> bool:
        """A request that came whole is being served: nothing else is said before it has been answered."""
        cycle = self._answered
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def _end_behind_replies(self) -> None:
        """What came behind the requests that are being served cannot be read: the connection ends with their replies."""
        self.cycle.keep_alive = False
        self._is_deaf = True
