"""A scripted upstream on a loopback port, and calls to it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest

from router.core.types import Deployment
from router.dispatch.http_transport import HttpTransport
from router.dispatch.openai_dialect import OpenAIProvider
from router.dispatch.provider import Call, Target, Timeouts
from router.dispatch.scripted import ScriptedTransport
from router.dispatch.scripted.server import ScriptedUpstream, scripted_server

KEY = "sk-proj-NeverShowThisKey0123456789"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A running scripted server."""

    base: str
    app: ScriptedUpstream


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    app = ScriptedUpstream()
    server = scripted_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Upstream(f"http://127.0.0.1:{port}/v1", app)
    server.should_exit = True
    thread.join(timeout=5)


@dataclass(frozen=True, slots=True)
class Caller:
    """A provider with a way to make calls for it."""

    provider: OpenAIProvider
    base: str | None

    def call(
        self, model: str = "instant", *, total_s: float = 5.0, timeouts: Timeouts | None = None, **body: object
    ) -> Call:
        target = Target(
            deployment=Deployment("small", f"scripted/{model}"),
            provider="scripted",
            upstream_model=model,
            api_base=self.base,
            api_key=KEY,
            timeouts=timeouts or Timeouts(connect_s=2, first_byte_s=0.15, idle_s=0.15),
        )
        request = {"model": "auto", "messages": [{"role": "user", "content": "hello"}], **body}
        return Call(target, request, asyncio.get_running_loop().time() + total_s)


@pytest.fixture
async def over_socket(upstream: Upstream) -> AsyncIterator[Caller]:
    transport = HttpTransport()
    yield Caller(OpenAIProvider(transport), upstream.base)
    await transport.aclose()


@pytest.fixture(params=["socket", "in process"])
async def caller(request: pytest.FixtureRequest) -> AsyncIterator[Caller]:
    """Both transports: what holds for one must hold for the other."""
    if request.param == "in process":
        yield Caller(OpenAIProvider(ScriptedTransport()), None)
        return
    transport = HttpTransport()
    yield Caller(OpenAIProvider(transport), request.getfixturevalue("upstream").base)
    await transport.aclose()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], object]:
    async def poll(true: Callable[[], bool], within_s: float = 2.0) -> bool:
        for _ in range(int(within_s / 0.01)):
            if true():
                return True
            await asyncio.sleep(0.01)
        return False

    return poll
