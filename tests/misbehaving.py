"""A server that answers as its path says: cut short, late, never, or as it should."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Seen:
    url: str = ""
    requests: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    """Path, port of the client, headers; in the order of arrival."""


class Handler(BaseHTTPRequestHandler):
    seen: Seen
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.seen.requests.append((self.path, self.client_address[1], dict(self.headers.items())))
        try:
            getattr(self, f"answer_{self.path.strip('/')}", self.answer)()
        except OSError:
            self.close_connection = True

    def answer(self, status: int = 200, length: int = 2) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Pod", "demo-1")
        self.end_headers()
        self.wfile.write(b"ok")

    def answer_503(self) -> None:
        self.answer(503)

    def answer_cut(self) -> None:
        self.answer(length=100)
        self.close_connection = True

    def answer_cut_chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"a\r\nabc")
        self.close_connection = True

    def answer_chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"3\r\nabc\r\n0\r\n\r\n")

    def answer_nothing(self) -> None:
        self.close_connection = True

    def answer_garbage(self) -> None:
        self.wfile.write(b"\x00\x01 no HTTP\r\n\r\n")
        self.close_connection = True

    def answer_slow(self) -> None:
        time.sleep(1.0)
        self.answer()

    def answer_drip(self) -> None:
        self.answer(length=1000)
        for _ in range(20):
            time.sleep(0.1)
            self.wfile.write(b".")

    def answer_last(self) -> None:
        self.answer()
        self.close_connection = True  # it did not say so beforehand

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def misbehaving() -> Iterator[Seen]:
    seen = Seen()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"seen": seen}))
    server.daemon_threads = True
    seen.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
