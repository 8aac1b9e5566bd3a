"""Apache Pulsar on the cluster."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pydantic import ValidationError

from components.data_pipeline import DataPipelineOutputs
from components.data_pipeline.pulsar import PulsarConfig
from components.data_pipeline.pulsar.values import java
from mlops.capacity.pods import pods
from mlops.core.module import StackFacts
from mlops.core.usage import BY_TIER
from mlops.cost.book import load
from mlops.cost.estimate import estimate
from mlops.plan.graph import Graph, Node
from policies.engine import judge
from tests.foundations import foundation, module_options
from tests.platforms import platform, tier_graph
from tests.support import REGION, only, recorded, statements

RELEASE = "kubernetes:helm.sh/v3:Release"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
PUSH = "kubernetes:external-secrets.io/v1alpha1:PushSecret"
KEYS = json.loads((Path(__file__).parent / "data" / "pulsar.json").read_text())


def pulsar(**settings: Any) -> tuple[Graph, DataPipelineOutputs]:
    made: list[DataPipelineOutputs] = []

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=True, database=False)
        made.append(PulsarConfig(**settings).build("stream", base, module_options(base, opts)).outputs)

    return recorded(build), made[0]


@cache
def default() -> tuple[Graph, DataPipelineOutputs]:
    return pulsar()


def values(graph: Graph, name: str = "stream-chart") -> Mapping[str, Any]:
    found: Mapping[str, Any] = only(graph, RELEASE, name).inputs["values"]
    return found


def facts(**other: Any) -> StackFacts:
    known: dict[str, Any] = {"region": REGION, "zones": 3, "gpus": False, "group_sizes": {"system": 3}}
    known |= {"node_groups": frozenset(known["group_sizes"]), **other}
    return StackFacts(**known)


_FREE = ("annotations", "configData", "nodeSelector", "requests")
"""Values whose keys are those of Pulsar and of Kubernetes."""


def paths(value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, inner in value.items():
        path = f"{prefix}{key}"
        if (
            isinstance(inner, Mapping)
            and inner
            and not path.endswith(("configData", "requests", "annotations", "nodeSelector"))
        ):
            yield from paths(inner, f"{path}/")
        else:
            yield path


@pytest.mark.parametrize("settings", [{}, {"node_group": "system"}])
def test_every_value_is_one_that_the_chart_reads(settings: dict[str, Any]) -> None:
    # Helm ignores a key that it does not know.
    known = {*KEYS["keys"], *KEYS["commented"]}
    assert [path for path in paths(values(pulsar(**settings)[0])) if path not in known] == []


def test_nobody_comes_in_without_a_token_and_nothing_goes_in_clear() -> None:
    given = values(default()[0])
    authentication = given["auth"]["authentication"]
    assert authentication["enabled"]
    assert given["auth"]["authorization"]["enabled"]
    assert authentication["jwt"]["enabled"]
    assert authentication["jwt"]["generateSecrets"]["enabled"], "no secret has to be made by hand before the chart"
    assert [given["tls"][part]["enabled"] for part in ("broker", "proxy")] == [True, True]
    assert given["tls"]["enabled"]


def test_clients_find_what_they_are_known_by_without_a_value_in_the_state() -> None:
    graph, outputs = default()
    secret = only(graph, "aws:secretsmanager/secret:Secret", "stream-client-secret")
    assert set(outputs.secrets) == {"MLOPS_STREAM_TOKEN", "MLOPS_STREAM_CA"}
    assert [node.type for node in graph if "secretVersion" in node.type] == []
    pushed = {
        node.inputs["spec"]["data"][0]["match"]["remoteRef"]["property"]: (
            node.inputs["spec"]["selector"]["secret"]["name"],
            node.inputs["spec"]["data"][0]["match"]["secretKey"],
            node.inputs["spec"]["data"][0]["match"]["remoteRef"]["remoteKey"],
        )
        for node in graph.of_type(PUSH)
    }
    assert pushed == {
        "MLOPS_STREAM_TOKEN": ("pulsar-token-client", "TOKEN", secret.outputs["arn"]),
        "MLOPS_STREAM_CA": ("pulsar-ca-tls", "ca.crt", secret.outputs["arn"]),
    }
    policy = only(graph, "aws:iam/rolePolicy:RolePolicy", "stream-client-secret-policy")
    assert {row["Resource"][0] for row in statements(policy.inputs["policy"])} == {
        secret.outputs["arn"],
        only(graph, "aws:kms/key:Key", "keys-data").outputs["arn"],
    }


def test_only_the_job_that_makes_the_clients_role_is_given_a_superusers_token() -> None:
    graph, _ = default()
    assert [node.name for node in graph if "pulsar-token-admin" in json.dumps(node.inputs)] == ["stream-client-role"]
    (rule,) = only(graph, "kubernetes:rbac.authorization.k8s.io/v1:Role", "stream-client-role-rights").inputs["rules"]
    assert (rule["resourceNames"], rule["verbs"]) == (["pulsar-token-client"], ["create", "patch"])
    job = only(graph, "kubernetes:batch/v1:Job", "stream-client-role")
    assert only(graph, RELEASE, "stream-chart").urn in job.dependencies
    pushed = [node for node in graph.of_type(PUSH) if "pulsar-token-client" in json.dumps(node.inputs)]
    assert [job.urn in node.dependencies for node in pushed] == [True]


def test_a_client_is_told_all_that_it_needs() -> None:
    told: dict[str, str] = {}

    def build(opts: pulumi.ResourceOptions) -> None:
        base = foundation(opts, cluster=True, database=False)
        outputs = PulsarConfig().build("stream", base, module_options(base, opts)).outputs
        for name, value in outputs.client_variables().items():
            pulumi.Output.from_input(value).apply(lambda known, name=name: told.update({name: known}))

    recorded(build)
    assert told == {
        "MLOPS_STREAM": "persistent://public/default/events",
        "MLOPS_STREAM_AUTH": "token",
        "MLOPS_STREAM_ENDPOINT": "pulsar+ssl://pulsar-proxy.pulsar.svc.cluster.local:6651",
        "MLOPS_STREAM_PROTOCOL": "pulsar",
    }
    assert [way.ports for way in default()[1].produce().egress] == [(6651,)]


def test_brokers_move_old_events_to_the_lake_and_reach_nothing_else_there() -> None:
    graph, _ = default()
    role = only(graph, "aws:iam/rolePolicy:RolePolicy", "stream-broker-identity-policy")
    raw = only(graph, "aws:s3/bucket:Bucket", "storage-raw")
    objects = next(row for row in statements(role.inputs["policy"]) if "s3:PutObject" in row["Action"])
    assert objects["Resource"] == [f"{raw.outputs['arn']}/*-ledger-*"]
    association = only(
        graph, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "stream-broker-identity-association"
    )
    assert association.inputs["serviceAccount"] == "pulsar-broker-acct"
    offload = values(graph)["broker"]["storageOffload"]
    assert (offload["driver"], offload["bucket"]) == ("aws-s3", raw.outputs["bucket"])
    assert offload["managedLedgerOffloadAutoTriggerSizeThresholdBytes"] == "1073741824"


def test_without_the_lake_brokers_have_no_right_at_all() -> None:
    graph, _ = pulsar(offload_above_gb=None)
    assert values(graph)["broker"]["storageOffload"] == {}
    assert [node.name for node in graph.of_type("aws:iam/rolePolicy:RolePolicy") if "broker" in node.name] == []


def test_events_stay_for_as_long_as_the_settings_say_whoever_has_read_them() -> None:
    given = values(pulsar(retention_hours=48, partitions=6)[0])["broker"]["configData"]
    assert given["defaultRetentionTimeInMinutes"] == "2880"
    assert given["defaultRetentionSizeInMB"] == "-1"
    assert (given["allowAutoTopicCreationType"], given["defaultNumPartitions"]) == ("partitioned", "6")


@pytest.mark.parametrize(("bookies", "copies"), [(1, "1"), (2, "2"), (5, "2")])
def test_an_event_lies_on_two_bookies_where_there_are_two(bookies: int, copies: str) -> None:
    given = values(pulsar(bookies=bookies)[0])
    names = ("managedLedgerDefaultEnsembleSize", "managedLedgerDefaultWriteQuorum", "managedLedgerDefaultAckQuorum")
    assert {given["broker"]["configData"][name] for name in names} == {copies}


def test_volumes_have_the_encrypted_class_and_go_with_the_namespace() -> None:
    graph, _ = default()
    given = values(graph)
    volumes = [
        given["zookeeper"]["volumes"]["data"],
        *(given["bookkeeper"]["volumes"][name] for name in ("journal", "ledgers")),
    ]
    assert {volume["storageClassName"] for volume in volumes} == {"gp3"}
    space = only(graph, "kubernetes:core/v1:Namespace", "stream-namespace")
    assert space.protect
    chart = only(graph, RELEASE, "stream-chart")
    assert chart.protect
    storage_class = only(graph, "kubernetes:storage.k8s.io/v1:StorageClass")
    assert storage_class.urn in space.dependencies, "the driver that removes volumes outlives them"
    assert space.urn in chart.dependencies


def test_servers_spread_over_zones_and_are_drained_one_by_one() -> None:
    given = values(default()[0])
    for part in ("zookeeper", "bookkeeper", "broker", "proxy"):
        assert given[part]["topologySpreadConstraints"][0]["topologyKey"] == "topology.kubernetes.io/zone"
        assert given[part]["pdb"] == {"usePolicy": True, "maxUnavailable": 1}
    alone = values(pulsar(zookeepers=1, bookies=1, brokers=1, proxies=1)[0])
    assert not alone["zookeeper"]["pdb"]["usePolicy"], "a budget of a single server only blocks upgrades"


def test_only_the_proxies_door_is_open_and_only_to_the_cluster() -> None:
    graph, _ = default()
    policies = {node.name: node.inputs["spec"] for node in graph.of_type(POLICY) if node.name.startswith("stream")}
    assert set(policies) == {"stream-closed", "stream-network-policy", "stream-proxy-network-policy"}
    door = policies["stream-proxy-network-policy"]["ingress"][0]
    assert door == {"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": 6651}]}
    inside = policies["stream-network-policy"]
    assert inside["ingress"] == [{"from": [{"podSelector": {}}]}]
    anywhere = [[port["port"] for port in way["ports"]] for way in inside["egress"] if "to" not in way]
    assert anywhere == [[53, 53], [443]]


def test_events_are_delivered_to_the_lake_by_a_worker_that_may_put_them_there_and_read_none() -> None:
    graph, _ = pulsar(delivery={"buffer_seconds": 60, "buffer_mb": 32}, node_group="system")
    spec = only(graph, "kubernetes:apps/v1:Deployment", "stream-delivery-worker").inputs["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["args"] == ["deliver", "--seconds", "60", "--megabytes", "32", "--port", "9109"]
    told = {one["name"]: one for one in container["env"]}
    raw = only(graph, "aws:s3/bucket:Bucket", "storage-raw").outputs
    assert told["MLOPS_BUCKET_RAW"]["value"] == raw["bucket"]
    assert told["MLOPS_STREAM"]["value"] == "persistent://public/default/events"
    assert {"MLOPS_STREAM_TOKEN", "MLOPS_STREAM_CA"} == {name for name, one in told.items() if "valueFrom" in one}
    assert spec["strategy"] == {"type": "Recreate"}
    policy = only(graph, "aws:iam/rolePolicy:RolePolicy", "stream-delivery-worker-identity-policy").inputs["policy"]
    on_objects = {
        action: row["Resource"] for row in statements(policy) for action in row["Action"] if "Object" in action
    }
    assert on_objects == {"s3:PutObject": [f"{raw['arn']}/delivered/*"]}
    ways = only(graph, POLICY, "stream-delivery-worker-network-policy").inputs["spec"]["egress"]
    assert 6651 in [port["port"] for way in ways for port in way.get("ports", ())]


def test_nobody_delivers_unasked() -> None:
    assert not default()[0].of_type("kubernetes:apps/v1:Deployment")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"memory": "512Mi"}, "memory is 512Mi and buffer_mb 64, which takes 768Mi: the worker would be killed"),
        ({"buffer_mb": 128, "memory": "0.5Gi"}, "set memory to 1280Mi or more, or buffer_mb lower"),
        ({"buffer_seconds": 0}, "greater than or equal to 1"),
        ({"compression": "ZSTD"}, "'GZIP' or 'UNCOMPRESSED'"),
        ({"image_tag": "no tag"}, "image_tag"),
    ],
)
def test_a_delivery_that_would_not_come_off_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PulsarConfig.model_validate({"delivery": settings})


def test_workloads_outside_the_cluster_come_in_by_a_balancer_whose_name_is_vouched_for() -> None:
    graph = outside()
    given = values(graph, "data-pipeline-chart")
    assert given["tls"]["proxy"]["dnsNames"] == ["*.elb.us-east-1.amazonaws.com"]
    service = only(graph, "kubernetes:core/v1:Service", "data-pipeline-outside-service")
    assert service.inputs["spec"]["selector"] == {"app": "pulsar", "component": "proxy", "release": "pulsar"}
    door = only(graph, POLICY, "data-pipeline-proxy-network-policy").inputs["spec"]["ingress"][0]["from"]
    assert [list(one) for one in door] == [["namespaceSelector"], ["ipBlock"], ["ipBlock"]]
    tasks = graph.of_type("aws:ecs/taskDefinition:TaskDefinition")
    told = json.dumps([task.inputs["containerDefinitions"] for task in tasks])
    assert "pulsar+ssl://" in told
    assert "MLOPS_STREAM_TOKEN" in told


@cache
def outside() -> Graph:
    network = {"network": {"mode": "private"}, "cluster": {"system": {"max_size": 4}}}
    serving = {"serving": {"kind": "ecs"}, "workloads": {"recommender": {}}}
    return platform("dev", {**network, **serving, "data_pipeline": {"kind": "pulsar"}})


@pytest.mark.parametrize(
    ("settings", "stack", "said"),
    [
        ({}, {"group_sizes": {"system": 2}}, "the cluster without its groups for GPUs grows to 2 nodes"),
        ({"bookies": 5}, {}, "pulsar has 3 zookeepers and 5 bookies, each on a node of its own"),
        (
            {"node_group": "events"},
            {"group_sizes": {"system": 9, "events": 1}, "node_groups": frozenset({"system", "events"})},
            "node group events grows to 1 nodes; set its max_size to 3 or more, or zookeepers and bookies to 1",
        ),
        (
            {},
            {"group_sizes": {"system": 2, "gpu": 9}, "gpu_groups": frozenset({"gpu"})},
            "set its max_size to 3 or more",
        ),
        ({"node_group": "nowhere"}, {}, "pulsar goes to node group nowhere, which the cluster does not have"),
        ({}, {"private_subnets": False, "outside": True}, "network.mode is public"),
    ],
)
def test_nodes_that_cannot_carry_it_are_refused_in_one_sentence(
    settings: dict[str, Any], stack: dict[str, Any], said: str
) -> None:
    problems = PulsarConfig(**settings).conflicts(facts(**stack))
    assert len(problems) == 1
    assert said in problems[0]


def test_nodes_that_can_carry_it_are_not_refused() -> None:
    assert PulsarConfig().conflicts(facts()) == ()
    assert PulsarConfig(zookeepers=1, bookies=1).conflicts(facts(group_sizes={"system": 1})) == ()


def test_volumes_that_fill_up_before_anything_moves_are_refused() -> None:
    with pytest.raises(ValidationError, match="offload_above_gb is 50 and ledger_gb 50: volumes would be full"):
        PulsarConfig(offload_above_gb=50)


@pytest.mark.parametrize(("memory", "half"), [("512Mi", 256), ("2Gi", 1024), ("1.5Gi", 768)])
def test_a_server_has_half_of_its_memory_for_its_heap_and_half_for_buffers(memory: str, half: int) -> None:
    assert java(memory) == f"-Xms{half}m -Xmx{half}m -XX:MaxDirectMemorySize={half}m"


def test_the_plan_knows_how_many_servers_it_brings() -> None:
    graph, _ = pulsar(brokers=4, proxies=1)
    brought = {one.name: one.replicas for one in pods(graph) if one.module == "stream"}
    assert brought == {
        "zookeeper": 3,
        "bookie": 3,
        "recovery": 1,
        "broker": 4,
        "proxy": 1,
        "toolset": 0,
        "client-role": 1,
    }


def test_every_volume_is_paid_for() -> None:
    found = estimate(default()[0], BY_TIER["dev"], load())
    volumes = {line.label: int(line.quantity) for line in found.lines if line.label.startswith("volume of pulsar")}
    assert volumes == {
        "volume of pulsar: bookkeeper.volumes.journal.size, 10 GB gp3": 30,
        "volume of pulsar: bookkeeper.volumes.ledgers.size, 50 GB gp3": 150,
        "volume of pulsar: zookeeper.volumes.data.size, 20 GB gp3": 60,
    }


@cache
def whole(tier: str) -> Graph:
    cluster = {"cluster": {"system": {"max_size": 4}}} if tier == "dev" else {}
    return platform(tier, {"data_pipeline": {"kind": "pulsar"}, **cluster})


@pytest.mark.parametrize("tier", ["dev", "prod"])
def test_it_breaks_no_rule_that_its_tier_keeps(tier: str) -> None:
    before, after = (
        {(one.rule.id, one.name) for one in judge(graph, tier).blocking} for graph in (tier_graph(tier), whole(tier))
    )
    assert after - before == set()


def test_the_loop_is_given_its_token_by_reference() -> None:
    graph = whole("dev")
    secret = only(graph, "aws:secretsmanager/secret:Secret", "data-pipeline-client-secret").outputs["arn"]
    external = [node for node in graph if node.type.endswith(":ExternalSecret") and secret in json.dumps(node.inputs)]
    assert external
    for part in ("recommender", "pipelines"):
        pod = only(graph, "kubernetes:apps/v1:Deployment", f"serving-workload-{part}").inputs["spec"]["template"][
            "spec"
        ]
        told = {one["name"]: one for one in pod["containers"][0]["env"]}
        assert told["MLOPS_STREAM_PROTOCOL"]["value"] == "pulsar"
        assert {"MLOPS_STREAM_TOKEN", "MLOPS_STREAM_CA"} <= {name for name, one in told.items() if "valueFrom" in one}


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"node_group": "system"},
        {"zookeepers": 1, "bookies": 1, "brokers": 1, "proxies": 1, "offload_above_gb": None},
    ],
)
def test_helm_makes_of_the_values_what_the_platform_reckons_with(settings: dict[str, Any]) -> None:
    charts = os.environ.get("MLOPS_CHARTS", "")
    if not shutil.which("helm") or not charts:
        pytest.skip("needs helm on PATH, and MLOPS_CHARTS with the charts (`helm pull --untar`)")
    graph, _ = pulsar(**settings)
    chart = only(graph, RELEASE, "stream-chart")
    made = helm(Path(charts) / "pulsar", chart)
    sets = {one["metadata"]["name"]: one["spec"] for one in made if one["kind"] == "StatefulSet"}
    replicas = {name.removeprefix("pulsar-"): spec["replicas"] for name, spec in sets.items()}
    assert replicas == {one.name: one.replicas for one in pods(graph) if one.module == "stream" and one.replicas}
    accounts = {one["metadata"]["name"] for one in made if one["kind"] == "ServiceAccount"}
    assert "pulsar-broker-acct" in accounts
    claims = [claim["spec"] for spec in sets.values() for claim in spec.get("volumeClaimTemplates") or ()]
    assert {claim["storageClassName"] for claim in claims} == {"gp3"}
    jobs = [one for one in made if one["kind"] == "Job" and one["metadata"]["name"] == "pulsar-jwt-secret-init"]
    assert "pulsar-token-$" not in str(jobs)
    assert len(jobs) == 1
    ports = {port["port"] for one in made if one["kind"] == "Service" and one["metadata"]["name"] == "pulsar-proxy"
             for port in one["spec"]["ports"]}  # fmt: skip
    assert ports == {443, 6651}
    kinds = {f"{one['kind']}.{one['apiVersion'].partition('/')[0]}" for one in made}
    assert {kind for kind in kinds if "cert-manager" in kind} == {
        "Certificate.cert-manager.io",
        "Issuer.cert-manager.io",
    }
    assert not any("monitoring.coreos" in kind or "victoria" in kind for kind in kinds)


def helm(chart: Path, node: Node) -> list[Mapping[str, Any]]:
    command = ["helm", "template", str(node.inputs["name"]), str(chart), "--namespace", "pulsar", "--values", "-"]
    given = json.dumps(node.inputs["values"])
    done = subprocess.run(
        [*command, "--kube-version", "1.35.0"], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]
