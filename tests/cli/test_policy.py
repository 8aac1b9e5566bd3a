"""`mlops policy` and `mlops evidence` as a user runs them."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Run, stack_file

FRAMEWORKS = ("soc2", "gdpr", "hipaa", "pci", "cis")


def exempt(project: Path, text: str) -> None:
    (project / "exemptions.yaml").write_text(text)


@pytest.fixture
def accepted(project: Path) -> Path:
    """The project with the exemptions that it is delivered with."""
    exempt(project, (ROOT / "exemptions.yaml").read_text())
    return project


def test_prod_is_allowed_with_the_exemptions_that_it_is_delivered_with(mlops: Run, accepted: Path) -> None:
    answer = mlops("policy", "-s", "prod")
    assert answer.code == 0, answer.text
    assert "Allowed" in answer.out
    assert "accepted until 2027" in answer.text


def test_a_mandatory_breach_ends_with_exit_code_3_and_says_how_to_mend_it(mlops: Run) -> None:
    answer = mlops("policy", "-s", "prod")
    assert answer.code == 3
    assert "Not allowed" in answer.out
    assert "mirror to ECR" in answer.out


def test_the_same_breach_is_advice_for_dev(mlops: Run) -> None:
    rows = mlops("policy", "-s", "dev", "--json").json()["findings"]
    levels = {row["level"] for row in rows if row["rule"] == "k8s-image-registry-allowed"}
    assert levels == {"advisory"}


def test_json_traces_each_finding_to_a_property(mlops: Run, accepted: Path) -> None:
    document = mlops("policy", "-s", "prod", "--json").json()
    assert document["tier"] == "prod"
    assert document["totals"]["mandatory"] == 0
    assert len(document["findings"]) == sum(document["totals"][key] for key in ("met", "broken", "unknown", "exempted"))
    assert all(row["urn"] for row in document["findings"] if row["verdict"] == "met")
    encrypted = [row for row in document["findings"] if row["rule"] == "rds-instance-encrypted"]
    assert [(row["resource"], row["property"], row["value"]) for row in encrypted] == [
        ("database-instance", "storageEncrypted", True)
    ]


def test_a_framework_keeps_its_own_rules_only(mlops: Run, accepted: Path) -> None:
    every, of_one = (mlops("policy", "-s", "prod", "--json", *more).json() for more in ((), ("--framework", "cis")))
    assert 0 < len(of_one["findings"]) < len(every["findings"])


def test_a_rule_is_explained_with_its_controls_and_sources(mlops: Run) -> None:
    answer = mlops("policy", "--rule", "k8s-run-as-non-root")
    assert answer.code == 0
    for words in ("What must hold", "Fix:", "PCI DSS 4.0", "prowler", "evidence toward a control"):
        assert words in answer.text
    assert mlops("policy", "--rule", "k8s-pdb", "--json").json()["severity"] == "low"


def test_every_rule_is_listed(mlops: Run) -> None:
    assert len(mlops("policy", "--rules", "--json").json()["rules"]) == 233
    assert "k8s-pdb" in mlops("policy", "--rules").out


def test_coverage_lists_every_type_with_its_rules_or_a_reason(mlops: Run) -> None:
    rows = {row["type"]: row for row in mlops("policy", "--coverage", "-s", "dev", "--json").json()["types"]}
    assert "k8s-no-privileged" in rows["kubernetes:apps/v1:Deployment"]["rules"]
    assert "hides what the chart makes" in rows["kubernetes:helm.sh/v3:Release"]["reason"]


def test_markdown_is_a_table_for_a_pull_request(mlops: Run) -> None:
    text = mlops("policy", "-s", "prod", "--markdown").out
    assert text.startswith("### mlops/prod: ")
    assert "| Module | Level | Severity | Rule | Resource | Property | Fix |" in text


def test_a_graph_in_a_file_is_judged_by_the_tier_of_its_stack(mlops: Run, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(mlops("plan", "-s", "dev", "--json").out)
    from_file, planned = mlops("policy", "--graph", str(plan), "--json"), mlops("policy", "-s", "dev", "--json")
    assert (from_file.code, from_file.json()) == (0, planned.json())
    evidence = mlops("evidence", "--graph", str(plan), "--framework", "soc2", "--output", str(tmp_path / "evidence"))
    assert evidence.code == 0, evidence.err


@pytest.mark.parametrize(
    ("stack", "config", "tier"),
    [
        ("sandbox", {"mlops:tier": "dev"}, "dev"),
        ("dev", {}, "dev"),
        ("sandbox", {}, ""),
        ("sandbox", {"other:tier": "dev"}, ""),
        ("sandbox", {"mlops:tier": "own"}, ""),
    ],
    ids=["the configuration tells", "the stack's file tells", "nobody tells", "another project's", "no tier"],
)
def test_the_tier_of_a_preview_is_the_one_that_it_or_the_stack_file_tells(
    mlops: Run, tmp_path: Path, stack: str, config: dict[str, str], tier: str
) -> None:
    rows = [("pulumi:pulumi:Stack", f"mlops-{stack}"), ("aws:s3/bucket:Bucket", "lake")]
    states = [{"urn": f"urn:pulumi:{stack}::mlops::{type_}::{name}", "type": type_} for type_, name in rows]
    steps = [{"op": "create", "urn": state["urn"], "newState": state} for state in states]
    file = tmp_path / "preview.json"
    file.write_text(json.dumps({"config": config, "steps": steps}))
    report = mlops("policy", "--graph", str(file), "--json").json()
    assert report["tier"] == tier


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("{rule: k8s-pdb, resource: x, expires: 2027-01-01}", "has no reason"),
        ("{rule: k8s-pbd, resource: x, reason: y, expires: 2027-01-01}", 'Did you mean "k8s-pdb"?'),
        ("{rule: k8s-pdb, resource: x, reason: y, expires: 2026-01-01}", "expired on 2026-01-01"),
    ],
)
@pytest.mark.parametrize("command", [("policy",), ("evidence", "--framework", "soc2")])
def test_an_exemption_that_cannot_hold_ends_with_one_sentence_and_exit_code_2(
    mlops: Run, project: Path, command: tuple[str, ...], entry: str, sentence: str
) -> None:
    exempt(project, f"exemptions: [{entry}]\n")
    answer = mlops(*command, "-s", "dev")
    assert answer.code == 2
    assert sentence in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("policy", "-s", "dev", "--framework", "sox"), 'no framework "sox"'),
        (("evidence", "-s", "dev", "--framework", "sco2"), 'Did you mean "soc2"?'),
        (("evidence", "-s", "dev"), "Which framework?"),
        (("policy", "--rule", "k8s-pbd"), 'Did you mean "k8s-pdb"?'),
        (("policy", "--graph", "nothing.json"), "cannot be read"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(mlops: Run, arguments: tuple[str, ...], sentence: str) -> None:
    answer = mlops(*arguments)
    assert (answer.code, sentence in answer.text) == (2, True), answer.text


def test_an_exemption_that_covers_nothing_is_pointed_out(mlops: Run, project: Path) -> None:
    exempt(project, "exemptions: [{rule: k8s-pdb, resource: nobody, reason: y, expires: 2027-01-01}]\n")
    assert "covers nothing here" in mlops("policy", "-s", "dev").err


def test_a_setting_that_a_rule_forbids_is_found(mlops: Run, project: Path) -> None:
    tier = "config:\n  mlops:tier: dev\n  mlops:platform:\n    ml_platform: {image: 'docker.io/mlflow:latest'}\n"
    stack_file(project, tier)
    answer = mlops("policy", "-s", "qa")
    assert answer.code == 3
    assert "k8s-image-not-latest" in answer.out


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_evidence_is_written_as_json_and_as_a_page(mlops: Run, accepted: Path, tmp_path: Path, framework: str) -> None:
    folder = tmp_path / "audit"
    answer = mlops("evidence", "-s", "prod", "--framework", framework, "-o", str(folder))
    assert answer.code == 0, answer.text
    document = json.loads((folder / f"evidence-prod-{framework}.json").read_text())
    assert document["plan"]["stack"] == "prod"
    assert document["plan"]["date"] == "2026-11-20"
    assert document["controls"]
    page = (folder / f"evidence-prod-{framework}.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "mlops/prod" in page


def test_evidence_on_standard_output_writes_no_file(mlops: Run, accepted: Path) -> None:
    before = sorted(accepted.iterdir())
    document = mlops("evidence", "-s", "prod", "--framework", "gdpr", "--json").json()
    assert document["framework"] == "gdpr"
    assert sorted(accepted.iterdir()) == before


def test_a_folder_that_cannot_be_written_to_is_named(mlops: Run, project: Path) -> None:
    (project / "audit").write_text("a file")
    answer = mlops("evidence", "-s", "dev", "--framework", "gdpr", "-o", "audit")
    assert answer.code == 1
    assert "Choose another folder" in answer.text
