"""`mlops up -s local` as a user meets it: from nothing to a recommendation, and back to nothing."""

import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.test_output import conforms
from tests.local.conftest import ROOT, Project, marked_processes, until

pytestmark = [pytest.mark.engine, pytest.mark.long]

STACK = """config:
  mlops:tier: local
  mlops:platform:
    cluster: null
    database: null
    ml_platform: null
    serving: null
"""
"""What the services need of the infrastructure: buckets and a stream."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project as it is checked out and set up."""
    root = tmp_path_factory.mktemp("everything") / "project"
    root.mkdir()
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, root)
    (root / "Pulumi.local.yaml").write_text(STACK)
    for name in ("services", ".tools"):
        (root / name).symlink_to(ROOT / name)
    project = Project(root)
    try:
        yield project
    finally:
        project.stack.remove()


@pytest.fixture(scope="module")
def up(checkout: Project) -> dict[str, object]:
    """The answer of `mlops up -s local --json` on a clean machine."""
    done = checkout.mlops("up", "-s", "local", "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def ask(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: dict[str, object] = json.loads(answer.read())
        return found


def services(up: dict[str, object]) -> dict[str, object]:
    found = up["services"]
    assert isinstance(found, dict)
    return found


def test_it_ends_with_a_recommendation_from_a_model_that_was_just_trained(
    checkout: Project, up: dict[str, object]
) -> None:
    found = services(up)
    assert found["works"] is True
    assert found["trained"] is True
    answer = ask(str(found["url"]))
    assert answer == found["answer"]
    assert answer["recommendations"]
    listed = checkout.stack.settings()
    outputs = up["outputs"]
    assert isinstance(outputs, dict)
    assert dict(listed.buckets) == outputs["buckets"]
    assert listed.stream == outputs["stream"]


def test_everything_listens_on_loopback_only(checkout: Project, up: dict[str, object]) -> None:
    listening = {
        connection.laddr.ip
        for pid in marked_processes(checkout.root)
        for connection in psutil.Process(pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_an_option_that_the_loop_does_not_know_is_bad_input(checkout: Project, up: dict[str, object]) -> None:
    done = checkout.mlops("local", "run-loop", "--", "--bogus")
    assert done.returncode == 2
    assert "No such option: --bogus" in done.stdout
    assert "The loop cannot use what it was given" in done.stderr


def test_a_second_up_changes_nothing_and_trains_nothing(checkout: Project, up: dict[str, object]) -> None:
    before = {part.name: part.pid for part in checkout.stack.parts()}
    again = checkout.mlops("up", "-s", "local")
    assert again.returncode == 0, again.stderr
    assert "No change" in again.stdout
    assert "$ curl -s 'http://127.0.0.1:" in again.stdout
    assert "as it was; `mlops local run-loop` trains" in again.stdout
    assert {part.name: part.pid for part in checkout.stack.parts()} == before


def test_killing_the_emulated_aws_loses_neither_model_nor_data(checkout: Project, up: dict[str, object]) -> None:
    aws = checkout.part("aws")
    os.kill(aws.pid, signal.SIGKILL)
    assert ask(str(services(up)["url"]))["recommendations"]
    until(lambda: checkout.part("aws").state == "works" and checkout.part("aws").pid != aws.pid, "it is back")
    again = checkout.mlops("local", "run-loop", "--json")
    assert again.returncode == 0, again.stdout + again.stderr
    document = json.loads(again.stdout)
    conforms(document, "local-run-loop")
    assert document["serving"]["models"]["champion"]["version"] == "1"


def test_destroy_leaves_neither_process_nor_port_nor_file(checkout: Project, up: dict[str, object]) -> None:
    ports = json.loads(checkout.stack.layout.ports.read_text())
    down = checkout.mlops("destroy", "-s", "local", "--yes")
    assert down.returncode == 0, down.stderr
    assert "nothing is left" in down.stdout
    assert marked_processes(checkout.root) == []
    assert all(socket.socket().connect_ex(("127.0.0.1", port)) for port in ports.values())
    assert not (checkout.root / ".local").exists()


def test_a_stack_without_a_stream_is_refused_before_anything_is_deployed(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "Pulumi.local.yaml").write_text(STACK + "    data_pipeline: null\n")
    for name in ("services", ".tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    done: subprocess.CompletedProcess[str] = Project(tmp_path).mlops("up", "-s", "local")
    assert done.returncode == 2
    assert "no output stream" in done.stderr
    assert "--infrastructure-only" in done.stderr
    assert marked_processes(tmp_path) == []
