"""Kubernetes types: what pulumi-kubernetes replaces, and what deletion takes along.

Its table names every property that replaces; whatever is not in it is patched. Sources: provider/pkg/provider/diff.go
of pulumi/pulumi-kubernetes at 00302beb, and for Helm releases `forceNewFields` in helm_release.go of the same project.
"""

from collections.abc import Mapping

from mlops.change.facts import Facts, Fate

_SOURCE = "pulumi-kubernetes provider/pkg/provider/diff.go at 00302beb"
_IDENTITY = ("metadata.name", "metadata.namespace")
_VOLUME = Fate(path="", words="deleted; the volume goes with it unless its StorageClass has reclaimPolicy Retain")


def _facts(*paths: str, holds: str = "", stops: str = "", fate: Fate | None = None, instead: str = "") -> Facts:
    return Facts(
        source=_SOURCE,
        replaced_by=(*_IDENTITY, *paths),
        chosen=frozenset(_IDENTITY),
        name="metadata.name",
        holds=holds,
        stops=stops,
        fates=(fate,) if fate else (),
        instead=instead,
    )


_WORKLOAD = _facts("spec.selector", stops="its pods are deleted and started anew")
_ROLE_BINDING = _facts("roleRef")

ANY_OBJECT = _facts()
"""An object of a type that the table does not name: only its name and namespace replace it."""

KUBERNETES: Mapping[str, Facts] = {
    "kubernetes:apps/v1:DaemonSet": ANY_OBJECT,  # the table spells it Daemonset, so its selector does not count
    "kubernetes:apps/v1:Deployment": _WORKLOAD,
    "kubernetes:apps/v1:StatefulSet": _facts(
        *("spec.podManagementPolicy", "spec.revisionHistoryLimit", "spec.selector", "spec.serviceName"),
        "spec.volumeClaimTemplates",
        stops="its pods are deleted and started anew; their claims stay unless "
        "persistentVolumeClaimRetentionPolicy.whenDeleted is Delete",
    ),
    "kubernetes:batch/v1:Job": _facts(
        "spec.completions", "spec.parallelism", "spec.selector", "spec.template", stops="it runs again"
    ),
    "kubernetes:core/v1:Pod": _facts("spec", stops="it runs again"),
    "kubernetes:core/v1:ConfigMap": _facts("data", "binaryData"),
    "kubernetes:core/v1:Secret": _facts("type", "stringData", "data"),
    "kubernetes:core/v1:Service": _facts("spec.clusterIP"),
    "kubernetes:core/v1:ResourceQuota": _facts("spec.scopes"),
    "kubernetes:core/v1:Namespace": _facts(
        holds="everything in the namespace, claims of volumes included",
        fate=Fate(path="", words="deleted with everything in it"),
        instead="Make a second namespace beside it, move the workloads and their volumes, then drop the first one.",
    ),
    "kubernetes:core/v1:PersistentVolumeClaim": _facts(
        "spec",
        holds="the volume's files",
        fate=_VOLUME,
        instead="Make a second claim beside it and copy the files; or snapshot the volume (VolumeSnapshot) first.",
    ),
    "kubernetes:core/v1:PersistentVolume": _facts(
        *("spec.awsElasticBlockStore", "spec.csi", "spec.hostPath", "spec.local", "spec.nfs"),
        holds="the volume's files",
        fate=Fate(
            path="spec.persistentVolumeReclaimPolicy",
            when="Retain",
            words="the volume behind it stays: Retain",
            keeps=True,
        ),
        instead="Set persistentVolumeReclaimPolicy to Retain first.",
    ),
    "kubernetes:storage.k8s.io/v1:StorageClass": _facts(
        "parameters", "provisioner", stops="no volume can be claimed of it meanwhile; existing volumes stay"
    ),
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": _ROLE_BINDING,
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding": _ROLE_BINDING,
    "kubernetes:helm.sh/v3:Release": Facts(
        source="pulumi-kubernetes provider/pkg/provider/helm_release.go, forceNewFields",
        replaced_by=("name", "namespace"),
        chosen=frozenset({"name"}),
        name="name",
        stops="what the chart installed is removed and installed anew",
    ),
}
