"""The cluster that a stack gets: who reaches it, what is encrypted, and what stands before what."""

import json
from datetime import date
from functools import cache
from typing import Any

import pytest

from mlops.core import versions
from mlops.core.versions import AUTOSCALER_IMAGES
from mlops.plan.graph import Graph, Node
from tests.components.cluster_stack import (
    ADDON,
    CLUSTER_KEY,
    LOGS_KEY,
    NAME,
    NODE_GROUP,
    RELEASE,
    TAGS,
    cluster,
    waits_for,
)
from tests.support import names, only, statements

CONTROL_PLANE = "aws:eks/cluster:Cluster"
ENTRY = "aws:eks/accessEntry:AccessEntry"
ENTRY_POLICY = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
STORE = "kubernetes:external-secrets.io/v1:ClusterSecretStore"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
ADMIN = "arn:aws:iam::123456789012:role/platform/Admin"
ANALYST = "arn:aws:iam::123456789012:role/Analyst"
GPU_GROUP = {"gpu": {"instance_types": ["g6.xlarge"], "gpu": True}}


@cache
def plain() -> Graph:
    return cluster()


def addon(graph: Graph, name: str) -> Node:
    return only(graph, ADDON, f"cluster-{name}")


def settings_of(graph: Graph, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(addon(graph, name).inputs["configurationValues"])
    return loaded


def values(graph: Graph, role: str) -> dict[str, Any]:
    loaded: dict[str, Any] = only(graph, RELEASE, f"cluster-base-{role}").inputs["values"]
    return loaded


def test_secrets_in_the_cluster_are_encrypted_with_the_stacks_own_key() -> None:
    config = only(plain(), CONTROL_PLANE).inputs["encryptionConfig"]
    assert config == {"provider": {"keyArn": CLUSTER_KEY}, "resources": ["secrets"]}


def test_audit_logs_go_to_an_encrypted_log_group_that_ends_with_the_stack() -> None:
    graph = plain()
    logs, control = only(graph, "aws:cloudwatch/logGroup:LogGroup"), only(graph, CONTROL_PLANE)
    assert logs.inputs["name"] == f"/aws/eks/{NAME}/cluster"
    assert logs.inputs["kmsKeyId"] == LOGS_KEY
    assert logs.inputs["retentionInDays"] == 90
    assert "audit" in control.inputs["enabledClusterLogTypes"]
    # Otherwise EKS makes the group first, or once more after it was deleted.
    assert waits_for(graph, control, logs)


def test_the_api_is_private_unless_somebody_opens_it() -> None:
    network = only(plain(), CONTROL_PLANE).inputs["vpcConfig"]
    assert network["endpointPrivateAccess"] is True
    assert network["endpointPublicAccess"] is False
    assert "publicAccessCidrs" not in network


def test_a_public_api_answers_only_the_blocks_that_are_listed() -> None:
    graph = cluster(endpoint={"access": "public", "public_access_cidrs": ["203.0.113.0/24"]})
    network = only(graph, CONTROL_PLANE).inputs["vpcConfig"]
    assert network["endpointPublicAccess"] is True
    assert network["endpointPrivateAccess"] is True
    assert network["publicAccessCidrs"] == ["203.0.113.0/24"]


def test_extended_support_is_paid_for_only_when_asked_for() -> None:
    assert only(plain(), CONTROL_PLANE).inputs["upgradePolicy"] == {"supportType": "STANDARD"}
    assert only(cluster(support="extended"), CONTROL_PLANE).inputs["upgradePolicy"] == {"supportType": "EXTENDED"}


def test_the_cluster_is_protected_from_both_sides() -> None:
    control = only(plain(), "eks:index:Cluster")
    assert control.protect
    assert control.inputs["deletionProtection"] is True
    free = only(cluster(deletion_protection=False, protect=False), "eks:index:Cluster")
    assert not free.protect
    assert free.inputs["deletionProtection"] is False


def test_protection_of_the_cluster_does_not_protect_what_changes_every_day() -> None:
    graph = cluster(admins=[ADMIN])
    assert not any(node.protect for node in graph if node.type in (ENTRY, ENTRY_POLICY, NODE_GROUP, ADDON, RELEASE))


def test_admins_get_everything_through_access_entries_and_not_through_a_config_map() -> None:
    graph = cluster(admins=[ADMIN])
    assert only(graph, CONTROL_PLANE).inputs["accessConfig"]["authenticationMode"] == "API"
    assert only(graph, ENTRY).inputs["principalArn"] == ADMIN
    policy = only(graph, ENTRY_POLICY).inputs
    assert policy["policyArn"] == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert policy["accessScope"] == {"type": "cluster"}
    assert waits_for(graph, only(graph, ENTRY), only(graph, CONTROL_PLANE))


@pytest.mark.parametrize(("policy", "name"), [("edit", "AmazonEKSEditPolicy"), ("view", "AmazonEKSViewPolicy")])
def test_other_people_get_their_namespaces_only(policy: str, name: str) -> None:
    graph = cluster(access={"analysts": {"principal": ANALYST, "policy": policy, "namespaces": ["team-a-*"]}})
    granted = only(graph, ENTRY_POLICY).inputs
    assert granted["policyArn"].endswith(f"/{name}")
    assert granted["accessScope"] == {"type": "namespace", "namespaces": ["team-a-*"]}


def test_one_admin_more_changes_nothing_for_those_before() -> None:
    before, after = cluster(admins=[ADMIN]), cluster(admins=[ANALYST, ADMIN])
    assert {node.urn for node in before} < {node.urn for node in after}


def test_pulumi_talks_to_kubernetes_as_whoever_made_the_cluster() -> None:
    role = "arn:aws:iam::123456789012:role/Deployer"
    given = only(cluster(profile="work", role_arn=role), "eks:index:Cluster").inputs["providerCredentialOpts"]
    assert given == {"profileName": "work", "roleArn": role}
    assert "providerCredentialOpts" not in only(plain(), "eks:index:Cluster").inputs


def test_a_changed_endpoint_replaces_nothing_on_the_cluster() -> None:
    provider = only(plain(), "pulumi:providers:kubernetes", "cluster-kubernetes")
    assert provider.inputs["clusterIdentifier"] == NAME
    assert provider.inputs["enableServerSideApply"] in (True, "true")
    on_cluster = [node for node in plain() if node.package == "kubernetes"]
    assert on_cluster
    assert {node.provider for node in on_cluster} == {provider.urn}


def test_network_policies_are_enforced() -> None:
    assert settings_of(plain(), "vpc-cni")["enableNetworkPolicy"] == "true"


def test_small_nodes_run_many_pods() -> None:
    assert settings_of(plain(), "vpc-cni")["env"]["ENABLE_PREFIX_DELEGATION"] == "true"


def test_every_addon_is_there_once() -> None:
    assert sorted(node.inputs["addonName"] for node in plain().of_type(ADDON)) == [
        "aws-ebs-csi-driver",
        "coredns",
        "eks-pod-identity-agent",
        "kube-proxy",
        "metrics-server",
        "vpc-cni",
    ]


def test_an_addon_has_the_version_that_it_is_pinned_to_and_else_the_one_that_eks_recommends() -> None:
    graph = cluster(addon_versions={"coredns": "v1.13.1-eksbuild.1"})
    assert addon(graph, "coredns").inputs["addonVersion"] == "v1.13.1-eksbuild.1"
    assert "addonVersion" not in addon(graph, "kube-proxy").inputs


def test_volumes_made_from_inside_carry_the_stacks_tags() -> None:
    assert settings_of(plain(), "aws-ebs-csi-driver")["controller"]["extraVolumeTags"] == TAGS


def test_whoever_asks_for_a_volume_gets_an_encrypted_one_in_the_zone_of_the_pod() -> None:
    inputs = only(plain(), STORAGE_CLASS).inputs
    assert inputs["metadata"]["name"] == "gp3"
    assert inputs["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert inputs["parameters"] == {"type": "gp3", "encrypted": "true", "kmsKeyId": CLUSTER_KEY}
    assert inputs["volumeBindingMode"] == "WaitForFirstConsumer"
    assert inputs["allowVolumeExpansion"] is True


def test_the_volume_driver_may_use_the_key_that_encrypts_volumes() -> None:
    given = statements(only(plain(), ROLE_POLICY, "cluster-ebs-csi-policy").inputs["policy"])
    assert all(statement["Resource"] == [CLUSTER_KEY] for statement in given)
    grants = [statement for statement in given if "kms:CreateGrant" in statement["Action"]]
    assert [statement["Condition"] for statement in grants] == [{"Bool": {"kms:GrantIsForAWSResource": "true"}}]


def test_controllers_have_their_own_roles_instead_of_the_nodes() -> None:
    bound = {node.inputs["serviceAccount"]: node.inputs["namespace"] for node in plain().of_type(ASSOCIATION)}
    assert bound == {
        "aws-load-balancer-controller": "kube-system",
        "aws-node": "kube-system",
        "cluster-autoscaler": "kube-system",
        "ebs-csi-controller-sa": "kube-system",
        "external-secrets": "external-secrets",
    }


@pytest.mark.parametrize(
    ("release", "path"),
    [
        ("external-secrets", ("serviceAccount",)),
        ("load-balancer-controller", ("serviceAccount",)),
        ("cluster-autoscaler", ("rbac", "serviceAccount")),
    ],
)
def test_a_controller_starts_with_its_rights(release: str, path: tuple[str, ...]) -> None:
    graph = plain()
    account = values(graph, release)
    for key in path:
        account = account[key]
    bound = next(node for node in graph.of_type(ASSOCIATION) if node.inputs["serviceAccount"] == account["name"])
    assert waits_for(graph, only(graph, RELEASE, f"cluster-base-{release}"), bound)


def test_external_secrets_reads_nothing_until_somebody_brings_a_secret() -> None:
    roles = {node.inputs["role"] for node in plain().of_type(ROLE_POLICY, ATTACHMENT)}
    assert roles
    assert not any("external-secrets" in role for role in roles)


def test_secrets_come_only_into_namespaces_that_are_allowed_to_have_them() -> None:
    spec = only(plain(), STORE).inputs["spec"]
    assert spec["provider"] == {"aws": {"service": "SecretsManager", "region": "us-east-1"}}
    assert spec["conditions"] == [{"namespaceSelector": {"matchLabels": {"mlops.platform/secrets": "allowed"}}}]


def test_the_load_balancer_controller_changes_only_what_carries_this_clusters_tag() -> None:
    document = only(plain(), ROLE_POLICY, "cluster-base-aws-load-balancer-controller-policy").inputs["policy"]
    assert len(document) <= 10_240, "IAM refuses longer inline policies"
    dangerous = {
        "elasticloadbalancing:DeleteLoadBalancer",
        "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:SetSecurityGroups",
        "ec2:DeleteSecurityGroup",
    }
    seen = set()
    for statement in statements(document):
        if found := dangerous & set(statement["Action"]):
            seen |= found
            assert statement["Condition"]["StringEquals"]["aws:ResourceTag/elbv2.k8s.aws/cluster"] == NAME
    assert seen == dangerous


@pytest.mark.parametrize("role", ["aws-load-balancer-controller", "cluster-autoscaler"])
def test_a_star_stands_only_where_aws_takes_nothing_narrower(role: str) -> None:
    given = statements(only(plain(), ROLE_POLICY, f"cluster-base-{role}-policy").inputs["policy"])
    reading = ("Describe", "Get", "List")
    wide = [action for statement in given if statement["Resource"] == ["*"] for action in statement["Action"]]
    assert wide
    assert [action for action in wide if not action.split(":")[1].startswith(reading)] == []


def test_the_autoscaler_changes_only_this_clusters_groups() -> None:
    given = statements(only(plain(), ROLE_POLICY, "cluster-base-cluster-autoscaler-policy").inputs["policy"])
    changing = [statement for statement in given if "autoscaling:SetDesiredCapacity" in statement["Action"]]
    key = f"aws:ResourceTag/k8s.io/cluster-autoscaler/{NAME}"
    assert [statement["Condition"] for statement in changing] == [{"StringEquals": {key: "owned"}}]


def test_controllers_need_no_metadata_service_to_know_where_they_are() -> None:
    told = values(plain(), "load-balancer-controller")
    assert (told["clusterName"], told["region"], told["vpcId"]) == (NAME, "us-east-1", "vpc-1")
    assert values(plain(), "cluster-autoscaler")["awsRegion"] == "us-east-1"


def test_the_load_balancer_controller_leaves_other_services_alone() -> None:
    assert values(plain(), "load-balancer-controller")["enableServiceMutatorWebhook"] is False


def test_load_balancers_carry_the_stacks_tags() -> None:
    assert values(plain(), "load-balancer-controller")["defaultTags"] == TAGS


def test_a_runaway_workload_cannot_make_more_nodes_than_allowed() -> None:
    graph = cluster(autoscaler={"max_nodes": 7})
    assert values(graph, "cluster-autoscaler")["extraArgs"]["max-nodes-total"] == 7


def test_a_cluster_of_fixed_size_has_no_autoscaler() -> None:
    fixed = cluster(system={"instance_types": ["m7i.large"], "min_size": 2, "max_size": 2})
    assert "cluster-base-cluster-autoscaler" not in names(fixed, RELEASE)


@pytest.mark.parametrize("version", sorted(versions.EKS))
def test_the_autoscaler_is_the_one_made_for_the_clusters_version(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    until = versions.EKS[version].extended_until
    seconds = (min(until, date(2026, 11, 20)) - date(1970, 1, 1)).days * 86_400
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(seconds))
    image = values(cluster(version=version, support="extended"), "cluster-autoscaler")["image"]["tag"]
    assert image == AUTOSCALER_IMAGES[version]
    assert image.startswith(f"v{version}.")


def test_with_high_availability_every_controller_has_two_replicas_and_a_disruption_budget() -> None:
    graph = plain()
    assert {node.inputs["values"]["replicaCount"] for node in graph.of_type(RELEASE)} == {2}
    assert values(graph, "cert-manager")["webhook"]["podDisruptionBudget"]["enabled"] is True
    assert values(graph, "external-secrets")["podDisruptionBudget"]["enabled"] is True
    assert values(graph, "external-secrets")["leaderElect"] is True
    assert values(graph, "load-balancer-controller")["podDisruptionBudget"] == {"maxUnavailable": 1}


def test_without_high_availability_no_budget_blocks_a_node_upgrade() -> None:
    graph = cluster(high_availability=False)
    assert {node.inputs["values"]["replicaCount"] for node in graph.of_type(RELEASE)} == {1}
    assert values(graph, "cert-manager")["podDisruptionBudget"]["enabled"] is False
    assert values(graph, "external-secrets")["webhook"]["podDisruptionBudget"]["enabled"] is False
    assert values(graph, "load-balancer-controller")["podDisruptionBudget"] == {}


@pytest.mark.parametrize("name", ["cert-manager", "external-secrets"])
def test_controllers_live_in_namespaces_that_refuse_privileged_pods(name: str) -> None:
    space = only(plain(), "kubernetes:core/v1:Namespace", f"cluster-base-{name}-namespace").inputs["metadata"]
    assert space["name"] == name
    assert space["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert only(plain(), RELEASE, f"cluster-base-{name}").inputs["namespace"] == name


def test_crds_come_with_their_charts_and_stand_before_what_needs_them() -> None:
    graph = plain()
    assert values(graph, "cert-manager")["crds"] == {"enabled": True, "keep": True}
    assert values(graph, "external-secrets")["installCRDs"] is True
    assert waits_for(graph, only(graph, STORE), only(graph, RELEASE, "cluster-base-external-secrets"))


def test_a_chart_that_fails_leaves_nothing_half_installed() -> None:
    assert all(node.inputs["atomic"] is True for node in plain().of_type(RELEASE))


def test_charts_are_pinned() -> None:
    assert all(node.inputs["version"] and node.inputs["repositoryOpts"]["repo"] for node in plain().of_type(RELEASE))


def test_what_a_node_needs_to_be_ready_is_there_before_the_first_and_after_the_last() -> None:
    graph = cluster(node_groups={"batch": {"instance_types": ["c7g.large"], "capacity": "mixed"}})
    assert len(graph.of_type(NODE_GROUP)) == 3
    for group in graph.of_type(NODE_GROUP):
        for name in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent"):
            assert waits_for(graph, group, addon(graph, name))
        assert not waits_for(graph, group, addon(graph, "coredns"))


def test_controllers_start_when_names_work_and_wait_for_nothing_that_they_do_not_use() -> None:
    graph = plain()
    system = only(graph, NODE_GROUP)
    for name in ("coredns", "metrics-server", "aws-ebs-csi-driver"):
        assert waits_for(graph, addon(graph, name), system)
    for release in graph.of_type(RELEASE):
        assert waits_for(graph, release, addon(graph, "coredns"))
        for name in ("metrics-server", "aws-ebs-csi-driver"):
            assert not waits_for(graph, release, addon(graph, name))


def test_a_destroy_takes_controllers_before_nodes_and_nodes_before_the_cluster() -> None:
    graph = cluster(node_groups=GPU_GROUP)
    control = only(graph, CONTROL_PLANE)
    controllers = [*graph.of_type(RELEASE, STORE), addon(graph, "aws-ebs-csi-driver")]
    assert len(controllers) == 7
    for group in graph.of_type(NODE_GROUP):
        assert waits_for(graph, group, control)
        assert all(waits_for(graph, controller, group) for controller in controllers)


def test_an_addon_keeps_its_rights_until_it_is_gone() -> None:
    graph = plain()
    for name, managed in (("vpc-cni", "vpc-cni"), ("aws-ebs-csi-driver", "ebs-csi")):
        rights = only(graph, ATTACHMENT, f"cluster-{managed}-managed-policy")
        bound = only(graph, ASSOCIATION, f"cluster-{managed}-association")
        assert waits_for(graph, addon(graph, name), rights)
        assert waits_for(graph, addon(graph, name), bound)


def test_whoever_names_the_cluster_waits_for_it() -> None:
    graph = plain()
    control = only(graph, CONTROL_PLANE)
    naming = [node for node in graph if node.package == "aws" and "clusterName" in node.inputs]
    assert len(naming) > 10
    assert all(waits_for(graph, node, control) for node in naming)


def test_the_device_plugin_comes_with_gpus_on_amazon_linux_and_not_otherwise() -> None:
    plugin = "cluster-base-nvidia-device-plugin"
    assert plugin not in names(plain(), RELEASE)
    assert plugin in names(cluster(node_groups=GPU_GROUP), RELEASE)
    bottlerocket = {"gpu": {**GPU_GROUP["gpu"], "os": "bottlerocket"}}
    assert plugin not in names(cluster(node_groups=bottlerocket), RELEASE)


def test_the_device_plugin_runs_on_nodes_that_match_its_selector() -> None:
    graph = cluster(node_groups=GPU_GROUP)
    selector = values(graph, "nvidia-device-plugin")["nodeSelector"]
    labels = only(graph, NODE_GROUP, "cluster-gpu-on-demand").inputs["labels"]
    assert selector.items() <= labels.items()
    assert not selector.items() <= only(graph, NODE_GROUP, "cluster-system-on-demand").inputs["labels"].items()


def test_the_shell_command_for_a_kubeconfig_can_be_pasted() -> None:
    outputs = only(plain(), "mlops:index:Cluster").outputs
    assert outputs["kubeconfig_command"] == f"aws eks update-kubeconfig --name {NAME} --region us-east-1"


def test_the_role_of_external_secrets_is_published_by_name_so_that_rights_can_be_attached() -> None:
    graph = plain()
    role = only(graph, "aws:iam/role:Role", "cluster-base-external-secrets-role")
    assert only(graph, "mlops:index:Cluster").outputs["external_secrets_role"] == role.outputs["name"]


def test_the_shell_command_names_the_profile_of_the_stack() -> None:
    outputs = only(cluster(profile="the team's"), "mlops:index:Cluster").outputs
    command = f"aws eks update-kubeconfig --name {NAME} --region us-east-1 --profile"
    assert outputs["kubeconfig_command"] == f"""{command} 'the team'"'"'s'"""


def test_iam_trusts_service_accounts_only_where_the_settings_say_so() -> None:
    assert plain().of_type(OIDC_PROVIDER) == ()
    graph = cluster(irsa=True)
    provider = only(graph, OIDC_PROVIDER, "cluster-oidc-provider")
    assert provider.inputs["clientIdLists"] == ["sts.amazonaws.com"]
    assert provider.inputs["url"].startswith("https://oidc.eks.us-east-1.amazonaws.com/id/")
    assert waits_for(graph, provider, only(graph, CONTROL_PLANE))


def test_no_preview_reads_a_certificate_over_the_network() -> None:
    for graph in (plain(), cluster(irsa=True)):
        assert not only(graph, "eks:index:Cluster").inputs.get("createOidcProvider")
