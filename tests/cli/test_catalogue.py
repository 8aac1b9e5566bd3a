"""`mlops modules`, `schema`, `init`, `new-module`: choosing and extending."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops.choice.catalogue import knobs
from mlops.choice.modules import modules
from mlops.choice.reference import FILE, reference
from mlops.cli import wizard
from mlops.core.yaml_reader import read
from mlops.tiers import TIERS
from tests.cli.conftest import ROOT, Run
from tests.cli.test_output import conforms


def test_the_catalogue_shows_every_slot_and_variant_with_what_it_is_for(mlops: Run) -> None:
    answer = mlops("modules")
    assert answer.code == 0
    for words in ("data_pipeline: ", "kinesis", "kafka", "ml_platform: ", "mlflow", "serving: ", "Best for"):
        assert words in answer.out


def test_one_variant_is_shown_with_its_settings(mlops: Run) -> None:
    answer = mlops("modules", "data_pipeline", "kafka")
    assert answer.out.startswith("data_pipeline: kind kafka")
    assert "Trade-offs" in answer.out
    assert "kinesis" not in answer.out


def test_the_catalogue_for_machines_holds_card_and_settings(mlops: Run) -> None:
    rows = {(row["slot"], row["kind"]): row for row in mlops("modules", "--json").json()["variants"]}
    kafka = rows["data_pipeline", "kafka"]
    assert kafka["complexity"] in ("low", "medium", "high")
    settings = {setting["name"]: setting for setting in kafka["settings"]}
    assert settings["protect"]["type"] == "boolean"
    assert settings["protect"]["description"]


@pytest.mark.parametrize(("arguments", "expected"), [(("dat",), "Slots: "), (("serving", "kafka"), "Variants: ")])
def test_what_is_not_in_the_catalogue_is_answered_with_what_is(
    mlops: Run, arguments: tuple[str, ...], expected: str
) -> None:
    answer = mlops("modules", *arguments)
    assert answer.code == 2
    assert expected in answer.err


def test_the_committed_reference_of_modules_is_current() -> None:
    assert (ROOT / FILE).read_text() == reference(ROOT), "run `mlops modules --write`"


def test_the_reference_leads_to_every_module_and_explains_each_of_its_settings() -> None:
    text = (ROOT / FILE).read_text()
    for module in modules():
        assert f"(#{module.slot}-{module.kind})" in text
        assert f"\n### {module.slot} {module.kind}\n" in text
        section = text.partition(f"\n### {module.slot} {module.kind}\n")[2].partition("\n### ")[0]
        for name, _, _, meaning in knobs(module.config):
            assert f"| `{name}` |" in section
            assert meaning


def test_the_catalogue_tells_what_each_module_would_cost_in_a_tier(mlops: Run) -> None:
    rows = mlops("modules", "data_pipeline", "--prices", "dev", "--json").json()["variants"]
    prices = {row["kind"]: row["monthly"] for row in rows}
    assert 0 < prices["kinesis"] < prices["kafka"]
    answer = mlops("modules", "--prices", "huge")
    assert answer.code == 2
    assert 'There is no tier "huge". Tiers: ' in answer.err


def test_the_committed_schema_is_current(mlops: Run) -> None:
    committed = (ROOT / "schema" / "stack.schema.json").read_text()
    assert json.loads(committed) == mlops("schema", cwd=ROOT).json(), "run `mlops schema --write`"


@pytest.mark.parametrize("path", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_every_stack_file_points_editors_at_the_schema(path: Path) -> None:
    assert path.read_text().startswith("# yaml-language-server: $schema=schema/stack.schema.json\n")


def test_the_schema_knows_keys_tiers_and_settings_and_requires_none_of_the_settings(mlops: Run) -> None:
    schema = mlops("schema").json()
    config = schema["properties"]["config"]
    assert "enterprise" in config["properties"]["mlops:tier"]["enum"]
    assert config["patternProperties"] == {"^mlops:(?!tier$|platform$)": False}
    assert config["properties"]["tier"] == {"$ref": "#/properties/config/properties/mlops:tier"}
    platform = config["properties"]["mlops:platform"]
    assert "required" not in platform
    assert platform["additionalProperties"] is False
    assert platform["properties"]["network"]["description"]


def test_init_writes_a_file_that_is_valid(mlops: Run, project: Path) -> None:
    arguments = ("--stack", "qa", "--tier", "dev", "--region", "eu-west-1", "--owner", "data", "--cost-center", "42")
    answer = mlops("init", *arguments, "--set", "network.cidr=10.40.0.0/16", "--set", "data_pipeline.kind=kafka")
    assert answer.code == 0
    assert "mlops plan -s qa" in answer.out
    assert (project / "Pulumi.qa.yaml").read_text() == (
        "# yaml-language-server: $schema=schema/stack.schema.json\n"
        "config:\n"
        "  aws:region: eu-west-1\n"
        "  mlops:tier: dev\n"
        "  mlops:platform:\n"
        "    tags:\n"
        "      owner: data\n"
        "      cost_center: '42'\n"
        "    network:\n"
        "      cidr: 10.40.0.0/16\n"
        "    data_pipeline:\n"
        "      kind: kafka\n"
    )
    assert mlops("validate", "-s", "qa").code == 0


def test_init_asks_for_what_is_missing_and_shows_the_command_without_questions(
    project: Path, environment: dict[str, str]
) -> None:
    pty = pytest.importorskip("pty")
    import os

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mlops.cli", "init"]
    with subprocess.Popen(
        command, cwd=project, env=environment, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # An empty line takes what the tier has, however many slots there are.
        os.write(ours, b"qa\nlocal\neu-west-1\nkafka\n" + 40 * b"\n")
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert "Name of the stack" in err
    assert "mlops init --stack qa --tier local --region eu-west-1 --set data_pipeline.kind=kafka" in out
    settings = read((project / "Pulumi.qa.yaml").read_text()).value["config"]
    assert settings["mlops:platform"] == {"data_pipeline": {"kind": "kafka"}}


def test_init_tells_what_each_tier_is_for_and_costs_and_what_each_module_is_best_for(mlops: Run, project: Path) -> None:
    prices = wizard.monthly(ROOT)
    assert set(prices) == set(TIERS)
    cost = mlops("cost", "-s", "dev", "--json").json()["monthly"]["total"]
    assert float(prices["dev"]) == pytest.approx(cost, abs=0.01)
    assert wizard._purpose("dev").startswith("the whole platform at the smallest size")


@pytest.mark.parametrize(
    ("setting", "written"),
    [
        ("cluster.version=1.35", "version: '1.35'"),
        ("tags.cost_center=1.30", "cost_center: '1.30'"),
        ("tags.cost_center=0x1F", "cost_center: '0x1F'"),
        ("tags.owner=no", "owner: 'no'"),
        ("account.id=012345678901", "id: '012345678901'"),
        ("account.id=123456789012", "id: '123456789012'"),
        ("tags.extra.Until=2026-12-31", "Until: '2026-12-31'"),
        ("tags.extra.Mode=0o17", "Mode: '0o17'"),
        ("network.zones=3", "zones: 3"),
        ("database.backup_window=03:00-04:00", "backup_window: 03:00-04:00"),
        ("serving.models=[{name: a, storage_uri: artifacts/a, cpu: 2}]", "cpu: '2'"),
    ],
)
def test_init_keeps_a_text_as_the_text_that_was_given(mlops: Run, project: Path, setting: str, written: str) -> None:
    assert mlops("init", "--stack", "qa", "--tier", "dev", "--set", setting).code == 0
    assert written in (project / "Pulumi.qa.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "--stack is missing"),
        (("--stack", "qa"), "--tier is missing"),
        (("--stack", "dev", "--tier", "dev"), "Pulumi.dev.yaml exists"),
        (("--stack", "../x", "--tier", "dev"), "cannot name a stack"),
        (("--stack", "qa", "--tier", "huge"), 'mlops:tier is "huge"'),
        (("--stack", "qa", "--tier", "dev", "--region", "mars-1"), 'region is "mars-1"'),
        (("--stack", "qa", "--tier", "dev", "--set", "network.zones=9"), "network.zones is 9"),
        (("--stack", "qa", "--tier", "dev", "--set", "network.zones"), "PATH=VALUE"),
        (("--stack", "qa", "--tier", "dev", "--set", "network.cidr=["), "is not a YAML value"),
        (("--stack", "qa", "--tier", "dev", "--set", "network=1", "--set", "network.zones=2"), "plain value"),
    ],
)
def test_init_writes_nothing_when_something_is_wrong(
    mlops: Run, project: Path, arguments: tuple[str, ...], expected: str
) -> None:
    before = {path.name: path.read_text() for path in project.glob("Pulumi.*")}
    answer = mlops("init", *arguments)
    assert answer.code == 2
    assert expected in answer.err
    assert {path.name: path.read_text() for path in project.glob("Pulumi.*")} == before


NEW = ("redpanda", "data_pipeline"), ("clear_ml", "ml_platform"), ("bento_ml", "serving")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sources once more, to write new modules into, found before the installed ones."""
    import shutil

    copy = tmp_path / "checkout"
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("components", "mlops", "localcloud", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for name in ("Pulumi.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


def test_a_new_module_passes_ruff_basedpyright_and_the_conformance_test_as_it_is(
    mlops: Run, checkout: Path, environment: dict[str, str]
) -> None:
    for name, slot in NEW:
        answer = mlops("new-module", slot, name, "--json", cwd=checkout, PYTHONPATH=str(checkout))
        conforms(answer.json(), "new-module")
        assert answer.json()["file"] == f"components/{slot}/{name}.py"
        assert mlops("modules", slot, name.replace("_", "-"), cwd=checkout, PYTHONPATH=str(checkout)).code == 0
    files = [f"components/{slot}/{name}.py" for name, slot in NEW]
    own = {**environment, "PYTHONPATH": str(checkout)}
    kinds = " or ".join(f"{slot}-{name.replace('_', '-')}" for name, slot in NEW)
    for command in (
        ["ruff", "check", *files],
        ["ruff", "format", "--check", *files],
        ["basedpyright", *files],
        ["pytest", "-q", "-p", "no:cacheprovider", "tests/test_conformance.py", "-k", kinds],
    ):
        done = subprocess.run([sys.executable, "-m", *command], cwd=checkout, env=own, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("data_pipe", "x"), "Slots: data_pipeline"),
        (("data_pipeline", "Red-Panda"), "cannot name a module"),
        (("data_pipeline", "kafka"), "has a variant kafka already"),
    ],
)
def test_new_module_refuses_what_it_cannot_write(mlops: Run, arguments: tuple[str, ...], expected: str) -> None:
    answer = mlops("new-module", *arguments)
    assert answer.code == 2
    assert expected in answer.err
