"""The API of a real process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.fixtures import ServiceProcess, service


def metric(client: httpx.Client, name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return 0.0


def test_a_known_user_gets_products_with_their_reasons(client: httpx.Client) -> None:
    answer = client.get("/recommendations/user-3", params={"k": 5})
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["x-model-version"] == body["model"]["version"] == "7"
    assert (body["user_id"], body["cold"], len(body["recommendations"])) == ("user-3", False, 5)
    assert all(item["because"] for item in body["recommendations"])


@pytest.mark.parametrize("user", ["nobody", "用户", "a/b", "a?b#c", "%2F", "☕ ☕", " ", ".", "a..b", "ü" * 256])
def test_a_stranger_gets_what_is_popular_whatever_the_id(client: httpx.Client, user: str) -> None:
    # Dots alone would be taken out of the path by the client.
    path = quote(user, safe="").replace("%2E", ".") if user != "." else "%2E"
    body = client.get(f"/recommendations/{path}").json()
    assert (body["user_id"], body["cold"], len(body["recommendations"])) == (user, True, 10)


@pytest.mark.parametrize("k", ["0", "101", "-1", "ten", ""])
def test_a_k_that_makes_no_sense_is_refused_with_the_limits(client: httpx.Client, k: str) -> None:
    answer = client.get("/recommendations/user-3", params={"k": k})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "k"]


def test_an_id_that_is_too_long_is_refused(client: httpx.Client) -> None:
    assert client.get(f"/recommendations/{'x' * 257}").status_code == 422


ODD = (
    b"", b"{", b"null", b"NaN", b"[NaN]", b"Infinity", b'"\\ud800"', b"\xff\xfe", b"[" * 100_000, b"9" * 10_000,
    b"[[[]]]",
    b'{"user_id": NaN}', b'{"user_id": "\\ud800", "product_id": "p", "event_type": "view"}', b'{"\\ud800": 1}',
    b'{"user_id": "u", "product_id": "p", "event_type": -Infinity, "timestamp": NaN}',
    b'{"user_id": "u", "product_id": "p", "event_type": "view", "timestamp": "\\udfff"}',
    b'{"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [NaN], "data": [Infinity]}]}',
    b'{"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [1], "data": ["\\ud800"]}]}',
    b'{"parameters": {"k": NaN}, "inputs": []}', b'{"id": "\\ud83d", "inputs": [1e400]}',
    b"[" * 900 + b"]" * 900, b'{"a":' * 900 + b"1" + b"}" * 900, b'{"inputs": ' + b"[" * 300 + b"]" * 300 + b"}",
    b'{"parameters": {"k": %s}, "inputs": []}' % (b"9" * 4_000), b'{"parameters": {"k": 1e308}, "inputs": []}',
    b'{"user_id": "u", "user_id": 1, "product_id": "p", "event_type": "view"}', b"// comment\n{}", b"{'user_id': 'u'}",
    '{"user_id": "u"}'.encode("utf-16"), '{"user_id": "ü"}'.encode("latin-1"), b"\xef\xbb\xbf{}",
    b"\x00" * 50, b'"\x00"',
    b'{"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [-1], "data": []}]}',
    b'{"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [99999999999999999999], "data": []}]}',
    b'{"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [1], "data": ["' + b"x" * 300 + b'"]}]}',
    b'{"user_id": "", "product_id": "p", "event_type": "view"}', b"[" + b"1," * 1_000 + b"1]", b"{}" * 100,
)  # fmt: skip


@pytest.mark.parametrize("path", ["/events", "/v2/models/recommender/infer"])
@pytest.mark.parametrize("declared", ["application/json", None, "text/plain"])
def test_no_body_is_too_odd_to_be_refused_properly(client: httpx.Client, path: str, declared: str | None) -> None:
    for body in ODD:
        headers = {"Content-Type": declared} if declared else {}
        answer = client.post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (path, body[:80], answer.status_code)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json().keys() <= {"detail", "error"}, body[:80]
        json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_clients_that_do_not_say_that_they_send_json_are_answered(client: httpx.Client) -> None:
    body = b'{"inputs": [{"name": "user_id", "datatype": "BYTES", "shape": [1], "data": ["user-3"]}]}'
    for headers in ({}, {"Content-Type": ""}):
        answer = client.post("/v2/models/recommender/infer", content=body, headers=headers)
        assert answer.status_code == 200, headers
        assert answer.json()["outputs"][0]["name"] == "product_id"


def test_half_a_request_is_ended(client: httpx.Client) -> None:
    url = httpx.URL(client.base_url)
    with socket.create_connection((url.host, url.port)) as half:
        half.settimeout(30)
        half.sendall(
            b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        )
        assert half.recv(100).startswith(b"HTTP/1.1 408 ")


def test_neighbours_of_a_product(client: httpx.Client) -> None:
    found = client.get("/products/product-3/similar", params={"k": 4}).json()["similar"]
    assert len(found) == 4
    assert "product-3" not in {item["product_id"] for item in found}


def test_an_unknown_product_is_not_found(client: httpx.Client) -> None:
    answer = client.get("/products/sofa/similar")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Model version 7 does not know product 'sofa'."}


def test_ready_says_what_is_served(client: httpx.Client) -> None:
    body = client.get("/ready").json()
    assert (body["status"], body["mode"], body["problem"]) == ("ready", "rolling", None)
    assert body["models"]["champion"] | {"created": ""} == {
        "version": "7", "kind": "collaborative", "data_version": "random", "created": "", "users": 100, "products": 50,
    }  # fmt: skip


def test_docs_describe_every_route(client: httpx.Client) -> None:
    assert "swagger" in client.get("/docs").text.lower()
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/health", "/ready", "/metrics", "/recommendations/{user_id}", "/products/{product_id}/similar", "/events",
            "/admin/reload", "/v2", "/v2/models/{name}/infer"} <= set(paths)  # fmt: skip


def test_metrics_count_requests_by_route_and_not_by_user(client: httpx.Client) -> None:
    labels = {"route": "/recommendations/{user_id}", "status": "200"}
    before = metric(client, "http_requests_total", **labels)
    for number in range(3):
        client.get(f"/recommendations/user-{number}")
    assert metric(client, "http_requests_total", **labels) == before + 3
    assert "user-1" not in client.get("/metrics").text
    assert metric(client, "recommender_model_info", role="champion", model_version="7") == 1


def test_metrics_say_what_a_model_must_have_been_written_for(client: httpx.Client) -> None:
    assert re.search(r'recommender_runtime_info\{.*numpy="\d', client.get("/metrics").text)


def test_unknown_paths_do_not_make_a_metric_each(client: httpx.Client) -> None:
    client.get("/no/such/path-4711")
    assert "4711" not in client.get("/metrics").text


def test_without_a_stream_events_are_told_to_come_back_later(client: httpx.Client) -> None:
    event = {"user_id": "ana", "product_id": "cup", "event_type": "view"}
    answer = client.post("/events", json=event)
    assert answer.status_code == 503
    assert answer.json() == {"detail": "No stream is configured: set MLOPS_STREAM."}


def test_a_body_that_is_too_large_is_refused_unread(client: httpx.Client) -> None:
    answer = client.post("/events", content=b"[" + b" " * 2_000_000, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    chunks = (b" " * 100_000 for _ in range(20))
    assert client.post("/events", content=chunks, headers={"content-type": "application/json"}).status_code == 413


@pytest.mark.parametrize(("header", "status"), [(None, 401), ("Bearer wrong", 401), ("Bearer s3cret", 200)])
def test_only_the_token_may_reload(client: httpx.Client, header: str | None, status: int) -> None:
    answer = client.post("/admin/reload", headers={"authorization": header} if header else {})
    assert answer.status_code == status


def test_v2_answers_many_users_at_once(client: httpx.Client) -> None:
    users = ["user-1", "user-2", "nobody"]
    tensor = {"name": "user_id", "datatype": "BYTES", "shape": [3], "data": users}
    body = client.post(
        "/v2/models/recommender/infer", json={"id": "42", "inputs": [tensor], "parameters": {"k": 4}}
    ).json()
    assert (body["id"], body["model_name"], body["model_version"]) == ("42", "recommender", "7")
    outputs = {output["name"]: output for output in body["outputs"]}
    assert outputs["product_id"]["shape"] == outputs["score"]["shape"] == [3, 4]
    for row, user in enumerate(users):
        single = client.get(f"/recommendations/{user}", params={"k": 4}).json()["recommendations"]
        assert outputs["product_id"]["data"][4 * row : 4 * row + 4] == [item["product_id"] for item in single]
        assert outputs["score"]["data"][4 * row : 4 * row + 4] == [item["score"] for item in single]


def test_v2_fills_the_row_of_a_user_who_has_fewer_left(client: httpx.Client) -> None:
    tensor = {"name": "user_id", "datatype": "BYTES", "shape": [1, 1], "data": [["user-1"]]}
    request = {"inputs": [tensor], "parameters": {"k": 100}, "outputs": [{"name": "product_id"}]}
    (output,) = client.post("/v2/models/recommender/versions/7/infer", json=request).json()["outputs"]
    assert output["shape"] == [1, 50]
    assert output["data"][-1] == ""


@pytest.mark.parametrize(
    ("path", "tensor", "status", "message"),
    [
        ("recommender", {"shape": [2], "data": ["a"]}, 400, "Tensor user_id has shape [2] and 1 values"),
        ("recommender", {"shape": [1, 2], "data": ["a", "b"]}, 400, "Tensor user_id has shape [1, 2]"),
        ("recommender", {"shape": [1], "data": [1]}, 400, "Input should be a valid string"),
        ("recommender", {"shape": [1], "data": ["a"], "datatype": "FP32"}, 400, "Input should be 'BYTES'"),
        ("recommender", {"shape": [1001], "data": ["a"] * 1001}, 400, "at most 1000 items"),
        ("other", {"shape": [1], "data": ["a"]}, 404, "There is no model 'other'; there is 'recommender'."),
        ("recommender/versions/8", {"shape": [1], "data": ["a"]}, 404, "Version '8' is not loaded; loaded: 7."),
    ],
)
def test_v2_errors_are_those_of_the_protocol(
    client: httpx.Client, path: str, tensor: dict, status: int, message: str
) -> None:
    inputs = [{"name": "user_id", "datatype": "BYTES", **tensor}]
    answer = client.post(f"/v2/models/{path}/infer", json={"inputs": inputs})
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert message in answer.json()["error"]


def test_v2_describes_the_server_and_the_model(client: httpx.Client) -> None:
    assert client.get("/v2").json()["name"] == "recommender"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/recommender/ready").json() == {"name": "recommender", "ready": True}
    assert client.get("/v2/models/recommender").json()["versions"] == ["7"]
    assert client.get("/v2/models/recommender/versions/7").json()["inputs"][0]["name"] == "user_id"
    assert client.get("/v2/models/recommender/versions/9/ready").status_code == 404


def test_a_service_without_a_model_is_alive_and_not_ready_and_says_why(tmp_path: Path) -> None:
    with service({"MLOPS_MODEL_PATH": str(tmp_path / "nothing")}, tmp_path) as process:
        process.wait("/health")
        with httpx.Client(base_url=process.url, trust_env=False) as client:
            answer = client.get("/ready")
            assert answer.status_code == 503
            assert "manifest.json is missing" in answer.json()["problem"]
            for path in ("/recommendations/ana", "/products/cup/similar", "/v2/health/ready", "/v2/models/x/ready"):
                assert client.get(path).status_code in (404, 503)
            assert client.get("/v2/models/recommender/versions/1").json() == {
                "error": "No model is loaded yet: /ready tells why."
            }
            assert client.get("/metrics").status_code == 200


def test_a_stopping_service_answers_what_it_was_asked(saved: Path, tmp_path: Path) -> None:
    with service({"MLOPS_MODEL_PATH": str(saved)}, tmp_path) as process:
        process.wait()
        os.kill(process.process.pid, signal.SIGTERM)
        assert process.process.wait(15) in (0, -signal.SIGTERM)
        assert "Application shutdown complete" in process.log.read_text()


def test_a_wrong_environment_is_one_message_and_no_traceback() -> None:
    environment = {**os.environ, "PORT": "no", "MLOPS_POLL_SECONDS": "0", "MLOPS_MODEL_PATH": "/nowhere"}
    found = subprocess.run([sys.executable, "-m", "recommender"], env=environment, capture_output=True, text=True)
    assert found.returncode == 2
    assert "PORT: Input should be a valid integer" in found.stderr
    assert "MLOPS_POLL_SECONDS: Input should be greater than or equal to 0.05" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_taken_port_ends_the_service_with_a_message(running: ServiceProcess, saved: Path) -> None:
    port = running.url.rsplit(":", 1)[1]
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": port, "MLOPS_MODEL_PATH": str(saved)}
    found = subprocess.run([sys.executable, "-m", "recommender"], env=environment, capture_output=True, text=True)
    assert found.returncode == 3
    assert "address already in use" in found.stdout
    assert "Traceback" not in found.stdout + found.stderr
