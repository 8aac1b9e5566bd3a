"""What the API server and Helm refuse, and what would never become ready."""

import re
from collections.abc import Callable, Iterator, Mapping

from localcloud.catalogue.cluster import ADDON, CLUSTER
from localcloud.charts import chart_of
from localcloud.kubernetes_objects import HELM_RELEASE
from localcloud.rules import pods
from localcloud.rules.eks import has_nodes
from localcloud.rules.transitions import refused_transition
from localcloud.world import Thing, World, values_at
from mlops.plan.values import SECRET, UNKNOWN

Rule = Callable[[World, Thing], str | None]

_LABEL = r"[a-z0-9]([a-z0-9\-]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_NAMES = ("Namespace", "Service")
_FREE_NAMES = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
_GIVEN_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_BUILT_IN_GROUPS = re.compile(r"(apps|autoscaling|batch|policy|helm\.sh|.*\.k8s\.io)?")
_NOT_BUILT_IN = ("gateway.networking.k8s.io", "snapshot.storage.k8s.io", "metrics.k8s.io")
_ADDON_KINDS = {
    "snapshot-controller": frozenset(
        f"{kind}.snapshot.storage.k8s.io" for kind in ("VolumeSnapshot", "VolumeSnapshotClass", "VolumeSnapshotContent")
    )
}
"""Kinds that add-ons bring. Source: EKS user guide, "Enable snapshot functionality for CSI volumes"."""
_CRD = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
_NAMESPACE = "kubernetes:core/v1:Namespace"


def refused_inputs(thing: Thing) -> Mapping[str, str]:
    """Property -> what is wrong with the name or the labels in it."""
    if thing.type == HELM_RELEASE:
        name = thing.inputs.get("name")
        return _name_refusals("name", name, 53, _SUBDOMAIN)
    metadata = thing.inputs.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        return {}
    longest, pattern = (63, _LABEL) if thing.noun in _LABEL_NAMES else (253, _SUBDOMAIN)
    pattern = r"[^/%]+" if thing.noun in _FREE_NAMES else pattern
    refused = _name_refusals("metadata.name", metadata.get("name"), longest, pattern)
    labels = metadata.get("labels") or {}
    for key, value in labels.items() if isinstance(labels, Mapping) else ():
        refused |= _name_refusals(f"metadata.labels.{key}", value or "a", 63, r"[A-Za-z0-9]([\w.\-]*[A-Za-z0-9])?")
    return refused


def _name_refusals(path: str, value: object, longest: int, pattern: str) -> dict[str, str]:
    if not isinstance(value, str) or value in (UNKNOWN, SECRET):
        return {}
    if len(value) > longest:
        return {path: f'Invalid value: "{value}": must be no more than {longest} characters, has {len(value)}.'}
    if not re.fullmatch(pattern, value):
        return {path: f'Invalid value: "{value}": must match {pattern}'}
    return {}


def refuse_create(world: World, thing: Thing, *, real_api_server: bool) -> str | None:
    """Why it would not be made, in one sentence. A real API server answers most of it by itself."""
    return _first((_already_there,) if real_api_server else _CREATE, world, thing)


def refuse_update(world: World, thing: Thing) -> str | None:
    """Why it would not be changed to this."""
    return _first((_unreachable, *pods.RULES, refused_transition), world, thing)


def refuse_delete(world: World, thing: Thing) -> str | None:
    """Why it would not be deleted."""
    return _first((_unreachable, _kinds_in_use), world, thing)


def contents(world: World, thing: Thing) -> list[Thing]:
    """What goes with a namespace that is deleted."""
    if thing.type != _NAMESPACE:
        return []
    return [other for other in _neighbours(world, thing) if other.id.startswith(f"{thing.id}/")]


def _first(rules: tuple[Rule, ...], world: World, thing: Thing) -> str | None:
    return next((refusal for rule in rules if (refusal := rule(world, thing))), None)


def _neighbours(world: World, thing: Thing) -> Iterator[Thing]:
    """What lives on the same cluster."""
    for other in world:
        if (other.package, other.provider) == ("kubernetes", thing.provider):
            yield other


def _cluster(world: World, thing: Thing) -> Thing | None:
    return next(
        (
            cluster
            for cluster in world.of_type(CLUSTER)
            if thing.provider in (cluster.outputs.get("name"), cluster.outputs.get("endpoint"))
        ),
        None,
    )


def _unreachable(world: World, thing: Thing) -> str | None:
    """Nothing can be asked of a cluster that does not exist (any more)."""
    if not thing.provider or _cluster(world, thing):
        return None
    return f"Kubernetes cluster is unreachable: no cluster {thing.provider} exists, and {thing} belongs to it."


def _already_there(world: World, thing: Thing) -> str | None:
    for other in _neighbours(world, thing):
        if (other.id, other.noun, _group(other)) == (thing.id, thing.noun, _group(thing)):
            if thing.type == HELM_RELEASE:
                return f'cannot re-use a name that is still in use: Helm release "{thing.id}".'
            return f'resource {thing.noun} "{thing.id}" already exists: it is applied twice.'
    return None


def _missing_namespace(world: World, thing: Thing) -> str | None:
    namespace = thing.id.rpartition("/")[0]
    if not namespace or namespace in _GIVEN_NAMESPACES or _creates_namespace(thing):
        return None
    if any(other.type == _NAMESPACE and other.id == namespace for other in _neighbours(world, thing)):
        return None
    if any(_creates_namespace(other) and other.id.startswith(f"{namespace}/") for other in _neighbours(world, thing)):
        return None
    return f'namespaces "{namespace}" not found, which {thing} goes into.'


def _creates_namespace(thing: Thing) -> bool:
    return thing.type == HELM_RELEASE and bool(thing.inputs.get("createNamespace"))


def _unknown_kind(world: World, thing: Thing) -> str | None:
    """A custom resource needs the definition of its kind, and a chart those that its templates use."""
    if thing.type == HELM_RELEASE:
        wanted = chart_of(thing.inputs).needs
    else:
        wanted = frozenset({f"{thing.outputs['kind']}.{_group(thing)}"} if _is_custom(thing) else ())
    missing = sorted(wanted - kinds_on_cluster(world, thing)) if wanted else []
    if not missing:
        return None
    return f'no matches for kind "{missing[0]}", which {thing} needs: no chart or definition that brings it exists yet.'


def kinds_of(thing: Thing) -> frozenset[str]:
    """The kinds of custom resource that a Helm release or a definition brings: `Certificate.cert-manager.io`."""
    if thing.type == HELM_RELEASE:
        return chart_of(thing.inputs).kinds_with(thing.inputs)
    if thing.type == _CRD:
        kinds, groups = values_at(thing.inputs, "spec.names.kind"), values_at(thing.inputs, "spec.group")
        return frozenset(f"{kind}.{group}" for kind, group in zip(kinds, groups, strict=True))
    return frozenset()


def kinds_on_cluster(world: World, thing: Thing) -> frozenset[str]:
    """All kinds of custom resource that are served where a resource lives."""
    brought = frozenset().union(*(kinds_of(other) for other in _neighbours(world, thing)))
    return brought.union(*(_ADDON_KINDS.get(addon, frozenset()) for addon in _addons(world, thing)))


def _addons(world: World, thing: Thing) -> Iterator[str]:
    """Names of the add-ons of the cluster on which something lives."""
    if cluster := _cluster(world, thing):
        for addon in world.of_type(ADDON):
            if addon.inputs.get("clusterName") == cluster.outputs.get("name"):
                yield str(addon.inputs.get("addonName"))


def _kinds_in_use(world: World, thing: Thing) -> str | None:
    """Without their controller, custom resources keep their finalizers and never go."""
    kinds = kinds_of(thing)
    for other in _neighbours(world, thing) if kinds else ():
        if _is_custom(other) and f"{other.outputs['kind']}.{_group(other)}" in kinds:
            return f"{other} still exists; without {thing} nothing would ever finish its deletion."
    return None


def _group(thing: Thing) -> str:
    return str(thing.outputs.get("apiVersion", "")).rpartition("/")[0]


def _is_custom(thing: Thing) -> bool:
    group = _group(thing)
    return group in _NOT_BUILT_IN or not _BUILT_IN_GROUPS.fullmatch(group)


def _without_nodes(world: World, thing: Thing) -> str | None:
    """Pods that no node can take stay Pending, and Pulumi and Helm wait for them until they give up."""
    cluster = _cluster(world, thing)
    if not cluster or not pods.waits_for_pods(thing) or has_nodes(world, cluster.outputs.get("name")):
        return None
    return f"timed out waiting for {thing}: its pods stay Pending, {cluster} has no node group or Fargate profile yet."


_CREATE: tuple[Rule, ...] = (
    _unreachable,
    _already_there,
    _missing_namespace,
    _unknown_kind,
    _without_nodes,
    *pods.RULES,
)
