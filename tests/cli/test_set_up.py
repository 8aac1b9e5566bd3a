"""`make setup`, step by step, with tools that only pretend."""

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, executable

sys.path.insert(0, str(ROOT / "tools"))

import pulumi_cli  # pyright: ignore[reportMissingImports]
import set_up  # pyright: ignore[reportMissingImports]
import steps  # pyright: ignore[reportMissingImports]


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a shell on it and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "mkdir", "cp", "chmod", "cat", "sleep"):
        found = next(Path(place, name) for place in ("/bin", "/usr/bin") if Path(place, name).exists())
        (folder / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    return folder


PULUMI = "#!/bin/sh\\necho v3.259.0"


def installs(target: str) -> str:
    """A script that puts a pulumi where it belongs."""
    return f"mkdir -p {target}/bin; printf '{PULUMI}' > {target}/bin/pulumi; chmod +x {target}/bin/pulumi"


def test_a_long_step_shows_that_it_is_alive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "BEAT_SECONDS", 0.05)
    command = ["sh", "-c", "echo one; sleep 0.3; echo two"]
    lines = steps.run("sleep a while", command, progress=lambda out: f"{len(out)} done")
    said = capsys.readouterr().out
    assert lines == ["one", "two"]
    assert said.startswith("setup: sleep a while …\n")
    assert "setup:   … 0 s, 1 done" in said


def test_a_step_that_fails_shows_the_end_of_what_it_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(steps.StepError, match="break something: failed after"):
        steps.run("break something", ["sh", "-c", "echo the reason >&2; exit 3"])
    assert "setup:   | the reason" in capsys.readouterr().out


def test_a_step_whose_program_is_missing_says_so() -> None:
    with pytest.raises(steps.StepError, match="no-such-program"):
        steps.run("start it", ["no-such-program"])


def test_the_official_installer_comes_first(tools: Path, tmp_path: Path) -> None:
    script = tmp_path / "install.sh"
    script.write_text(installs(str(tmp_path / ".tools" / "pulumi")))
    executable(tools / "curl", f'while [ "$1" != "-o" ]; do shift; done; cp {script} "$2"')
    executable(tools / "go", "exit 9")
    assert pulumi_cli.install(tmp_path)
    assert (tmp_path / ".tools" / "pulumi" / "bin" / "pulumi").exists()


def test_where_pulumis_server_is_out_of_reach_it_is_built_from_its_go_module(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tools" / "pulumi-cli").mkdir(parents=True)
    executable(tools / "curl", "echo could not resolve host >&2; exit 6")
    build = installs(str(tmp_path / ".tools" / "pulumi"))
    executable(tools / "go", f'if [ "$1" = list ]; then echo a; echo b; else echo "$@" > {tmp_path}/asked; {build}; fi')
    assert pulumi_cli.install(tmp_path)
    asked = (tmp_path / "asked").read_text()
    assert "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0" in asked
    assert "could not resolve host" in capsys.readouterr().out


def test_where_nothing_works_it_says_why_and_what_works_without(
    tools: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not pulumi_cli.install(tmp_path)
    said = capsys.readouterr().out
    assert "No pulumi CLI could be had" in said
    assert "needs curl" in said
    assert "needs Go" in said
    assert "`mlops plan` and `mlops validate` work without it" in said


@pytest.mark.parametrize(
    ("folder", "said"),
    [(".venv", set_up.PLATFORM_MB), ("services/.venv", set_up.SERVICES_MB)],
    ids=lambda one: str(one),
)
def test_what_an_environment_takes_on_the_disk_is_about_what_is_said(folder: str, said: int) -> None:
    """Blocks on the disk, as `du` counts them; systems and versions differ a little."""
    files = [path.lstat() for path in (ROOT / folder).rglob("*")]
    if not files:
        pytest.skip(f"{folder} is not there")
    taken = sum(one.st_blocks * 512 for one in {one.st_ino: one for one in files}.values()) / 1024**2
    assert said * 0.7 < taken < said * 1.3


def test_the_go_module_is_pinned_to_the_version_that_is_asked_for() -> None:
    from mlops.toolchain import MINIMUM, dotted

    pinned = (ROOT / "tools" / "pulumi-cli" / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{dotted(MINIMUM)}" in pinned


def test_make_help_lists_what_the_readme_tells_to_run() -> None:
    import subprocess

    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "up", "down", "test", "bench", "clean"):
        assert f"make {target} " in said
