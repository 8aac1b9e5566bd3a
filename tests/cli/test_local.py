"""A stack on this machine as a user sees it: up, up again, interrupted, down; and rehearsals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run, stack_file
from tests.cli.test_output import conforms

pytestmark = pytest.mark.engine

UP = ("up", "-s", "local", "--infrastructure-only")

SMALL = """config:
  mlops:tier: {tier}
  mlops:platform:
    network: {{zones: {zones}}}
    cluster: null
    database: null
    data_pipeline: null
    ml_platform: null
    serving: null
"""
"""Network, keys, storage and registry: a platform that comes up in seconds."""


def small(project: Path, name: str, *, tier: str = "local", zones: int = 1) -> None:
    stack_file(project, SMALL.format(tier=tier, zones=zones), name)


def test_a_local_stack_comes_up_stays_as_it_is_and_goes_without_a_trace(mlops: Run, engine: Path) -> None:
    small(engine, "local")
    first = mlops(*UP)
    assert first.code == 0, first
    assert "up local:" in first.err
    assert "mlops/local" in first.out
    assert "s3 Bucket ×5  storage-artifacts, storage-curated, storage-features, storage-logs and 1 more" in first.out
    assert "buckets.raw" in first.out
    assert "local is up: " in first.out
    assert "created in " in first.out

    second = mlops(*UP)
    assert second.code == 0, second
    assert "No change: the " in second.out
    assert "s3 Bucket ×5" not in second.out

    unasked = mlops("destroy", "-s", "local")
    assert (unasked.code, unasked.out) == (2, "")
    assert "needs --yes" in unasked.err

    down = mlops("destroy", "-s", "local", "--yes")
    assert down.code == 0, down
    assert "nothing is left" in down.out
    assert not (engine / ".local").exists()
    assert "not up; nothing to destroy" in mlops("destroy", "-s", "local", "--yes").out


def test_what_is_protected_keeps_a_stack_from_being_destroyed(mlops: Run, engine: Path) -> None:
    small(engine, "prod", tier="prod", zones=2)
    up = mlops("up", "-s", "prod", "--here")
    assert up.code == 0
    assert "Down again: mlops destroy -s prod --here" in up.text
    refused = mlops("destroy", "-s", "prod", "--here", "--yes")
    assert refused.code == 1
    assert "nothing was deleted" in refused.err
    assert "storage-raw (s3 Bucket)" in refused.err
    assert "protect: false" in refused.err
    assert "mlops up -s prod --here" in " ".join(refused.err.split())
    assert "--exclude-protected" in refused.err
    assert "No change" in mlops("up", "-s", "prod", "--here").out

    kept = mlops("destroy", "-s", "prod", "--here", "--yes", "--exclude-protected")
    assert kept.code == 0, kept
    assert "protected ones and what they stand on are kept" in kept.out


def test_machines_get_counts_outputs_and_failures(mlops: Run, engine: Path) -> None:
    small(engine, "local")
    up = mlops(*UP, "--json").json()
    assert up["ok"]
    assert up["changed"]
    assert up["counts"]["create"] > 50
    assert up["outputs"]["buckets"]["raw"]
    assert mlops(*UP, "--json").json()["changed"] is False
    down = mlops("destroy", "-s", "local", "--yes", "--json").json()
    assert down["counts"] == {"delete": up["counts"]["create"]}


def test_a_stack_of_tier_local_is_local_under_any_name_and_keeps_its_state_when_it_is_renamed(
    mlops: Run, engine: Path
) -> None:
    small(engine, "mine")
    up = mlops("up", "-s", "mine", "--infrastructure-only", "--json").json()
    conforms(up, "up")
    assert up["counts"]["create"] > 50
    assert mlops("local", "status", "--json").json()["stranded"] == []

    (engine / "Pulumi.mine.yaml").rename(engine / "Pulumi.ours.yaml")
    status = mlops("local", "status")
    assert "mlops local adopt mine -s STACK" in status.err
    assert mlops("local", "status", "--json").json()["stranded"] == ["mine"]
    assert "mlops local adopt mine" in mlops("destroy", "-s", "ours", "--yes").err
    assert mlops("local", "adopt", "yours", "-s", "ours").code == 2
    adopted = mlops("local", "adopt", "mine", "-s", "ours", "--json").json()
    conforms(adopted, "local-adopt")

    again = mlops("up", "-s", "ours", "--infrastructure-only", "--json").json()
    assert again["ok"]
    assert again["counts"].get("create", 0) < up["counts"]["create"] / 2
    assert mlops("destroy", "-s", "ours", "--yes").code == 0
    assert not (engine / ".local" / "stacks").exists()


def test_an_interrupted_up_loses_nothing_and_the_next_goes_on(
    mlops: Run, engine: Path, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "mlops.cli", *UP]
    with subprocess.Popen(
        command, cwd=engine, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if "up local:" in line:
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    assert "what has begun is being finished" in err
    assert "nothing is lost; `mlops up -s local` goes on from there" in " ".join(err.split())
    assert "Traceback" not in err

    again = mlops(*UP)
    assert again.code == 0, again
    # What had begun is finished: where that was everything, nothing is left to be done.
    assert "local is up: " in again.out or "No change: " in again.out
    assert mlops("destroy", "-s", "local", "--yes").code == 0


def test_two_at_once_on_one_stack_are_told_apart(mlops: Run, engine: Path) -> None:
    import fcntl

    small(engine, "local")
    folder = engine / ".local" / "stacks" / "local"
    folder.mkdir(parents=True)
    with (folder / "in-use").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = mlops(*UP)
    assert answer.code == 1
    assert "Another process works in" in answer.err


def test_a_rehearsal_shows_what_each_step_did_and_leaves_nothing(mlops: Run, engine: Path, tmp_path: Path) -> None:
    small(engine, "prod", tier="prod", zones=2)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    answer = mlops("rehearse", "-s", "prod", TMPDIR=str(scratch))
    assert answer.code == 0, answer
    rows = [line.strip() for line in answer.out.splitlines() if line.startswith((" up", " destroy"))]
    steps = [row.split("  ")[0] for row in rows]
    assert steps == ["up", "up again", "up without protection", "destroy to nothing"]
    assert "came up, stayed as it was, and went without a trace" in answer.out
    assert list(scratch.iterdir()) == []
    assert not (engine / ".local").exists()


def test_a_change_of_tier_is_rehearsed_as_an_update(mlops: Run, engine: Path) -> None:
    small(engine, "dev", tier="dev", zones=2)
    small(engine, "prod", tier="prod", zones=3)
    document = mlops("rehearse", "-s", "prod", "--from", "dev", "--json").json()
    conforms(document, "rehearse")
    steps = document["steps"]
    assert [step["step"] for step in steps][:2] == ["up as dev", "change to prod"]
    assert steps[1]["counts"]["create"] > 0
    assert steps[1]["counts"]["update"] > 0
    assert all(step["ok"] for step in steps)


def test_one_failure_of_every_type_heals_with_the_next_up(mlops: Run, engine: Path) -> None:
    small(engine, "local")
    answer = mlops("rehearse", "-s", "local", "--fault", "types")
    assert answer.code == 0, answer
    assert "failed once and came up with the next up" in answer.out
    assert "none: all has healed" in answer.out


def test_one_resource_is_made_to_fail_by_its_name(mlops: Run, engine: Path) -> None:
    small(engine, "local")
    result = mlops("rehearse", "-s", "local", "--fault", "network-vpc", "--json").json()
    conforms(result, "rehearse-fault")
    assert result["healed"] == 1
    assert result["ups"][0]["struck"][0].endswith("::network-vpc")
    assert result["ups"][1]["struck"] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--fault", "no-such-resource"), "URN or name"),
        (("--fault", "types", "--from", "dev"), "cannot be rehearsed together"),
        (("--kubeconfig", "nowhere.yaml"), "no such file"),
    ],
)
def test_a_rehearsal_refuses_what_it_cannot_do(
    mlops: Run, engine: Path, arguments: tuple[str, ...], expected: str
) -> None:
    answer = mlops("rehearse", "-s", "local", *arguments)
    assert answer.code == 2
    assert expected in answer.err


def test_progress_in_a_terminal_is_a_board_that_is_gone_afterwards(engine: Path, environment: dict[str, str]) -> None:
    small(engine, "local")
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "mlops.cli", *UP]
    terminal = {**environment, "TERM": "xterm-256color", "COLUMNS": "120"}
    with subprocess.Popen(command, cwd=engine, env=terminal, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 65536):
                said += chunk
        except OSError:
            pass  # Linux reports the end of a terminal as an error.
        assert process.wait() == 0, said
    os.close(ours)
    text = said.decode()
    assert " resources" in text
    assert "storage-" in text
    assert "local is up" in text
