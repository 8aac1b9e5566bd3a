"""Kubernetes objects as YAML files, one an object, so that they can be read and checked with other tools."""

from pathlib import Path
from typing import Any

import yaml

from localcloud.kubernetes_objects import is_release
from localcloud.world import Thing
from mlops.plan.values import Properties, masked


class Manifests:
    """A folder `<namespace or _cluster>/<kind>-<name>.yaml`. Secret values read `[secret]`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, thing: Thing, inputs: Properties) -> None:
        """Write a resource's file, in place of what was there. The inputs are those in clear."""
        path = self._path(thing)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            yaml.safe_dump(_document(thing, masked(inputs)), sort_keys=False, allow_unicode=True, width=120)
        )

    def delete(self, thing: Thing) -> None:
        path = self._path(thing)
        path.unlink(missing_ok=True)
        if path.parent.exists() and not any(path.parent.iterdir()):
            path.parent.rmdir()

    def _path(self, thing: Thing) -> Path:
        namespace, _, name = thing.id.rpartition("/")
        kind = "Release" if is_release(thing.type) else str(thing.outputs["kind"])
        return self._folder / (namespace or "_cluster") / f"{kind}-{name}.yaml".lower()


def _document(thing: Thing, inputs: Properties) -> dict[str, Any]:
    if is_release(thing.type):
        keys = ("chart", "version", "repositoryOpts", "namespace", "values")
        return {"release": thing.outputs["name"], **{key: inputs[key] for key in keys if key in inputs}}
    head = {key: thing.outputs[key] for key in ("apiVersion", "kind")}
    made_by_server = ("uid", "creationTimestamp", "resourceVersion", "generation")
    metadata = {key: value for key, value in thing.outputs["metadata"].items() if key not in made_by_server}
    rest = {key: value for key, value in inputs.items() if key not in (*head, "metadata", "status")}
    return {**head, "metadata": metadata, **rest}
