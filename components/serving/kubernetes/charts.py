"""KServe itself: its kinds, its controller and its model servers, in the order in which they need each other."""

from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.cluster import ClusterOutputs
from components.kubernetes.objects import name_of, namespace, release
from components.serving.kubernetes import kserve
from components.serving.kubernetes.knative import Knative, KnativeArgs
from mlops.core import versions


@dataclass(frozen=True, kw_only=True)
class KServeArgs:
    """How models will be run, and what has to stand before its pods."""

    scaling: kserve.Scaling
    mlserver_tag: str
    cluster: ClusterOutputs
    """Nodes and names, cert-manager for its webhooks' certificates, and how many of each controller."""


@dataclass(frozen=True, kw_only=True)
class KServeOutputs:
    """What models wait for."""

    controller: pulumi.Resource = field(metadata=INTERNAL)
    """Cleans up after every inference service, so that it outlives whatever namespace has some."""
    ready: tuple[pulumi.Resource, ...] = field(metadata=INTERNAL)


class KServe(Component[KServeOutputs]):
    """KServe's charts, on Knative where the mode asks for it.

    A release is done when its workloads are ready, and the webhook's pod is ready only with the certificate that
    cert-manager gave it: what comes next is not refused.
    """

    token = "mlops:index:KServe"

    def __init__(self, name: str, args: KServeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        own = name_of(namespace(f"{name}-namespace", "kserve", security="restricted", labels={}, opts=self.child))
        crds = release(
            f"{name}-crds",
            versions.KSERVE_CRD,
            namespace=own,
            release_name="kserve-crd",
            values={},
            opts=self.child,
        )
        below = self._knative(args) if args.scaling.mode == "Knative" else ()
        controller = release(
            f"{name}-controller",
            versions.KSERVE_RESOURCES,
            namespace=own,
            release_name="kserve",
            values=kserve.controller_values(args.scaling.mode),
            # It looks for Knative's kinds once, when it starts.
            opts=self.child_with(depends_on=[crds, args.cluster.certificates, *args.cluster.running, *below]),
        )
        runtimes = release(
            f"{name}-runtimes",
            versions.KSERVE_RUNTIMES,
            namespace=own,
            release_name="kserve-runtimes",
            values=kserve.runtime_values(args.mlserver_tag),
            opts=self.child_with(depends_on=[controller]),
        )
        self.publish(KServeOutputs(controller=controller, ready=(runtimes,)))

    def _knative(self, args: KServeArgs) -> tuple[pulumi.Resource, ...]:
        knative_args = KnativeArgs(
            running=args.cluster.running,
            controllers=args.cluster.controllers,
            timeout_seconds=args.scaling.timeout_seconds,
        )
        return Knative(f"{self.name}-knative", knative_args, self.child).outputs.ready
