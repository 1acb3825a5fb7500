"""How long a caller's connection may take for what, and how much of it."""

from dataclasses import dataclass

KEEP_ALIVE_S = 75
"""How long a connection may be idle: longer than load balancers keep theirs, so that it is they who close them.

Source: 60 s, of AWS's and of nginx's ``keepalive_timeout`` to upstreams; nginx itself gives its clients 75 s.
"""

BUSY_S = 1.0
"""Who asked, or connected, so recently may be asking again: while the server ends, it still gets an answer.

That one says that the connection ends; a stream's head, for one, had left before anybody knew. Source: what nginx has
``keepalive_min_timeout`` for.
"""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a request's head may take, a reply, and all connections together.

    Attributes:
        head_s: a connection that has not finished a head this long after its first byte is closed.
        max_head_bytes: so is one whose head is larger.
        reply_s: a caller who has not taken what it was sent so long after its request is hung up on; with a reply that is
            complete, not before it has taken nothing for so long.
        max_callers: where more are connected, the one that has been idle for longest is hung up on; None for no limit.
    """

    head_s: float = 10.0
    max_head_bytes: int = 64 * 1024
    reply_s: float = 600.0
    max_callers: int | None = None
