"""`mlops versions` and `mlops upgrade-plan`, as a user runs them."""

from datetime import UTC, datetime

from mlops.change.model import Kind
from mlops.lifecycle.upgrade import SETTINGS
from tests.cli.conftest import Run


def seconds(year: int, month: int, day: int) -> str:
    return str(int(datetime(year, month, day, tzinfo=UTC).timestamp()))


def test_versions_past_their_support_end_a_strict_look_with_exit_code_3(
    mlops: Run, environment: dict[str, str]
) -> None:
    assert mlops("init", "--stack", "exp", "--tier", "experimental").code == 0
    environment["SOURCE_DATE_EPOCH"] = seconds(2026, 12, 15)
    late = mlops("versions", "-s", "exp", "--strict", "--json")
    assert late.code == 3
    states = {row["what"]: row["state"] for row in late.json()["pinned"]}
    assert states["istiod"] == "ended"
    assert states["EKS"] == "supported"
    assert "Past its support: " in late.err
    assert "istiod 1.30.3" in late.err


def test_a_kubernetes_that_aws_makes_no_more_is_refused_with_the_one_to_take(
    mlops: Run, environment: dict[str, str]
) -> None:
    environment["SOURCE_DATE_EPOCH"] = seconds(2027, 9, 1)
    refused = mlops("versions", "-s", "prod")
    assert refused.code == 2
    assert "version 1.35 left standard support on 2027-03-27" in refused.text


def test_the_way_to_newer_versions_is_what_the_program_would_change(mlops: Run) -> None:
    answer = mlops("upgrade-plan", "-s", "prod", "--json").json()
    paths = [one["setting"] for one in answer["raises"]]
    assert paths == [setting.path for setting in SETTINGS.values()]
    cluster, database, brokers = answer["raises"]
    assert (cluster["before"], cluster["after"]) == ("1.35", "1.36")
    titles = [stage["title"] for stage in cluster["stages"]]
    assert titles[0] == "Control plane"
    assert titles.index("Nodes") > titles.index("Control plane")
    kinds = {change["change"] for one in answer["raises"] for stage in one["stages"] for change in stage["changes"]}
    assert Kind.DELETE.value not in kinds
    instance = [one for stage in database["stages"] for one in stage["changes"] if "Instance" in one["type"]]
    assert [one["change"] for one in instance] == [Kind.UPDATE.value]
    assert brokers["after"] == "4.1.x", "standard brokers do not run 4.2"
    text = mlops("upgrade-plan", "-s", "prod").out
    assert "pulumi config set -s prod --path 'mlops:platform.cluster.version' 1.36" in text


def test_only_a_version_that_a_stack_file_has_can_be_asked_for(mlops: Run) -> None:
    wrong = mlops("upgrade-plan", "-s", "dev", "--only", "cluster.versoin")
    assert wrong.code == 2
    assert "cluster.version, database.version, data_pipeline.brokers.version" in wrong.err
    newest = mlops("upgrade-plan", "-s", "dev", "--only", "data_pipeline.brokers.version")
    assert newest.code == 0
    assert "no version that a stack file can raise" in newest.out
