"""Two routes for the worker: /metrics for Prometheus, /health for whoever supervises it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST

from pipelines.errors import ServiceError

_ALIVE = (True, b'{"status":"alive"}')


@contextmanager
def serve(
    host: str, port: int, metrics: Callable[[], bytes], health: Callable[[], tuple[bool, bytes]] = lambda: _ALIVE
) -> Iterator[int]:
    """Serve in a thread; gives the port.

    Args:
        health: whether all is well (200, else 503), and what /health says.

    Raises:
        ServiceError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in {"/metrics", "/health"}:
                self.send_error(404)
                return
            well, body = (True, metrics()) if self.path == "/metrics" else health()
            self.send_response(200 if well else 503)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST if self.path == "/metrics" else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """One line a scrape would bury everything else."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise ServiceError(
            f"Port {port} of {host} cannot be listened on: {error.strerror}. Give another one: --port."
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="worker-http", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
