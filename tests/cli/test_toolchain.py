"""Finding the pulumi CLI."""

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
