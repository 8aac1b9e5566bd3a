"""AWS Backup: what holds data is backed up, for long enough, often enough, and nobody can remove the copies.

The platform promises that at most 1 h of data is lost (RPO) and that it is back within 4 h (RTO).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from mlops.plan.graph import Graph, Node
from mlops.plan.values import UNKNOWN
from policies.answers import all_of, answer, any_of, elements, is_unknown, negated
from policies.conditions import refuses_everybody
from policies.documents import Statement, statements
from policies.model import Answer, Judgement, look, say
from policies.patterns import is_open
from policies.references import attached, names_of, targets
from policies.registry import stack_rule
from policies.rules.evidence import at_least, demand, given, own_key, yes
from policies.rules.tags import tags_of

VAULT = "aws:backup/vault:Vault"
PLAN = "aws:backup/plan:Plan"
SELECTION = "aws:backup/selection:Selection"
VAULT_LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
VAULT_POLICY = "aws:backup/vaultPolicy:VaultPolicy"
RETENTION_DAYS = 35
_POINT_IN_TIME = {
    "aws:rds/instance:Instance": ("backupRetentionPeriod", at_least(1)),
    "aws:rds/cluster:Cluster": ("backupRetentionPeriod", at_least(1)),
    "aws:dynamodb/table:Table": ("pointInTimeRecovery.enabled", yes),
}
"""Type -> the property that keeps a way back to any point in time, beside the copies of AWS Backup."""
DATA = (*_POINT_IN_TIME, "aws:efs/fileSystem:FileSystem", "aws:ebs/volume:Volume")
_HOURLY = re.compile(r"rate\((?:1 hour|\d\d? minutes)\)|cron\(\S+ (?:\*|\*/1|0/1) .*\)")

demand("backup-vault-encrypted", "kmsKeyArn", own_key, "The copies in the vault have AWS's own key.")


@dataclass(frozen=True, kw_only=True)
class _Selection:
    """What a selection takes in: by where its ARNs come from, by ARN or pattern, or by tag."""

    plans: tuple[Node, ...]
    urns: frozenset[str]
    patterns: tuple[Any, ...]
    tags: tuple[Any, ...]
    all_but: tuple[Any, ...]
    """`notResources`."""
    conditional: bool

    def takes(self, node: Node, names: list[str], tags: Mapping[str, Any] | None) -> Answer:
        left_out = any_of(_matches(pattern, names) for pattern in self.all_but)
        named = node.urn in self.urns or self._names(names, tags)
        # Further conditions may leave it out as well.
        return all_of([named, negated(left_out), None if self.conditional else True])

    def _names(self, names: list[str], tags: Mapping[str, Any] | None) -> Answer:
        by_name = (_matches(pattern, names) for pattern in self.patterns)
        return any_of((*by_name, *(_has_tag(tags, one) for one in self.tags)))


def _selections(graph: Graph) -> list[_Selection]:
    plans = attached(graph, (SELECTION,), "planId", (PLAN,))
    plans_of: dict[str, list[Node]] = {}
    for urn, nodes in plans.by_urn.items():
        for node in nodes:
            plans_of.setdefault(node.urn, []).append(graph[urn])
    return [
        _Selection(
            plans=tuple(plans_of.get(node.urn, ())),
            urns=frozenset(targets(graph, node, "resources", DATA)),
            patterns=tuple(elements(look(node.inputs, "resources"))),
            tags=tuple(elements(look(node.inputs, "selectionTags"))),
            all_but=tuple(elements(look(node.inputs, "notResources"))),
            conditional=given(look(node.inputs, "conditions")),
        )
        for node in graph.of_type(SELECTION)
    ]


@stack_rule("backup-plan-covers-data")
def data_is_backed_up(graph: Graph) -> Iterable[Judgement]:
    selections = _selections(graph)
    for node in graph.of_type(*DATA):
        names, tags = [name for name in names_of(node) if name.startswith("arn:")], tags_of(graph, node)
        takes = [(one, one.takes(node, names, tags)) for one in selections]
        own = [plan for one, taken in takes if taken for plan in one.plans]
        if not own:
            # Selected by a plan that is not here to be read counts as little as a selection that is not known.
            covered = any_of(taken for _, taken in takes)
            message = "No backup plan selects it: it has no copy outside its own service."
            yield say(node, "", None if covered is not False else False, message)
        for plan in own:
            yield _keeps_long(plan)
            yield _loses_little(node, plan)


def _matches(pattern: Any, names: list[str]) -> Answer:
    if pattern == "*":
        return True
    if pattern == UNKNOWN:
        return None
    return any(fnmatchcase(name, str(pattern)) for name in names)


def _has_tag(tags: Mapping[str, Any] | None, wanted: Any) -> Answer:
    if tags is None or UNKNOWN in (wanted, look(wanted, "key"), look(wanted, "value")):
        return None
    value = tags.get(str(look(wanted, "key")))
    return None if value == UNKNOWN else value is not None and value == look(wanted, "value")


def _plan_rules(plan: Node) -> list[Any]:
    return elements(look(plan.inputs, "rules"))


def _keeps_long(plan: Node) -> Judgement:
    kept = any_of(answer(look(rule, "lifecycle.deleteAfter"), at_least(RETENTION_DAYS)) for rule in _plan_rules(plan))
    return say(plan, "rules", kept, f"No rule of the plan keeps its copies for {RETENTION_DAYS} days.")


def _loses_little(node: Node, plan: Node) -> Judgement:
    """Whether at most an hour is lost: by the service's own point in time, a continuous backup, or hourly copies."""
    path, holds = _POINT_IN_TIME.get(node.type, ("", yes))
    own = answer(look(node.inputs, path), holds) if path else False
    if own is True:
        return say(node, path, True, "")
    often = any_of((own, *(_is_frequent(rule) for rule in _plan_rules(plan))))
    message = (
        "The plan copies it less than once an hour, and nothing else leads back to a point in time: a daily snapshot "
        "alone loses up to 24 h and does not meet an RPO of 1 h (RTO 4 h)."
    )
    return say(plan, "rules", True, "") if often else say(node, path, often, message)


def _is_frequent(rule: Any) -> Answer:
    return any_of(
        (
            answer(look(rule, "enableContinuousBackup"), yes),
            answer(look(rule, "schedule"), lambda value: _HOURLY.fullmatch(str(value)) is not None),
        )
    )


@stack_rule("backup-vault-locked")
def copies_cannot_be_removed(graph: Graph) -> Iterable[Judgement]:
    locks = attached(graph, (VAULT_LOCK,), "backupVaultName", (VAULT,))
    policies = attached(graph, (VAULT_POLICY,), "backupVaultName", (VAULT,))
    for vault in graph.of_type(VAULT):
        refusals = [_refuses_deletion(look(policy.inputs, "policy")) for policy in policies.of(vault)]
        locked = locks.exists(vault)
        holds = any_of((locked, *refusals, None if policies.loose else False))
        shown, path = next(_shown(locks.of(vault), policies.of(vault), refusals), (vault, ""))
        yield say(shown, path, holds, "Whoever gets into the account can delete the copies as well.")


def _shown(locks: list[Node], policies: list[Node], refusals: list[Answer]) -> Iterator[tuple[Node, str]]:
    yield from ((lock, "backupVaultName") for lock in locks)
    yield from ((policy, "policy") for policy, refuses in zip(policies, refusals, strict=True) if refuses is not False)


def _refuses_deletion(document: Any) -> Answer:
    found = statements(document)
    if found is None:
        return None
    refusals = (
        all_of((refuses_everybody(one, "backup:DeleteRecoveryPoint"), _lies_in_the_vault(one)))
        for one in found
        if one.conditions == ()
    )
    return any_of(refusals)


def _lies_in_the_vault(statement: Statement) -> Answer:
    """A vault's policy is about its recovery points, whose ARNs are those of snapshots: it names all of them."""
    return any_of(
        None if is_unknown(own) else is_open(own) or own.endswith(":recovery-point:*") for own in statement.resources
    )
