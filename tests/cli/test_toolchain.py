"""Finding the pulumi CLI."""

import shutil
from pathlib import Path

import pytest

from mlops import toolchain
from tests.cli.conftest import executable


def program(path: Path, says: str, code: int = 0) -> Path:
    """An executable that prints something."""
    return executable(path, f"echo '{says}'\nexit {code}")


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which nothing lies but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    return folder


def test_the_users_own_pulumi_comes_first(tmp_path: Path, bin_folder: Path) -> None:
    own = program(bin_folder / "pulumi", "v3.300.1")
    program(tmp_path / ".tools/pulumi/bin/pulumi", "v3.259.0")
    assert toolchain.find(tmp_path) == toolchain.Pulumi(own, (3, 300, 1))


def test_a_pulumi_that_is_too_old_is_passed_over_for_the_one_of_set_up(tmp_path: Path, bin_folder: Path) -> None:
    program(bin_folder / "pulumi", "v3.100.0")
    installed = program(tmp_path / ".tools/pulumi/bin/pulumi", "v3.259.0")
    assert toolchain.find(tmp_path).path == installed


def test_where_there_is_none_the_message_says_what_to_do(tmp_path: Path, bin_folder: Path) -> None:
    with pytest.raises(toolchain.ToolchainError, match=r"neither on PATH nor under \.tools/.*make setup"):
        toolchain.find(tmp_path)


def test_a_pulumi_that_is_too_old_is_named_with_its_version(tmp_path: Path, bin_folder: Path) -> None:
    program(bin_folder / "pulumi", "v3.100.0")
    with pytest.raises(toolchain.ToolchainError, match=r"3\.259\.0 or newer: .*bin/pulumi is 3\.100\.0"):
        toolchain.find(tmp_path)


@pytest.mark.parametrize(("says", "code"), [("v3.300.0", 1), ("development", 0)])
def test_a_pulumi_that_does_not_run_or_does_not_say_its_version_does_not_count(
    tmp_path: Path, bin_folder: Path, says: str, code: int
) -> None:
    program(bin_folder / "pulumi", says, code)
    with pytest.raises(toolchain.ToolchainError, match="does not run"):
        toolchain.find(tmp_path)


def test_a_built_pulumi_without_its_language_plugin_cannot_run_python(tmp_path: Path, bin_folder: Path) -> None:
    found = toolchain.Pulumi(program(tmp_path / ".tools/pulumi/bin/pulumi", "v3.259.0"), (3, 259, 0))
    assert not toolchain.speaks_python(found)
    program(tmp_path / ".tools/pulumi/bin/pulumi-language-python", "")
    assert toolchain.speaks_python(found)


@pytest.fixture
def links(tmp_path: Path) -> Path:
    """The folder of a virtual environment's programs, which comes first on PATH once it is activated."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    return folder


TOOLS = {"uv": ("uv 0.9.1", "uv 0.8.9"), "pulumi": ("v3.259.0", "v3.100.0")}


def found(name: str, root: Path) -> Path | None:
    return toolchain.find(root).path if name == "pulumi" else toolchain.find_uv(root)


@pytest.mark.parametrize("name", TOOLS)
def test_an_activated_environment_finds_what_set_up_installed(
    tmp_path: Path, bin_folder: Path, links: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = program(tmp_path / ".tools" / name / "bin" / name, TOOLS[name][0])
    monkeypatch.setenv("PATH", f"{links}:{bin_folder}:/bin:/usr/bin")
    for _ in ("set-up", "set-up again, in the activated shell"):
        assert found(name, tmp_path) == installed
        toolchain.link(tmp_path, name, installed)
        assert Path(shutil.which(name) or "").resolve() == installed
    assert not (links / name).readlink().is_absolute()


@pytest.mark.parametrize("name", TOOLS)
def test_what_path_leads_to_by_itself_is_not_hidden_by_a_link(
    tmp_path: Path, bin_folder: Path, links: Path, name: str
) -> None:
    installed = program(tmp_path / ".tools" / name / "bin" / name, TOOLS[name][0])
    toolchain.link(tmp_path, name, installed)
    own = program(bin_folder / name, TOOLS[name][0])
    assert found(name, tmp_path) == own
    toolchain.link(tmp_path, name, own)
    assert list(links.iterdir()) == []


@pytest.mark.parametrize("name", TOOLS)
def test_one_on_path_that_is_too_old_is_passed_over_and_linked_past(
    tmp_path: Path, bin_folder: Path, links: Path, name: str
) -> None:
    program(bin_folder / name, TOOLS[name][1])
    installed = program(tmp_path / ".tools" / name / "bin" / name, TOOLS[name][0])
    assert found(name, tmp_path) == installed
    toolchain.link(tmp_path, name, installed)
    assert (links / name).resolve() == installed


def test_a_broken_link_is_mended_and_a_file_of_somebody_elses_is_left(
    tmp_path: Path, bin_folder: Path, links: Path
) -> None:
    installed = program(tmp_path / ".tools/uv/bin/uv", "uv 0.9.1")
    (links / "uv").symlink_to("gone")
    toolchain.link(tmp_path, "uv", installed)
    assert (links / "uv").resolve() == installed
    (links / "uv").unlink()
    other = program(links / "uv", "uv 0.9.9")
    toolchain.link(tmp_path, "uv", installed)
    assert other.read_text().startswith("#!/bin/sh")
    assert not other.is_symlink()
