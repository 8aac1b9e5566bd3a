"""The worker on Lambda: one look for each call of the runtime API, and a failed one is an error of the function."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipelines.lambda_look import looks


class RuntimeApi(HTTPServer):
    """Lambda's runtime API, as far as a function needs it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[tuple[str, dict[str, str]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"{}", {"Lambda-Runtime-Aws-Request-Id": f"id-{len(self.server.posted)}"})

    def do_POST(self) -> None:
        self.server.posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self._answer(b"")

    def _answer(self, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def runtime() -> Iterator[RuntimeApi]:
    server = RuntimeApi()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_each_call_is_one_look_and_a_failed_one_counts_as_an_error(runtime: RuntimeApi) -> None:
    outcomes = iter(["quiet", "trained", "failed", "crashed"])
    looks(f"127.0.0.1:{runtime.server_port}", lambda: next(outcomes), calls=4)
    start = "/2018-06-01/runtime/invocation"
    assert [path for path, _ in runtime.posted] == [
        f"{start}/id-0/response",
        f"{start}/id-1/response",
        f"{start}/id-2/error",
        f"{start}/id-3/error",
    ]
    assert [answer.get("outcome") or answer["errorType"] for _, answer in runtime.posted] == [
        "quiet",
        "trained",
        "failed",
        "crashed",
    ]


def test_elsewhere_it_says_where_it_runs() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "AWS_LAMBDA_RUNTIME_API"}
    command = [sys.executable, "-m", "pipelines", "lambda"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "this command runs on Lambda; see `worker`" in done.stderr
