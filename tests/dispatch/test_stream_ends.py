"""What becomes of the connection to a provider when a stream has ended, and when its caller has hung up."""

import asyncio
from time import monotonic

import pytest

from router.core.health import CooldownRules
from router.core.plan import Step
from router.dispatch.http_transport import HttpTransport
from router.dispatch.single import Dispatcher
from router.dispatch.trip import Trip

PLAN = (Step("small", "small"),)


async def relayed(caller, model, send):
    """Stream a model's answer through a dispatcher into ``send``."""
    call = caller.call(model, stream=True)
    dispatcher = Dispatcher({"small": call.target}, lambda target: caller.provider, CooldownRules(3, 5.0))
    trip, deadline_s = Trip(10, []), monotonic() + 5
    live = await dispatcher.open(PLAN, call.body, deadline_s, trip)

    async def begin():
        pass

    await dispatcher.pump(live, deadline_s, trip, begin, send)


async def take(data):
    pass


async def test_a_stream_that_has_ended_gives_its_connection_back(over_socket):
    transport = over_socket.provider.transport
    assert isinstance(transport, HttpTransport)
    for _ in range(3):
        await relayed(over_socket, "strong?latency_ms=0&tokens_per_second=0", take)
        assert transport.counts() == (0, 1)


async def test_a_stream_whose_caller_hangs_up_ends_at_its_provider_too(over_socket, upstream, wait_until):
    transport, before, came = over_socket.provider.transport, upstream.app.hung_up, asyncio.Event()

    async def send(data):
        came.set()

    reading = asyncio.create_task(relayed(over_socket, "instant?words=500&tokens_per_second=100", send))
    await came.wait()
    assert transport.counts()[0] == 1
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert transport.counts() == (0, 0)
    assert await wait_until(lambda: upstream.app.hung_up == before + 1)
