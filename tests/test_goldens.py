"""The identity of every tier: what exists, the properties whose change would replace it, and what the rules say.

A review sees a changed identity as a changed file under tests/golden. `make golden` writes them anew; it refuses
to when a stateful resource would be replaced or lost without an alias or an accepted reason.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.catalogue import kind_of
from mlops.change.facts import at
from mlops.change.table import STATEFUL, facts_of
from mlops.choice.modules import chosen, modules
from mlops.choice.trials import tried
from mlops.core.problems import SettingsError
from mlops.plan.graph import Graph, Node
from mlops.tiers import TIERS
from policies.engine import judge
from policies.exemptions import FILE, read
from policies.facts import facts
from policies.model import Verdict
from tests.platforms import ROOT, tier_graph

GOLDEN = Path(__file__).parent / "golden"
ACCEPTED = GOLDEN / "accepted_replacements.yaml"


def replacing(node: Node) -> dict[str, Any]:
    """The inputs of a resource whose change makes a new one."""
    if node.package != "aws":
        return {}
    kind, facts = kind_of(node.type), facts_of(node.type)
    named = (kind.name.property,) if kind.name else ()
    paths = (*named, *(path.rstrip("#") for path in (facts.replaced_by if facts else ())))
    found = {path: value for path in paths if (value := at(node.inputs, path)) is not None}
    return dict(sorted(found.items()))


def identity(graph: Graph) -> dict[str, Any]:
    """Key and replacing properties of every resource, sorted by key."""
    return {node.key: replacing(node) for node in sorted(graph, key=lambda node: node.key)}


def losses(before: Mapping[str, Any], graph: Graph) -> list[str]:
    """Stateful resources of a golden that the graph would replace or drop without saying so."""
    accepted = {entry["resource"] for entry in yaml.safe_load(ACCEPTED.read_text()) or []}
    now = {node.key: node for node in graph}
    former = {alias.split("::", 2)[-1] for node in graph for alias in node.aliases}
    lost = []
    for key, properties in before.items():
        if key.split("::")[0].split("$")[-1] not in STATEFUL or key in accepted:
            continue
        if key not in now and key not in former:
            lost.append(f"{key} is gone")
        elif key in now and replacing(now[key]) != properties:
            lost.append(f"{key} is replaced")
    return lost


@pytest.mark.parametrize("tier", TIERS)
def test_no_stateful_resource_of_a_tier_is_replaced_or_lost_unsaid(tier: str) -> None:
    path = GOLDEN / f"{tier}.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    assert losses(before, tier_graph(tier)) == [], (
        f"Give the resource an alias, or say in {ACCEPTED.name} why its data may go."
    )


@pytest.mark.parametrize("tier", TIERS)
def test_the_identity_of_a_tier_is_the_one_that_was_reviewed(tier: str) -> None:
    path = GOLDEN / f"{tier}.json"
    now = identity(tier_graph(tier))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(json.dumps(now, indent=1) + "\n")
    assert now == json.loads(path.read_text()), "If this is meant: `make golden`, and look at the difference."


def test_a_lost_bucket_is_noticed() -> None:
    graph = tier_graph("prod")
    bucket = graph.of_type("aws:s3/bucket:Bucket")[0]
    renamed = {bucket.key.replace(bucket.name, "storage-old"): replacing(bucket)}
    assert losses(renamed, graph) == [f"{next(iter(renamed))} is gone"]


def test_a_replaced_database_is_noticed() -> None:
    graph = tier_graph("prod")
    database = graph.of_type("aws:rds/instance:Instance")[0]
    before = {database.key: {**replacing(database), "identifier": "another-name"}}
    assert losses(before, graph) == [f"{database.key} is replaced"]


def verdicts(tier: str) -> dict[str, Any]:
    """Rule -> how many properties satisfy it, and which ones break it, are accepted or are not known."""
    exemptions = read(ROOT / FILE, facts().rules, date.min)
    rules: dict[str, Any] = {}
    for finding in judge(tier_graph(tier), tier, exemptions).findings:
        found = rules.setdefault(finding.rule.id, {"met": 0})
        if finding.verdict is Verdict.MET:
            found["met"] += 1
            continue
        kind = "accepted" if finding.exemption else finding.level if finding.stands else finding.verdict
        found.setdefault(str(kind), []).append(f"{finding.name} {finding.path}".strip())
    return {
        rule: {kind: shown if kind == "met" else sorted(shown) for kind, shown in sorted(found.items())}
        for rule, found in sorted(rules.items())
    }


@pytest.mark.parametrize("tier", TIERS)
def test_what_the_rules_say_of_a_tier_is_what_was_reviewed(tier: str) -> None:
    path = GOLDEN / f"policy-{tier}.json"
    now = verdicts(tier)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(json.dumps(now, indent=1) + "\n")
    assert now == json.loads(path.read_text()), "If this is meant: `make golden`, and look at the difference."


@pytest.mark.parametrize("tier", ["prod", "enterprise"])
def test_what_carries_users_breaks_no_mandatory_rule_without_an_exemption(tier: str) -> None:
    broken = {rule: found["mandatory"] for rule, found in verdicts(tier).items() if "mandatory" in found}
    assert broken == {}


def test_no_exemption_of_the_project_is_left_over() -> None:
    """Some tier needs each, or a tier with some module in its slot."""
    exemptions = read(ROOT / FILE, facts().rules, date.min)
    left = set(exemptions)
    for tier in TIERS:
        left &= set(judge(tier_graph(tier), tier, exemptions).unused_exemptions)
    for module in modules():
        # What prod cannot have as it stands cannot need one there.
        with suppress(SettingsError):
            if left:
                graph = tried(ROOT, "prod", chosen(module)).graph
                left &= set(judge(graph, "prod", exemptions).unused_exemptions)
    # Those that name a stack by its URN are that stack's.
    assert {one for one in left if not one.resource.startswith("urn:")} == set()
