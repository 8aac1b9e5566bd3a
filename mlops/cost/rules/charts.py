"""Helm charts: what they make in AWS although nobody's values ask for it. A chart that is not here is named as
unknown, because its defaults may bring volumes and load balancers.

Source: the charts' own values.yaml at the versions of the catalogue, others at the version that is noted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mlops.plan.graph import Node

RELEASE = "kubernetes:helm.sh/v3:Release"


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a chart makes unless its values say otherwise, by the dotted path of the value that decides."""

    balancers: tuple[str, ...] = ()
    """Values with the type of a Service that is `LoadBalancer` by default."""
    volumes: Mapping[str, int] | None = None
    """Values with the size of a volume, and that size in GiB."""
    replicas: Mapping[str, int] | None = None
    """Servers of each part of a chart that have such volumes, unless its `replicaCount` says otherwise."""
    counted: Mapping[str, str] | None = None
    """Where a part says how many it has, if not in its `replicaCount`."""

    def copies(self, path: str) -> tuple[str, int]:
        """Where the number of volumes of a path is said, and the number where it is not."""
        part = path.partition(".")[0]
        return (self.counted or {}).get(part, f"{part}.replicaCount"), (self.replicas or {}).get(part, 1)


_NOTHING = Defaults()
_KNOWN: dict[str, Defaults] = {
    **dict.fromkeys(
        (
            # airflow: without PostgreSQL, Redis and volumes of its own, which the platform switches off.
            "airflow",
            "argo-cd",
            "argo-workflows",
            "aws-load-balancer-controller",
            "base",
            "cert-manager",
            "cluster-autoscaler",
            "external-secrets",
            "flink-kubernetes-operator",
            "istiod",
            # jupyterhub: people's volumes are in `custom.volumes`, which its values say.
            "jupyterhub",
            "knative-operator",
            "kserve-crd",
            "kserve-resources",
            "kserve-runtime-configs",
            "nvidia-device-plugin",
            # datadog: by the node, `monitoring.datadog`.
            "datadog",
            "fluent-bit",
            # loki: a volume for each copy that `singleBinary` has, 10Gi where its values say none.
            "loki",
            "prometheus-yet-another-cloudwatch-exporter",
            # kube-prometheus-stack: Prometheus, Alertmanager and Grafana keep their data with their pods.
            "kube-prometheus-stack",
            "prometheus-operator-crds",
            "seldon-core-v2-crds",
            "reloader",
            "sealed-secrets",
            # velero: what it stores is in the lake's gigabytes.
            "velero",
            "spark-operator",
            "kuberay-operator",
            "karpenter-crd",
        ),
        _NOTHING,
    ),
    # istio 1.30.3, gateway/values.yaml.
    "gateway": Defaults(balancers=("service.type",)),
    "ingress-nginx": Defaults(balancers=("controller.service.type",)),
    # A pool of several servers has a volume of models each; one is counted.
    "seldon-core-v2-setup": Defaults(
        balancers=("scheduler.service.type",),
        volumes={"scheduler.resources.storage": 1, "serverConfig.mlserver.modelVolumeStorage": 1},
    ),
    "seldon-core-v2-runtime": Defaults(balancers=("scheduler.serviceType", "envoy.serviceType")),
    # apache/pulsar-helm-chart pulsar-4.7.0, values.yaml.
    "pulsar": Defaults(
        volumes={
            "zookeeper.volumes.data.size": 20,
            "bookkeeper.volumes.journal.size": 10,
            "bookkeeper.volumes.ledgers.size": 50,
        },
        replicas={"zookeeper": 3, "bookkeeper": 4},
    ),
    "vault": Defaults(
        volumes={"server.dataStorage.size": 10, "server.auditStorage.size": 0},
        replicas={"server": 3},
        counted={"server": "server.ha.replicas"},
    ),
}


def chart_name(node: Node) -> str:
    """Name of a release's chart, without its repository."""
    return node.at("chart").text().rpartition("/")[2]


def defaults(node: Node) -> Defaults:
    """What a release's chart makes by itself; nothing for one that is not known, which is named elsewhere."""
    return _KNOWN.get(chart_name(node), _NOTHING)


def is_known(node: Node) -> bool:
    """Whether somebody has looked at the defaults of a release's chart."""
    return chart_name(node) in _KNOWN
