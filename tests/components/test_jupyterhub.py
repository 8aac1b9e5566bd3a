"""JupyterHub: who comes in, as whom they work, what a server may reach, and what stays."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from components.notebooks.jupyterhub import JupyterHubConfig
from components.notebooks.jupyterhub.people import OidcLogin
from components.notebooks.jupyterhub.values import discovery
from mlops.capacity.fit import capacity
from mlops.capacity.pods import pods
from mlops.core.module import StackFacts
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph, Node
from policies.engine import judge
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, statements

DATA = Path(__file__).parent / "data"
RELEASE = "kubernetes:helm.sh/v3:Release"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ACCOUNT = "kubernetes:core/v1:ServiceAccount"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hub-AbCdEf"
LOGIN = {
    "kind": "oidc",
    "issuer_url": "https://login.example.com/realms/ml",
    "client_id": "notebooks",
    "client_secret": {"arn": SECRET},
}
DOOR = {
    "host": "notebooks.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
}
GROUPS = [
    {"name": "fraud", "login_group": "ML Fraud", "grants": ["write storage/features", "track"]},
    {"name": "research", "grants": ["invoke"]},
]
GPU = {"name": "gpu", "title": "One GPU", "gpus": 1, "cpu": "500m", "memory": "16Gi", "node_group": "gpu"}
SMALL = {"name": "small", "title": "Small"}
FACTS = StackFacts(region=REGION, zones=3, gpus=False, node_groups=frozenset({"system"}), filled={})


@cache
def plain() -> Graph:
    return platform("dev", {"notebooks": {"kind": "jupyterhub"}})


@cache
def full() -> Graph:
    return platform(
        "enterprise",
        {
            "notebooks": {
                "kind": "jupyterhub",
                **DOOR,
                "login": LOGIN,
                "groups": GROUPS,
                "profiles": [SMALL, GPU],
                "idle_minutes": 5,
                "most_hours": 12,
            }
        },
    )


def values(graph: Graph) -> Mapping[str, Any]:
    found: Mapping[str, Any] = only(graph, RELEASE, "notebooks-hub").inputs["values"]
    return found


def policy(graph: Graph, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = only(graph, POLICY, f"notebooks-{name}-network-policy").inputs["spec"]
    return found


@pytest.mark.parametrize("graph", [plain, full], ids=["plain", "full"])
def test_every_value_is_one_that_the_charts_own_schema_takes(graph: Any) -> None:
    schema = json.loads((DATA / "jupyterhub_values.json").read_text())
    jsonschema.validate(values(graph()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values(graph()), "hub": {"dbs": {}}}, schema)


def test_a_group_works_with_its_own_rights_and_everybody_with_those_of_all() -> None:
    def reached(group: str, action: str) -> set[str]:
        document = only(full(), "aws:iam/rolePolicy:RolePolicy", f"notebooks-{group}-identity-policy").inputs["policy"]
        return {arn for row in statements(document) if action in row["Action"] for arn in row["Resource"]}

    buckets = {
        zone: only(full(), "aws:s3/bucket:Bucket", f"storage-{zone}").outputs["arn"] for zone in ("features", "raw")
    }
    assert reached("fraud", "s3:PutObject") == {f"{buckets['features']}/*"}
    assert reached("everybody", "s3:PutObject") == set()
    assert f"{buckets['features']}/*" in reached("everybody", "s3:GetObject") & reached("research", "s3:GetObject")
    assert not any(buckets["raw"] in arn for group in ("everybody", "fraud") for arn in reached(group, "s3:GetObject"))
    overrides = values(full())["hub"]["config"]["KubeSpawner"]["group_overrides"]
    assert [(one["groups"], one["spawner_override"]["service_account"]) for one in overrides.values()] == [
        (["ML Fraud"], "fraud"),
        (["research"], "research"),
    ]
    assert list(overrides) == sorted(overrides)
    assert values(full())["singleuser"]["serviceAccountName"] == "everybody"
    assert "MLFLOW_TRACKING_URI" in overrides["000-fraud"]["spawner_override"]["environment"]
    assert "MLOPS_BUCKET_CURATED" in values(full())["singleuser"]["extraEnv"]


def test_a_server_reaches_the_hub_aws_and_what_its_group_has_a_right_on() -> None:
    for group in ("everybody", "fraud"):
        spec = policy(full(), group)
        assert spec["podSelector"]["matchLabels"] == {"mlops.platform/identity": group}
        assert spec["ingress"] == []
    ports = {
        group: {port["port"] for rule in policy(full(), group)["egress"] for port in rule["ports"]}
        for group in ("everybody", "fraud")
    }
    assert ports["fraud"] - ports["everybody"] == {5000}
    labels = values(full())["singleuser"]["extraLabels"]
    assert labels == {"hub.jupyter.org/network-access-hub": "true", "mlops.platform/identity": "everybody"}
    for part in (values(full())["hub"], values(full())["proxy"]["chp"], values(full())["singleuser"]):
        assert part["networkPolicy"]["enabled"] is True
        assert not any(part["networkPolicy"]["egressAllowRules"].values())
    assert 5432 in {port["port"] for rule in policy(full(), "hub")["egress"] for port in rule["ports"]}
    assert 5432 not in ports["everybody"]


def test_people_come_in_through_the_load_balancer_and_from_nowhere_else() -> None:
    assert values(full())["proxy"]["service"] == {"type": "ClusterIP"}
    (outside,) = policy(full(), "proxy")["ingress"]
    blocks = [peer["ipBlock"]["cidr"] for peer in outside["from"] if "ipBlock" in peer]
    assert blocks
    assert [port["port"] for port in outside["ports"]] == [8000]
    (closed,) = policy(plain(), "proxy")["ingress"]
    assert [peer for peer in closed["from"] if "ipBlock" in peer] == []
    annotations = only(full(), "kubernetes:networking.k8s.io/v1:Ingress", "notebooks-ingress").inputs["metadata"][
        "annotations"
    ]
    assert annotations["alb.ingress.kubernetes.io/scheme"] == "internal"


def test_the_hub_keeps_what_it_knows_in_the_platforms_database() -> None:
    hub = values(plain())["hub"]
    assert hub["db"] == {"type": "other", "upgrade": True}
    reference = hub["extraEnv"]["HUB_DATABASE"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "jupyterhub-database", "key": "uri"}
    found = SimpleNamespace(JupyterHub=SimpleNamespace())
    os.environ["HUB_DATABASE"] = "postgresql+psycopg2://hub"
    exec(hub["extraConfig"]["database"], {"c": found})
    assert found.JupyterHub.db_url == os.environ.pop("HUB_DATABASE")


def test_the_hub_asks_the_provider_where_it_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []
    told = {name: f"https://login.example.com/{name}" for name in ("authorization", "token", "userinfo")}
    (tmp_path / "answer").write_text(json.dumps({f"{name}_endpoint": url for name, url in told.items()}))

    def answer(url: str, timeout: int) -> Any:
        asked.append(url)
        return (tmp_path / "answer").open()

    monkeypatch.setattr("urllib.request.urlopen", answer)
    found = SimpleNamespace(GenericOAuthenticator=SimpleNamespace())
    exec(discovery(OidcLogin.model_validate(LOGIN)), {"c": found})
    assert asked == ["https://login.example.com/realms/ml/.well-known/openid-configuration"]
    assert vars(found.GenericOAuthenticator) == {
        "authorize_url": told["authorization"],
        "token_url": told["token"],
        "userdata_url": told["userinfo"],
    }


def test_no_secret_is_in_the_values_and_each_is_named_by_reference() -> None:
    assert values(plain())["hub"]["extraEnv"]["HUB_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "jupyterhub-login"
    assert "OAUTH_CLIENT_SECRET" in values(full())["hub"]["extraEnv"]
    right = only(full(), "aws:iam/rolePolicy:RolePolicy", "notebooks-client-policy").inputs["policy"]
    assert {arn for row in statements(right) for arn in row["Resource"]} == {SECRET}


def test_a_server_that_nobody_uses_is_stopped() -> None:
    assert values(plain())["cull"] == {"enabled": True, "timeout": 3600, "every": 600, "maxAge": 0}
    assert values(full())["cull"] == {"enabled": True, "timeout": 300, "every": 300, "maxAge": 12 * 3600}


def test_a_profile_with_gpus_goes_where_they_are_and_tolerates_their_taint() -> None:
    small, gpu = (one["kubespawner_override"] for one in values(full())["singleuser"]["profileList"])
    assert (small["node_selector"], small["extra_resource_limits"]) == ({}, {})
    assert gpu["node_selector"] == {"mlops.platform/group": "gpu"}
    assert {one["key"] for one in gpu["tolerations"]} == {"nvidia.com/gpu"}
    assert gpu["extra_resource_limits"] == {"nvidia.com/gpu": "1"}
    assert (gpu["cpu_guarantee"], gpu["mem_limit"]) == (0.5, "16384M")


def test_the_plan_reckons_with_the_servers_that_may_run_and_with_a_volume_for_everybody() -> None:
    brought = {one.name: one for one in pods(plain()) if one.module == "notebooks"}
    assert (brought["jupyter-user"].replicas, brought["jupyter-user"].requests.cpu) == (3, 1000)
    assert (brought["hub"].requests.cpu, brought["proxy"].requests.memory) == (200, 510)
    assert capacity(plain()).stuck == ()
    many = platform("dev", {"notebooks": {"kind": "jupyterhub", "most_servers": 500}})
    assert any("jupyter-user" in str(one) for one in capacity(many).stuck)
    bill = estimate(plain(), BY_TIER["dev"], load())
    assert [line.quantity for line in bill.lines if "custom.volumes" in line.label] == [10 * 10]


def test_a_persons_volume_has_the_clusters_encrypted_class() -> None:
    storage = values(plain())["singleuser"]["storage"]
    assert storage["dynamic"] == {"storageClass": "gp3"}
    space: Node = only(plain(), "kubernetes:core/v1:Namespace", "notebooks-namespace")
    (driver,) = [node for node in plain() if node.inputs.get("addonName") == "aws-ebs-csi-driver"]
    order = [node.urn for node in plain().topological()]
    assert order.index(driver.urn) < order.index(space.urn)


@pytest.mark.parametrize("tier", ["dev", "enterprise"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    graph = plain() if tier == "dev" else full()
    before, after = (
        {(one.rule.id, one.name) for one in judge(one, tier).blocking} for one in (tier_graph(tier), graph)
    )
    assert after - before == set()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"host": "notebooks.example.com"}, "host is set without certificate_arn"),
        (DOOR, "host is notebooks.example.com and login is password"),
        ({"login": LOGIN}, "login is oidc without a host"),
        ({"groups": GROUPS}, "groups are fraud, research, and with login password nobody belongs to a group"),
        ({**DOOR, "login": LOGIN, "groups": [{"name": "everybody"}]}, "a group is called everybody"),
        (
            {**DOOR, "login": LOGIN, "groups": [{"name": "a", "login_group": "x"}, {"name": "b", "login_group": "x"}]},
            "several groups have login_group x",
        ),
        ({"profiles": [{**GPU, "node_group": None}]}, "profile gpu asks for GPUs and names no node group"),
        ({"profiles": []}, "at least 1 item"),
        ({"image": "quay.io/jupyter/scipy-notebook"}, "give it with a tag and without a digest"),
        ({"idle_minutes": 0}, "greater than or equal to 5"),
        ({"grants": ["read everything"]}, "a right in plain words"),
    ],
)
def test_settings_that_could_not_work_are_refused_in_a_sentence(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        JupyterHubConfig.model_validate(wrong)


@pytest.mark.parametrize(
    ("settings", "facts", "said"),
    [
        ({"profiles": [{**SMALL, "node_group": "gone"}]}, {}, "profile small goes to node group gone"),
        ({"profiles": [{**GPU, "node_group": "system"}]}, {}, "node group system, which has no GPUs"),
        ({"grants": ["track"]}, {}, "everybody is to track, and this stack has no ml_platform"),
        ({"grants": ["invoke"]}, {}, "everybody is to invoke, and this stack has no serving"),
        (
            {**DOOR, "login": LOGIN, "groups": [{"name": "a", "grants": ["produce"]}]},
            {},
            "group a is to produce, and this stack has no data_pipeline",
        ),
        ({**DOOR, "login": LOGIN}, {"private_subnets": False}, "network.mode public has no private subnet"),
    ],
)
def test_what_does_not_fit_the_stack_is_said_beforehand(
    settings: dict[str, Any], facts: dict[str, Any], said: str
) -> None:
    stack = replace(FACTS, **facts)
    (problem,) = JupyterHubConfig.model_validate(settings).conflicts(stack)
    assert said in problem


def test_without_a_cluster_it_is_refused_in_one_sentence() -> None:
    with pytest.raises(Exception, match="notebooks is jupyterhub, which runs on a cluster, and this stack has none"):
        platform(
            "dev",
            {**dict.fromkeys(("cluster", "serving", "ml_platform", "database")), "notebooks": {"kind": "jupyterhub"}},
        )


@pytest.mark.long
@pytest.mark.parametrize("graph", [plain, full], ids=["plain", "full"])
def test_helm_makes_pods_that_the_namespace_takes_and_no_way_in_but_ours(graph: Any) -> None:
    charts = os.environ.get("MLOPS_CHARTS", "")
    if not shutil.which("helm") or not charts:
        pytest.skip("needs helm on PATH, and MLOPS_CHARTS with the charts (`helm pull --untar`)")
    command = ["helm", "template", "jupyterhub", f"{charts}/jupyterhub", "--values", "-"]
    done = subprocess.run(
        [*command, "--namespace", "notebooks", "--kube-version", "1.35.0"],
        input=json.dumps(values(graph())), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = [document for document in yaml.safe_load_all(done.stdout) if document]
    assert {one["spec"].get("type", "ClusterIP") for one in made if one["kind"] == "Service"} == {"ClusterIP"}
    assert {one["metadata"]["name"] for one in made if one["kind"] == "Deployment"} == {"hub", "proxy"}
    for one in made:
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]
            assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == one["metadata"]["name"]
            assert pod["spec"]["nodeSelector"] == {"mlops.platform/group": "system"}
            for container in pod["spec"]["containers"]:
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert container["resources"]["requests"] == {"cpu": "200m", "memory": "510Mi"}
                assert {"livenessProbe", "readinessProbe"} <= set(container)
