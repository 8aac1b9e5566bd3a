"""Knative Serving over Istio: what KServe's Knative mode stands on.

Istio's gateway stays inside the cluster: models are asked through Knative's local gateway, and a load balancer that
nobody asked for would be one more door.
"""

from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.kubernetes.objects import SERVING_ALLOWED, WAIT_FOR_READY, custom_object, name_of, namespace, release
from components.kubernetes.placement import GROUP_LABEL, SYSTEM_GROUP, SYSTEM_NODES, Controllers
from mlops.core import versions

_ISTIO = "istio-system"
"""Where Knative's Istio integration looks for the gateway."""
_SERVING = "knative-serving"
_LONGEST_SECONDS = 600
"""Knative's own bound of a request (ConfigMap config-defaults, `max-revision-timeout-seconds`)."""
_WORKLOADS = (
    "activator",
    "autoscaler",
    "autoscaler-hpa",
    "controller",
    "net-istio-controller",
    "net-istio-webhook",
    "webhook",
)
"""Deployments of Knative Serving 1.21 over Istio (knative/operator, cmd/operator/kodata)."""
_BUDGETS = ("activator-pdb", "webhook-pdb")
"""Disruption budgets that Serving brings: 80 percent, which no pod of one or two replicas may ever be taken from."""


@dataclass(frozen=True, kw_only=True)
class KnativeArgs:
    """What Knative stands on, and what models want of it."""

    running: tuple[pulumi.Resource, ...]
    """Nodes and names."""
    controllers: Controllers
    timeout_seconds: int | None
    """Longest request that a model may take; None leaves Knative's."""


@dataclass(frozen=True, kw_only=True)
class KnativeOutputs:
    """What whoever needs Knative waits for."""

    ready: tuple[pulumi.Resource, ...] = field(metadata=INTERNAL)


class Knative(Component[KnativeOutputs]):
    """Istio, the Knative operator, and Knative Serving, ready."""

    token = "mlops:index:Knative"

    def __init__(self, name: str, args: KnativeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        running = args.running
        istio = self._namespace("istio", _ISTIO)
        base = release(
            f"{name}-istio-base",
            versions.ISTIO_BASE,
            namespace=istio,
            release_name="istio-base",
            values={"defaultRevision": "default"},
            opts=self.child,
        )
        istiod = release(
            f"{name}-istiod",
            versions.ISTIOD,
            namespace=istio,
            release_name="istiod",
            values=istiod_values(args.controllers),
            opts=self.child_with(depends_on=[base, *running]),
        )
        gateway = release(
            f"{name}-gateway",
            versions.ISTIO_GATEWAY,
            namespace=istio,
            # The label `istio: ingressgateway`, by which Knative finds its pods, follows from this name.
            release_name="istio-ingressgateway",
            values=gateway_values(args.controllers),
            opts=self.child_with(depends_on=[istiod]),
        )
        operator = release(
            f"{name}-operator",
            versions.KNATIVE_OPERATOR,
            namespace=self._namespace("operator", "knative-operator"),
            release_name="knative-operator",
            values=operator_values(),
            opts=self.child_with(depends_on=list(running)),
        )
        serving = custom_object(
            f"{name}-serving",
            "operator.knative.dev/v1beta1",
            "KnativeServing",
            metadata={
                "name": _SERVING,
                "namespace": self._namespace("serving", _SERVING),
                "annotations": WAIT_FOR_READY,
            },
            spec=serving_spec(versions.KNATIVE_SERVING, args.controllers, args.timeout_seconds),
            opts=self.child_with(depends_on=[operator, gateway]),
        )
        self.publish(KnativeOutputs(ready=(serving,)))

    def _namespace(self, role: str, physical: str) -> pulumi.Output[str]:
        return name_of(
            namespace(
                f"{self.name}-{role}-namespace",
                physical,
                security="baseline",
                labels=SERVING_ALLOWED,
                opts=self.child,
            )
        )


def istiod_values(controllers: Controllers) -> dict[str, object]:
    """Istio's control plane. Its chart makes a disruption budget, for one pod less, from two replicas on."""
    return {"autoscaleMin": controllers.replicas, "nodeSelector": SYSTEM_NODES}


def gateway_values(controllers: Controllers) -> dict[str, object]:
    """The gateway that requests to models pass. Its chart leaves the budget out where there is one replica."""
    return {
        "service": {"type": "ClusterIP"},
        "autoscaling": {"enabled": True, "minReplicas": controllers.replicas},
        "podDisruptionBudget": {"maxUnavailable": 1},
        "nodeSelector": SYSTEM_NODES,
    }


def operator_values() -> dict[str, object]:
    """The Knative operator. Its chart knows no node selector and no number of replicas."""
    system = {"matchExpressions": [{"key": GROUP_LABEL, "operator": "In", "values": [SYSTEM_GROUP]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [system]}}}
    return {"knative_operator": {part: {"affinity": affinity} for part in ("knative_operator", "operator_webhook")}}


def serving_spec(version: str, controllers: Controllers, timeout_seconds: int | None) -> dict[str, object]:
    """Spec of KnativeServing. Of each controller but one pod may be taken away on purpose, of a single one that one."""
    config: dict[str, object] = {
        "network": {"ingress-class": "istio.ingress.networking.knative.dev"},
        "features": {
            "kubernetes.podspec-nodeselector": "enabled",
            "kubernetes.podspec-tolerations": "enabled",
            "kubernetes.podspec-topologyspreadconstraints": "enabled",
            "secure-pod-defaults": "enabled",
        },
    }
    if timeout_seconds and timeout_seconds > _LONGEST_SECONDS:
        # A revision with a longer one is refused.
        config["defaults"] = {"max-revision-timeout-seconds": str(timeout_seconds)}
    return {
        "version": version,
        "ingress": {"istio": {"enabled": True}},
        "high-availability": {"replicas": controllers.replicas},
        "podDisruptionBudgets": [{"name": budget, "minAvailable": controllers.replicas - 1} for budget in _BUDGETS],
        "workloads": [{"name": workload, "nodeSelector": SYSTEM_NODES} for workload in _WORKLOADS],
        "config": config,
    }
