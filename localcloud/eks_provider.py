"""The stand-in for pulumi-eks: the remote component `eks:index:Cluster`."""

# ruff: noqa: N802 - the protocol names the methods

from typing import Any

import grpc  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2

from localcloud import eks_component
from localcloud.construct import ChildFailedError, ComponentRegistrar
from localcloud.difference import InputDifference
from localcloud.provider import StandIn
from mlops.plan.values import Properties
from mlops.plan.wire import from_struct, overlay, to_struct


class EksProvider(StandIn):
    package = "eks"
    takes_references = True

    def outputs(
        self, type_: str, name: str, inputs: Properties, configured: Properties, generation: int
    ) -> tuple[str, Properties]:
        raise NotImplementedError(f"pulumi-eks has no custom resources, and {type_} is asked for.")

    def difference(
        self, type_: str, old: Properties, new: Properties, outputs: Properties, configured: Properties
    ) -> InputDifference:
        raise NotImplementedError(f"pulumi-eks has no custom resources, and {type_} is asked for.")

    def Construct(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConstructResponse:
        registrar = ComponentRegistrar(request, provider_package="aws")
        inputs = from_struct(request.inputs)
        urn = registrar.register_component(inputs)
        try:
            made = eks_component.construct(request.name, inputs, registrar.input_dependencies, registrar)
        except eks_component.ConstructionError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except (ChildFailedError, grpc.RpcError) as error:
            context.abort(grpc.StatusCode.ABORTED, f"a part of {request.name} failed: {error}")
        registrar.finish(urn, made.outputs)
        dependencies = {
            key: provider_pb2.ConstructResponse.PropertyDependencies(urns=list(urns))
            for key, urns in made.dependencies.items()
        }
        return provider_pb2.ConstructResponse(
            urn=urn, state=to_struct(overlay(inputs, made.outputs)), stateDependencies=dependencies
        )
