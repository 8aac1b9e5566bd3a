"""Which secrets a stack has, and of each whether it is replaced by itself, or why not.

Source of what services do by themselves: RDS user guide, "Password management with Amazon RDS and AWS Secrets Manager"
(seven days), Redshift management guide, "Managing Amazon Redshift admin passwords using AWS Secrets Manager" (30 days).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from mlops.core.rotation import NEVER, OFF, TOLD
from mlops.plan.graph import Graph, Node

State = Literal["rotates", "never", "off", "given", "unexplained"]
SECRET, ROTATION = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretRotation:SecretRotation"
CLOUD_CONTROL = "aws:cloudcontrol/resource:Resource"
EXTERNAL = "kubernetes:external-secrets.io/v1:ExternalSecret"
_USERS = "aws:msk/scramSecretAssociation:ScramSecretAssociation"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One secret."""

    name: str
    """Of the resource that makes it; of one that is only named in the settings, its name in Secrets Manager."""
    module: str
    """Part of the platform that it belongs to; empty for one that others made."""
    where: str
    state: State
    """Replaced by itself; for a reason never; switched off; made and replaced by others; or nobody has said."""
    words: str
    """How often and by whom, or why not."""


def secrets(graph: Graph) -> tuple[Kept, ...]:
    """Every secret of a stack. Certificates are none, nor what a chart makes for itself and nobody is told of."""
    found = [kept for type_, read in _READERS.items() for node in graph.of_type(type_) for kept in read(node, graph)]
    return tuple(sorted([*found, *_given(graph)], key=lambda one: (one.module, one.name)))


def _stored(node: Node, graph: Graph) -> Iterator[Kept]:
    names = {node.id, node.outputs.get("arn")} - {None}
    for rotation in graph.of_type(ROTATION):
        if rotation.inputs.get("secretId") in names:
            days = rotation.at("rotationRules.automaticallyAfterDays").text()
            yield _kept(node, graph, "Secrets Manager", "rotates", f"every {days} days, by a function")
            return
    yield _told(node, graph, "Secrets Manager", node.at("tags").labels())


def _generated_by_aws(node: Node, graph: Graph) -> Iterator[Kept]:
    if node.at("typeName").text() == "AWS::SecretsManager::Secret":
        tags = node.at("desiredState").document().at("Tags")
        told = {tag.at("Key").text(): tag.at("Value").text() for tag in tags}
        yield _told(node, graph, "Secrets Manager", told)


def _generated_inside(node: Node, graph: Graph) -> Iterator[Kept]:
    if any(source.at("sourceRef.generatorRef") for source in node.at("spec.dataFrom")):
        yield _told(node, graph, "Kubernetes", node.at("metadata.annotations").labels())


def _by_service(switch: str, days: int, service: str) -> "Reader":
    def read(node: Node, graph: Graph) -> Iterator[Kept]:
        if node.at(switch).flag(default=False):
            yield _kept(node, graph, "Secrets Manager", "rotates", f"every {days} days, by {service}")

    return read


Reader = Callable[[Node, Graph], Iterator[Kept]]
_READERS: Mapping[str, Reader] = {
    SECRET: _stored,
    CLOUD_CONTROL: _generated_by_aws,
    EXTERNAL: _generated_inside,
    "aws:rds/instance:Instance": _by_service("manageMasterUserPassword", 7, "RDS"),
    "aws:rds/cluster:Cluster": _by_service("manageMasterUserPassword", 7, "RDS"),
    "aws:redshiftserverless/namespace:Namespace": _by_service("manageAdminPassword", 30, "Redshift"),
    "kubernetes:core/v1:Secret": lambda node, graph: iter(
        [_told(node, graph, "Kubernetes", node.at("metadata.annotations").labels())]
    ),
}
"""Type -> the secrets that a resource of it makes."""


def _given(graph: Graph) -> Iterator[Kept]:
    """Secrets that settings name: who made them replaces them, and what reads them follows."""
    made = {node.id for node in graph} | {
        value for node in graph for value in _arns(node.outputs) if not node.type.startswith("kubernetes:")
    }
    named = {
        remote.at("remoteRef.key").text() for node in graph.of_type(EXTERNAL) for remote in node.at("spec.data")
    } | {arn for node in graph.of_type(_USERS) for arn in node.inputs.get("secretArnLists") or ()}
    for arn in sorted(str(one) for one in named - made if str(one).startswith("arn:aws:secretsmanager:")):
        name = arn.rpartition(":secret:")[2][:-7]
        yield Kept(name=name, module="", where="Secrets Manager", state="given", words="by who made it")


def _arns(value: object) -> Iterator[str]:
    """Every secret's ARN within a value."""
    if isinstance(value, str) and value.startswith("arn:aws:secretsmanager:"):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _arns(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _arns(inner)


def _told(node: Node, graph: Graph, where: str, notes: Mapping[str, str]) -> Kept:
    words = notes.get(TOLD, "")
    if words.startswith(NEVER):
        return _kept(node, graph, where, "never", words.removeprefix(NEVER))
    if words.startswith(OFF):
        return _kept(node, graph, where, "off", words.removeprefix(OFF))
    return _kept(node, graph, where, "unexplained", "")


def _kept(node: Node, graph: Graph, where: str, state: State, words: str) -> Kept:
    return Kept(name=node.name, module=graph.module(node), where=where, state=state, words=words)


@dataclass(frozen=True, kw_only=True)
class Compliance:
    """How far a stack's own secrets are replaced by themselves."""

    rotate: int
    able: int
    """Those that rotate, and those that could: what others made and what never can are left out."""
    explained: int
    all: int

    @property
    def percent(self) -> int:
        """Share of those that can rotate and do; 100 where none can."""
        return 100 * self.rotate // self.able if self.able else 100


def compliance(kept: tuple[Kept, ...]) -> Compliance:
    """The figures over a stack's own secrets."""
    own = [one for one in kept if one.state != "given"]
    count = {state: sum(one.state == state for one in own) for state in ("rotates", "off", "unexplained")}
    return Compliance(
        rotate=count["rotates"],
        able=count["rotates"] + count["off"] + count["unexplained"],
        explained=len(own) - count["unexplained"],
        all=len(own),
    )
