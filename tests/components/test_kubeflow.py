"""Kubeflow Pipelines: what its own reference makes, with what the platform changes of it."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest
import yaml

from components.ml_platform.kubeflow import parts
from localcloud.kustomize import TYPE, made_of
from mlops.capacity.fit import capacity
from mlops.choice.trials import tried
from mlops.core import versions
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph, Node
from mlops.plan.recorder import RecordError
from tests.platforms import platform
from tests.support import only, recorded, statements

OVERLAY = Path(__file__).parents[2] / "components" / "ml_platform" / "kubeflow" / "overlay"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
POLICY = "aws:iam/rolePolicy:RolePolicy"


@cache
def stack(tier: str = "dev") -> Graph:
    return platform(tier, {"ml_platform": {"kind": "kubeflow"}})


def made() -> list[Node]:
    """What the provider makes of the folder."""
    folder = only(stack(), TYPE)
    return [node for node in stack() if node.parent == folder.urn]


def deployment(name: str) -> Mapping[str, Any]:
    return only(stack(), DEPLOYMENT, f"ml-platform-manifests:kubeflow/{name}").inputs["spec"]["template"]["spec"]


def settings(name: str) -> Mapping[str, str]:
    return only(stack(), CONFIG_MAP, f"ml-platform-{name}").inputs["data"]


def rows(account: str) -> list[dict[str, Any]]:
    return statements(only(stack(), POLICY, f"ml-platform-{account}-identity-policy").inputs["policy"])


def test_the_reference_is_pinned_to_the_tag_of_the_catalogue() -> None:
    [overlay] = yaml.safe_load_all((OVERLAY / "kustomization.yaml").read_text())
    assert len(overlay["resources"]) == 5
    for resource in overlay["resources"]:
        assert resource.startswith("https://github.com/kubeflow/pipelines/manifests/kustomize/")
        assert resource.endswith(f"?ref={versions.KUBEFLOW_PIPELINES}")
    images = {
        container["image"]
        for row in made_of("kubeflow.json")
        if row["kind"] == "Deployment"
        for container in row["spec"]["template"]["spec"]["containers"]
    }
    own = {image for image in images if image.startswith("ghcr.io/kubeflow/")}
    assert own
    assert {image.rpartition(":")[2] for image in own} == {versions.KUBEFLOW_PIPELINES}


def test_every_patch_changes_something_that_is_made() -> None:
    known = {(row["kind"], row["metadata"]["name"]) for row in made_of("kubeflow.json")}
    for file in ("servers.yaml", "roles.yaml"):
        for patch in yaml.safe_load_all((OVERLAY / file).read_text()):
            assert (patch["kind"], patch["metadata"]["name"]) in known
    for patch in yaml.safe_load_all((OVERLAY / "left-out.yaml").read_text()):
        assert (patch["kind"], patch["metadata"]["name"]) not in known


def test_what_the_patches_say_is_in_the_facts() -> None:
    for patch in yaml.safe_load_all((OVERLAY / "servers.yaml").read_text()):
        for container in patch["spec"]["template"]["spec"]["containers"]:
            found = next(
                one for one in deployment(patch["metadata"]["name"])["containers"] if one["name"] == container["name"]
            )
            assert container["resources"]["limits"].items() <= found["resources"]["limits"].items()


def test_neither_a_database_nor_an_object_store_comes_along() -> None:
    names = {node.inputs["metadata"]["name"] for node in made() if node.custom}
    assert not [name for name in names if re.search("mysql|minio|seaweed|postgres|cache", name)]
    assert not [node for node in made() if node.type.endswith((":PersistentVolumeClaim", ":Secret"))]


def test_the_servers_go_to_the_database_through_a_pooler_that_speaks_tls() -> None:
    assert settings("pipeline-install-config")["postgresHost"] == "postgres"
    text = settings("pooler-settings")["pgbouncer.ini"]
    endpoint = only(stack(), "aws:rds/instance:Instance").outputs["address"]
    assert f"* = host={endpoint} port=5432" in text
    assert "server_tls_sslmode = require" in text
    assert "postgres = host" in text
    login = only(stack(), CONFIG_MAP, "ml-platform-login-script").inputs["data"]["bootstrap.sql"]
    assert login.endswith('ALTER ROLE :"login" CREATEDB;\n')
    mlflow = only(stack(), CONFIG_MAP, "ml-platform-tracking-login-script").inputs["data"]["bootstrap.sql"]
    assert "ALTER ROLE" not in mlflow


def test_the_password_is_in_no_object_and_in_no_argument() -> None:
    spec = only(stack(), DEPLOYMENT, "ml-platform-pooler").inputs["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert {row["valueFrom"]["secretKeyRef"]["name"] for row in container["env"]} == {"kubeflow-database"}
    assert "$PASSWORD" in container["command"][-1]
    assert spec["volumes"][1]["emptyDir"]["medium"] == "Memory"


def test_artifacts_logs_and_pipelines_lie_in_the_lake() -> None:
    bucket = only(stack(), "aws:s3/bucket:Bucket", "storage-artifacts").outputs["bucket"]
    assert settings("kfp-launcher")["defaultPipelineRoot"] == f"s3://{bucket}/kubeflow/artifacts"
    assert json.loads(settings("kfp-launcher")["providers"])["s3"]["default"]["credentials"] == {"fromEnv": True}
    repository = json.loads(settings("workflow-controller-configmap")["artifactRepository"])
    assert (repository["s3"]["bucket"], repository["s3"]["useSDKCreds"]) == (bucket, True)
    assert repository["s3"]["keyFormat"].startswith("kubeflow/")


@pytest.mark.parametrize("account", ["ml-pipeline", "ml-pipeline-ui", "argo"])
def test_a_server_reads_and_writes_its_own_prefix_alone(account: str) -> None:
    objects = [where for row in rows(account) if "s3:GetObject" in row["Action"] for where in row["Resource"]]
    assert len(objects) == 1
    assert objects[0].endswith("/kubeflow/*")


def test_steps_of_pipelines_may_do_what_the_loop_does() -> None:
    allowed = {action for row in rows(parts.RUNNER) for action in row["Action"]}
    assert "s3:DeleteObjectVersion" in allowed
    stream = only(stack(), POLICY, "serving-workload-jobs-policy")
    assert "kinesis:GetRecords" in stream.inputs["policy"]
    assert (
        stream.inputs["role"]
        == only(stack(), "aws:iam/role:Role", "ml-platform-pipeline-runner-identity-role").outputs["name"]
    )


def test_roles_are_bound_before_there_are_pods() -> None:
    folder = only(stack(), TYPE)
    for account in ("ml-pipeline", "ml-pipeline-ui", "argo", parts.RUNNER):
        assert any(urn.endswith(f"ml-platform-{account}-identity-association") for urn in folder.dependencies), account


def test_every_service_account_with_a_role_is_one_that_the_manifests_bring() -> None:
    bound = {
        node.inputs["serviceAccount"]
        for node in stack().of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
        if node.inputs["namespace"] == parts.NAMESPACE
    }
    accounts = {row["metadata"]["name"] for row in made_of("kubeflow.json") if row["kind"] == "ServiceAccount"}
    assert bound <= accounts


def test_the_loop_tracks_with_mlflow_as_before() -> None:
    assert stack().stack_outputs["trackingUrl"] == "http://mlflow.mlflow.svc.cluster.local:5000"
    assert set(stack().stack_outputs["mlRoles"]) == {"jobs"}


def test_nothing_of_it_is_reached_from_outside_its_namespace() -> None:
    for service in [node for node in made() if node.type.endswith(":Service")]:
        assert service.inputs["spec"].get("type", "ClusterIP") == "ClusterIP"
    policies = [
        node.inputs["spec"]
        for node in stack().of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        if node.inputs["metadata"]["namespace"] == parts.NAMESPACE
    ]
    peers = [peer for policy in policies for rule in policy.get("ingress") or () for peer in rule["from"]]
    assert all(peer == {"podSelector": {}} for peer in peers)


def test_only_the_pooler_reaches_the_database() -> None:
    subnets = set(only(stack(), "aws:rds/instance:Instance").inputs) and stack().of_type("aws:ec2/subnet:Subnet")
    assert subnets
    pooler = only(stack(), "kubernetes:networking.k8s.io/v1:NetworkPolicy", "ml-platform-pooler-network-policy")
    assert pooler.inputs["spec"]["podSelector"] == {"matchLabels": parts.POOLER}


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_no_rule_that_the_tier_must_keep_is_broken(tier: str) -> None:
    report = tried(OVERLAY.parents[3], tier, {"ml_platform": {"kind": "kubeflow"}}).report
    assert [(one.rule.id, one.name, one.path) for one in report.blocking] == []


def test_everybody_who_has_an_account_on_the_cluster_may_read_nothing_of_it() -> None:
    subjects = [subject for node in made() for subject in node.inputs.get("subjects") or ()]
    assert subjects
    assert {subject["kind"] for subject in subjects} == {"ServiceAccount"}


def test_its_pods_are_counted_and_priced() -> None:
    found = capacity(stack())
    assert not found.not_counted
    assert list(estimate(stack(), BY_TIER["dev"], load()).unpriced) == []


def test_a_folder_that_nobody_has_looked_at_is_refused() -> None:
    def build(opts: pulumi.ResourceOptions) -> None:
        kubernetes = k8s.Provider("kubernetes", opts=opts)
        k8s.kustomize.v2.Directory("other", directory="manifests", opts=pulumi.ResourceOptions(provider=kubernetes))

    with pytest.raises(RecordError, match="other applies the folder manifests, and nothing is known of what it makes"):
        recorded(build)


def test_without_a_cluster_it_is_refused_in_one_sentence() -> None:
    with pytest.raises(Exception, match="ml_platform is kubeflow, which runs on a cluster, and this stack has none"):
        platform("dev", {"cluster": None, "serving": None, "ml_platform": {"kind": "kubeflow"}})


def test_pipelines_make_the_same_pseudonyms_as_the_loop_from_a_salt_that_nobody_makes_by_hand() -> None:
    secret = "kubernetes:external-secrets.io/v1:ExternalSecret"
    salt = only(stack(), "aws:cloudcontrol/resource:Resource", "serving-workload-secret-mlops-pii-salt").id
    handed = only(stack(), secret, "serving-workload-jobs-salt-secret").inputs
    assert (handed["metadata"]["name"], handed["metadata"]["namespace"]) == ("pipelines", parts.NAMESPACE)
    for name in ("jobs-salt", "recommender-stored", "pipelines-stored"):
        data = only(stack(), secret, f"serving-workload-{name}-secret").inputs["spec"]["data"]
        assert {"secretKey": "MLOPS_PII_SALT", "remoteRef": {"key": salt}} in data
    policy = only(stack(), "aws:iam/rolePolicy:RolePolicy", "serving-workload-jobs-policy")
    assert salt in json.dumps(policy.inputs["policy"])
