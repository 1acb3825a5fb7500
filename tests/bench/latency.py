"""One request after another over one connection, with a blocking socket: the finest clock there is."""

import socket
import time

from tests.bench.asks import http_request


class Caller:
    """One kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, body: bytes) -> float:
        """Seconds from sending a request to the last byte of its answer."""
        request = http_request(body)
        began_s = time.perf_counter()
        self._socket.sendall(request)
        read = b""
        while (missing := _missing(read)) != 0:
            more = self._socket.recv(65536)
            if not more:
                raise SystemExit(f"hung up after {read[:200]!r}, {missing} bytes missing")
            read += more
        took_s = time.perf_counter() - began_s
        if not read.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not answered: {read[:500]!r}")
        return took_s


def _missing(read: bytes) -> int:
    """Bytes still to come; -1 where that is not known yet."""
    head, found, rest = read.partition(b"\r\n\r\n")
    if not found:
        return -1
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(length.partition(b":")[2]) - len(rest)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
