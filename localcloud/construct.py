"""How a stand-in registers a remote component and its children with the engine's monitor."""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.struct_pb2 import Struct  # type: ignore[import-untyped]
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.proto.resource_pb2_grpc import ResourceMonitorStub

from localcloud.eks_component import Made
from localcloud.provider import sdk_version
from mlops.plan.values import UNKNOWN_VALUE
from mlops.plan.wire import from_struct, to_struct

_LARGE = [("grpc.max_receive_message_length", 256 * 1024 * 1024), ("grpc.max_send_message_length", 256 * 1024 * 1024)]


class _Foreseen(dict[str, Any]):
    """Outputs in a preview: what nobody told is unknown."""

    def __missing__(self, key: str) -> str:
        return UNKNOWN_VALUE


class ComponentRegistrar:
    """Registers what one Construct request asks for. Implements `eks_component.Registrar`."""

    def __init__(self, request: Any, *, provider_package: str) -> None:
        self._request = request
        self._provider = request.providers.get(provider_package, "")
        self._channel = grpc.insecure_channel(request.monitorEndpoint, options=_LARGE)
        self._monitor = ResourceMonitorStub(self._channel)
        self._component = ""

    @property
    def input_dependencies(self) -> dict[str, tuple[str, ...]]:
        """Argument -> URNs that its value comes from."""
        return {key: tuple(value.urns) for key, value in self._request.inputDependencies.items()}

    def register_component(self, inputs: Mapping[str, Any]) -> str:
        """Register the component itself; returns its URN."""
        request = self._request
        response = self._monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=request.type,
                name=request.name,
                parent=request.parent,
                custom=False,
                object=to_struct(inputs),
                providers=request.providers,
                dependencies=list(request.dependencies),
                propertyDependencies=_dependencies(self.input_dependencies),
                protect=request.protect if request.HasField("protect") else None,
                aliases=request.aliases,
                acceptSecrets=True,
                acceptResources=True,
                supportsPartialValues=True,
                supportsResultReporting=True,
            )
        )
        self._component = str(response.urn)
        return self._component

    def register(
        self,
        type_: str,
        name: str,
        inputs: Mapping[str, Any],
        *,
        parent: str = "",
        custom: bool = True,
        depends_on: Iterable[str] = (),
        property_dependencies: Mapping[str, Iterable[str]] | None = None,
        ignore_changes: Iterable[str] = (),
    ) -> Made:
        by_property = {key: tuple(urns) for key, urns in (property_dependencies or {}).items()}
        is_provider = type_.startswith("pulumi:providers:")
        response = self._monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=type_,
                name=name,
                parent=parent or self._component,
                custom=custom,
                object=to_struct({key: value for key, value in inputs.items() if value is not None}),
                provider=self._provider if custom and not is_provider else "",
                version=sdk_version(type_.rpartition(":")[2]) if is_provider else "",
                dependencies=sorted({*depends_on, *(urn for urns in by_property.values() for urn in urns)}),
                propertyDependencies=_dependencies(by_property),
                ignoreChanges=list(ignore_changes),
                acceptSecrets=True,
                acceptResources=True,
                supportsPartialValues=True,
                supportsResultReporting=True,
            )
        )
        if response.result != resource_pb2.Result.SUCCESS:
            raise ChildFailedError(name)
        if not custom:
            self._publish(response.urn, {})
        return Made(urn=response.urn, id=response.id, outputs=self._outputs(response.object))

    def outputs_of(self, urn: str) -> Mapping[str, Any]:
        arguments = to_struct({"urn": urn})
        request = resource_pb2.ResourceInvokeRequest(
            tok="pulumi:pulumi:getResource", args=arguments, acceptResources=True
        )
        answer = getattr(self._monitor.Invoke(request), "return")
        return self._outputs(answer.fields["state"].struct_value)

    def finish(self, urn: str, outputs: Mapping[str, Any]) -> None:
        """Publish the component's outputs and hang up."""
        self._publish(urn, outputs)
        self._channel.close()

    def _publish(self, urn: str, outputs: Mapping[str, Any]) -> None:
        """Without this the engine does not count a component as made."""
        request = resource_pb2.RegisterResourceOutputsRequest(urn=urn, outputs=to_struct(outputs))
        self._monitor.RegisterResourceOutputs(request)

    def _outputs(self, struct: Struct) -> Mapping[str, Any]:
        values = from_struct(struct)
        return _Foreseen(values) if self._request.dryRun else values


class ChildFailedError(Exception):
    """A child of a component failed; the engine has reported why."""


def _dependencies(
    by_property: Mapping[str, Iterable[str]],
) -> dict[str, resource_pb2.RegisterResourceRequest.PropertyDependencies]:
    kind = resource_pb2.RegisterResourceRequest.PropertyDependencies
    return {key: kind(urns=list(urns)) for key, urns in by_property.items()}
