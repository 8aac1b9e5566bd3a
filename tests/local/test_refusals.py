"""What a local stack says when it cannot begin: what is wrong, what to do, and nothing was begun."""

import shutil
from pathlib import Path

import pytest

from mlops.cli.errors import FailedError
from mlops.cli.local.up import installed
from mlops.local.layout import Layout
from mlops.local.stack import LEAST_FREE_BYTES, LocalStack, LocalStackError, NotInstalledError
from tests.local.conftest import ROOT, Project, marked_processes


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """A project as it is checked out, before `make setup`."""
    for name in ("Pulumi.yaml", "Pulumi.local.yaml", "__main__.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "services").mkdir()
    return Project(tmp_path)


def test_without_the_services_up_says_what_to_do_and_begins_nothing(bare: Project) -> None:
    done = bare.mlops("up", "-s", "local")
    assert done.returncode == 2
    assert "The services are not installed: services/.venv/bin/python does not exist. `make setup`" in done.stderr
    assert "--infrastructure-only" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (bare.root / ".local").exists()
    assert marked_processes(bare.root) == []


INSTALLS = """
import sys
from pathlib import Path
services = Path(__file__).parents[1] / "services" / ".venv"
(services / "bin").mkdir(parents=True)
(services / "bin" / "python").touch()
for name in ("supervisor", "moto", "mlflow", "uvicorn"):
    (services / "lib" / "python3.11" / "site-packages" / name).mkdir(parents=True)
assert sys.argv[1:] == ["--services"]
"""


def test_the_first_up_brings_the_services_and_later_ones_find_them(
    bare: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    script = bare.root / "tools" / "set_up.py"
    script.parent.mkdir()
    script.write_text(INSTALLS)
    installed(bare.stack)
    assert "not installed yet" in capfd.readouterr().err
    script.unlink()
    installed(bare.stack)
    assert capfd.readouterr().err == ""


def test_services_that_cannot_be_installed_are_told_with_what_does_without(bare: Project) -> None:
    script = bare.root / "tools" / "set_up.py"
    script.parent.mkdir()
    script.write_text("raise SystemExit(1)")
    with pytest.raises(FailedError, match="--infrastructure-only"):
        installed(bare.stack)


def test_the_services_of_this_machine_are_one_stacks(bare: Project) -> None:
    bare.stack.claim("mine")
    bare.stack.claim("mine")
    with pytest.raises(LocalStackError, match=r"those of the stack mine.*mlops destroy -s mine.*--infrastructure-only"):
        bare.stack.claim("yours")
    bare.stack.handed_over("mine", "yours")
    bare.stack.claim("yours")


def test_an_installation_that_was_broken_off_counts_as_none(bare: Project) -> None:
    python = bare.stack.layout.services_python
    python.parent.mkdir(parents=True)
    python.touch()
    with pytest.raises(
        NotInstalledError, match=r"services/\.venv/lib/python\*/site-packages/supervisor does not exist"
    ):
        bare.stack.check()


def test_on_a_full_disk_nothing_is_begun(bare: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nearly:
        free = LEAST_FREE_BYTES // 2

    monkeypatch.setattr(Layout, "missing_service", lambda _: "")
    monkeypatch.setattr("mlops.local.stack.shutil.disk_usage", lambda _: Nearly)
    with pytest.raises(LocalStackError, match=r"The disk has 1\.0 GB left, and the local stack needs 2"):
        LocalStack(bare.root).check()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("restart",), "There is no local stack yet"),
        (("restart", "kafka"), 'There is no part "kafka". Allowed: none; none is defined.'),
        (("logs",), "Nothing was written yet"),
        (("logs", "kafka"), "Allowed: aws, mlflow, recommender, worker, health"),
        (("run-loop",), "There is no local stack yet"),
        (("run-loop", "--kafka", "127.0.0.1"), "give the host and the port of a broker, 127.0.0.1:9092"),
        (("run-loop", "--kafka", "localhost:99999"), 'is "localhost:99999"'),
        (("run-loop", "--kafka", "localhost:9092", "--topic", "my events"), '--topic is "my events"'),
        (("run-loop", "--kafka", "localhost:9092", "--topic", ".."), "neither `.` nor `..`"),
        (("run-loop", "--topic", "events"), "give it with --kafka HOST:PORT"),
    ],
)
def test_a_command_on_a_stack_that_is_not_there_says_how_to_make_one(
    tmp_path: Path, command: tuple[str, ...], told: str
) -> None:
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / "services").symlink_to(ROOT / "services")
    done = Project(tmp_path).mlops("local", *command)
    assert done.returncode in (1, 2)
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_stopping_what_does_not_run_and_asking_for_its_status_are_no_errors(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    project = Project(tmp_path)
    assert "0 processes ended" in project.mlops("local", "stop").stdout
    assert project.mlops("local", "status").stdout.startswith("There is no local stack.")
    assert not (tmp_path / ".local").exists()
