"""The command line: answers on standard output, one sentence on standard error, exit codes that mean something."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import cli
from pipelines.loop import STEPS
from pipelines.settings import Settings
from tests.pipelines.shop import Shop, made

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; gives exit code, standard output and standard error."""

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pipelines", *arguments])
        monkeypatch.setattr(cli._notes, "file", sys.stderr, raising=False)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        found = capsys.readouterr()
        return int(code or 0), found.out, found.err

    return command


@pytest.fixture
def configured(live: Shop, environment: Callable[[Settings], dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose settings are in the environment."""
    for name, value in environment(live.settings).items():
        monkeypatch.setenv(name, value)
    return live


def test_help_names_every_step_and_every_command(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    commands = (
        "run-loop",
        "generate",
        "import-csv",
        "erase",
        "lineage",
        "batch-score",
        "workflow",
        "worker",
        "reject",
        "rules",
    )
    assert all(name in out for name in (*commands, *(step.name for step in STEPS)))


def test_a_missing_environment_is_one_message_and_exit_code_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLOPS_STREAM", "MLOPS_STATE", "MLOPS_BUCKET_RAW"):
        monkeypatch.delenv(name, raising=False)
    code, out, err = run("run-loop")
    assert (code, out) == (2, "")
    assert "MLOPS_BUCKET_RAW" in err
    assert "Traceback" not in err


def test_a_gate_that_stops_is_exit_code_3(run: Run, configured: Shop) -> None:
    code, out, err = run("run-loop")
    assert (code, out) == (3, "")
    assert "There is no event in the lake" in err


def test_a_service_that_does_not_answer_is_exit_code_4(
    run: Run, configured: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_BUCKET_RAW", "not-there")
    assert run("run-loop")[0] == 4


def test_nonsense_is_exit_code_2(run: Run, configured: Shop) -> None:
    assert run("run-loop", "--strategy", "blue-green")[0] == 2
    assert run("run-loop", "--options", '{"x": 1}')[0] == 2
    assert run("lineage")[0] == 2
    assert run("import-csv", "nowhere.csv")[0] == 2
    assert run("erase")[0] == 2
    assert run("reject", "what")[0] == 2
    assert run("validate", "--run", "none")[0] == 2


def test_from_a_folder_of_files_to_an_erased_user(run: Run, configured: Shop, tmp_path: Path) -> None:
    assert run("generate", str(tmp_path / "files"), "--events", "1500")[0] == 0
    code, out, _ = run("import-csv", str(tmp_path / "files"))
    assert (code, len(out.split())) == (0, 3)

    code, out, err = run("run-loop", "--json", "--options", '{"deploy": {"requests": 5}}')
    assert code == 0
    answer = json.loads(out)
    assert set(answer) == {step.name for step in STEPS}
    assert answer["deploy"]["version"] == "1"
    assert all(step.name in err for step in STEPS)

    assert "events.csv sha256:" in run("lineage", "--model", "champion")[1]
    assert json.loads(run("lineage", "--model", "1", "--json")[1])["data_version"] == answer["train"]["data_version"]
    assert json.loads(run("batch-score", "--k", "2", "--json")[1])["version"] == "1"
    code, out, _ = run("erase", "u0000001")
    assert code == 0
    assert "training events" in out


def test_steps_run_one_by_one_as_an_orchestrator_runs_them(run: Run, configured: Shop) -> None:
    configured.fill(made(events=1_500))
    for step in STEPS:
        code, out, err = run(step.name, "--run", "by-hand", "--json")
        assert code == 0, err
        assert isinstance(json.loads(out), dict)
    assert configured.champion().number == "1"


def test_generated_events_can_go_through_the_stream(run: Run, configured: Shop) -> None:
    assert run("generate", "--events", "200", "--stream")[0] == 0
    taken = configured.ingest()
    assert {batch.source.split()[0] for batch in taken.batches} == {configured.settings.stream}


def test_the_workflow_is_yaml_or_json(run: Run) -> None:
    shown: dict[str, Any] = yaml.safe_load(
        run("workflow", "--image", "i:1", "--options", '{"assume_consent": true}')[1]
    )
    assert shown == json.loads(run("workflow", "--image", "i:1", "--options", '{"assume_consent": true}', "--json")[1])
    assert json.loads(shown["spec"]["arguments"]["parameters"][0]["value"])["assume_consent"] is True
