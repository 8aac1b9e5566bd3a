"""Settings of the cluster that cannot work are refused with one sentence that says what would."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from components.cluster import ClusterConfig
from mlops.core import versions


def refused(**settings: Any) -> str:
    with pytest.raises(ValidationError) as error:
        ClusterConfig.model_validate(settings)
    return str(error.value)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def travel(day: str) -> None:
        moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(moment.timestamp())))

    return travel


def test_the_default_version_is_in_standard_support() -> None:
    assert ClusterConfig().version == versions.EKS_DEFAULT
    assert ClusterConfig().support == "standard"


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    message = refused(version="1.99")
    assert 'version is "1.99"; allowed: 1.36, 1.35, 1.34, 1.33, 1.32, 1.31' in message
    assert "Use 1.35" in message


def test_a_version_that_left_standard_support_is_refused_with_both_ways_out() -> None:
    message = refused(version="1.33")
    assert "1.33 left standard support on 2026-07-29. Allowed: 1.36, 1.35, 1.34." in message
    assert 'set support to "extended" (until 2027-07-29' in message


def test_a_version_that_left_standard_support_runs_on_with_extended_support() -> None:
    assert ClusterConfig.model_validate({"version": "1.33", "support": "extended"}).version == "1.33"


def test_a_version_that_left_all_support_is_refused_whatever_is_paid(on: Callable[[str], None]) -> None:
    on("2026-11-27")
    message = refused(version="1.31", support="extended")
    assert "1.31 left extended support on 2026-11-26" in message
    assert "Allowed: 1.36, 1.35, 1.34, 1.33, 1.32." in message


@pytest.mark.parametrize("version", sorted(versions.EKS))
def test_a_version_is_good_to_its_last_day_and_no_longer(version: str, on: Callable[[str], None]) -> None:
    last = versions.EKS[version].standard_until
    on(last.isoformat())
    assert ClusterConfig.model_validate({"version": version}).version == version
    on((last + timedelta(days=1)).isoformat())
    assert "left standard support" in refused(version=version)


def test_extended_support_includes_its_last_day(on: Callable[[str], None]) -> None:
    on("2026-11-26")
    assert ClusterConfig.model_validate({"version": "1.31", "support": "extended"}).version == "1.31"


def test_a_public_endpoint_without_blocks_is_refused() -> None:
    assert "list the blocks that may connect" in refused(endpoint={"access": "public"})


def test_blocks_for_a_private_endpoint_are_refused() -> None:
    message = refused(endpoint={"access": "private", "public_access_cidrs": ["203.0.113.0/24"]})
    assert 'set access to "public"' in message


def test_a_block_that_is_no_network_is_refused() -> None:
    message = refused(endpoint={"access": "public", "public_access_cidrs": ["203.0.113.7/24"]})
    assert "203.0.113.7/24 is not an IPv4 network" in message


def test_a_cluster_worth_protecting_is_not_open_to_the_whole_internet() -> None:
    endpoint = {"access": "public", "public_access_cidrs": ["0.0.0.0/0"]}
    assert "lets the whole internet connect" in refused(endpoint=endpoint)
    assert ClusterConfig.model_validate({"endpoint": endpoint, "deletion_protection": False})


def test_deletion_protection_that_a_destroy_would_meet_only_at_the_end_is_refused() -> None:
    assert "set both or neither" in refused(deletion_protection=True, protect=False)


def test_a_session_is_no_principal() -> None:
    message = refused(admins=["arn:aws:sts::123456789012:assumed-role/Admin/me"])
    assert "admins.0" in message


def test_principals_whose_entries_would_have_one_name_are_refused() -> None:
    arns = [f"arn:aws:iam::123456789012:role/{name}" for name in ("team/a", "team-a")]
    assert "differ by punctuation alone" in refused(admins=arns)


def test_a_principal_named_twice_is_refused() -> None:
    arn = "arn:aws:iam::123456789012:role/Admin"
    message = refused(admins=[arn], access={"again": {"principal": arn, "policy": "view", "namespaces": ["models"]}})
    assert f"{arn} is named twice" in message


def test_access_to_no_namespace_is_refused() -> None:
    arn = "arn:aws:iam::123456789012:role/Analyst"
    assert "access.x.namespaces" in refused(access={"x": {"principal": arn, "policy": "view", "namespaces": []}})


def test_the_system_group_cannot_be_defined_among_the_others() -> None:
    message = refused(node_groups={"system": {"instance_types": ["m7i.large"]}})
    assert "cluster.system" in message


@pytest.mark.parametrize("name", ["Batch", "9lives", "a-", "much-too-long-for-a-name"])
def test_a_group_name_that_aws_or_kubernetes_would_refuse_is_refused(name: str) -> None:
    assert "lower case letters, digits and hyphens" in refused(node_groups={name: {"instance_types": ["m7i.large"]}})


def test_controllers_that_could_run_nowhere_are_refused() -> None:
    gpu = {"instance_types": ["g6.xlarge"], "gpu": True, "min_size": 2}
    tainted = {"instance_types": ["m7i.large"], "min_size": 2, "taints": [{"key": "team"}]}
    for system in (gpu, tainted):
        assert "the controllers would find no node" in refused(system=system)


def test_two_replicas_want_two_system_nodes() -> None:
    system = {"instance_types": ["m7i.large"], "min_size": 1}
    assert "set high_availability to false" in refused(system=system)
    assert ClusterConfig.model_validate({"system": system, "high_availability": False})


def test_a_system_group_of_no_nodes_is_refused() -> None:
    message = refused(system={"instance_types": ["m7i.large"]}, high_availability=False)
    assert "the controllers need 1" in message


def test_groups_that_never_fit_the_limit_of_nodes_are_refused() -> None:
    groups = {"batch": {"instance_types": ["c7i.large"], "min_size": 4}}
    message = refused(node_groups=groups, autoscaler={"max_nodes": 5})
    assert "add up to 6 nodes and autoscaler.max_nodes is 5" in message


def test_an_addon_version_that_is_none_is_refused() -> None:
    assert "addon_versions.coredns" in refused(addon_versions={"coredns": "latest"})
    assert "addon_versions" in refused(addon_versions={"core-dns": "v1.13.1-eksbuild.1"})


def test_a_misspelt_setting_is_refused() -> None:
    assert "nodegroups" in refused(nodegroups={})
