"""What is nobody's mistake in the settings is not called one, nor a defect: each its own sentence and exit code."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops.cli import ui
from mlops.cli.mishaps import explained
from tests.cli.conftest import Answer, Run, stack_file

DEFECT = "defect of the platform's code"
DEEP = "[" * 20_000
DIGITS = "9" * 10_000
FILES = {
    "circular anchors": ("config:\n  mlops:tier: dev\n  mlops:platform: &x {a: *x}\n", "an alias stands within"),
    "circular merge": ("config: &x\n  <<: *x\n", "an alias stands within"),
    "deep nesting": (f"config:\n  mlops:platform: {DEEP}", "nested more than 64 levels deep"),
    "deep mappings": ("config:\n" + "".join(f"{'  ' * n}a:\n" for n in range(1, 500)), "nested more than 64 levels"),
    "huge number": (f"config:\n  mlops:tier: dev\n  mlops:platform: {{network: {{zones: {DIGITS}}}}}\n", "too large"),
    "huge exponent": ("config:\n  mlops:tier: dev\n  mlops:platform: {network: {zones: 1e999}}\n", "too large"),
    "no settings": ('config:\n  mlops:tier: dev\n  mlops:platform: "x"\n', "must be a mapping"),
    "no tier": ('config:\n  mlops:tier: ""\n', "mlops:tier is missing"),
    "a list for a text": ("config:\n  mlops:tier: [dev]\n", "mlops:tier is"),
    "control characters": ("config:\n  mlops:tier: de\x07v\n", "is not YAML"),
    "billions": (
        "config:\n  a:a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"  a:a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
        "aliases stand for more than",
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_file_that_no_reader_could_take_is_refused_in_one_sentence(
    mlops: Run, project: Path, name: str, command: str
) -> None:
    text, says = FILES[name]
    stack_file(project, text)
    answer = mlops(command, "-s", "qa")
    assert answer.code == 2, answer
    assert says in answer.err
    assert DEFECT not in answer.err


def test_a_file_in_another_encoding_is_refused_with_its_name(mlops: Run, project: Path) -> None:
    (project / "Pulumi.qa.yaml").write_bytes("config: {mlops:tier: dev} # für".encode("latin-1"))
    answer = mlops("plan", "-s", "qa")
    assert answer.code == 2
    assert "Pulumi.qa.yaml cannot be read: it is not UTF-8" in answer.err


def test_a_stack_file_that_is_a_folder_or_may_not_be_read_is_told_so(mlops: Run, project: Path) -> None:
    (project / "Pulumi.qa.yaml").mkdir()
    assert mlops("plan", "-s", "qa").code == 2
    if os.geteuid():
        stack_file(project, "config: {}", "qb")
        (project / "Pulumi.qb.yaml").chmod(0)
        assert "Permission denied" in mlops("plan", "-s", "qb").err


def test_an_empty_text_for_the_settings_plans_the_bare_tier(mlops: Run, project: Path) -> None:
    stack_file(project, 'config:\n  mlops:tier: dev\n  mlops:platform: ""\n')
    assert mlops("plan", "-s", "qa").code == 0


@pytest.mark.parametrize(
    ("error", "says", "code"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x.json"), "x.json: No space left on device. Make room", 1),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "x.json"), "Make room on the disk", 1),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "x"), "x: Permission denied. Run this as a user", 1),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "x"), "x: Read-only file system", 1),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "Too many open files. The operating system refused", 1),
        (ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)), "Connection reset by peer", 1),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply", 2),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "not in the encoding", 2),
        (MemoryError(), "not enough memory", 1),
    ],
)
def test_what_the_system_refuses_is_said_in_its_own_sentence(error: Exception, says: str, code: int) -> None:
    message, given = explained(error)
    assert says in message
    assert DEFECT not in message
    assert given == code


def piped(command: str, project: Path, environment: dict[str, str]) -> Answer:
    """What a line of shell leaves behind that reads what `mlops` prints."""
    line = command.replace("mlops", f"{sys.executable} -m mlops.cli", 1)
    done = subprocess.run(
        ["bash", "-c", f"{line}; echo CODE ${{PIPESTATUS[0]}}"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    out, _, code = done.stdout.rpartition("CODE ")
    return Answer(int(code), out, done.stderr)


@pytest.mark.parametrize("command", ["plan -s prod --json", "access -s prod", "policy --rules", "--help"])
def test_a_reader_who_leaves_ends_the_command_without_a_word(
    command: str, project: Path, environment: dict[str, str]
) -> None:
    answer = piped(f"mlops {command} | true", project, environment)
    assert answer.code == 141
    assert "Error" not in answer.err
    assert "Traceback" not in answer.err


def test_a_full_disk_is_told_as_one(project: Path, environment: dict[str, str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    answer = piped("mlops plan -s dev --json > /dev/full", project, environment)
    assert answer.code == 1
    assert "No space left on device. Make room" in answer.err
    assert "Exception ignored" not in answer.err


@pytest.mark.parametrize(
    "arguments", [("plan", "-s", "dev"), ("modules",), ("policy", "--rule", "k8s-pdb"), ("--help",)]
)
def test_a_terminal_that_knows_ascii_only_is_shown_everything(mlops: Run, arguments: tuple[str, ...]) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    answer = mlops(*arguments, **plain)
    assert answer.code == 0
    assert answer.out.isascii()


def test_json_loses_no_letter_where_only_ascii_is_printed(mlops: Run) -> None:
    plain = mlops("policy", "--rule", "k8s-pdb", "--json", PYTHONIOENCODING="ascii")
    assert plain.out.isascii()
    assert plain.json() == mlops("policy", "--rule", "k8s-pdb", "--json").json()


def test_an_error_for_machines_is_json_with_the_place_of_each_problem(mlops: Run, project: Path) -> None:
    stack_file(project, "config:\n  mlops:tier: dev\n  mlops:platform:\n    network: {zones: 9}\n")
    answer = mlops("plan", "-s", "qa", "--json")
    error = answer.json()["error"]
    assert answer.code == error["code"] == 2
    assert answer.json()["version"] == ui.JSON_VERSION
    (problem,) = error["problems"]
    assert (problem["setting"], problem["line"], problem["column"]) == ("network.zones", 4, 15)
    assert error["message"] in answer.err.replace("Error: ", "").strip()


def test_a_misspelt_option_for_machines_is_json_as_well(mlops: Run) -> None:
    answer = mlops("plan", "--stak", "dev", "--json")
    assert answer.code == 2
    assert "--stak" in json.loads(answer.out)["error"]["message"]
