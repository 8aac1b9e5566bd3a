"""An MLflow server that SageMaker runs, asked by the service itself."""

import json
from typing import Any

import httpx
import pytest

from recommender import managed
from recommender.artifacts import connection, spoken_to
from recommender.registry import HttpRegistry, registry
from recommender.settings import Settings

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/mlops-dev"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-example")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-the-example")


def sent(method: str, path: str, **arguments: Any) -> httpx.Request:
    """A request as it leaves."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    with httpx.Client(transport=httpx.MockTransport(answer), **connection(ARN, {})) as client:
        client.request(method, path, **arguments)
    return seen[0]


def test_an_arn_is_asked_in_its_region_and_names_the_server() -> None:
    request = sent("GET", "/api/2.0/mlflow/registered-models/get", params={"name": "recommender"})
    assert request.url.host == "eu-west-1.experiments.sagemaker.aws"
    assert request.headers["x-mlflow-sm-tracking-server-arn"] == ARN
    assert "/eu-west-1/sagemaker-mlflow/aws4_request" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "token-of-the-example"


def test_no_secret_leaves_with_a_request() -> None:
    assert "secret-of-the-example" not in json.dumps(dict(sent("GET", "/api/2.0/mlflow/x").headers))


def test_a_url_is_asked_as_before() -> None:
    assert connection("http://mlflow:5000/", {"MLFLOW_TRACKING_TOKEN": "t"}) == {
        "base_url": "http://mlflow:5000",
        "headers": {"Authorization": "Bearer t"},
    }
    assert spoken_to(ARN)
    assert not spoken_to("sqlite:///mlflow.db")


def test_the_service_needs_no_mlflow_for_it() -> None:
    settings = Settings.model_validate({"MLFLOW_TRACKING_URI": ARN})
    assert isinstance(registry(settings), HttpRegistry)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/2.0/mlflow/registered-models/get?name=two%20words", None),
        ("POST", "/api/2.0/mlflow/runs/search", b'{"max_results": 1}'),
    ],
)
def test_a_request_is_signed_as_the_plugin_signs_it(method: str, path: str, body: bytes | None) -> None:
    auth = pytest.importorskip("sagemaker_mlflow.auth", reason="the group `sagemaker` is not installed")
    requests = pytest.importorskip("requests")
    ours = sent(method, path, content=body)
    plain = {"x-mlflow-sm-tracking-server-arn": ARN, "Connection": "keep-alive"}
    theirs = requests.Request(method, str(ours.url), data=body, headers=plain).prepare()
    theirs.headers.pop("Content-Length", None)
    signed = auth.AuthBoto("eu-west-1", managed._SERVICE)(theirs)
    assert _part(signed.headers["Authorization"], "Credential") == _part(ours.headers["authorization"], "Credential")
    assert signed.headers["X-Amz-Content-SHA256"] == ours.headers["x-amz-content-sha256"]
    if signed.headers["X-Amz-Date"] == ours.headers["x-amz-date"]:
        assert _part(signed.headers["Authorization"], "Signature") == _part(ours.headers["authorization"], "Signature")


def _part(header: str, name: str) -> str:
    return next(part for part in header.split(" ") if part.strip(",").startswith(f"{name}=")).strip(",")
