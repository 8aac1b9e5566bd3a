"""The application on Lambda: events in, answers out, nothing left for a background that is frozen."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from recommender.app import create_app
from recommender.events import Record
from recommender.lambda_handler import EventError, Function, scope
from recommender.settings import Settings


def event(method: str, path: str, **more: Any) -> dict[str, Any]:
    """Payload format 2.0, as a function URL sends it."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": more.pop("query", ""),
        "headers": {"host": "abc.lambda-url.eu-west-1.on.aws", "x-forwarded-proto": "https", **more.pop("headers", {})},
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}, "stage": "$default"},
        "isBase64Encoded": False,
        **more,
    }


class Kept:
    """A stream that remembers."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def put(self, records: list[Record]) -> list[Record]:
        self.records += records
        return []


@pytest.fixture
def stream() -> Kept:
    return Kept()


@pytest.fixture
def function(saved: Path, stream: Kept) -> Iterator[Function]:
    settings = Settings.from_environment({"MLOPS_MODEL_PATH": str(saved), "MLOPS_POLL_SECONDS": "0.05"})
    made = Function(settings, create_app(settings, stream))
    yield made
    made.close()


def test_the_first_invocation_is_answered_from_a_model(function: Function) -> None:
    answer = function(event("GET", "/recommendations/ana", query="k=2"))
    assert answer["statusCode"] == 200
    assert answer["headers"]["x-model-version"] == "1"
    assert [item["product_id"] for item in json.loads(str(answer["body"]))["recommendations"]] == ["pan", "hat"]


def test_events_are_on_the_stream_before_the_answer_is_given(function: Function, stream: Kept) -> None:
    body = json.dumps({"user_id": "ana", "product_id": "cup", "event_type": "view"})
    headers = {"content-type": "application/json"}
    assert function(event("POST", "/events", body=body, headers=headers))["statusCode"] == 202
    assert [record.key for record in stream.records] == ["ana"]
    encoded = base64.b64encode(body.encode()).decode()
    answer = function(event("POST", "/events", body=encoded, headers=headers, isBase64Encoded=True))
    assert (answer["statusCode"], len(stream.records)) == (202, 2)


def test_a_new_model_is_taken_between_two_requests(function: Function, saved: Path, make_tiny: Any) -> None:
    make_tiny("2").save(saved)
    for _ in range(2):
        time.sleep(0.1)
        version = function(event("GET", "/recommendations/ana"))["headers"]["x-model-version"]
    assert version == "2"


def test_errors_are_answers_too(function: Function) -> None:
    assert function(event("GET", "/products/sofa/similar"))["statusCode"] == 404
    assert function(event("GET", "/recommendations/ana", query="k=0"))["statusCode"] == 422
    assert function(event("DELETE", "/events"))["statusCode"] == 405


def test_ids_in_the_path_are_decoded_and_the_stage_taken_off(function: Function) -> None:
    staged = event("GET", "/live/recommendations/%C3%BC%2F1")
    staged["requestContext"]["stage"] = "live"
    assert json.loads(str(function(staged)["body"]))["user_id"] == "ü/1"


def test_cookies_and_headers_arrive() -> None:
    found = scope(event("GET", "/", cookies=["a=1", "b=2"], headers={"X-Up": "yes"}))
    assert {(b"cookie", b"a=1; b=2"), (b"x-up", b"yes")} <= set(found["headers"])


@pytest.mark.parametrize("wrong", [{}, {"source": "aws.events"}, {"httpMethod": "GET", "path": "/"}, {"rawPath": "/"}])
def test_what_is_no_request_of_format_2_is_refused_with_the_way_out(function: Function, wrong: dict) -> None:
    with pytest.raises(EventError, match=r"payload format 2\.0: put an HTTP API or a function URL in front"):
        function(wrong)


class RuntimeApi(HTTPServer):
    """Lambda's side of the runtime API, for as many invocations as are put in."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.invocations: Queue[dict[str, Any]] = Queue()
        self.posted: Queue[tuple[str, dict[str, Any]]] = Queue()

    def handle_error(self, *_: object) -> None:
        """A killed function takes its connection with it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        body = json.dumps(self.server.invocations.get()).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "id-1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.put((self.path, body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

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


def start(runtime: RuntimeApi, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    address = f"127.0.0.1:{runtime.server_port}"
    return subprocess.Popen(
        [sys.executable, "-m", "recommender.lambda_handler"],
        env={**os.environ, "AWS_LAMBDA_RUNTIME_API": address, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_the_image_speaks_lambdas_runtime_api_by_itself(runtime: RuntimeApi, saved: Path) -> None:
    runtime.invocations.put(event("GET", "/health"))
    runtime.invocations.put({"source": "aws.events"})
    runtime.invocations.put(event("GET", "/recommendations/ana", query="k=1"))
    process = start(runtime, {"MLOPS_MODEL_PATH": str(saved), "MLOPS_LOGIN": "off"})
    try:
        posted = [runtime.posted.get(timeout=60) for _ in range(3)]
    finally:
        process.kill()
        process.wait()
        # The process waits for a fourth; its handler is let go.
        runtime.invocations.put({})
    base = "/2018-06-01/runtime/invocation/id-1"
    assert [path for path, _ in posted] == [f"{base}/response", f"{base}/error", f"{base}/response"]
    assert posted[0][1]["body"] == '{"status":"alive"}'
    assert posted[1][1]["errorType"] == "EventError"
    assert json.loads(posted[2][1]["body"])["recommendations"][0]["product_id"] == "pan"


def test_a_wrong_environment_is_told_to_lambda(runtime: RuntimeApi) -> None:
    process = start(runtime, {"MLOPS_MODEL_PATH": "", "MLFLOW_TRACKING_URI": ""})
    path, body = runtime.posted.get(timeout=60)
    assert process.wait(20) == 2
    assert path == "/2018-06-01/runtime/init/error"
    assert "set MLFLOW_TRACKING_URI" in body["errorMessage"]


def test_a_function_is_reachable_from_outside_unless_somebody_says_otherwise(runtime: RuntimeApi, saved: Path) -> None:
    process = start(runtime, {"MLOPS_MODEL_PATH": str(saved)})
    _, body = runtime.posted.get(timeout=60)
    assert process.wait(20) == 2
    assert "MLOPS_LOGIN=off where something in front asks already" in body["errorMessage"]


def test_who_asks_a_function_is_told_by_its_headers_and_limited_by_the_address_that_lambda_names(saved: Path) -> None:
    variables = {"MLOPS_MODEL_PATH": str(saved), "MLOPS_EXPOSED": "true", "MLOPS_RATE_LIMIT": "1"}
    entry = f"shop:visitor:{hashlib.sha256(b'opens').hexdigest()}"
    made = Function(Settings.from_environment({**variables, "MLOPS_API_KEYS": entry}))
    known = event("GET", "/recommendations/ana", headers={"Authorization": "Bearer opens"})
    assert [made(known)["statusCode"] for _ in range(5)] == [200] * 5
    stranger = event("GET", "/recommendations/ana")
    assert [made(stranger)["statusCode"] for _ in range(3)] == [401, 401, 429]
    stranger["requestContext"]["http"]["sourceIp"] = "198.51.100.7"
    stranger["headers"]["x-forwarded-for"] = "203.0.113.1"
    assert [made(stranger)["statusCode"] for _ in range(3)] == [401, 401, 429]
    made.close()
