"""A small forward proxy: CONNECT and absolute form, with a login, over TLS or not, and as refusing as told."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class ForwardProxy:
    """What it does, and what it has seen.

    Attributes:
        leads_to: where every name is, for this proxy.
        login: what ``Proxy-Authorization`` has to say; None asks for none.
        refusal: sent instead of doing anything.
        heads: of all requests to the proxy itself, what a tunnel carries not included.
        open: connections that nobody has closed.
    """

    leads_to: int = 9
    login: str | None = None
    refusal: bytes | None = None
    heads: list[str] = field(default_factory=list)
    port: int = 0
    open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head.decode())
                if self.refusal is not None:
                    writer.write(self.refusal)
                    await writer.drain()
                    if not self.refusal:
                        await reader.read()
                    return
                if self.login is not None and f"proxy-authorization: {self.login}\r\n" not in head.decode():
                    writer.write(b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
                    continue
                there = await asyncio.open_connection("127.0.0.1", self.leads_to)
                if head.startswith(b"CONNECT "):
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    there[1].write(head)
                await asyncio.gather(_carry(reader, there[1]), _carry(there[0], writer))
                return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one side has left, or the test
        finally:
            self.open -= 1
            writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def forward_proxy(tls: ssl.SSLContext | None = None, **does: object) -> AsyncIterator[ForwardProxy]:
    """A proxy on a free port of this machine."""
    proxy = ForwardProxy(**does)  # type: ignore[arg-type]
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=tls)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
