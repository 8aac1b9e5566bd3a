"""Argo CD: what it owns and what Pulumi owns, what it may make, and what goes first."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from components.delivery.argocd import ArgoCdConfig
from localcloud.engine import LocalCloud
from mlops.capacity.fit import capacity
from mlops.choice.trials import program
from mlops.core.module import StackFacts
from mlops.plan.graph import Graph, Node
from mlops.plan.handover import handed_over, unknown
from policies.engine import judge
from tests.platforms import ROOT, platform, tier_graph
from tests.support import REGION, only, statements

DATA: Mapping[str, Any] = json.loads((Path(__file__).parent / "data" / "argocd.json").read_text())
RELEASE = "kubernetes:helm.sh/v3:Release"
APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
PROJECT = "kubernetes:argoproj.io/v1alpha1:AppProject"
PROVIDER = "pulumi:providers:kubernetes"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:git-AbCdEf"
REPOSITORY = "ssh://git@git.example.com:2222/ml/delivery.git"
ARGO = {"kind": "argocd", "repository": REPOSITORY, "credential": {"arn": SECRET}, "revision": "stable"}
CONTAINER = {"name": "fraud", "image": "registry.example.com/fraud:1.0.0", "grants": ["read storage/curated"]}
WORKLOADS = {"workloads": {"containers": [CONTAINER, {**CONTAINER, "name": "scores", "runs": "worker"}]}}
SPACES = {"container-fraud", "container-scores", "recommender"}
FACTS = StackFacts(region=REGION, zones=3, gpus=False, filled={"serving": "kubernetes"})


@cache
def direct() -> Graph:
    return platform("dev", WORKLOADS)


@cache
def argo() -> Graph:
    return platform("dev", {**WORKLOADS, "delivery": ARGO})


def object_of(manifest: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What an API server knows an object by."""
    metadata = manifest["metadata"]
    return manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def plain(node: Node) -> bool:
    return node.type.startswith("kubernetes:") and bool(node.custom) and "metadata" in node.inputs


def applied(graph: Graph) -> dict[tuple[str, str, str, str], Node]:
    """The objects that Pulumi itself sends to the cluster."""
    away = {node.urn for node in graph.of_type(PROVIDER) if node.inputs.get("renderYamlToDirectory")}
    return {object_of(node.inputs): node for node in graph if plain(node) and node.provider not in away}


def delivered(graph: Graph) -> dict[tuple[str, str, str, str], Mapping[str, Any]]:
    """Those of the folder, but the applications that deliver them."""
    every = {object_of(one): one for one in handed_over(graph).values()}
    return {key: one for key, one in every.items() if key[1] != "Application"}


def test_no_object_is_owned_twice_and_together_they_are_what_pulumi_alone_makes() -> None:
    own, folder = applied(argo()), delivered(argo())
    assert folder
    assert own.keys() & folder.keys() == set()
    added = {key for key, node in own.items() if argo().module(node) == "delivery"}
    assert (own.keys() | folder.keys()) - added == applied(direct()).keys()
    for key, manifest in folder.items():
        assert manifest == applied(direct())[key].inputs, key
    assert {key[2] or key[3] for key in folder} == SPACES


def test_all_that_is_not_an_object_of_workloads_stays_as_it_is() -> None:
    before = {node.urn: node.inputs for node in direct() if not node.type.startswith("kubernetes:")}
    after = {node.urn: node.inputs for node in argo()}
    assert {urn for urn, inputs in before.items() if after.get(urn) != inputs} == set()


def test_a_stack_that_pulumi_applies_registers_what_it_did_without_the_setting() -> None:
    said = platform("dev", {"delivery": {"kind": "direct"}})
    ours = {node.urn: node.inputs for node in said if said.module(node) != "delivery"}
    assert ours == {node.urn: node.inputs for node in tier_graph("dev")}
    assert [node.type for node in said if node.urn not in ours] == ["mlops:index:DirectDelivery"]


def test_argo_may_make_what_the_folder_holds_and_nothing_else() -> None:
    project = only(argo(), PROJECT, "delivery-project-workloads").inputs["spec"]
    assert project["sourceRepos"] == [REPOSITORY]
    assert {one["namespace"] for one in project["destinations"]} == SPACES
    assert project["clusterResourceWhitelist"] == [{"group": "", "kind": "Namespace"}]
    allowed = {(one["group"], one["kind"]) for one in project["namespaceResourceWhitelist"]}
    folder = {(key[0].rpartition("/")[0], key[1]) for key in delivered(argo())} - {("", "Namespace")}
    assert folder <= allowed
    assert not {kind for _, kind in allowed} & {"Secret", "Role", "RoleBinding", "ClusterRole", "Application"}
    values = only(argo(), RELEASE, "delivery-argo").inputs["values"]
    rules = values["controller"]["clusterRoleRules"]
    assert rules["enabled"] is True
    assert not any("*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"]) for rule in rules["rules"])
    changes = {group for rule in rules["rules"] if "create" in rule["verbs"] for group in rule["apiGroups"]}
    assert changes == {group for group, _ in allowed} | {"argoproj.io"}


def test_one_application_owns_the_others_and_each_a_folder() -> None:
    files = handed_over(argo())
    children = {path: one for path, one in files.items() if one["kind"] == "Application"}
    assert {one["metadata"]["name"] for one in children.values()} == SPACES
    for path, one in children.items():
        source = one["spec"]["source"]
        assert path.startswith("delivery/mlops-test/apps/")
        assert (source["repoURL"], source["targetRevision"]) == (REPOSITORY, "stable")
        own = [other for other in files if other.startswith(f"{source['path']}/")]
        assert {files[other]["metadata"].get("namespace", source["path"].rpartition("/")[2]) for other in own} == {
            one["spec"]["destination"]["namespace"]
        }
    root = only(argo(), APPLICATION, "delivery-application-delivery").inputs["spec"]
    assert root["source"]["path"] == "delivery/mlops-test/apps"
    assert root["project"] == "delivery"
    assert {path.split("/")[2] for path in files} == {"apps", *SPACES}


def test_the_application_of_all_goes_first_and_takes_with_it_what_it_owns() -> None:
    root = only(argo(), APPLICATION, "delivery-application-delivery")
    assert root.inputs["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    order = [node.urn for node in argo().topological()]
    after = {node.urn for node in argo() if root.urn in node.dependencies}
    assert after == set()
    deployments = [node for node in argo().of_type("kubernetes:apps/v1:Deployment") if "delivery-" in node.provider]
    assert len(deployments) == 4
    waited = {only(argo(), RELEASE, "delivery-argo").urn, *(node.urn for node in deployments)}
    assert waited <= set(root.dependencies)
    assert all(order.index(urn) < order.index(root.urn) for urn in waited)


@pytest.mark.parametrize("kind", ["AppProject", "Application"])
def test_every_object_is_one_that_argos_own_definitions_take(kind: str) -> None:
    found = [node for node in argo() if node.type.endswith(f":{kind}")]
    assert found
    for node in found:
        jsonschema.validate(node.inputs["spec"], DATA[kind])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**node.inputs["spec"], "destinatons": []}, DATA[kind])


def test_every_value_is_one_that_the_chart_reads() -> None:
    known, values = DATA["chart"], only(argo(), RELEASE, "delivery-argo").inputs["values"]
    for part, given in values.items():
        for key, value in given.items():
            assert key in known[part], f"{part}.{key}"
            inner = known[part][key]
            assert not (inner and key != "cm") or set(value) <= set(inner), f"{part}.{key}"


def test_the_repositorys_key_is_fetched_by_reference() -> None:
    secret = only(argo(), "kubernetes:external-secrets.io/v1:ExternalSecret", "delivery-repository").inputs["spec"]
    assert secret["data"] == [{"secretKey": "credential", "remoteRef": {"key": SECRET}}]
    template = secret["target"]["template"]
    assert template["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    assert template["data"] == {"type": "git", "url": REPOSITORY, "sshPrivateKey": "{{ .credential }}"}
    right = only(argo(), "aws:iam/rolePolicy:RolePolicy", "delivery-repository-policy").inputs["policy"]
    assert {arn for row in statements(right) for arn in row["Resource"]} == {SECRET}
    https = {"kind": "argocd", "repository": "https://git.example.com/ml/delivery.git", "credential": {"arn": SECRET}}
    graph = platform("dev", {"delivery": {**https, "username": "robot"}})
    token = only(graph, "kubernetes:external-secrets.io/v1:ExternalSecret", "delivery-repository").inputs["spec"]
    assert token["target"]["template"]["data"]["username"] == "robot"
    assert token["target"]["template"]["data"]["password"] == "{{ .credential }}"  # pragma: allowlist secret


def test_argo_reaches_the_repository_and_nobody_reaches_argo() -> None:
    spec = only(argo(), "kubernetes:networking.k8s.io/v1:NetworkPolicy", "delivery-network-policy").inputs["spec"]
    assert [peer for rule in spec["ingress"] for peer in rule["from"]] == [{"podSelector": {}}]
    ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
    assert {443, 2222} <= ports


def test_the_plan_still_prices_judges_and_places_what_was_handed_over() -> None:
    filled = capacity(argo())
    assert filled.stuck == ()
    before, after = ({(one.rule.id, one.name) for one in judge(graph, "dev").blocking} for graph in (direct(), argo()))
    assert after - before == set()


@pytest.mark.engine
def test_what_the_engine_keeps_is_what_the_plan_says_with_the_real_names(tmp_path: Path) -> None:
    config = {
        "pulumi:disable-default-providers": '["*"]',
        "mlops:tier": "dev",
        "mlops:platform": json.dumps({**WORKLOADS, "delivery": ARGO}),
    }
    own = ROOT / ".tools" / "pulumi" / "bin" / "pulumi"
    pulumi = own if own.exists() else Path(shutil.which("pulumi") or "pulumi")
    with LocalCloud(tmp_path / "cloud", pulumi=pulumi, throwaway=True) as cloud:
        deployed = cloud.stack(program(ROOT), project="mlops", stack="test", config=config)
        assert deployed.up().ok
        files = handed_over(deployed.graph())
        assert files.keys() == handed_over(argo()).keys()
        assert [path for path, one in files.items() if unknown(one)] == []
        assert deployed.destroy().ok


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"repository": "ssh://git@git.example.com/ml.git"}, "nobody gets in by ssh without a key"),
        (
            {"repository": "https://user:word@git.example.com/ml.git"},  # pragma: allowlist secret
            "the address of a Git repository without a pass",
        ),
        ({"repository": "git.example.com/ml.git"}, "the address of a Git repository"),
        ({"repository": "https://git.example.com/ml.git", "folder": "../away"}, "a folder of the repository"),
        ({"repository": "https://git.example.com/ml.git", "folder": "/delivery"}, "a folder of the repository"),
        ({"repository": "https://git.example.com/ml.git", "revision": "-rf"}, "a branch, a tag or a commit"),
        ({}, "repository"),
    ],
)
def test_settings_that_could_not_work_are_refused_in_a_sentence(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ArgoCdConfig.model_validate(wrong)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"filled": {}}, "this stack has no serving, so there are no workloads to deliver"),
        ({"filled": {"serving": "ecs"}, "outside": True}, "serving is ecs, whose workloads run outside the cluster"),
        ({"way_out": False}, "network.mode isolated has no way to the repository"),
    ],
)
def test_what_does_not_fit_the_stack_is_said_beforehand(facts: dict[str, Any], said: str) -> None:
    (problem,) = ArgoCdConfig.model_validate(ARGO).conflicts(replace(FACTS, **facts))
    assert problem.startswith(said)


@pytest.mark.long
def test_helm_makes_pods_that_the_namespace_takes_and_rights_that_are_named() -> None:
    charts = os.environ.get("MLOPS_CHARTS", "")
    if not shutil.which("helm") or not charts:
        pytest.skip("needs helm on PATH, and MLOPS_CHARTS with the charts (`helm pull --untar`)")
    command = ["helm", "template", "argocd", f"{charts}/argo-cd", "--values", "-"]
    done = subprocess.run(
        [*command, "--namespace", "argocd", "--kube-version", "1.35.0"],
        input=json.dumps(only(argo(), RELEASE, "delivery-argo").inputs["values"]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = [document for document in yaml.safe_load_all(done.stdout) if document]
    assert {one["spec"].get("type", "ClusterIP") for one in made if one["kind"] == "Service"} == {"ClusterIP"}
    running = [one for one in made if one["kind"] in ("Deployment", "StatefulSet") and one["spec"]["replicas"]]
    assert {one["metadata"]["name"] for one in running} == {
        *("argocd-application-controller", "argocd-redis", "argocd-repo-server", "argocd-server"),
    }
    for one in running:
        pod = one["spec"]["template"]["spec"]
        assert pod["nodeSelector"]["mlops.platform/group"] == "system"
        for container in pod["containers"]:
            assert container["resources"]["requests"], container["name"]
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
    roles = [rule for one in made if one["kind"] == "ClusterRole" for rule in one["rules"]]
    assert not any("*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"]) for rule in roles)
