"""Knative Serving over Istio: what KServe's Knative mode stands on.

Istio's gateway stays inside the cluster: models are asked through Knative's local gateway, and a load balancer that
nobody asked for would be one more door.
"""

from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.kubernetes.objects import SERVING_ALLOWED, WAIT_FOR_READY, custom_object, name_of, namespace, release
from mlops.core import versions

_ISTIO = "istio-system"
"""Where Knative's Istio integration looks for the gateway."""
_SERVING = "knative-serving"


@dataclass(frozen=True, kw_only=True)
class KnativeOutputs:
    """What whoever needs Knative waits for."""

    ready: tuple[pulumi.Resource, ...] = field(metadata=INTERNAL)


class Knative(Component[KnativeOutputs]):
    """Istio, the Knative operator, and Knative Serving, ready."""

    token = "mlops:index:Knative"

    def __init__(
        self, name: str, running: tuple[pulumi.Resource, ...], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
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
            values={},
            opts=self.child_with(depends_on=[base, *running]),
        )
        gateway = release(
            f"{name}-gateway",
            versions.ISTIO_GATEWAY,
            namespace=istio,
            # The label `istio: ingressgateway`, by which Knative finds its pods, follows from this name.
            release_name="istio-ingressgateway",
            values={"service": {"type": "ClusterIP"}},
            opts=self.child_with(depends_on=[istiod]),
        )
        operator = release(
            f"{name}-operator",
            versions.KNATIVE_OPERATOR,
            namespace=self._namespace("operator", "knative-operator"),
            release_name="knative-operator",
            values={},
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
            spec=serving_spec(versions.KNATIVE_SERVING),
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


def serving_spec(version: str) -> dict[str, object]:
    """Spec of KnativeServing. The operator carries one patch of each minor version: only the minor is named."""
    return {
        "version": ".".join(version.split(".")[:2]),
        "ingress": {"istio": {"enabled": True}},
        "config": {
            "network": {"ingress-class": "istio.ingress.networking.knative.dev"},
            "features": {
                "kubernetes.podspec-nodeselector": "enabled",
                "kubernetes.podspec-tolerations": "enabled",
                "kubernetes.podspec-topologyspreadconstraints": "enabled",
                "secure-pod-defaults": "enabled",
            },
        },
    }
