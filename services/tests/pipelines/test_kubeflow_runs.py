"""Starting a run on Kubeflow Pipelines."""

import json
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pipelines.errors import InputError, ServiceError
from pipelines.kubeflow_runs import start
from pipelines.workflows.kubeflow import KubeflowSettings, pipeline, run_of

KFP = next(Path(__file__).parents[2].glob(".kfp/bin/python"), None)
RUN = run_of(pipeline(KubeflowSettings(image="registry.example.com/pipelines:1")), "training-loop")
TAKE = """
import json, sys
from kfp import components
from kfp_server_api import ApiClient, V2beta1Run
body = json.load(open(sys.argv[1]))
unknown = set(body) - set(V2beta1Run.attribute_map.values())
class Answer:
    data = json.dumps(body)
run = ApiClient().deserialize(Answer, "V2beta1Run")
import yaml
text = yaml.safe_dump_all([body["pipeline_spec"]["pipeline_spec"], body["pipeline_spec"]["platform_spec"]])
loaded = components.load_component_from_text(text)
print(json.dumps([sorted(unknown), run.display_name, sorted(loaded.pipeline_spec.root.dag.tasks)]))
"""


class Api:
    """An API server that remembers what it was asked, and answers as told."""

    def __init__(self, status: int = 200) -> None:
        self.asked: list[tuple[str, Any]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                api.asked.append((self.path, body))
                answer = json.dumps({"run_id": "7"} if status == 200 else {"error": "no such field"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "run.json"
    place.write_text(json.dumps(RUN))
    return place


def test_a_run_is_handed_over_whole(file: Path) -> None:
    api = Api()
    assert start(f"{api.url}/", file) == "7"
    api.end()
    assert api.asked == [("/apis/v2beta1/runs", RUN)]


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [(400, InputError, r"does not take the run \(400\).*no such field"), (503, ServiceError, r"fails \(503\)")],
)
def test_what_it_refuses_is_said(status: int, error: type[Exception], says: str, file: Path) -> None:
    api = Api(status)
    with pytest.raises(error, match=says):
        start(api.url, file)
    api.end()


def test_who_does_not_answer_is_named(file: Path) -> None:
    api = Api()
    api.end()
    with pytest.raises(ServiceError, match="does not answer"):
        start(api.url, file)


@pytest.mark.parametrize("content", [None, "{"])
def test_a_file_that_holds_no_run_is_named(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match="holds no run that can be read"):
        start("http://127.0.0.1:9", tmp_path / "run.json")


@pytest.mark.skipif(KFP is None, reason="there is no environment with kfp in services/.kfp")
def test_kfps_own_client_reads_the_run(file: Path) -> None:
    done = subprocess.run([str(KFP), "-c", TAKE, str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    unknown, name, tasks = json.loads(done.stdout)
    assert (unknown, name) == ([], "training-loop")
    assert tasks == sorted(RUN["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"])
