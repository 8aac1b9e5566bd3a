"""What bills surprise with because no resource stands for it: credits, metrics of brokers, what charts and operators
make. Prices are those of the price book for us-east-1."""

from pathlib import Path
from typing import Any

import pytest

from mlops.core.usage import UsageConfig
from mlops.cost.book import load
from mlops.cost.estimate import estimate, unpriced
from mlops.cost.rules import RULES
from mlops.cost.rules.kubernetes import BY_KIND
from mlops.plan.graph import Node
from tests.cost.stacks import NOTHING_USED, bill, priced, resource, stack, used

GROUP, RDS, MSK = "aws:eks/nodeGroup:NodeGroup", "aws:rds/instance:Instance", "aws:msk/cluster:Cluster"
RELEASE = "kubernetes:helm.sh/v3:Release"
CREDITS = "CPU credits above the baseline"
BALANCER = "load balancer (NLB)"


def nodes(kind: str, name: str = "nodes") -> Node:
    return resource(GROUP, name, {"instanceTypes": [kind], "scalingConfig": {"desiredSize": 1}})


def brokers(kind: str, level: str) -> Node:
    info = {"instanceType": kind, "storageInfo": {"ebsStorageInfo": {"volumeSize": 10}}}
    return resource(MSK, inputs={"numberOfBrokerNodes": 3, "enhancedMonitoring": level, "brokerNodeGroupInfo": info})


@pytest.mark.parametrize(
    ("node", "monthly"),
    [
        # Infracost eks_node_group_test: $0.05 a vCPU hour.
        (nodes("t3.large"), 5.0),
        (nodes("t3a.large"), 5.0),
        (nodes("t4g.large"), 4.0),
        # Infracost db_instance_test: $0.075 a vCPU hour.
        (resource(RDS, inputs={"engine": "postgres", "instanceClass": "db.t4g.micro"}), 7.5),
    ],
)
def test_machines_that_work_above_their_baseline_pay_for_credits(node: Node, monthly: float) -> None:
    assert bill(node, usage=used(compute={"burst_vcpu_hours": 100}))[CREDITS] == monthly


@pytest.mark.parametrize("kind", ["m5.large", "t2.medium"])
def test_machines_without_unlimited_credits_pay_for_none(kind: str) -> None:
    assert CREDITS not in bill(nodes(kind), usage=used(compute={"burst_vcpu_hours": 100}))


def test_burstable_machines_share_the_hours_above_the_baseline() -> None:
    alone = bill(nodes("t3.large"), usage=used(compute={"burst_vcpu_hours": 100}))[CREDITS]
    both = bill(nodes("t3.large"), nodes("t3.large", "more"), usage=used(compute={"burst_vcpu_hours": 100}))[CREDITS]
    assert alone == both


@pytest.mark.parametrize(
    ("kind", "level", "metrics"),
    [
        ("kafka.m7g.large", "DEFAULT", 0),
        ("kafka.m7g.large", "PER_BROKER", 3 * 47),
        ("express.m7g.large", "PER_BROKER", 3 * 34),
        ("kafka.m7g.large", "PER_TOPIC_PER_BROKER", 3 * 47 + 10 * 3 * 3),
        ("express.m7g.large", "PER_TOPIC_PER_PARTITION", 3 * 34 + 10 * 3 + 20 * 2 * 3),
    ],
)
def test_metrics_of_brokers_above_the_free_level_are_custom_metrics(kind: str, level: str, metrics: int) -> None:
    usage = used(streams={"topics": 10, "partitions": 20, "consumer_groups": 2})
    lines = [line for line in priced(brokers(kind, level), usage=usage).lines if "metrics of" in line.label]
    assert sum(line.quantity for line in lines) == metrics
    assert all(line.unit_price * 10 == 3 for line in lines)


def claim(gb: int) -> dict[str, Any]:
    return {"spec": {"resources": {"requests": {"storage": f"{gb}Gi"}}}}


@pytest.mark.parametrize(
    ("type_", "inputs", "monthly"),
    [
        ("kubernetes:core/v1:PersistentVolumeClaim", claim(100), 8.0),
        ("kubernetes:apps/v1:StatefulSet", {"spec": {"replicas": 3, "volumeClaimTemplates": [claim(10)]}}, 2.4),
        (
            "kubernetes:apps/v1:Deployment",
            {
                "spec": {
                    "replicas": 2,
                    "template": {"spec": {"volumes": [{"ephemeral": {"volumeClaimTemplate": claim(50)}}]}},
                }
            },
            8.0,
        ),
        ("kubernetes:core/v1:Service", {"spec": {"type": "LoadBalancer"}}, 16.43),
        ("kubernetes:networking.k8s.io/v1:Ingress", {"spec": {}}, 16.43),
        ("kubernetes:gateway.networking.k8s.io/v1:Gateway", {"spec": {"gatewayClassName": "aws-alb"}}, 16.43),
        (
            "kubernetes:kafka.strimzi.io/v1:KafkaNodePool",
            {"spec": {"replicas": 3, "storage": {"type": "persistent-claim", "size": "100Gi"}}},
            24.0,
        ),
        (
            "kubernetes:argoproj.io/v1alpha1:Workflow",
            {"spec": {"volumeClaimTemplates": [claim(20)]}},
            1.6,
        ),
        (RELEASE, {"chart": "ingress-nginx"}, 16.43 + 7.30),
        (RELEASE, {"chart": "ingress-nginx", "values": {"controller": {"service": {"type": "ClusterIP"}}}}, 0),
        (RELEASE, {"chart": "gateway", "values": {"service": {"type": "ClusterIP"}}}, 0),
    ],
)
def test_objects_on_the_cluster_that_make_something_in_aws_cost_it(
    type_: str, inputs: dict[str, Any], monthly: float
) -> None:
    made = priced(resource(type_, inputs=inputs))
    assert round(float(made.fixed), 2) == round(monthly, 2)
    assert made.complete


@pytest.mark.parametrize(
    "type_",
    [
        "kubernetes:karpenter.sh/v1:NodePool",
        "kubernetes:argoproj.io/v1alpha1:ApplicationSet",
        "kubernetes:s3.services.k8s.aws/v1alpha1:Bucket",
        "kubernetes:ec2.aws.upbound.io/v1beta1:Instance",
        "kubernetes:velero.io/v1:DataUpload",
        "kubernetes:core/v2:Something",
    ],
)
def test_a_kind_that_may_make_anything_is_named_and_not_free(type_: str) -> None:
    made = priced(resource(type_, "thing"))
    [unknown] = made.unpriced
    assert (unknown.type, unknown.resources) == (type_, ("thing",))
    assert not made.complete
    assert type_ not in {free.type for free in made.free}


def test_a_chart_whose_defaults_nobody_has_read_is_named() -> None:
    [unknown] = unpriced(stack(resource(RELEASE, "surprise", {"chart": "oci://example.com/charts/surprise"})))
    assert unknown.type.endswith("of chart surprise")


@pytest.mark.parametrize(
    ("type_", "inputs", "reason"),
    [
        ("kubernetes:core/v1:ConfigMap", {}, "inside the cluster"),
        ("kubernetes:rbac.authorization.k8s.io/v1:Role", {}, "inside the cluster"),
        ("kubernetes:core/v1:Service", {"spec": {"type": "ClusterIP"}}, "no load balancer"),
        ("kubernetes:apps/v1:Deployment", {"spec": {}}, "run on nodes"),
        (RELEASE, {"chart": "cert-manager"}, "no volume and no load balancer"),
        ("kubernetes:serving.kserve.io/v1beta1:InferenceService", {}, "run on nodes"),
        ("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", {}, "load balancers have rules"),
    ],
)
def test_what_costs_nothing_is_listed_with_the_reason(type_: str, inputs: dict[str, Any], reason: str) -> None:
    made = estimate(stack(resource(type_, inputs=inputs)), NOTHING_USED, load())
    [free] = [one for one in made.free if one.type == type_]
    assert reason in free.reason
    assert made.complete


@pytest.mark.parametrize(
    ("type_", "usage", "label", "monthly"),
    [
        # A vCPU on Fargate costs $29.55 a month and a GB $3.245 (infracost, ecs_service_test).
        (
            "aws:eks/fargateProfile:FargateProfile",
            used(compute={"fargate_vcpu_hours": 730}),
            "pods on Fargate: vCPU",
            29.55,
        ),
        ("aws:rds/snapshot:Snapshot", used(storage={"snapshots_gb": 100}), "snapshot of a database", 9.5),
        ("aws:msk/replicator:Replicator", NOTHING_USED, "MSK Replicator", 219.0),
        # Infracost glue_crawler_test: $0.44 a DPU hour.
        ("aws:glue/crawler:Crawler", used(compute={"job_dpu_hours": 10}), "Glue", 4.4),
        ("aws:kms/replicaKey:ReplicaKey", NOTHING_USED, "customer-managed key", 1.0),
        ("aws:ecr/repository:Repository", used(storage={"images_gb": 30}), "container images", 3.0),
    ],
)
def test_a_type_costs_by_its_unit(type_: str, usage: UsageConfig, label: str, monthly: float) -> None:
    assert bill(resource(type_), usage=usage)[label] == monthly


def test_jobs_that_watch_a_model_share_the_hours_of_training() -> None:
    schedule = resource("aws:sagemaker/monitoringSchedule:MonitoringSchedule")
    [line] = priced(schedule, usage=used(compute={"training_hours": 10})).lines
    assert line.quantity == 10


def test_what_aws_takes_for_a_serverless_tracking_server_is_named_as_missing() -> None:
    [missing] = priced(resource("aws:sagemaker/mlflowApp:MlflowApp")).missing
    assert missing.label == "MLflow app"


@pytest.mark.parametrize("kind", sorted(BY_KIND))
def test_an_object_that_asks_for_nothing_costs_nothing_and_says_why_or_has_a_load_balancer(kind: str) -> None:
    group, _, name = kind.partition(":")
    made = priced(resource(f"kubernetes:{group}/v1:{name}", inputs={"chart": "cert-manager"}))
    named = any(free.type == f"kubernetes:{group}/v1:{name}" for free in made.free)
    assert named or name in ("Ingress", "Gateway", "PersistentVolumeClaim")
    assert made.complete


@pytest.mark.parametrize("kind", ["Pod", "DaemonSet", "CronJob"])
def test_volumes_that_live_as_long_as_a_pod_are_priced_wherever_pods_are_described(kind: str) -> None:
    pod = {"volumes": [{"ephemeral": {"volumeClaimTemplate": claim(100)}}]}
    spec: dict[str, Any] = {"template": {"spec": pod}}
    spec = pod if kind == "Pod" else {"jobTemplate": {"spec": spec}} if kind == "CronJob" else spec
    group = {"Pod": "core", "DaemonSet": "apps", "CronJob": "batch"}[kind]
    assert priced(resource(f"kubernetes:{group}/v1:{kind}", inputs={"spec": spec})).fixed == 8


def test_every_rule_is_held_against_a_figure() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.parent.rglob("*.py"))
    assert [type_ for type_ in RULES if type_ not in tests] == []


def test_cores_that_guardduty_watches_are_those_of_nodes_while_they_run() -> None:
    feature = resource(
        "aws:guardduty/detectorFeature:DetectorFeature",
        "runtime",
        {"name": "RUNTIME_MONITORING", "status": "ENABLED"},
    )
    nodes = resource(GROUP, "nodes", {"instanceTypes": ["m5.large"], "scalingConfig": {"desiredSize": 2}})
    schedule = "aws:autoscaling/schedule:Schedule"
    stop = resource(schedule, "stop", {"recurrence": "0 12 * * *", "desiredCapacity": 0}, autoscalingGroupName=nodes)
    start = resource(schedule, "start", {"recurrence": "0 0 * * *", "desiredCapacity": 2}, autoscalingGroupName=nodes)
    for graph, cores in (((nodes, feature), 4), ((nodes, feature, start, stop), 2)):
        [line] = [line for line in priced(*graph).lines if "runtime agent" in line.label]
        assert line.quantity == cores


def test_security_hub_is_paid_by_the_check() -> None:
    made = bill(resource("aws:securityhub/account:Account"), usage=used(logs={"security_checks": 10_000}))
    assert made["security checks"] == 10.0
