"""What is started stays up: crashes, kills, taken ports, a killed process manager."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops.local import programs
from mlops.local.health import look
from tests.cli.test_output import conforms
from tests.local.conftest import Project, s3, start, until

pytestmark = pytest.mark.long


def object_in(project: Project) -> str:
    """Address of the object that must outlive everything."""
    return f"{project.part('aws').url}/keep/a%20folder/object"


def restarted(project: Project, pid: int) -> bool:
    part = project.part("aws")
    return part.state == "works" and part.pid != pid and part.restarts > 0


@contextmanager
def somebody_on(port: int) -> Iterator[int]:
    """Another process that listens on a port; its id."""
    code = f"import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.SimpleHTTPRequestHandler).serve_forever()"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "somebody listens")
        try:
            yield process.pid
        finally:
            process.kill()


def test_a_killed_emulated_aws_is_back_with_everything_that_was_in_it(running: Project) -> None:
    body = os.urandom(300_000)
    s3(f"{running.part('aws').url}/keep", "PUT")
    s3(object_in(running), "PUT", body)
    pid = running.part("aws").pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: restarted(running, pid), "the emulated AWS is back")
    assert s3(object_in(running)) == body
    status = {part["name"]: part for part in running.status()["parts"]}
    assert status["aws"]["restarts"] >= 1
    told = running.mlops("local", "logs", "health").stdout
    assert f"in place of {pid}" in told


def test_a_part_on_whose_port_somebody_else_answers_does_not_work(running: Project) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with somebody_on(port) as stranger:
        program = programs.Program(name="aws", what="", command=(), environment={}, port=port)
        health = look(program, running.part("aws").pid)
        assert not health.ok
        assert health.detail.startswith(f"port {port} is taken by process {stranger} (")


def test_a_part_whose_port_was_taken_says_who_has_it_and_comes_back_when_it_is_free(running: Project) -> None:
    port = programs.read(running.stack.layout)["aws"].port
    assert port
    running.stack.supervisor.stop_program("aws")
    with somebody_on(port) as stranger:
        running.stack.supervisor.start_program("aws")
        until(lambda: running.part("aws").state == "fails", "the supervisor gives up")
        shown = running.mlops("local", "status")
        assert shown.returncode == 1
        assert f"port {port} is taken by process {stranger} (" in shown.stdout.lower()
    until(lambda: running.part("aws").state == "works", "it comes back")


def test_after_the_process_manager_was_killed_its_processes_are_found_and_taken_over(running: Project) -> None:
    before = set(running.processes())
    manager = int((running.stack.layout.run / "supervisor.pid").read_text())
    os.kill(manager, signal.SIGKILL)
    until(lambda: not running.stack.supervisor.running(), "it is gone")
    assert running.part("aws").pid == 0
    shown = running.mlops("local", "status")
    assert shown.returncode == 1
    assert "The process manager was killed; these still run without it" in shown.stderr
    assert "local_stack.aws" in shown.stderr
    assert "unattended" in shown.stdout

    start(running)
    assert s3(object_in(running))
    assert not before & set(running.processes())


def test_a_stopped_stack_runs_nothing_and_loses_nothing(running: Project) -> None:
    stopped = running.mlops("local", "stop")
    assert stopped.returncode == 0, stopped
    assert running.processes() == []
    assert {part["state"] for part in running.status()["parts"]} == {"stopped"}
    start(running)
    assert s3(object_in(running))


def test_one_part_is_restarted_by_name_and_only_a_known_one(running: Project) -> None:
    pid = running.part("aws").pid
    done = running.mlops("local", "restart", "aws", "--json")
    assert done.returncode == 0, done
    conforms(json.loads(done.stdout), "local-restart")
    assert running.part("aws").pid not in (0, pid)
    unknown = running.mlops("local", "restart", "kafka")
    assert unknown.returncode == 2
    assert 'There is no part "kafka". Allowed: aws, worker.' in unknown.stderr


def test_logs_of_one_part_or_of_all_with_its_name_before_each_line(running: Project) -> None:
    assert "listening on http://127.0.0.1" in running.mlops("local", "logs", "aws").stdout
    conforms(json.loads(running.mlops("local", "logs", "--json").stdout), "local-logs")
    assert any(line.startswith("aws   ") for line in running.mlops("local", "logs").stdout.splitlines())
    unknown = running.mlops("local", "logs", "kafka")
    assert unknown.returncode == 2
    assert "Allowed: aws, mlflow, recommender, worker, health" in unknown.stderr


def test_no_credentials_of_the_user_reach_the_processes(running: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    running.stack.stop()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "PULUMI_ACCESS_TOKEN", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.setenv(name, "the user's own")
    start(running)
    assert running.processes()
    for process in running.processes():
        assert b"the user's own" not in Path(f"/proc/{process}/environ").read_bytes()


def test_removing_the_stack_leaves_neither_process_nor_port_nor_file(running: Project) -> None:
    port = programs.read(running.stack.layout)["aws"].port
    running.stack.remove()
    assert running.processes() == []
    assert socket.socket().connect_ex(("127.0.0.1", port or 0)) != 0
    assert not running.stack.layout.run.exists()
    assert running.mlops("local", "status").stdout.startswith("There is no local stack.")
