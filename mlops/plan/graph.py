"""The resource graph: what a program registered, whichever of the three engines ran it.

Everything that the platform says about a stack before it exists (its size, its difference to another stack, what
is protected) is a pure function of a `Graph`. Nothing here imports Pulumi, so a cached graph opens at once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from mlops.plan.reading import Reading, reading
from mlops.plan.values import Properties, differing_paths, normalise

STACK_TYPE = "pulumi:pulumi:Stack"
PLATFORM_TYPE = "mlops:index:Platform"


def is_default_provider(urn: str) -> bool:
    """Whether this is a provider that the engine adds for itself; no program registers one."""
    types, _, name = urn.split("::", 2)[-1].partition("::")
    return types.rpartition("$")[2].startswith("pulumi:providers:") and re.match(r"default(_|$)", name) is not None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One resource. Values are plain JSON: secrets read `[secret]`, unknowns `[unknown]`, references are URNs."""

    urn: str
    type: str
    name: str
    parent: str = ""
    """URN of the component that it belongs to; empty directly under the stack."""
    custom: bool = True
    """False for a component, which exists in Pulumi only."""
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    """URNs of all that has to exist before it, sorted."""
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Input property -> the URNs that its value comes from."""
    provider: str = ""
    """URN of its provider; empty for components and providers."""
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    aliases: tuple[str, ...] = ()
    """URNs that it had before."""
    ignore_changes: tuple[str, ...] = ()
    tainted: bool = False
    """Somebody marked it (`pulumi state taint`): the next update replaces it."""

    @property
    def key(self) -> str:
        """Its identity without project and stack: types of its ancestors and its own, and its name."""
        return self.urn.split("::", 2)[-1]

    @property
    def package(self) -> str:
        """`aws` for `aws:ec2/vpc:Vpc`; `pulumi` for providers."""
        return self.type.partition(":")[0]

    def at(self, path: str) -> Reading:
        """What its inputs say at a path: a value, or that it is absent, unknown or secret."""
        return reading(self.inputs, owner=self.name).at(path)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One property that differs: path in the inputs, value before and after (None where absent)."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class ChangedNode:
    before: Node
    after: Node
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What tells two graphs apart, resources matched by type and name."""

    added: tuple[Node, ...]
    removed: tuple[Node, ...]
    changed: tuple[ChangedNode, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The resources of one stack in the order of their registration, without the stack itself."""

    project: str
    stack: str
    nodes: tuple[Node, ...]
    stack_outputs: Properties = field(default_factory=dict)

    @property
    def tier(self) -> str:
        """The stack's tier, which it exports; empty where the source of the graph does not tell it."""
        tier = self.stack_outputs.get("tier")
        return tier if isinstance(tier, str) else ""

    @cached_property
    def _by_urn(self) -> dict[str, Node]:
        return {node.urn: node for node in self.nodes}

    @cached_property
    def _by_type(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.type, []).append(node)
        return found

    @cached_property
    def _by_parent(self) -> dict[str, list[Node]]:
        children: dict[str, list[Node]] = {}
        for node in self.nodes:
            children.setdefault(node.parent, []).append(node)
        return children

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __contains__(self, urn: str) -> bool:
        return urn in self._by_urn

    def __getitem__(self, urn: str) -> Node:
        return self._by_urn[urn]

    def of_type(self, *types: str) -> tuple[Node, ...]:
        """The resources of these types, `aws:ec2/vpc:Vpc` style, in order of registration."""
        if len(types) == 1:
            return tuple(self._by_type.get(types[0], ()))
        return tuple(node for node in self.nodes if node.type in types)

    def children(self, urn: str = "") -> tuple[Node, ...]:
        """The resources directly under a component, or directly under the stack."""
        return tuple(self._by_parent.get(urn, ()))

    def ancestors(self, node: Node) -> Iterator[Node]:
        """Its parent, that one's parent and so on, up to the stack."""
        while node.parent in self._by_urn:
            node = self._by_urn[node.parent]
            yield node

    def module(self, node: Node) -> str:
        """Name of the module that a resource belongs to: the component under the platform, or under the stack.

        Empty for what belongs to no module: the platform itself and resources of the stack's own, as its provider.
        """
        line = [node, *self.ancestors(node)]
        if line[-1].type == PLATFORM_TYPE:
            line.pop()
        top = line[-1] if line else None
        return top.name if top and not top.custom else ""

    def topological(self) -> tuple[Node, ...]:
        """Dependencies, parents and providers before what needs them; otherwise in order of registration.

        Raises:
            ValueError: resources depend on each other in a circle; the message names them.
        """
        needs = {node.urn: self._needs(node) for node in self.nodes}
        done: dict[str, Node] = {}
        waiting = list(self.nodes)
        while waiting:
            ready = [node for node in waiting if needs[node.urn] <= done.keys()]
            if not ready:
                raise ValueError(f"Resources depend on each other: {', '.join(node.name for node in waiting)}.")
            done |= {node.urn: node for node in ready}
            waiting = [node for node in waiting if node.urn not in done]
        return tuple(done.values())

    def _needs(self, node: Node) -> set[str]:
        return {urn for urn in (*node.dependencies, node.parent, node.provider) if urn in self._by_urn}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data that `from_json` turns back into an equal graph. It shares the nodes' values."""
        # Not `asdict`, which copies every value.
        nodes = [dict(vars(node)) for node in self.nodes]
        return {"project": self.project, "stack": self.stack, "nodes": nodes, "stack_outputs": self.stack_outputs}

    @classmethod
    def from_json(cls, data: Properties) -> Self:
        nodes = tuple(_node_from_json(row) for row in data["nodes"])
        outputs = data.get("stack_outputs", {})
        return cls(project=data["project"], stack=data["stack"], nodes=nodes, stack_outputs=outputs)


def _node_from_json(row: Properties) -> Node:
    values: dict[str, Any] = {
        **row,
        "dependencies": tuple(row["dependencies"]),
        "property_dependencies": {key: tuple(urns) for key, urns in row["property_dependencies"].items()},
        "aliases": tuple(row["aliases"]),
        "ignore_changes": tuple(row["ignore_changes"]),
    }
    return Node(**values)


def difference(before: Graph, after: Graph) -> Difference:
    """What it takes to come from one graph to another, of the same or of another stack."""
    old, new = ({node.key: node for node in graph} for graph in (before, after))
    pairs = [(old[key], node) for key, node in new.items() if key in old]
    compared = [ChangedNode(before=one, after=two, changes=_changes(one, two)) for one, two in pairs]
    return Difference(
        added=tuple(node for key, node in new.items() if key not in old),
        removed=tuple(node for key, node in old.items() if key not in new),
        changed=tuple(node for node in compared if node.changes),
    )


def _changes(before: Node, after: Node) -> tuple[Change, ...]:
    stacks = [node.urn.removesuffix(node.key) for node in (before, after)]
    paths = differing_paths(_without(before.inputs, stacks[0]), _without(after.inputs, stacks[1]))
    changes = [Change(path=path, before=old, after=new) for path, old, new in paths]
    if before.protect != after.protect:
        changes.append(Change(path="protect", before=before.protect, after=after.protect))
    return tuple(changes)


def _without(value: Any, stack: str) -> Any:
    """References to other resources hold URNs; the stack's name in them is no difference."""
    if isinstance(value, Mapping):
        return {key: _without(item, stack) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, stack) for item in value]
    return value.removeprefix(stack) if isinstance(value, str) else value


def from_export(export: Properties) -> Graph:
    """The graph in the output of `pulumi stack export`. Resources that wait for their deletion are left out."""
    resources = export["deployment"].get("resources") or []
    return _from_resources(row for row in resources if not row.get("delete"))


def from_preview(preview: Properties, state: Properties | None = None) -> Graph:
    """The graph that `pulumi preview --json` foresees. What will be deleted is left out.

    Args:
        state: an export of the stack, for the unchanged resources that a preview leaves out.

    Raises:
        ValueError: the state is that of another stack.
    """
    rows = state["deployment"].get("resources") or [] if state else []
    states = {row["urn"]: row for row in rows if not row.get("delete")}
    known = set(states)
    for step in preview.get("steps") or ():
        if known and step["urn"].split("::")[:2] != next(iter(known)).split("::")[:2]:
            raise ValueError(
                f"the preview is of {_stack_of(step['urn'])}, and the state of {_stack_of(next(iter(known)))}"
            )
        if "newState" in step:
            states[step["urn"]] = step["newState"]
        elif step.get("op") == "delete":
            states.pop(step["urn"], None)
    graph = _from_resources(states.values())
    # A preview knows the configuration, and what the stack exports only where that has been deployed before.
    told = (preview.get("config") or {}).get(f"{graph.project}:tier")
    return replace(graph, stack_outputs={**graph.stack_outputs, "tier": told}) if told else graph


def _stack_of(urn: str) -> str:
    return "/".join(reversed(urn.removeprefix("urn:pulumi:").split("::")[:2]))


def _from_resources(resources: Iterable[Properties]) -> Graph:
    # A view shows a part of another resource.
    rows = [row for row in resources if not row.get("viewOf")]
    stack_row = next((row for row in rows if row["type"] == STACK_TYPE), None)
    if stack_row is None:
        return Graph(project="", stack="", nodes=())
    stack_urn = stack_row["urn"]
    stack, project = stack_urn.removeprefix("urn:pulumi:").split("::")[:2]
    nodes = tuple(_node_from_state(row, stack_urn) for row in rows if row is not stack_row)
    return Graph(project=project, stack=stack, nodes=nodes, stack_outputs=normalise(stack_row.get("outputs") or {}))


def _node_from_state(row: Properties, stack_urn: str) -> Node:
    parent = row.get("parent", "")
    by_property = row.get("propertyDependencies") or {}
    return Node(
        urn=row["urn"],
        type=row["type"],
        name=row["urn"].rpartition("::")[2],
        parent="" if parent == stack_urn else parent,
        custom=row.get("custom", False),
        id=row.get("id", ""),
        inputs=normalise(row.get("inputs") or {}),
        outputs=normalise(row.get("outputs") or {}),
        dependencies=tuple(sorted(row.get("dependencies") or ())),
        property_dependencies={key: tuple(sorted(urns)) for key, urns in by_property.items() if urns},
        provider=row.get("provider", "").rpartition("::")[0],
        protect=row.get("protect", False),
        retain_on_delete=row.get("retainOnDelete", False),
        aliases=tuple(row.get("aliases") or ()),
        ignore_changes=tuple(row.get("ignoreChanges") or ()),
        tainted=row.get("taint", False),
    )
