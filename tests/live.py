"""Live servers for tests: the gateway and the scripted upstream, on loopback, each in a thread."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client import CollectorRegistry

from router.app import create_app
from router.commands.serve import server_options
from router.config.load import parse_settings
from router.dispatch.scripted.server import scripted_server
from router.http.front import Front
from router.record.record import RequestRecord

POOL = """
pool:
  small:  {model: "scripted/small?latency_ms=0&tokens_per_second=0&jitter=0"}
  strong: {model: "scripted/strong?latency_ms=0&tokens_per_second=0&jitter=0"}
routing: {small: [small], strong: [strong], baseline: strong, aliases: {gpt-4o: auto, always-strong: strong}}
ledger: {enabled: false}
server: {access_log: false}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LiveGateway:
    """A running gateway: its URL, and the records it has left."""

    def __init__(self, port: int, front: Front, server: uvicorn.Server, registry: CollectorRegistry) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.front = front
        self.server = server
        self.registry = registry
        self.records: list[RequestRecord] = []

    def record(self, request_id: str, wait_s: float = 3.0) -> RequestRecord:
        """The one record of a request, which may be written a little after its answer."""
        deadline_s = time.monotonic() + wait_s
        while True:
            found = [record for record in self.records if record.request_id == request_id]
            if found or time.monotonic() > deadline_s:
                assert len(found) == 1, f"{len(found)} records of {request_id}"
                return found[0]
            time.sleep(0.01)

    def wait_for_records(self, count: int, wait_s: float = 5.0) -> list[RequestRecord]:
        deadline_s = time.monotonic() + wait_s
        while len(self.records) < count and time.monotonic() < deadline_s:
            time.sleep(0.01)
        return self.records


@contextmanager
def running(server: uvicorn.Server) -> Iterator[None]:
    """A server in a thread of its own."""
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    assert server.started
    try:
        yield
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(5)


@contextmanager
def gateway(config: str = POOL, env: dict[str, str] | None = None) -> Iterator[LiveGateway]:
    """A gateway with a registry of its own, under the very options that ``serve`` uses."""
    settings = parse_settings(config, "test.yaml", {**os.environ, **(env or {})})
    registry = CollectorRegistry()
    front = create_app(settings, registry)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(front, **{**server_options(settings), "port": port}))
    with running(server):
        live = LiveGateway(port, front, server, registry)
        keep = front.services.keep

        def keep_both(record: RequestRecord) -> None:
            keep(record)
            live.records.append(record)

        front.services.keep = keep_both
        yield live


@contextmanager
def upstream() -> Iterator[str]:
    """The scripted models as a provider of their own; gives the base URL."""
    port = free_port()
    with running(scripted_server("127.0.0.1", port)):
        yield f"http://127.0.0.1:{port}/v1"
