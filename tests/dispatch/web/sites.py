"""A search engine and a few pages on loopback, for panelists to find."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import orjson

PARAGRAPH = "<p>The bridge was built in 1893 by a guild of masons, who quarrelled about money for decades.</p>"
PAGE = f"<html><head><title>The bridge</title></head><body><article>{PARAGRAPH * 6}</article></body></html>"


class LocalWeb:
    """What was asked of it, and where it is."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.queries: list[str] = []
        self.read: list[str] = []
        self.status = 200
        self.hits: list[dict[str, str]] = [
            {"title": "The bridge", "url": f"{base}/bridge", "content": "All about the bridge."},
            {"title": "A local file", "url": "file:///etc/passwd", "content": "no page"},
        ]


@contextmanager
def local_web() -> Iterator[LocalWeb]:
    """``/search`` answers as SearXNG does, every other path is a page."""
    found: LocalWeb

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/search":
                found.queries.append(parse_qs(asked.query)["q"][0])
                self._say(found.status, "application/json", orjson.dumps({"results": found.hits}))
            else:
                found.read.append(asked.path)
                self._say(200, "text/html", PAGE.encode())

        def do_POST(self) -> None:
            """As Tavily answers."""
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.queries.append(body["query"])
            self._say(found.status, "application/json", orjson.dumps({"results": found.hits, "query": body["query"]}))

        def _say(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = LocalWeb(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
