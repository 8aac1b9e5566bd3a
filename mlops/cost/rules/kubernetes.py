"""What objects on the cluster make AWS charge for: volumes and load balancers. All else runs on nodes, paid as such."""

from collections.abc import Iterator
from decimal import Decimal

from mlops.capacity.quantities import gibibytes
from mlops.cost.model import Context, Item, Rule
from mlops.cost.rules.charts import chart_name, defaults
from mlops.cost.rules.files import backup_schedule
from mlops.cost.rules.monitoring import datadog
from mlops.cost.rules.network import load_balancer_items
from mlops.cost.rules.storage import volume_items
from mlops.plan.graph import Node
from mlops.plan.reading import Reading

INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
_INGRESS_GROUP = "alb.ingress.kubernetes.io/group.name"


def claim(node: Node, context: Context) -> Iterator[Item]:
    yield from _volume("volume claim", _requested(node.at("spec")), Decimal(1))


def stateful_set(node: Node, context: Context) -> Iterator[Item]:
    """A volume for each replica and template."""
    replicas = node.at("spec.replicas").number(1)
    for template in node.at("spec.volumeClaimTemplates"):
        yield from _volume(f"volumes of {replicas} replicas", _requested(template.at("spec")), replicas)


def release(node: Node, context: Context) -> Iterator[Item]:
    """Volumes and load balancers that a chart's values ask for, and those that it makes unasked."""
    values = node.at("values")
    for path, size, replicas in volumes(values):
        yield from _volume(f"volume of {node.at('chart').text()}: {path or 'data'}", size, replicas)
    for kind, public in _services(values):
        yield from load_balancer_items(kind, context, 2 if public else 0)
    if chart_name(node) == "datadog":
        yield from datadog(node, context)
    unasked = defaults(node)
    for path in unasked.balancers:
        if not values.at(path):
            yield from load_balancer_items("nlb", context, 2)
    for path, gb in (unasked.volumes or {}).items():
        said, count = unasked.copies(path)
        size = gibibytes(values.at(path).text() or f"{gb}Gi")
        yield from _volume(f"volume of {node.at('chart').text()}: {path}", size, values.at(said).number(Decimal(count)))


def custom(node: Node, context: Context) -> Iterator[Item]:
    """A custom resource from which an operator makes volumes."""
    for path, size, replicas in volumes(node.at("spec")):
        yield from _volume(f"volume: {path or 'data'}", size, replicas)


def workload(node: Node, context: Context) -> Iterator[Item]:
    """Volumes that live as long as a pod, one for each replica: counted as if they were always there."""
    spec = node.at("spec.jobTemplate.spec") or node.at("spec")
    replicas = spec.at("replicas").number(spec.at("parallelism").number(1))
    pod = spec.at("template.spec") or spec
    for one in pod.at("volumes"):
        claimed = one.at("ephemeral.volumeClaimTemplate.spec")
        if claimed:
            yield from _volume(f"volumes of {replicas} pods", _requested(claimed), replicas)


def gateway(node: Node, context: Context) -> Iterator[Item]:
    """A load balancer for each Gateway: an application one where its class says so, otherwise a network one."""
    kind = "alb" if "alb" in node.at("spec.gatewayClassName").text() else "nlb"
    public = 2 if _internet_facing(node.at("metadata")) else 0
    yield from load_balancer_items(kind, context, public)


def service(node: Node, context: Context) -> Iterator[Item]:
    if node.at("spec.type").text() == "LoadBalancer":
        public = 2 if _internet_facing(node.at("metadata")) else 0
        yield from load_balancer_items("nlb", context, public)


def ingress(node: Node, context: Context) -> Iterator[Item]:
    """An application load balancer; ingresses of one group share it, and the first of them pays."""
    if group := _group(node):
        sharing = (one for one in context.of_type(INGRESS) if _group(one) == group)
        if next(sharing).urn != node.urn:
            return
    public = 2 if _internet_facing(node.at("metadata")) else 0
    yield from load_balancer_items("alb", context, public)


def volumes(values: Reading, path: str = "", replicas: Decimal = Decimal(1)) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Volumes that values or a spec ask for: path, GiB, how many.

    Charts write them as a claim template, or as `persistence` with a size; Strimzi as a storage of type
    `persistent-claim`. The nearest `replicas` above counts.
    """
    for one in values:
        yield from volumes(one, path, replicas)
    held = values.entries()
    if not held:
        return
    replicas = values.at("replicas").number(values.at("replicaCount").number(replicas))
    if "volumeClaimTemplate" in held:
        yield path, _requested(values.at("volumeClaimTemplate.spec")), replicas
    for template in values.at("volumeClaimTemplates"):
        yield path, _requested(template.at("spec")), replicas
    if values.at("type").text() == "persistent-claim" and values.at("size"):
        yield path, gibibytes(values.at("size").text()), replicas
    persistence = values.at("persistence")
    if persistence.at("size") and persistence.at("enabled").flag(default=True):
        yield path, gibibytes(persistence.at("size").text()), replicas
    for key, value in held.items():
        if key not in ("volumeClaimTemplate", "volumeClaimTemplates", "persistence"):
            yield from volumes(value, f"{path}.{key}" if path else key, replicas)


def _services(values: Reading) -> Iterator[tuple[str, bool]]:
    """Load balancers that a chart's values ask for."""
    held = values.entries()
    if held and values.at("type").text() == "LoadBalancer":
        yield "nlb", _internet_facing(values)
    for value in held.values():
        yield from _services(value)


def _volume(label: str, gb: Decimal, count: Decimal) -> Iterator[Item]:
    """The platform's default storage class is gp3."""
    yield from volume_items(f"{label}, {gb.normalize():f} GB gp3", "gp3", gb, count)


def _requested(spec: Reading) -> Decimal:
    return gibibytes(spec.at("resources.requests.storage").text("0"))


def _group(node: Node) -> str:
    return node.at("metadata.annotations").key(_INGRESS_GROUP).text()


def _internet_facing(metadata: Reading) -> bool:
    return "internet-facing" in metadata.at("annotations").labels().values()


_OPERATED = (
    "argoproj.io:Workflow",
    "argoproj.io:CronWorkflow",
    "argoproj.io:Rollout",
    "feast.dev:FeatureStore",
    "flink.apache.org:FlinkDeployment",
    "flink.apache.org:FlinkSessionJob",
    "kafka.strimzi.io:Kafka",
    "kafka.strimzi.io:KafkaNodePool",
    "mlops.seldon.io:Server",
    "monitoring.coreos.com:Alertmanager",
    "monitoring.coreos.com:Prometheus",
    "monitoring.coreos.com:ThanosRuler",
    "ray.io:RayCluster",
    "ray.io:RayCronJob",
    "ray.io:RayJob",
    "ray.io:RayService",
    "sparkoperator.k8s.io:ScheduledSparkApplication",
    "sparkoperator.k8s.io:SparkApplication",
)
"""Group and kind of what operators run: pods on nodes, and volumes where their specs ask for some."""

BY_KIND: dict[str, Rule] = {
    "core:PersistentVolumeClaim": claim,
    "core:Service": service,
    "core:Pod": workload,
    "apps:Deployment": workload,
    "apps:DaemonSet": workload,
    "apps:StatefulSet": stateful_set,
    "batch:Job": workload,
    "batch:CronJob": workload,
    "networking.k8s.io:Ingress": ingress,
    "gateway.networking.k8s.io:Gateway": gateway,
    "helm.sh:Release": release,
    "velero.io:Schedule": backup_schedule,
    **dict.fromkeys(_OPERATED, custom),
}
"""API group and kind -> rule, in whatever version."""

NOTHING_ASKED: dict[str, str] = {
    "core:Service": "has no load balancer: it is reached inside the cluster",
    "velero.io:Schedule": "backs up objects and no volumes; they lie in the lake",
    "helm.sh:Release": "brings no volume and no load balancer; its pods run on nodes",
    **dict.fromkeys(
        ("core:Pod", "apps:Deployment", "apps:DaemonSet", "apps:StatefulSet", "batch:Job", "batch:CronJob", *_OPERATED),
        "asks for no volume; its pods run on nodes",
    ),
}
"""Why an object costs nothing although its kind has a rule."""
