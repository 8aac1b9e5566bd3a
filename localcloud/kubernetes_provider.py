"""The stand-in for the Kubernetes provider: a pretend API server, or a real one when a kubeconfig is given."""

# ruff: noqa: N802 - the protocol names the methods

from collections.abc import Mapping
from typing import Any, Protocol

import grpc
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2

from localcloud import fakes, kustomize
from localcloud.construct import ChildFailedError, ComponentRegistrar
from localcloud.difference import (
    InputDifference,
    active_cluster,
    kubernetes_difference,
    kubernetes_provider_difference,
)
from localcloud.eks_component import ConstructionError
from localcloud.kubernetes_objects import HELM_RELEASE
from localcloud.manifests import Manifests
from localcloud.provider import RefusedError, Setting, StandIn
from localcloud.rules import kubernetes
from localcloud.world import Thing
from mlops.plan.values import Properties
from mlops.plan.wire import from_struct, to_struct


class ApiServer(Protocol):
    """A real API server that objects are sent to. Raises RefusedError with the server's own words."""

    def create(self, thing: Thing, inputs: Properties, brought: frozenset[str]) -> None:
        """Make an object, inputs in clear; `brought` are the kinds that Helm releases would have brought."""

    def change(self, thing: Thing, inputs: Properties, brought: frozenset[str]) -> None:
        """Change an object that was made here."""

    def delete(self, thing: Thing) -> None:
        """Delete an object that was made here; one that is not there any more is fine."""

    def install(self, thing: Thing, inputs: Properties) -> None:
        """Bring a Helm release there, or to other values. It waits for what the release brings, and others go on."""

    def uninstall(self, thing: Thing) -> None:
        """Take a Helm release away again; one that is not there any more is fine."""


class KubernetesProvider(StandIn):
    package = "kubernetes"

    def __init__(self, setting: Setting, manifests: Manifests, api_server: ApiServer | None = None) -> None:
        super().__init__(setting)
        self._manifests = manifests
        self._api_server = api_server

    def outputs(
        self, type_: str, name: str, inputs: Properties, configured: Properties, generation: int
    ) -> tuple[str, Mapping[str, Any]]:
        return fakes.outputs(type_, name, inputs, generation=generation)

    def difference(
        self, type_: str, old: Properties, new: Properties, outputs: Properties, configured: Properties
    ) -> InputDifference:
        return kubernetes_difference(type_, old, new)

    def provider_difference(self, old: Properties, new: Properties) -> InputDifference:
        return kubernetes_provider_difference(old, new)

    def place_of(self, configured: Properties) -> str:
        return str(configured.get("clusterIdentifier") or active_cluster(configured).get("server", ""))

    def check(self, thing: Thing) -> Mapping[str, str]:
        return kubernetes.refused_inputs(thing)

    def before_create(self, thing: Thing) -> None:
        _raise(kubernetes.refuse_create(self._world, thing, real_api_server=self._api_server is not None))

    def before_update(self, thing: Thing) -> None:
        _raise(kubernetes.refuse_update(self._world, thing))

    def before_delete(self, thing: Thing) -> None:
        _raise(kubernetes.refuse_delete(self._world, thing))

    def made(self, thing: Thing, inputs: Properties) -> None:
        if self._api_server:
            self._api_server.create(thing, inputs, kubernetes.kinds_on_cluster(self._world, thing))
        self._manifests.write(thing, inputs)

    def changed(self, thing: Thing, inputs: Properties) -> None:
        if self._api_server:
            self._api_server.change(thing, inputs, kubernetes.kinds_on_cluster(self._world, thing))
        self._manifests.write(thing, inputs)

    def deleted(self, thing: Thing) -> None:
        if self._api_server:
            self._api_server.delete(thing)
        self.forget(thing)

    def forget(self, thing: Thing) -> None:
        """What is gone on the cluster is gone here."""
        self._manifests.delete(thing)
        for inside in kubernetes.contents(self._world, thing):
            self._manifests.delete(inside)
            self._world.remove(inside)

    # A release waits for pods, which may want what others make meanwhile: it is installed when the world is free again

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:
        answer = super().Create(request, context)
        made = self._release(request.urn, answer.id, context)
        if made and self._api_server:
            try:
                self._api_server.install(made, from_struct(request.properties))
            except RefusedError as refusal:
                with self._world.lock:
                    self.forget(made)
                    self._world.remove(made)
                context.abort(grpc.StatusCode.UNKNOWN, str(refusal))
        return answer

    def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:
        answer = super().Update(request, context)
        changed = None if request.preview else self._release(request.urn, request.id, context)
        if changed and self._api_server:
            try:
                self._api_server.install(changed, from_struct(request.news))
            except RefusedError as refusal:
                context.abort(grpc.StatusCode.UNKNOWN, str(refusal))
        return answer

    def Delete(self, request: Any, context: Any) -> Empty:
        going = self._release(request.urn, request.id, context)
        if going and self._api_server:
            try:
                self.before_delete(going)
                self._api_server.uninstall(going)
            except RefusedError as refusal:
                context.abort(grpc.StatusCode.UNKNOWN, str(refusal))
        return super().Delete(request, context)

    def _release(self, urn: str, id_: str, context: Any) -> Thing | None:
        """The Helm release that a request is about, if it is about one that is there."""
        if not urn.split("::")[2].endswith(HELM_RELEASE):
            return None
        return self._world.get(HELM_RELEASE, id_, self.place_of(self._configuration(context)))

    def Construct(self, request: Any, context: Any) -> provider_pb2.ConstructResponse:
        """Components such as Helm charts: registered, but nothing is rendered; of a folder, what is known of it."""
        registrar = ComponentRegistrar(request, provider_package="kubernetes")
        inputs = from_struct(request.inputs)
        urn = registrar.register_component(inputs)
        if request.type == kustomize.TYPE:
            try:
                kustomize.construct(request.name, inputs, registrar)
            except ConstructionError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            except (ChildFailedError, grpc.RpcError) as error:
                context.abort(grpc.StatusCode.ABORTED, f"a part of {request.name} failed: {error}")
        registrar.finish(urn, inputs)
        return provider_pb2.ConstructResponse(urn=urn, state=to_struct(inputs))


def _raise(refusal: str | None) -> None:
    if refusal:
        raise RefusedError(refusal)
