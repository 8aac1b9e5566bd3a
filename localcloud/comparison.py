"""The recorder's graph held against the engine's: the proof that a plan tells what a deployment does."""

from collections.abc import Mapping
from dataclasses import replace

from mlops.plan.graph import Graph, Node, is_default_provider
from mlops.plan.values import differing_paths

_COMPARED = ("type", "parent", "custom", "inputs", "dependencies", "property_dependencies", "provider", "protect")


def differences(recorded: Graph, engine: Graph) -> list[str]:
    """What the two disagree on, a line each; empty when they tell the same.

    Left out is what the engine adds by itself: default providers, version and internal fields of providers, and hashes
    of archives.
    """
    ours = {node.urn: node for node in recorded}
    theirs = {node.urn: _without_additions(node) for node in engine if not is_default_provider(node.urn)}
    lines = [f"only in the plan: {urn}" for urn in ours.keys() - theirs.keys()]
    lines += [f"only on the engine: {urn}" for urn in theirs.keys() - ours.keys()]
    for urn in ours.keys() & theirs.keys():
        for attribute in _COMPARED:
            plan, real = getattr(ours[urn], attribute), getattr(theirs[urn], attribute)
            lines += [
                f"{urn} {where}: {one!r} in the plan, {two!r} on the engine"
                for where, one, two in _differ(attribute, plan, real)
            ]
    return sorted(lines)


def _differ(attribute: str, plan: object, real: object) -> list[tuple[str, object, object]]:
    return [(path or attribute, one, two) for path, one, two in differing_paths(plan, real)]


def _without_additions(node: Node) -> Node:
    added = ("version", "__internal") if node.type.startswith("pulumi:providers:") else ()
    kept = {key: _without_hash(value) for key, value in node.inputs.items() if key not in added}
    return replace(node, inputs=kept)


def _without_hash(value: object) -> object:
    """An archive is its hash, which the engine computes."""
    return {} if isinstance(value, Mapping) and value.keys() == {"hash"} else value
