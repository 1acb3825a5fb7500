"""A caller who sends no more while its request is served: it has hung up, or has shut its sending side down and waits.

Both look alike until something is sent: a caller who waits takes it; where it is gone, its system refuses it. So what is
sent is something that means nothing: ``100 Continue`` before the reply, of which a client must take any number
(RFC 9110, 15.2), or a comment between two events. Where neither can be sent, a caller who sends no more has hung up.
"""

import asyncio
import socket

from router.http.cycle import Cycle

PROBES_S = (0.0, 0.5, 1.0, 2.0, 5.0)
"""When to send it, after the caller's end. A relay that passes an end on, as those do that forward ports, may learn of a
hang-up by the first that it cannot deliver, close its connection to us upon the second, and refuse the third."""

LOOK_S = 0.1
"""How often to look whether it was refused: nobody tells of a connection that there is nothing to read from."""


def still_waits(
    transport: asyncio.Transport, cycle: Cycle, loop: asyncio.AbstractEventLoop, since_s: float, probes: int = 0
) -> bool:
    """Whether the caller may be waiting for its reply; if so, looks again until it has it, and closes if it is gone.

    Args:
        transport: the connection.
        cycle: the request that is being served.
        loop: the running loop.
        since_s: when the caller ended, by the loop's clock.
        probes: how many were sent.
    """
    if cycle.response_complete or transport.is_closing():
        return False
    if probes < len(PROBES_S) and loop.time() >= since_s + PROBES_S[probes]:
        probe = cycle.probe()
        if probe:
            transport.write(probe)
        elif not probes:
            return False
        probes += 1
    if transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        transport.close()
        return False
    loop.call_later(LOOK_S, still_waits, transport, cycle, loop, since_s, probes)
    return True
