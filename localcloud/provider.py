"""What all stand-in providers have in common: Pulumi's provider protocol on one side, the world on the other."""

# ruff: noqa: N802 - the protocol names the methods

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer

from localcloud.difference import InputDifference
from localcloud.faults import Faults, Operation
from localcloud.world import Thing, World
from mlops.plan.values import UNKNOWN, UNKNOWN_VALUE, Properties, normalise
from mlops.plan.wire import from_struct, overlay, to_struct


class RefusedError(Exception):
    """The cloud says no. One sentence in its own style."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all providers of one stand-in cloud share."""

    world: World
    faults: Faults
    delay_seconds: float = 0.0
    """How long an operation takes; 0 except where an interruption is rehearsed."""


def sdk_version(package: str) -> str:
    """Version of an installed Pulumi SDK: the plugin that goes with it has the same."""
    return version(f"pulumi-{package}")


class StandIn(ResourceProviderServicer):
    """A provider plugin for the engine. Subclasses say what a resource becomes and what is refused."""

    package: str
    takes_references = False
    """Whether a resource may be given whole, as to components; other providers get its id."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._world = setting.world
        self._configured: dict[str, Properties] = {}

    def close(self) -> None:
        """End what it has started."""

    @abstractmethod
    def outputs(
        self, type_: str, name: str, inputs: Properties, configured: Properties, generation: int
    ) -> tuple[str, Mapping[str, Any]]:
        """Id and outputs, as from `fakes.outputs`."""

    @abstractmethod
    def difference(
        self, type_: str, old: Properties, new: Properties, outputs: Properties, configured: Properties
    ) -> InputDifference:
        """What a change of inputs means."""

    def provider_difference(self, old: Properties, new: Properties) -> InputDifference:
        """What a change of the provider's own inputs means."""
        return InputDifference(changed=tuple(key for key in {*old, *new} if old.get(key) != new.get(key)))

    def check(self, thing: Thing) -> Mapping[str, str]:
        """Property -> why its value is refused, as far as that shows without asking the cloud."""
        return {}

    def before_create(self, thing: Thing) -> None:
        """Raises RefusedError when the cloud would not make it."""

    def before_update(self, thing: Thing) -> None:
        """Raises RefusedError when the cloud would not change it."""

    def before_delete(self, thing: Thing) -> None:
        """Raises RefusedError when the cloud would not delete it."""

    def place_of(self, configured: Properties) -> str:
        """What `Thing.provider` holds."""
        return ""

    def made(self, thing: Thing, inputs: Properties) -> None:
        """After a create, with the inputs in clear."""

    def changed(self, thing: Thing, inputs: Properties) -> None:
        """After an update, with the inputs in clear."""

    def deleted(self, thing: Thing) -> None:
        """After a delete."""

    # What happens in the world; all of it raises RefusedError when the cloud says no

    def make(self, urn: str, inputs: Properties, configured: Properties) -> Thing:
        """Make a resource from its inputs in wire form."""
        thing = self.expected(urn, inputs, configured)
        self.before_create(thing)
        self.made(thing, inputs)
        self._world.put(thing)
        return thing

    def expected(self, urn: str, inputs: Properties, configured: Properties) -> Thing:
        """What a resource will be."""
        type_, name = _type_and_name(urn)
        plain = normalise(inputs)
        generation = self._world.free_generation(type_, name)
        id_, outputs = self.outputs(type_, name, plain, configured, generation)
        return Thing(
            type=type_,
            id=id_,
            urn=urn,
            name=name,
            generation=generation,
            provider=self.place_of(configured),
            inputs=plain,
            outputs=outputs,
        )

    def foresee(self, urn: str, id_: str, inputs: Properties, configured: Properties) -> Thing:
        """What a resource would be with other inputs."""
        type_, _ = _type_and_name(urn)
        old = self._world.get(type_, id_, self.place_of(configured))
        if not old:
            raise RefusedError(f"ResourceNotFoundException: {type_.rpartition(':')[2]} {id_} does not exist any more.")
        plain = normalise(inputs)
        _, outputs = self.outputs(type_, old.name, plain, configured, old.generation)
        return replace(old, urn=urn, inputs=plain, outputs=outputs)

    def change(self, urn: str, id_: str, inputs: Properties, configured: Properties) -> Thing:
        """Give a resource other inputs."""
        thing = self.foresee(urn, id_, inputs, configured)
        self.before_update(thing)
        self.changed(thing, inputs)
        self._world.put(thing)
        return thing

    def unmake(self, urn: str, id_: str, configured: Properties) -> None:
        """Delete a resource; one that is not there is fine."""
        thing = self._world.get(_type_and_name(urn)[0], id_, self.place_of(configured))
        if thing:
            self.before_delete(thing)
            self.deleted(thing)
            self._world.remove(thing)

    # Life of the plugin

    def Attach(self, request: Any, context: Any) -> Empty:
        return Empty()

    def Handshake(self, request: Any, context: Any) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=self.takes_references)

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=sdk_version(self.package))

    def GetSchema(self, request: Any, context: Any) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema="{}")

    def Cancel(self, request: Any, context: Any) -> Empty:
        return Empty()

    # The provider resource

    def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        old = from_struct(request.old_inputs) or from_struct(request.olds)
        return _diff_response(self.provider_difference(normalise(old), normalise(from_struct(request.news))))

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        # The engine opens a connection for each provider resource; the connection tells them apart.
        self._configured[context.peer()] = normalise(from_struct(request.args))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, acceptResources=self.takes_references, supportsPreview=True
        )

    # Resources

    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        type_, name = _type_and_name(request.urn)
        inputs = normalise(from_struct(request.news))
        failures = self.check(Thing(type=type_, id="", urn=request.urn, name=name, inputs=inputs))
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[provider_pb2.CheckFailure(property=key, reason=why) for key, why in failures.items()],
        )

    def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        type_, _ = _type_and_name(request.urn)
        old, new, outputs = (
            normalise(from_struct(struct)) for struct in (request.old_inputs, request.news, request.olds)
        )
        return _diff_response(self.difference(type_, old, new, outputs, self._configuration(context)))

    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:
        type_, name = _type_and_name(request.urn)
        inputs = from_struct(request.properties)
        configured = self._configuration(context)
        if request.preview:
            _, outputs = self.outputs(type_, name, normalise(inputs), configured, 0)
            return provider_pb2.CreateResponse(properties=to_struct(overlay(_unknown(outputs), inputs)))
        with self._operation("create", request.urn, context):
            thing = self.make(request.urn, inputs, configured)
        return provider_pb2.CreateResponse(id=thing.id, properties=to_struct(overlay(thing.outputs, inputs)))

    def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:
        inputs = from_struct(request.news)
        configured = self._configuration(context)
        if request.preview:
            outputs = self.foresee(request.urn, request.id, inputs, configured).outputs
            return provider_pb2.UpdateResponse(properties=to_struct(overlay(_with_unknowns(outputs), inputs)))
        with self._operation("update", request.urn, context):
            thing = self.change(request.urn, request.id, inputs, configured)
        return provider_pb2.UpdateResponse(properties=to_struct(overlay(thing.outputs, inputs)))

    def Delete(self, request: Any, context: Any) -> Empty:
        with self._operation("delete", request.urn, context):
            self.unmake(request.urn, request.id, self._configuration(context))
        return Empty()

    def Read(self, request: Any, context: Any) -> provider_pb2.ReadResponse:
        type_, name = _type_and_name(request.urn)
        thing = self._world.get(type_, request.id, self.place_of(self._configuration(context)))
        if thing:
            inputs = request.inputs if request.inputs.fields else to_struct(thing.inputs)
            state = overlay(thing.outputs, from_struct(inputs))
            return provider_pb2.ReadResponse(id=thing.id, properties=to_struct(state), inputs=inputs)
        if request.properties.fields:
            return provider_pb2.ReadResponse()
        return self.read_existing(type_, name, request.id, self._configuration(context))

    def read_existing(self, type_: str, name: str, id_: str, configured: Properties) -> provider_pb2.ReadResponse:
        """The answer to a program that reads what Pulumi did not make. By default there is nothing to read."""
        return provider_pb2.ReadResponse()

    def Invoke(self, request: Any, context: Any) -> None:
        what = f"The stand-in cloud answers no look-ups, and the program calls {request.tok}."
        context.abort(grpc.StatusCode.UNIMPLEMENTED, what)

    def _configuration(self, context: Any) -> Properties:
        return self._configured.get(context.peer(), {})

    def _operation(self, operation: Operation, urn: str, context: Any) -> "_Operation":
        fault = self._setting.faults.strike(urn, _type_and_name(urn)[0], operation)
        time.sleep(self._setting.delay_seconds)
        return _Operation(self._world, context, fault)


class _Operation:
    """One change of the world: alone in it, and a refusal becomes the failure of the engine's step."""

    def __init__(self, world: World, context: Any, fault: str | None) -> None:
        self._world = world
        self._abort: Callable[[grpc.StatusCode, str], None] = context.abort
        self._fault = fault

    def __enter__(self) -> None:
        if self._fault:
            self._abort(grpc.StatusCode.UNKNOWN, self._fault)
        self._world.lock.acquire()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._world.lock.release()
        if isinstance(error, RefusedError):
            self._abort(grpc.StatusCode.UNKNOWN, str(error))


def _type_and_name(urn: str) -> tuple[str, str]:
    types, _, name = urn.split("::", 2)[2].partition("::")
    return types.rpartition("$")[2], name


def _diff_response(difference: InputDifference) -> provider_pb2.DiffResponse:
    response = provider_pb2.DiffResponse
    changes = response.DIFF_SOME if difference.changed or difference.replacing else response.DIFF_NONE
    return response(
        changes=changes,
        diffs=sorted({path.partition(".")[0].partition("[")[0] for path in difference.changed}),
        replaces=sorted(difference.replacing),
        deleteBeforeReplace=difference.delete_first,
    )


def _unknown(outputs: Any) -> Any:
    """The same shape with every leaf unknown: what a preview can say about outputs."""
    if isinstance(outputs, Mapping):
        return {key: _unknown(value) for key, value in outputs.items()}
    if isinstance(outputs, list):
        return [_unknown(item) for item in outputs]
    return UNKNOWN_VALUE


def _with_unknowns(outputs: Any) -> Any:
    if isinstance(outputs, Mapping):
        return {key: _with_unknowns(value) for key, value in outputs.items()}
    if isinstance(outputs, list):
        return [_with_unknowns(item) for item in outputs]
    return UNKNOWN_VALUE if outputs == UNKNOWN else outputs
