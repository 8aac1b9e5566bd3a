"""Where pods run and what they ask of a node: controllers on the system nodes, workloads in the group they name."""

from collections.abc import Mapping
from dataclasses import dataclass

GROUP_LABEL = "mlops.platform/group"
"""Label of every node: the group that it belongs to."""
SYSTEM_GROUP = "system"
SYSTEM_NODES = {GROUP_LABEL: SYSTEM_GROUP}
"""Node selector of controllers: not on spot nodes that are bought for models, nor on those with GPUs."""


@dataclass(frozen=True, kw_only=True)
class Taint:
    """What keeps pods off a node unless they tolerate it, in Kubernetes' own words."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, kw_only=True)
class NodePlaces:
    """The cluster's groups of nodes, with their taints."""

    taints: Mapping[str, tuple[Taint, ...]]

    def of(self, group: str | None) -> dict[str, object]:
        """The fields of a pod that bring it into a group, taints or not; without a group nothing, which leaves it to
        the scheduler and to nodes without taints."""
        if group is None:
            return {}
        tolerations = [
            {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect}
            for taint in self.taints[group]
        ]
        return {"nodeSelector": {GROUP_LABEL: group}, **({"tolerations": tolerations} if tolerations else {})}


@dataclass(frozen=True, kw_only=True)
class Controllers:
    """How many there are of each controller that the platform installs."""

    replicas: int

    @property
    def budget(self) -> dict[str, object]:
        """Switch of a disruption budget; with a single replica it would only block node upgrades."""
        return {"enabled": self.replicas > 1}


_REQUESTS = {
    # values.yaml at v1.21.1, the example beside `resources` of each part.
    "cert-manager": ("10m", "32Mi"),
    # values.yaml at helm-chart-2.9.0, the example beside `resources` of each part.
    "external-secrets": ("10m", "32Mi"),
    # aws/eks-charts, stable/aws-load-balancer-controller/values.yaml at 3.5.0, the example beside `resources`.
    "aws-load-balancer-controller": ("100m", "128Mi"),
    # jupyterhub/zero-to-jupyterhub-k8s, docs/source/administrator/optimization.md at 4.4.0: hub and proxy before 1.0.0.
    "jupyterhub": ("200m", "510Mi"),
    # argoproj/argo-helm, charts/argo-cd/values.yaml at 10.1.1: the examples beside `resources` of each part.
    "argocd-controller": ("250m", "256Mi"),
    "argocd-redis": ("100m", "64Mi"),
    "argocd-repo-server": ("10m", "64Mi"),
    "argocd-server": ("50m", "64Mi"),
    # kubernetes/autoscaler, charts/cluster-autoscaler/values.yaml, the example beside `resources`.
    "cluster-autoscaler": ("100m", "300Mi"),
    # apache/flink-kubernetes-operator, helm/flink-kubernetes-operator/values.yaml at release-1.15.0, the example.
    "flink-kubernetes-operator": ("250m", "512Mi"),
    # kubeflow/spark-operator, charts/spark-operator-chart/values.yaml at v2.5.2, the example beside `resources`.
    "spark-operator": ("100m", "300Mi"),
    # ray-project/kuberay, helm-chart/kuberay-operator/values.yaml at v1.7.0, `resources.limits`.
    "kuberay-operator": ("100m", "512Mi"),
    # Its chart says nothing. What AWS gives a container of another agent on every node: aws-ebs-csi-driver,
    # values.yaml, `node.resources`.
    "sealed-secrets": ("10m", "40Mi"),
    "nvidia-device-plugin": ("10m", "40Mi"),
    # Its chart only has Helm's own example of 100m, for the proxy of a node's credentials; the same as above.
    "eks-pod-identity-agent": ("10m", "40Mi"),
    # prometheus-operator/kube-prometheus, manifests/, at 4d719f1d: what the operator's own project asks for.
    "alertmanager": ("4m", "100Mi"),
    "config-reloader": ("10m", "20Mi"),
    "grafana": ("100m", "100Mi"),
    "kube-state-metrics": ("10m", "190Mi"),
    "node-exporter": ("102m", "180Mi"),
    "prometheus-operator": ("100m", "100Mi"),
    # grafana-community/helm-charts, charts/grafana/values.yaml at 12.11.1, the example beside `sidecar.resources`.
    "grafana-sidecar": ("50m", "50Mi"),
    # values.yaml at 0.47.0, the example beside `resources`.
    "cloudwatch-exporter": ("100m", "128Mi"),
    # DataDog/helm-charts, charts/datadog/values.yaml at 3.240.0 and charts/datadog-operator: the examples beside
    # `resources` of each container.
    "datadog-agent": ("200m", "256Mi"),
    "datadog-cluster-agent": ("200m", "256Mi"),
    "datadog-operator": ("100m", "128Mi"),
    "datadog-trace-agent": ("100m", "200Mi"),
    # aws/eks-charts, stable/aws-for-fluent-bit/values.yaml: what AWS asks for the same program.
    "fluent-bit": ("50m", "50Mi"),
    # stakater/Reloader, deployments/kubernetes/chart/reloader/values.yaml at 2.2.16, the example beside `resources`.
    "reloader": ("10m", "128Mi"),
    # kubeflow/pipelines, manifests/kustomize/third-party/argo/base/workflow-controller-deployment-patch.yaml at 2.17.0:
    # what another project asks for Argo's controller; its server, of which nobody says anything, is asked for the same.
    "argo-workflows": ("100m", "500Mi"),
    # argoproj/argo-workflows, docs/workflow-controller-configmap.yaml: the example beside `executor`.
    "argo-executor": ("100m", "64Mi"),
    # Airflow's documentation, "Running Airflow in Docker": 4 GB and two cores at least for all of it, here shared by
    # its four servers; what runs a task and what runs once are asked for as much as one of them.
    "airflow": ("500m", "1Gi"),
    "airflow-task": ("500m", "1Gi"),
    "airflow-job": ("500m", "1Gi"),
    # Of one's own: it reads a file and sends it on. What the loop's command line takes to start was not measured.
    "loop-starter": ("100m", "256Mi"),
    # Its project says nothing. What prometheus-operator/kube-prometheus asks for a small exporter: `config-reloader`.
    "statsd-exporter": ("10m", "20Mi"),
    # kubernetes/git-sync, docs: nothing is said. What AWS gives a container of another agent: aws-ebs-csi-driver,
    # values.yaml, `node.resources`.
    "git-sync": ("10m", "40Mi"),
    # hashicorp/vault-helm, values.yaml at 0.34.1, the example beside `resources` of the server.
    "vault": ("250m", "256Mi"),
    # vmware-tanzu/helm-charts, charts/velero/values.yaml at velero-12.1.0: the example beside `resources`; what copies
    # a plugin or a definition in place, the example beside `upgradeJobResources`.
    "velero": ("500m", "128Mi"),
    "velero-plugin": ("50m", "128Mi"),
    # Velero asks for nothing: agents wait, and pods of their own move data (pkg/install/resources.go). What AWS gives a
    # container of another agent on every node: aws-ebs-csi-driver, values.yaml, `node.resources`.
    "velero-node-agent": ("10m", "40Mi"),
}
"""CPU and memory by project, from its own advice. Charts that request by themselves are left alone."""


def requested(project: str) -> dict[str, object]:
    """`resources` of a project's containers: what it asks of a node. No limits: a controller that reaches one is killed
    when the cluster grows, and not before."""
    cpu, memory = _REQUESTS[project]
    return {"requests": {"cpu": cpu, "memory": memory}}


def on_system_nodes(project: str) -> dict[str, object]:
    """Where a controller runs and what it asks for, under the keys that charts have in common."""
    return {"nodeSelector": SYSTEM_NODES, "resources": requested(project)}
