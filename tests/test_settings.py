"""What a stack file may say, and what somebody is told who says something else."""

from pathlib import Path
from textwrap import dedent

import pytest

from mlops import stacks
from mlops.core.problems import SettingsError
from mlops.settings import Settings, resolve
from mlops.stacks import StackFile
from mlops.tiers import TIERS, tier

ROOT = Path(__file__).parent.parent


def stack(tmp_path: Path, text: str, name: str = "test") -> StackFile:
    """A stack file with this text, read."""
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (tmp_path / f"Pulumi.{name}.yaml").write_text(dedent(text))
    return stacks.read(name, tmp_path)


def settings(tmp_path: Path, platform: str = "", tier_name: str = "dev") -> Settings:
    """The settings of a stack over a tier; `platform` is YAML below `mlops:platform`."""
    text = f"config:\n  mlops:tier: {tier_name}\n"
    if platform:
        text += "  mlops:platform:\n" + "".join(f"    {line}\n" for line in dedent(platform).strip().splitlines())
    return resolve(stack(tmp_path, text))


def refusal(tmp_path: Path, platform: str, tier_name: str = "dev") -> str:
    """The message with which settings are refused."""
    with pytest.raises(SettingsError) as error:
        settings(tmp_path, platform, tier_name)
    return error.value.message


@pytest.mark.parametrize("name", TIERS)
def test_a_tier_is_complete_in_itself(name: str, tmp_path: Path) -> None:
    assert settings(tmp_path, tier_name=name).platform == tier(name)


@pytest.mark.parametrize("name", stacks.names(ROOT))
def test_every_stack_of_the_project_can_be_deployed(name: str) -> None:
    resolved = resolve(stacks.read(name, ROOT))
    assert resolved.prefix == f"mlops-{name}"
    assert {"Environment", "ManagedBy", "Project", "CostCenter", "DataClassification", "Owner"} <= set(resolved.tags)
    assert resolved.tags["Environment"] == name


def test_a_stack_file_says_only_what_differs(tmp_path: Path) -> None:
    resolved = settings(tmp_path, "network: {zones: 3}", "dev")
    assert resolved.platform.network.zones == 3
    assert resolved.platform.network.nat == tier("dev").network.nat


def test_the_region_is_set_where_every_pulumi_user_sets_it(tmp_path: Path) -> None:
    resolved = resolve(stack(tmp_path, "config: {aws:region: eu-west-1, mlops:tier: dev}"))
    assert resolved.platform.region == "eu-west-1"
    assert resolved.platform.zones == ("eu-west-1a", "eu-west-1b")


def test_two_regions_in_one_stack_file_are_refused(tmp_path: Path) -> None:
    text = "config: {aws:region: eu-west-1, mlops:tier: dev, mlops:platform: {region: us-west-2}}"
    with pytest.raises(SettingsError, match="keep aws:region"):
        resolve(stack(tmp_path, text))


@pytest.mark.parametrize(
    ("platform", "says"),
    [
        ("netwrok: {zones: 3}", ['netwrok: there is no such setting. Did you mean "network"?', "Allowed here:"]),
        ("network: {zone: 3}", ['network.zone: there is no such setting. Did you mean "zones"?']),
        ("network: {zones: three}", ['network.zones is "three"; it must be a whole number', "Availability zones"]),
        ("network: {zones: 9}", ["network.zones is 9; it must be at most 6"]),
        ("network: {nat: two}", ['network.nat is "two"', "Allowed: none, one, per_zone"]),
        ("network: {cidr: 10.0.0.0/24}", ["10.0.0.0/24 is too small", "Allowed: /16"]),
        ("network: {cidr: 10.0.0.0/22, zones: 3}", ["10.0.0.0/22 is too small for 3 zones"]),
        ("network: 3", ["network is 3; it must be a mapping"]),
        ("data_pipeline: {kind: kafak}", ['data_pipeline.kind is "kafak"', 'Did you mean "kafka"?', "mlops modules"]),
        ("data_pipeline: {kind: kafka, shards: 3}", ["data_pipeline.shards: there is no such setting"]),
        ("cluster: {version: '1.27'}", ['version is "1.27"; allowed: 1.36, 1.35', "Use 1.35"]),
        ("cluster: {version: '1.33'}", ["1.33 left standard support on 2026-07-29", '"extended"']),
        ("cluster: null", ["serving is kubernetes, which runs on a cluster, and this stack has none"]),
        ("database: null", ["ml_platform is mlflow, which runs on a database"]),
        (
            "cluster: {node_groups: {gpu: {instance_types: [m5.large], gpu: true}}}",
            ["gpu is true, but m5.large has no NVIDIA GPU"],
        ),
        ("region: mars-north-1", ['region is "mars-north-1"; allowed: af-south-1', "network.zone_names"]),
        ("region: us-west-1\nnetwork: {zones: 3}", ["network.zones is 3, but us-west-1 has 2 availability zones"]),
        ("network: {zones: 1}", ["network.zones is 1", "at least 2 availability zones"]),
        ("account: {id: '12'}", ['account.id is "12"', "12 digits"]),
        ("database: {instance_class: big}", ['database.instance_class is "big"', "db.t4g.medium"]),
    ],
)
def test_a_wrong_setting_is_refused_with_what_was_given_and_what_is_allowed(
    platform: str, says: list[str], tmp_path: Path
) -> None:
    message = refusal(tmp_path, platform)
    assert message.startswith("Pulumi.test.yaml")
    for words in says:
        assert words in message, message
    assert "Traceback" not in message
    assert "pydantic" not in message


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, "network: {zones: 9}\nstorage: {log_retention_days: never}")
    assert "network.zones" in message
    assert "storage.log_retention_days" in message


def test_a_value_under_a_secret_sounding_key_is_never_repeated(tmp_path: Path) -> None:
    assert "hunter2" not in refusal(tmp_path, "network: {password: hunter2}")
    assert "hunter2" not in refusal(tmp_path, "database: {secret_recovery_days: hunter2}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("config: {mlops:teir: dev}", 'no key mlops:teir. Did you mean "tier"?'),
        ("config: {}", "mlops:tier is missing. Allowed: local, dev, prod"),
        ("config: {mlops:tier: prd}", 'mlops:tier is "prd". Did you mean "prod"?'),
        ("config: {mlops:tier: dev, aws:profile: me}", "aws:profile would have no effect"),
        ("config: {mlops:tier: dev, mlops:platform: 3}", "mlops:platform must be a mapping"),
        ("config: {mlops:tier: dev, mlops:platform: {secure: AAABAA}}", "mlops:platform is encrypted"),
        ("config: [1]", "`config` must be a mapping"),
        ("config: {mlops:tier: dev", "is not YAML at line"),
        ("just words", "must hold a mapping"),
    ],
)
def test_a_stack_file_that_cannot_be_used_is_refused_in_one_message(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        resolve(stack(tmp_path, text))
    assert says in error.value.message


def test_a_missing_stack_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    stack(tmp_path, "config: {mlops:tier: dev}", "staging")
    with pytest.raises(SettingsError) as error:
        stacks.read("stagin", tmp_path)
    assert 'Did you mean "staging"?' in error.value.message
    assert "mlops init --stack stagin" in error.value.message


def test_a_stack_name_that_cannot_start_aws_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at most 24 characters"):
        resolve(stack(tmp_path, "config: {mlops:tier: dev}", "a-name-much-too-long-for-aws"))


@pytest.mark.parametrize("name", ["dev-", "a--b", "9lives-", "-x"])
def test_a_stack_name_that_a_database_or_a_repository_would_not_bear_is_refused(name: str, tmp_path: Path) -> None:
    """RDS takes no two hyphens in a row, ECR none at the end (their API references)."""
    with pytest.raises(SettingsError, match="single hyphens"):
        resolve(stack(tmp_path, "config: {mlops:tier: dev}", name))


def test_a_preview_of_extended_support_is_possible_when_it_is_asked_for(tmp_path: Path) -> None:
    resolved = settings(tmp_path, "cluster: {version: '1.33', support: extended}")
    assert resolved.platform.cluster is not None
    assert resolved.platform.cluster.version == "1.33"
