"""The Kubernetes half by the real Pulumi Kubernetes provider: readiness and deletion are waited for as in the cloud.

It runs as a process of its own, and what the engine asks goes on to it, but for what a real cluster must be kept from:
nothing that was there is touched, objects carry our mark, and what Helm would bring stays in the pretend cloud.
"""

# ruff: noqa: N802 - the protocol names the methods

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from localcloud.api_server import RealApiServer
from localcloud.kubernetes_objects import is_release
from localcloud.kubernetes_provider import ApiServer, KubernetesProvider
from localcloud.manifests import Manifests
from localcloud.provider import RefusedError, Setting
from localcloud.world import Thing
from mlops.plan.values import Properties, normalise
from mlops.plan.wire import from_struct, to_struct

_DETAILS = "grpc-status-details-bin"
"""Where a provider says what it has made of a resource that did not become ready."""
_NOBODY = "127.0.0.1:1"
"""Address of an engine, for a process that is told later who that is."""
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def kubernetes_provider(setting: Setting, manifests: Manifests, server: ApiServer | None) -> KubernetesProvider:
    """What the engine is to take for the Kubernetes provider: the real one in front of a real API server, if it is
    there."""
    if isinstance(server, RealApiServer) and server.plugin:
        return RealKubernetesProvider(setting, manifests, server, server.plugin)
    return KubernetesProvider(setting, manifests, server)


@dataclass(frozen=True, kw_only=True)
class _Process:
    """A provider for one connection of the engine: it serves one operation, after which its context is over."""

    process: "subprocess.Popen[str]"
    channel: Any
    stub: Any


class RealKubernetesProvider(KubernetesProvider):
    """What the engine takes for the Kubernetes provider, in front of the real one."""

    def __init__(self, setting: Setting, manifests: Manifests, server: RealApiServer, plugin: Path) -> None:
        super().__init__(setting, manifests, server)
        self._server = server
        self._plugin = plugin
        self._processes: dict[str, _Process] = {}
        self._engines: dict[str, str] = {}

    def close(self) -> None:
        """End the processes."""
        for one in self._processes.values():
            one.channel.close()
            one.process.kill()
            one.process.wait()
        self._processes.clear()

    def Attach(self, request: Any, context: Any) -> Empty:
        self._engines[context.peer()] = request.address
        return Empty()

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        super().Configure(request, context)
        one = self._start()
        self._processes[context.peer()] = one
        if engine := self._engines.get(context.peer()):
            one.stub.Attach(plugin_pb2.PluginAttach(address=engine))
        # Without server-side apply an object that is there already is refused, not taken over.
        settings = {**self._server.connection, "enableServerSideApply": "false"}
        told = provider_pb2.ConfigureRequest(
            args=to_struct(settings),
            variables={f"kubernetes:config:{key}": value for key, value in settings.items()},
            acceptSecrets=True,
        )
        answer: provider_pb2.ConfigureResponse = self._forward(one.stub.Configure, told, context)
        return answer

    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        if not self._goes_on(request.urn, from_struct(request.news)):
            return super().Check(request, context)
        refused = super().Check(request, context)
        if refused.failures:
            return refused
        changed = provider_pb2.CheckRequest()
        changed.CopyFrom(request)
        changed.news.Clear()
        changed.news.update(self._server.led(from_struct(request.news)))
        answer: provider_pb2.CheckResponse = self._forward(self._stub(context).Check, changed, context)
        return answer

    def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        if not self._goes_on(request.urn, from_struct(request.news)):
            return super().Diff(request, context)
        answer: provider_pb2.DiffResponse = self._forward(self._stub(context).Diff, request, context)
        return answer

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:
        inputs = from_struct(request.properties)
        if not self._goes_on(request.urn, inputs):
            return super().Create(request, context)
        create = self._stub(context).Create
        if request.preview:
            foreseen: provider_pb2.CreateResponse = self._forward(create, request, context)
            return foreseen
        with self._operation("create", request.urn, context):
            expected = self.expected(request.urn, inputs, self._configuration(context))
            self.before_create(expected)
            self._server.refuse_taken(expected)
        # Outside: others go on while this one becomes ready.
        answer: provider_pb2.CreateResponse = self._forward(create, request, context)
        thing = self._keep(expected, answer.id, answer.properties, inputs)
        self._server.note_made(thing)
        return answer

    def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:
        inputs = from_struct(request.news)
        if not self._goes_on(request.urn, inputs):
            return super().Update(request, context)
        update = self._stub(context).Update
        if not request.preview:
            with self._operation("update", request.urn, context):
                expected = self.foresee(request.urn, request.id, inputs, self._configuration(context))
                self.before_update(expected)
                self._server.demand_own(expected)
            answer: provider_pb2.UpdateResponse = self._forward(update, request, context)
            self._keep(expected, request.id, answer.properties, inputs)
            return answer
        foreseen: provider_pb2.UpdateResponse = self._forward(update, request, context)
        return foreseen

    def Delete(self, request: Any, context: Any) -> Empty:
        configured = self._configuration(context)
        thing = self._world.get(_type(request.urn), request.id, self.place_of(configured))
        if not thing or not self._goes_on(request.urn, thing.inputs):
            return super().Delete(request, context)
        with self._operation("delete", request.urn, context):
            self.before_delete(thing)
            there = self._server.may_delete(thing)
        if there:
            self._forward(self._stub(context).Delete, request, context)
        with self._world.lock:
            self.forget(thing)
            self._world.remove(thing)
        return Empty()

    def Read(self, request: Any, context: Any) -> provider_pb2.ReadResponse:
        if not self._goes_on(request.urn, from_struct(request.inputs)):
            return super().Read(request, context)
        answer: provider_pb2.ReadResponse = self._forward(self._stub(context).Read, request, context)
        return answer

    def _goes_on(self, urn: str, inputs: Properties) -> bool:
        """Whether the real provider has to do with it: not with releases, nor with what only these would bring."""
        type_ = _type(urn)
        return not is_release(type_) and self._server.takes(type_, normalise(inputs))

    def _keep(self, expected: Thing, id_: str, properties: Any, inputs: Properties) -> Thing:
        made = {key: value for key, value in normalise(from_struct(properties)).items() if not key.startswith("__")}
        thing = replace(expected, id=id_, outputs=made)
        with self._world.lock:
            self._world.put(thing)
            self._manifests.write(thing, inputs)
        return thing

    def _start(self) -> _Process:
        """Start the provider. It says its port, and speaks to the engine only once it is told where that is."""
        process = subprocess.Popen(
            [str(self._plugin), _NOBODY], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout
        port = process.stdout.readline().strip()
        if not port.isdecimal():
            process.kill()
            raise RefusedError(f"{self._plugin} does not start.")
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS)
        return _Process(process=process, channel=channel, stub=ResourceProviderStub(channel))

    def _stub(self, context: Any) -> Any:
        return self._processes[context.peer()].stub

    @staticmethod
    def _forward(method: Callable[[Any], Any], request: Any, context: Any) -> Any:
        """What the real provider answers; a failure goes to the engine as it is."""
        try:
            return method(request)
        except grpc.RpcError as error:
            told: Any = error
            details: Mapping[str, Any] = dict(told.trailing_metadata() or ())
            if _DETAILS in details:
                context.set_trailing_metadata(((_DETAILS, details[_DETAILS]),))
            context.abort(told.code(), told.details())


def _type(urn: str) -> str:
    return urn.split("::", 2)[2].partition("::")[0].rpartition("$")[2]
