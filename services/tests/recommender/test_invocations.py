"""The container as SageMaker runs it: one word to start it, two routes to ask."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

SERVICES = Path(__file__).resolve().parents[2]


def started(environment: dict[str, str]) -> Iterator[str]:
    """The address of the service as `serve` starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    bin_ = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {
        "PATH": bin_,
        "PYTHONPATH": str(SERVICES),
        "HOST": "127.0.0.1",
        "SAGEMAKER_BIND_TO_PORT": str(port),
        **environment,
    }
    with subprocess.Popen([str(SERVICES / "serve")], env=own, stdout=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)


def pinged(url: str, *, until: int) -> bool:
    """Whether /ping comes to answer that."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/ping", trust_env=False).status_code == until:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    return False


@pytest.fixture
def url(saved: Path) -> Iterator[str]:
    yield from started({"MLOPS_MODEL_PATH": str(saved)})


def test_ping_is_answered_with_nothing_but_200_and_a_request_with_recommendations(url: str) -> None:
    assert pinged(url, until=200)
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/ping").content == b""
        asked = client.post("/invocations", json={"user_id": "u1", "k": 2})
        assert asked.status_code == 200
        plain = client.get("/recommendations/u1", params={"k": 2})
        assert asked.json() == plain.json()
        # SageMaker hands on whatever type the client named, and none is needed.
        untyped = client.post("/invocations", content=b'{"user_id": "u1", "k": 2}')
        assert untyped.json() == asked.json()
        refused = client.post("/invocations", json={"user": "u1"})
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/json")


def test_ping_says_no_as_long_as_there_is_no_model() -> None:
    for url in started({"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}):
        assert pinged(url, until=503)


def test_the_image_has_the_word_that_sagemaker_starts_it_with() -> None:
    dockerfile = (SERVICES / "Dockerfile").read_text()
    recommender = dockerfile[dockerfile.index("FROM run AS recommender") :]
    assert "COPY --chmod=755 serve /usr/local/bin/serve" in recommender
    # With an entry point of its own the image would be given the word as an argument.
    assert "ENTRYPOINT" not in recommender
    assert os.access(SERVICES / "serve", os.X_OK)
