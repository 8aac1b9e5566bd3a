"""What changes between an old and a new set of inputs, and whether that makes a new resource."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from localcloud.catalogue import kind_of
from localcloud.fakes import Place
from localcloud.kubernetes_objects import HELM_RELEASE
from mlops.change.facts import Facts, replacing_paths
from mlops.change.facts_kubernetes import ANY_OBJECT
from mlops.change.table import facts_of
from mlops.plan.values import UNKNOWN, Properties, differing_paths


@dataclass(frozen=True, kw_only=True)
class InputDifference:
    """Changed property paths, those among them that replace, and whether the old one has to go first."""

    changed: tuple[str, ...] = ()
    replacing: tuple[str, ...] = ()
    delete_first: bool = False


def aws_difference(type_: str, old: Properties, new: Properties, outputs: Properties, place: Place) -> InputDifference:
    """The difference between two sets of inputs of an AWS resource.

    Args:
        outputs: of the resource as it is: its tags, the provider's default ones among them, and what was chosen for it.
    """
    kind = kind_of(type_)
    changed = [path for path, _, _ in differing_paths(old, new)]
    if (
        kind.tags
        and outputs.get("tagsAll") != {**place.default_tags, **(new.get("tags") or {})}
        and "tags" not in changed
    ):
        changed.append("tagsAll")
    facts = facts_of(type_) or Facts(replaced_by=("name",))
    names = (kind.name.property, kind.name.prefix) if kind.name else ("name",)
    replacing = tuple(path.rstrip("#") for path in replacing_paths(facts, old, new, outputs))
    # The new one cannot take a name that was given and that the old one still holds.
    keeps_name = bool(new.get(names[0])) and old.get(names[0]) == new.get(names[0])
    return InputDifference(changed=tuple(changed), replacing=replacing, delete_first=bool(replacing) and keeps_name)


def kubernetes_difference(type_: str, old: Properties, new: Properties) -> InputDifference:
    """The difference between two manifests, or two sets of arguments of a Helm release."""
    changed = tuple(path for path, _, _ in differing_paths(old, new))
    if type_ == HELM_RELEASE:
        replacing = _touched(changed, ("name", "namespace"))
        return InputDifference(
            changed=changed, replacing=replacing, delete_first=bool(replacing) and old.get("name") == new.get("name")
        )
    facts = facts_of(type_) or ANY_OBJECT
    replacing = _touched(changed, facts.replaced_by)
    same_name = bool(_metadata(new).get("name")) and not _touched(changed, ("metadata.name", "metadata.namespace"))
    return InputDifference(changed=changed, replacing=replacing, delete_first=bool(replacing) and same_name)


def kubernetes_provider_difference(old: Properties, new: Properties) -> InputDifference:
    """Whether a changed Kubernetes provider means another cluster, and so a replacement of all that runs on it.

    An unknown kubeconfig counts as another cluster, unless `clusterIdentifier` is set and unchanged. Source:
    pulumi-kubernetes, provider/pkg/provider/{provider,util}.go, confirmed with the plugin's own answers.
    """
    changed = tuple(path for path, _, _ in differing_paths(old, new))
    before, after = old.get("clusterIdentifier"), new.get("clusterIdentifier")
    if before and after:
        replacing = ("clusterIdentifier",) if before != after else ()
        return InputDifference(changed=changed, replacing=replacing)
    another = tuple(key for key in ("kubeconfig", "context", "cluster") if new.get(key) == UNKNOWN)
    if not another and active_cluster(old) != active_cluster(new):
        another = ("kubeconfig",)
    return InputDifference(changed=changed, replacing=another)


def active_cluster(provider: Properties) -> Mapping[str, Any]:
    """The cluster (server, CA, proxy) that a Kubernetes provider's kubeconfig selects; empty when there is none."""
    text = provider.get("kubeconfig") or "{}"
    config = yaml.safe_load(text) if isinstance(text, str) and text != UNKNOWN else {}
    if not isinstance(config, Mapping):
        return {}
    context = provider.get("context") or config.get("current-context")
    selected = _named(config.get("contexts"), context).get("context") or {}
    cluster = _named(config.get("clusters"), provider.get("cluster") or selected.get("cluster"))
    return cluster.get("cluster") or {}


def _named(entries: Any, name: Any) -> Mapping[str, Any]:
    return next((entry for entry in entries or () if entry.get("name") == name), {})


def _metadata(inputs: Properties) -> Mapping[str, Any]:
    return inputs.get("metadata") or {}


def _touched(changed: list[str] | tuple[str, ...], watched: tuple[str, ...]) -> tuple[str, ...]:
    """The changed paths that lie at, under or above a watched one."""
    return tuple(path for path in changed if any(_overlap(path, other) for other in watched if other))


def _overlap(path: str, other: str) -> bool:
    one, two = (text.replace("[", ".").split(".") for text in (path, other))
    return all(left == right for left, right in zip(one, two, strict=False))
