"""What pods need before they start; Pulumi waits for them, so what is missing becomes a failed deployment."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localcloud.kubernetes_objects import HELM_RELEASE
from localcloud.world import Thing, World, values_at

_WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")
_POD_SPECS = {"Pod": "spec", "CronJob": "spec.jobTemplate.spec.template.spec"}
_SECRET_PATHS = (
    "volumes.secret.secretName",
    "containers.envFrom.secretRef.name",
    "containers.env.valueFrom.secretKeyRef.name",
    "initContainers.envFrom.secretRef.name",
    "initContainers.env.valueFrom.secretKeyRef.name",
)
_CONFIG_MAP_PATHS = (
    "volumes.configMap.name",
    "containers.envFrom.configMapRef.name",
    "containers.env.valueFrom.configMapKeyRef.name",
    "initContainers.envFrom.configMapRef.name",
    "initContainers.env.valueFrom.configMapKeyRef.name",
)


def waits_for_pods(thing: Thing) -> bool:
    """Whether Pulumi counts the resource as made only when its pods run."""
    if thing.type == HELM_RELEASE:
        return not thing.inputs.get("skipAwait")
    annotations = values_at(thing.inputs, "metadata.annotations")
    skips = any(isinstance(item, Mapping) and item.get("pulumi.com/skipAwait") == "true" for item in annotations)
    return thing.noun in _WORKLOADS and not skips


def _pod_specs(thing: Thing) -> list[Any]:
    if thing.noun not in (*_WORKLOADS, "DaemonSet", "CronJob"):
        return []
    return values_at(thing.inputs, _POD_SPECS.get(thing.noun, "spec.template.spec"))


def _neighbours(world: World, thing: Thing) -> Iterator[Thing]:
    """What lives in the same namespace of the same cluster."""
    namespace = thing.id.rpartition("/")[0]
    for other in world:
        if (other.package, other.provider) == ("kubernetes", thing.provider) and other.id.startswith(f"{namespace}/"):
            yield other


def _names(world: World, thing: Thing, makers: Mapping[str, Callable[[Thing], list[Any]]]) -> set[str] | None:
    """Names of what is there in the namespace; None when a Helm release may have made more than can be known."""
    found: set[str] = set()
    for other in _neighbours(world, thing):
        if other.type == HELM_RELEASE:
            return None
        if other.noun in makers:
            found.update(map(str, makers[other.noun](other)))
    return found


def _own_name(thing: Thing) -> list[Any]:
    return [thing.id.rpartition("/")[2]]


def _missing_service_account(world: World, thing: Thing) -> str | None:
    wanted = {name for spec in _pod_specs(thing) for name in values_at(spec, "serviceAccountName")} - {"default"}
    there = _names(world, thing, {"ServiceAccount": _own_name}) if wanted else None
    missing = sorted(wanted - there) if there is not None else []
    return f"pods of {thing} are forbidden: serviceaccount {missing[0]!r} not found." if missing else None


def _missing_secret(world: World, thing: Thing) -> str | None:
    makers = {
        "Secret": _own_name,
        "ExternalSecret": lambda made: values_at(made.inputs, "spec.target.name") or _own_name(made),
        "Certificate": lambda made: values_at(made.inputs, "spec.secretName"),
    }
    return _missing(world, thing, "secret", _SECRET_PATHS, makers)


def _missing_config_map(world: World, thing: Thing) -> str | None:
    return _missing(world, thing, "configmap", _CONFIG_MAP_PATHS, {"ConfigMap": _own_name})


def _missing(
    world: World, thing: Thing, noun: str, paths: tuple[str, ...], makers: Mapping[str, Callable[[Thing], list[Any]]]
) -> str | None:
    wanted = {str(name) for spec in _pod_specs(thing) for path in paths for name in values_at(_required(spec), path)}
    there = _names(world, thing, makers) if wanted else None
    missing = sorted(wanted - there) if there is not None else []
    return f"timed out waiting for {thing}: its pods wait for {noun} {missing[0]!r}, not found." if missing else None


def _required(value: Any) -> Any:
    """Without the references that are marked optional."""
    if isinstance(value, Mapping):
        kept = {key: _required(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if not (isinstance(item, Mapping) and item.get("optional"))}
    return [_required(item) for item in value] if isinstance(value, list) else value


RULES: tuple[Callable[[World, Thing], str | None], ...] = (
    _missing_service_account,
    _missing_secret,
    _missing_config_map,
)
