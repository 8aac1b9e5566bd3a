"""Properties of Kubernetes objects that the API server keeps, and that pulumi-kubernetes tries to change in place."""

from mlops.change.transitions.step import Rule, Rules, fixed

_SOURCE = "Kubernetes, pkg/apis/*/validation; pulumi-kubernetes provider/pkg/provider/diff.go at 00302beb"


def _fixed(*paths: str) -> tuple[Rule, ...]:
    return tuple(
        fixed(
            path,
            f"Invalid: {path}: field is immutable",
            "Give the object a new name in the same change, so that a second one is made.",
            _SOURCE,
        )
        for path in paths
    )


RULES: Rules = {
    # diff.go spells it Daemonset, so that its selector is patched.
    "kubernetes:apps/v1:DaemonSet": _fixed("spec.selector"),
    "kubernetes:apps/v1:ReplicaSet": _fixed("spec.selector"),
    "kubernetes:storage.k8s.io/v1:StorageClass": _fixed("reclaimPolicy", "volumeBindingMode"),
    "kubernetes:scheduling.k8s.io/v1:PriorityClass": _fixed("value", "preemptionPolicy"),
    "kubernetes:networking.k8s.io/v1:IngressClass": _fixed("spec.controller"),
    "kubernetes:node.k8s.io/v1:RuntimeClass": _fixed("handler"),
}
