"""A real API server for the Kubernetes half: objects are made there, changed by server-side apply, and deleted.

Nothing that was there before is touched: what is made carries a label, an object that exists is refused, and only
what has both the label and the uid that was noted is changed or deleted. Helm releases are installed
where Helm and their charts are at hand. Else they stay in the pretend cloud, and so do custom resources whose kind only
such a release would bring. What was left out is listed, so that nobody takes silence for success.
"""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.api_client import ApiClient, Live
from localcloud.charts import left_by_controllers
from localcloud.kubernetes_objects import ObjectKey, is_release, object_key
from localcloud.provider import RefusedError
from localcloud.world import Thing
from mlops.plan.graph import Graph
from mlops.plan.values import Properties, unwrapped

if TYPE_CHECKING:
    from localcloud.helm import Helm

LABEL = "mlops.platform/made-by"
"""Label of every object that is made on a real API server."""

SKIP_AWAIT = "pulumi.com/skipAwait"
"""Annotation by which the Kubernetes provider does not wait for an object to become ready."""
_LOOK_SECONDS = 0.25
_GONE_SECONDS = 60
"""For one object to go, once its deletion was taken."""


class RealApiServer:
    """The cluster of a kubeconfig. Implements `kubernetes_provider.ApiServer`."""

    def __init__(self, client: ApiClient, mark: str, plugin: Path | None = None, helm: "Helm | None" = None) -> None:
        """
        Args:
            mark: value of the label by which this user of the server knows its own objects.
            plugin: the Pulumi Kubernetes provider, which makes and deletes them where it is at hand.
            helm: what installs releases, with the charts that it has pulled.
        """
        self._helm = helm
        self.plugin = plugin
        self._client = client
        self.mark = mark
        self._made: dict[ObjectKey, Live] = {}
        self.left_out: list[str] = []
        """What was not sent to the server, a name each."""

    @property
    def server(self) -> str:
        """Address of the server."""
        return self._client.server

    @property
    def context(self) -> str:
        """The kubeconfig's context that leads there."""
        return self._client.context

    def foreign(self, graphs: Iterable[Graph]) -> list[Live]:
        """Objects on the server that have the name of one of the graphs' and that this user did not make."""
        wanted = {key: None for graph in graphs for key in keys_of(graph)}
        found = [live for key in wanted if (live := self._client.get(key))]
        return [live for live in found if not self._is_own(live)]

    def remains(self) -> list[Live]:
        """Everything on the server that this user made, now or earlier."""
        return self._client.labelled(LABEL, self.mark)

    def create(self, thing: Thing, inputs: Properties, brought: frozenset[str]) -> None:
        """Make an object, marked as one's own.

        Args:
            inputs: in clear.
            brought: kinds that Helm releases of this rehearsal would have brought.

        Raises:
            RefusedError: with the server's own words; it is there already, or its kind is not known.
        """
        if is_release(thing.type):
            if not self._installs(thing):
                self.left_out.append(str(thing))
            return
        manifest = self.sent(thing, inputs)
        key = _key(manifest)
        if not self._leaves_out(thing, key, brought):
            self.note(self._client.create(manifest, key))

    def note(self, live: Live) -> None:
        """Take note of an object that was made here."""
        self._made[live.key] = live

    def keep(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Make an object that no resource stands for, as one's own; one's own that is there stays as it is.

        Returns:
            The object as the server has it.

        Raises:
            RefusedError: with the server's own words; or it is there and somebody else's.
        """
        marked = self.led(manifest)
        key = _key(marked)
        live = self._client.get(key)
        if live is None:
            self._client.create(marked, key)
        elif not self._is_own(live):
            raise RefusedError(f"{key} is there already, and is somebody else's.")
        return self._client.raw(key) or {}

    def change(self, thing: Thing, inputs: Properties, brought: frozenset[str]) -> None:
        """Change an object of one's own.

        Raises:
            RefusedError: with the server's own words; or it is gone, or somebody else's by now.
        """
        if is_release(thing.type):
            if not self._installs(thing):
                self.left_out.append(str(thing))
            return
        manifest = self.sent(thing, inputs)
        key = _key(manifest)
        if self._leaves_out(thing, key, brought):
            return
        self._client.apply(manifest, key, self._demanded(key).uid)

    def delete(self, thing: Thing) -> None:
        """Delete an object of one's own and wait until it has gone; one that is not there is fine. A namespace
        takes its time: `clean_up` waits for it.

        Raises:
            RefusedError: with the server's own words, or because somebody put something into a namespace.
        """
        if is_release(thing.type):
            return
        key = _key(self.sent(thing, thing.outputs))
        own = self._own(key)
        if own:
            self._delete(own)
            if key.kind != "Namespace" and self._wait([own], _GONE_SECONDS):
                raise RefusedError(f"{key} is still there {_GONE_SECONDS} s after its deletion.")

    def install(self, thing: Thing, inputs: Properties) -> None:
        """Install a release, or give it other values, and wait for what it brings; one that was left out stays so.

        Raises:
            RefusedError: with Helm's own words.
        """
        if self._helm and self._installs(thing):
            self._helm.install(*_place(thing), inputs)

    def uninstall(self, thing: Thing) -> None:
        """Take a release of one's own away, and wait until it has gone.

        Raises:
            RefusedError: with Helm's own words.
        """
        if self._helm:
            self._helm.uninstall(*_place(thing))

    def _installs(self, thing: Thing) -> bool:
        return self._helm is not None and not self._helm.lacks(thing.inputs)

    # For who makes objects by other means, and keeps to the same rules

    @property
    def connection(self) -> dict[str, str]:
        """Kubeconfig and context."""
        return {"kubeconfig": str(self._client.kubeconfig), "context": self.context}

    def takes(self, type_: str, inputs: Properties) -> bool:
        """Whether the server knows the kind of a resource."""
        return self._client.serves(object_key(type_, "", inputs, ""))

    def refuse_taken(self, thing: Thing) -> None:
        """
        Raises:
            RefusedError: an object of that key is there.
        """
        if self._client.get(_key(thing.outputs)):
            raise RefusedError(f"{_key(thing.outputs)} already exists.")

    def note_made(self, thing: Thing) -> None:
        """Take note of the object that a resource has become."""
        if live := self._client.get(_key(thing.outputs)):
            self.note(live)

    def demand_own(self, thing: Thing) -> None:
        """
        Raises:
            RefusedError: the object is gone, or somebody else's by now.
        """
        self._demanded(_key(thing.outputs))

    def may_delete(self, thing: Thing) -> bool:
        """Whether the object is there and one's own.

        Raises:
            RefusedError: it is a namespace that somebody put something into.
        """
        own = self._own(_key(thing.outputs))
        if own:
            self._refuse_strangers(own)
        return own is not None

    def clean_up(self, seconds: float) -> list[str]:
        """Delete all that this user made and that is still there, what was made last first.

        Args:
            seconds: how long to wait for it to go.

        Returns:
            What is left, with the reason, a line each.
        """
        waiting, left = [], self._helm.clean_up() if self._helm else []
        for live in self._from_last(self.remains()):
            try:
                self._delete(live)
                waiting.append(live)
            except RefusedError as refusal:
                left.append(str(refusal))
        return left + [f"{live} is being deleted, and not gone yet" for live in self._wait(waiting, seconds)]

    def _delete(self, live: Live) -> None:
        self._refuse_strangers(live)
        self._client.delete(live)

    def _refuse_strangers(self, live: Live) -> None:
        if live.key.kind == "Namespace":
            strangers = [
                str(other)
                for other in self._client.inside(live.key.name)
                if not self._is_own(other) and f"{other.key.kind}/{other.key.name}" not in left_by_controllers()
            ]
            if strangers:
                raise RefusedError(f"{live} stays: somebody else put {', '.join(strangers)} into it.")

    def _wait(self, deleted: Iterable[Live], seconds: float) -> list[Live]:
        """Wait for objects to go; returns those that have not."""
        until = time.monotonic() + seconds
        there = list(deleted)
        while there := [live for live in there if _same(self._client.get(live.key), live)]:
            if time.monotonic() > until:
                break
            time.sleep(_LOOK_SECONDS)
        return there

    def _demanded(self, key: ObjectKey) -> Live:
        own = self._own(key)
        if own is None:
            raise RefusedError(f"{key} is not on the API server any more, or is not the one that was made there.")
        return own

    def _own(self, key: ObjectKey) -> Live | None:
        """The object of that key, if it is there and the one that was made by this user."""
        live = self._client.get(key)
        if live is None or not self._is_own(live):
            return None
        return live if _same(self._made.get(key, live), live) else None

    def _is_own(self, live: Live) -> bool:
        return live.labels.get(LABEL) == self.mark

    def _from_last(self, found: Iterable[Live]) -> list[Live]:
        """What is in a namespace before the namespace, and else what was made last first."""
        place = {live.uid: number for number, live in enumerate(self._made.values())}
        return sorted(found, key=lambda live: (live.key.kind == "Namespace", -place.get(live.uid, -1)))

    def _leaves_out(self, thing: Thing, key: ObjectKey, brought: frozenset[str]) -> bool:
        if self._client.serves(key):
            return False
        kind = f"{key.kind}.{key.group}"
        if kind not in brought:
            raise RefusedError(f'no matches for kind "{kind}" on the API server, which {thing} needs.')
        self.left_out.append(str(thing))
        return True

    def sent(self, thing: Thing, inputs: Properties) -> dict[str, Any]:
        """The object as the program described it, with the name and namespace that it got, and our label."""
        given: dict[str, Any] = unwrapped(inputs)
        made = thing.outputs["metadata"]
        named = {key: made[key] for key in ("name", "namespace") if key in made}
        head = {key: thing.outputs[key] for key in ("apiVersion", "kind")}
        return self.led({**head, **given, "metadata": {**(given.get("metadata") or {}), **named}})

    def led(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """An object as it is to be here, with our label."""
        metadata = manifest.get("metadata") or {}
        labels = {**(metadata.get("labels") or {}), LABEL: self.mark}
        return {**manifest, "metadata": {**metadata, "labels": labels}}


def keys_of(graph: Graph) -> list[ObjectKey]:
    """The objects that a graph would make on a cluster."""
    return [_key(node.outputs) for node in graph if node.package == "kubernetes" and not is_release(node.type)]


def mark(purpose: str, project: str, stack: str) -> str:
    """A label's value for one user of a server, at most 63 characters: `rehearsal.mlops.dev`."""
    return f"{purpose}.{project}.{stack}"[:63].rstrip("-_.")


def _place(release: Thing) -> tuple[str, str]:
    return str(release.outputs["namespace"]), str(release.outputs["name"])


def _key(outputs: Properties) -> ObjectKey:
    metadata = outputs["metadata"]
    return ObjectKey(
        api_version=str(outputs["apiVersion"]),
        kind=str(outputs["kind"]),
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata["name"]),
    )


def _same(found: Live | None, live: Live) -> bool:
    return found is not None and found.uid == live.uid
