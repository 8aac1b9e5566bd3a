"""A real cluster on which a stack's pods are to work without AWS: each finds the emulated one, and Secrets are made as
External Secrets would make them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud import emulated_aws
from localcloud.api_client import ApiClient, Live
from localcloud.api_server import RealApiServer
from localcloud.emulated_aws import EmulatedAws
from localcloud.helm import Helm
from localcloud.world import Thing
from mlops.plan.values import Properties

_EXTERNAL = "ExternalSecret"
_MASTER = ":secret:rds!"
"""In the name of a secret that RDS keeps its master's password in."""


class LocalCluster(RealApiServer):
    """The API server of such a cluster."""

    def __init__(
        self,
        client: ApiClient,
        mark: str,
        emulated: EmulatedAws,
        plugin: Path | None = None,
        helm: Helm | None = None,
    ) -> None:
        super().__init__(client, mark, plugin, helm)
        self._emulated = emulated

    def note(self, live: Live) -> None:
        super().note(live)
        if live.key.kind == "Namespace":
            self.keep(emulated_aws.way_out(live.key.name))

    def takes(self, type_: str, inputs: Properties) -> bool:
        return not type_.endswith(f":{_EXTERNAL}") and super().takes(type_, inputs)

    def sent(self, thing: Thing, inputs: Properties) -> dict[str, Any]:
        manifest = super().sent(thing, inputs)
        return self.led(secret_of(manifest, self._emulated)) if manifest["kind"] == _EXTERNAL else manifest

    def led(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        return with_emulated_aws(super().led(manifest), self._emulated)


def secret_of(external: Mapping[str, Any], emulated: EmulatedAws) -> dict[str, Any]:
    """The Secret that an ExternalSecret asks for; what two of them read from one place is the same in both."""
    spec, place = external["spec"], external["metadata"]["namespace"]
    target = spec["target"]
    values = dict(_read(spec, f"{place}/{target['name']}", emulated))
    if template := target.get("template", {}).get("data"):
        values = {key: _filled(text, values) for key, text in template.items()}
    metadata = {"name": target["name"], "namespace": place}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def master_secret(manifests: Iterator[Mapping[str, Any]]) -> tuple[str, str] | None:
    """Key and property that the database master's password is read from, if something reads it."""
    for manifest in manifests:
        for entry in (manifest.get("spec") or {}).get("data", ()) if manifest.get("kind") == _EXTERNAL else ():
            remote = entry["remoteRef"]
            if _MASTER in remote["key"] and remote.get("property") == "password":
                return remote["key"], remote["property"]
    return None


def with_emulated_aws(manifest: Mapping[str, Any], emulated: EmulatedAws) -> dict[str, Any]:
    """A manifest whose pods, if it makes any, know where AWS and the database are."""
    spec = manifest.get("spec") or {}
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    if "containers" not in pod:
        return {**manifest}
    added = [{"name": name, "value": value} for name, value in emulated.environment().items()]
    changed = {
        key: [{**one, "env": [*(one.get("env") or ()), *added]} for one in pod[key]]
        for key in ("initContainers", "containers")
        if key in pod
    }
    names = [{"ip": emulated.address, "hostnames": [*emulated.databases]}] if emulated.databases else []
    made = {**pod, **changed, "hostAliases": [*pod.get("hostAliases", ()), *names]}
    return {**manifest, "spec": {**spec, "template": {**template, "spec": made}}}


def _read(spec: Mapping[str, Any], own: str, emulated: EmulatedAws) -> Iterator[tuple[str, str]]:
    for entry in spec.get("data", ()):
        key, name = entry["remoteRef"]["key"], entry["remoteRef"].get("property", "")
        is_master = _MASTER in key and name == "username"
        yield entry["secretKey"], emulated_aws.MASTER if is_master else emulated.secret(key, name)
    for entry in spec.get("dataFrom", ()):
        for rewrite in entry.get("rewrite", ()):
            target = rewrite["regexp"]["target"]
            yield target, emulated.secret(own, target)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{\{ *\.(\w+) *\}\}", lambda found: values[found[1]], text)
