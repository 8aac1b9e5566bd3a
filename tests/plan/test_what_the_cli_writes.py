"""Previews and exports as the real pulumi CLI writes them: partial ones, whole ones, and version 4."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pulumi
import pytest
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

from mlops.plan.sources import SourceError, read, source

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parent.parent.parent
Cli = Callable[..., str]


class Part(pulumi.ComponentResource):
    def __init__(self, name: str) -> None:
        super().__init__("tests:index:Part", name)
        self.register_outputs({})


@contextmanager
def served(count: int) -> Iterator[str]:
    """A program with so many parts, served to the CLI as a language of its own."""

    def program() -> None:
        for number in range(count):
            Part(f"part-{number}")

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(program), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The CLI on a backend of this test's own; `count` parts are in the program."""
    (tmp_path / "backend").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: parts\nruntime: python\n")
    own = ROOT / ".tools" / "pulumi" / "bin" / "pulumi"
    variables = {
        **os.environ,
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "tests",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }

    def run(*arguments: str, count: int | None = None) -> str:
        def call(*more: str) -> str:
            command = [str(own) if own.exists() else "pulumi", *arguments, *more]
            done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr
            return done.stdout

        if count is None:
            return call()
        with served(count) as address:
            return call(f"--client={address}", "--exec-kind=auto.inline", "--stack=qa")

    run("stack", "init", "qa")
    run("up", "--yes", "--skip-preview", count=2)
    return run


def test_previews_and_exports_of_the_real_cli(cli: Cli, tmp_path: Path) -> None:
    file, state = tmp_path / "preview.json", tmp_path / "state.json"
    state.write_text(cli("stack", "export", "--stack", "qa"))
    for count, names in ((2, ["part-0", "part-1"]), (3, ["part-0", "part-1", "part-2"]), (1, ["part-0"])):
        file.write_text(cli("preview", "--json", count=count))
        with pytest.raises(SourceError, match=r"leaves out .* --show-sames"):
            read(file)
        assert sorted(node.name for node in read(file, state)) == names
        file.write_text(cli("preview", "--json", "--show-sames", count=count))
        assert sorted(node.name for node in read(file)) == names

    urn = next(node.urn for node in read(state) if node.name == "part-1")
    cli("state", "taint", urn, "--yes", "--stack", "qa")
    state.write_text(cli("stack", "export", "--stack", "qa"))
    assert json.loads(state.read_text())["version"] == 4
    found = source(state)
    assert [node.name for node in found.graph if node.tainted] == ["part-1"]
    assert found.remarks == ()
