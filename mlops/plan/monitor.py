"""The monitor behind the recorder: answers a program's registrations and keeps all of what it asked for."""

# ruff: noqa: N802 - the protocol names the methods

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NoReturn, cast

from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import alias_pb2, resource_pb2

from localcloud import eks_component, kustomize
from localcloud.eks_component import ConstructionError, Made
from localcloud.fakes import Place, outputs
from mlops.plan.graph import STACK_TYPE, Graph, Node
from mlops.plan.values import dereferenced, normalise
from mlops.plan.wire import from_struct, overlay, to_struct, unknown_paths

_PROVIDER = "pulumi:providers:"


class RecordError(Exception):
    """The program does what cannot be deployed, or what a plan cannot know. One sentence and what to do."""


class RecordingMonitor(MockMonitor):
    """Speaks the resource monitor's protocol to the SDK, in this process."""

    def __init__(self, project: str, stack: str) -> None:
        # Mocks answer what a base class method asks; every method that would ask is replaced here.
        super().__init__(cast(Mocks, None))
        self._project = project
        self._stack = stack
        self._stack_urn = ""
        self._nodes: dict[str, Node] = {}
        self._states: dict[str, dict[str, Any]] = {}
        self._outputs: dict[str, Mapping[str, Any]] = {}
        self._providers_of: dict[str, Mapping[str, str]] = {}
        self._places: dict[str, Place] = {}
        self.refusal: RecordError | None = None
        """The first thing that was refused; later failures only follow from it."""

    def graph(self) -> Graph:
        """What was registered, in an order that is the same every time: the program's own depends on which of its
        values happens to be known first.

        Raises:
            RecordError: nothing was.
        """
        if not self._nodes:
            raise RecordError("The program registered no resource; a plan of nothing is most likely a mistake.")
        nodes = tuple(self._with_outputs(self._nodes[urn]) for urn in sorted(self._nodes))
        stack_outputs = normalise(self._outputs.get(self._stack_urn, {}))
        graph = Graph(project=self._project, stack=self._stack, nodes=nodes, stack_outputs=stack_outputs)
        return replace(graph, nodes=graph.topological())

    def _with_outputs(self, node: Node) -> Node:
        """Components publish their outputs after they are registered."""
        if node.urn not in self._outputs:
            return node
        return Node(**{**vars(node), "outputs": normalise(self._outputs[node.urn])})

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine does: the types of all ancestors but the stack. (The base class keeps only the last.)"""
        ancestors = parent.split("::")[2] if parent else STACK_TYPE
        chain = type_ if ancestors == STACK_TYPE else f"{ancestors}${type_}"
        return f"urn:pulumi:{self._stack}::{self._project}::{chain}::{name}"

    def RegisterResource(self, request: Any) -> resource_pb2.RegisterResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            self._stack_urn = urn
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = from_struct(request.object)
        node = self._node(urn, request, inputs)
        if request.remote:
            self._providers_of[urn] = dict(request.providers)
            return self._register_remote(node, inputs)
        made = self._add(node, inputs, request.provider)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=made.id, object=to_struct(made.outputs))

    def ReadResource(self, request: Any) -> resource_pb2.ReadResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = from_struct(request.properties)
        node = Node(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=self._parent(request.parent),
            id=request.id,
            dependencies=tuple(sorted(request.dependencies)),
            provider=_urn_of_provider(request.provider),
        )
        made = self._add(node, inputs, request.provider, existing_id=request.id)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=to_struct(made.outputs))

    def RegisterResourceOutputs(self, request: Any) -> Empty:
        values = from_struct(request.outputs)
        for path in unknown_paths(values):
            name = "The stack" if request.urn == self._stack_urn else request.urn.rpartition("::")[2]
            self._refuse(f"{name} publishes {path}, which has no value even when everything exists.")
        self._outputs[request.urn] = values
        return Empty()

    def Invoke(self, request: Any) -> resource_pb2.ResourceInvokeResponse:
        if request.tok != "pulumi:pulumi:getResource":
            self._refuse(
                f"The program calls {request.tok}, which asks the cloud; a plan must not depend on an answer. "
                "Take the value from configuration or from a resource."
            )
        urn = request.args["urn"]
        if urn not in self._states:
            self._refuse(f"The program refers to {urn}, which it never registered.")
        state = {"urn": urn, "id": self._nodes[urn].id, "state": self._states[urn]}
        answer: dict[str, Any] = {"return": to_struct(state)}
        return resource_pb2.ResourceInvokeResponse(**answer)

    def _register_remote(self, node: Node, inputs: Mapping[str, Any]) -> resource_pb2.RegisterResourceResponse:
        """A remote component is made by its plugin; those that the platform uses are known, others stay opaque."""
        self._add(node, inputs)
        if node.type not in (eks_component.TYPE, kustomize.TYPE):
            return resource_pb2.RegisterResourceResponse(urn=node.urn, object=to_struct(inputs))
        try:
            if node.type == kustomize.TYPE:
                made = kustomize.construct(node.name, inputs, _Children(self, node, "kubernetes"))
            else:
                children = _Children(self, node, "aws")
                made = eks_component.construct(node.name, inputs, node.property_dependencies, children)
        except ConstructionError as error:
            self._refuse(str(error))
        self._outputs[node.urn] = made.outputs
        dependencies = {
            key: resource_pb2.RegisterResourceResponse.PropertyDependencies(urns=urns)
            for key, urns in made.dependencies.items()
        }
        return resource_pb2.RegisterResourceResponse(
            urn=node.urn, object=to_struct(overlay(inputs, made.outputs)), propertyDependencies=dependencies
        )

    def _add(self, node: Node, inputs: Mapping[str, Any], provider: str = "", existing_id: str = "") -> Made:
        # A provider sees no references; what has none, a component, takes resources as they are.
        inputs = dereferenced(inputs) if node.custom else inputs
        self._check(node, inputs)
        place = self._places.get(_urn_of_provider(provider), Place())
        plain = normalise(inputs)
        id_, made = "", plain
        if node.custom:
            id_, made = outputs(node.type, node.name, plain, place, existing_id=existing_id)
        if node.type == f"{_PROVIDER}aws":
            self._places[node.urn] = Place.of_provider(plain)
        state = overlay(made, inputs)
        self._states[node.urn] = state
        self._nodes[node.urn] = replace(node, id=id_, inputs=plain, outputs=normalise(state))
        return Made(urn=node.urn, id=id_, outputs=state)

    def _check(self, node: Node, inputs: Mapping[str, Any]) -> None:
        what = f'{node.type} "{node.name}"'
        if node.urn in self._nodes:
            self._refuse(f"{what} is registered twice under the same parent; give one of them another name.")
        if node.custom and not node.provider and not node.type.startswith(_PROVIDER):
            self._refuse(
                f"{what} has no explicit provider, and default providers are disabled; pass one down from its parent "
                f"(`providers=[...]`) or give it one for the package {node.package}."
            )
        if paths := unknown_paths(inputs):
            self._refuse(f"{what} gets {', '.join(paths)} from an Output that never has a value.")

    def _refuse(self, message: str) -> NoReturn:
        error = RecordError(message)
        self.refusal = self.refusal or error
        raise error

    def _node(self, urn: str, request: Any, inputs: Mapping[str, Any]) -> Node:
        by_property = {
            key: tuple(sorted(value.urns)) for key, value in request.propertyDependencies.items() if value.urns
        }
        return Node(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=self._parent(request.parent),
            custom=request.custom,
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies=by_property,
            provider=_urn_of_provider(request.provider) if request.custom else "",
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            delete_before_replace=request.deleteBeforeReplace,
            aliases=tuple(self._alias(alias, request) for alias in request.aliases),
            ignore_changes=tuple(request.ignoreChanges),
        )

    def _parent(self, urn: str) -> str:
        return "" if urn == self._stack_urn else urn

    def _alias(self, alias: alias_pb2.Alias, request: Any) -> str:
        if alias.urn:
            return str(alias.urn)
        spec = alias.spec
        parent = "" if spec.noParent else spec.parentUrn or request.parent
        return self.make_urn(parent, spec.type or request.type, spec.name or request.name)


class _Children:
    """Registers the children of a remote component with the recorder."""

    def __init__(self, monitor: RecordingMonitor, component: Node, package: str) -> None:
        self._monitor = monitor
        self._component = component
        self._provider = monitor._providers_of[component.urn].get(package, "")

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
        parent = parent or self._component.urn
        by_property = {key: tuple(sorted(urns)) for key, urns in (property_dependencies or {}).items() if urns}
        provider = self._provider if custom and not type_.startswith(_PROVIDER) else ""
        node = Node(
            urn=self._monitor.make_urn(parent, type_, name),
            type=type_,
            name=name,
            parent=parent,
            custom=custom,
            dependencies=tuple(sorted({*depends_on, *(urn for urns in by_property.values() for urn in urns)})),
            property_dependencies=by_property,
            provider=_urn_of_provider(provider),
            protect=self._component.protect,
            retain_on_delete=self._component.retain_on_delete,
            ignore_changes=tuple(ignore_changes),
        )
        present = {key: value for key, value in inputs.items() if value is not None}
        return self._monitor._add(node, present, provider)

    def outputs_of(self, urn: str) -> Mapping[str, Any]:
        return self._monitor._states[urn]


def _urn_of_provider(reference: str) -> str:
    """A provider reference is `urn::id`."""
    return reference.rpartition("::")[0]
