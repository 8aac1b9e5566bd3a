"""Judges a graph: every registered check over the resources of its rule's types, with levels and exemptions.

Pure: the same graph, tier and exemptions give the same report, whichever engine made the graph.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlops.plan.graph import Graph, Node
from policies import rules
from policies.canonical import canonical_graph
from policies.exemptions import Exemption
from policies.facts import SEVERITIES, Rule, facts
from policies.kinds import current_type
from policies.model import Judgement, Level, Verdict
from policies.registry import RESOURCE_CHECKS, STACK_CHECKS


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one rule says of one property of one resource."""

    rule: Rule
    level: Level
    verdict: Verdict
    module: str
    """Name of the module; empty for the stack's own resources and for the stack itself."""
    urn: str
    """Empty where the finding is about the stack: something that it should hold is not there."""
    type: str
    name: str
    path: str
    value: Any
    message: str
    exemption: Exemption | None = None
    """Set only on a broken rule that the project accepts for now."""

    @property
    def stands(self) -> bool:
        """Whether it is a breach that nobody has accepted."""
        return self.verdict is Verdict.BROKEN and self.exemption is None

    @property
    def blocks(self) -> bool:
        """Whether the stack may not be deployed with it."""
        return self.stands and self.level is Level.MANDATORY


@dataclass(frozen=True, kw_only=True)
class Report:
    """All findings about a stack, the gravest first within each module."""

    project: str
    stack: str
    tier: str
    resources: int
    """Custom resources in the graph."""
    types: frozenset[str]
    """What types they have, by the names that rules know."""
    findings: tuple[Finding, ...]
    unused_exemptions: tuple[Exemption, ...] = ()
    """Exemptions that cover no breach of this stack."""

    @cached_property
    def by_rule(self) -> dict[str, list[Finding]]:
        """Rule id -> its findings. A rule that had nothing to judge is left out."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            found.setdefault(finding.rule.id, []).append(finding)
        return found

    @property
    def blocking(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.blocks)

    def count(self, verdict: Verdict) -> int:
        return sum(finding.verdict is verdict for finding in self.findings)


def judge(graph: Graph, tier: str, exemptions: Sequence[Exemption] = ()) -> Report:
    """Everything that the rules say of a graph, with the levels of this tier. Rules that it disables stay silent."""
    rules.load()
    modules = _Modules(graph)
    found = [_finding(rule, tier, one, modules, exemptions) for rule, one in _judgements(graph, tier)]
    used = {id(finding.exemption) for finding in found if finding.exemption}
    return Report(
        project=graph.project,
        stack=graph.stack,
        tier=tier,
        resources=sum(node.custom for node in graph),
        types=frozenset(current_type(node.type) for node in graph),
        findings=tuple(sorted(found, key=modules.order)),
        unused_exemptions=tuple(one for one in exemptions if id(one) not in used and _is_for(one, graph.stack)),
    )


def _is_for(exemption: Exemption, stack: str) -> bool:
    """Whether an exemption is for a stack: all are but those whose URN names another."""
    return not exemption.resource.startswith("urn:") or exemption.resource.startswith(f"urn:pulumi:{stack}::")


def applicable(tier: str) -> Iterator[tuple[Rule, Callable[..., Any]]]:
    """The rules that a tier does not disable, with their checks."""
    for rule in facts().rules.values():
        check = RESOURCE_CHECKS.get(rule.id) or STACK_CHECKS.get(rule.id)
        if check and rule.level(tier) is not Level.DISABLED:
            yield rule, check


def _judgements(graph: Graph, tier: str) -> Iterator[tuple[Rule, Judgement]]:
    whole = canonical_graph(graph)
    for rule, check in applicable(tier):
        yield from ((rule, one) for one in of_rule(rule, check, whole))


def of_rule(rule: Rule, check: Callable[..., Any], graph: Graph) -> Iterator[Judgement]:
    """What one rule says of a graph."""
    if rule.id in STACK_CHECKS:
        yield from check(graph)
        return
    for node in canonical_graph(graph).of_type(*rule.types):
        yield from check(node)


class _Modules:
    """Which module each resource belongs to, looked up once a resource, and the order in which a report shows them."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes = {node.urn: node for node in graph}
        self._known: dict[str, str] = {}
        self._places: dict[str, int] = {}

    def node(self, urn: str) -> Node | None:
        return self._nodes.get(urn)

    def module(self, node: Node | None) -> str:
        if node is None:
            return ""
        if node.urn not in self._known:
            self._known[node.urn] = self._graph.module(node)
        return self._known[node.urn]

    def order(self, finding: Finding) -> tuple[Any, ...]:
        if not self._places:
            for node in self._graph:
                self._places.setdefault(self.module(node), len(self._places))
        place = self._places.get(finding.module, -1)
        level = finding.level is not Level.MANDATORY
        return place, level, SEVERITIES.index(finding.rule.severity), finding.rule.id, finding.name, finding.path


def _finding(
    rule: Rule, tier: str, judgement: Judgement, modules: _Modules, exemptions: Sequence[Exemption]
) -> Finding:
    node = modules.node(judgement.urn)
    name = node.name if node else ""
    accepted = None
    if judgement.verdict is Verdict.BROKEN:
        accepted = next((one for one in exemptions if one.covers(rule.id, judgement.urn, name)), None)
    return Finding(
        rule=rule,
        level=_level(rule.level(tier), judgement),
        verdict=judgement.verdict,
        module=modules.module(node),
        urn=judgement.urn,
        type=node.type if node else "",
        name=name,
        path=judgement.path,
        value=judgement.value,
        message=judgement.message,
        exemption=accepted,
    )


def _level(level: Level, judgement: Judgement) -> Level:
    return Level.ADVISORY if judgement.advisory and level is Level.MANDATORY else level
