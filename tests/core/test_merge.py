"""Laying a stack file's differences over a tier."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mlops.core.merge import merge

KEYS = st.sampled_from(["a", "b", "c", "kind"])
SCALARS = st.one_of(st.integers(), st.text(max_size=3), st.booleans(), st.lists(st.integers(), max_size=2))
TREES = st.recursive(
    st.dictionaries(KEYS, SCALARS, max_size=3),
    lambda tree: st.dictionaries(KEYS, st.one_of(SCALARS, tree), max_size=3),
)


@given(TREES)
def test_an_empty_difference_changes_nothing(tree: dict[str, Any]) -> None:
    assert merge(tree, {}) == tree


@given(TREES, TREES)
def test_whatever_the_stack_file_says_holds(tree: dict[str, Any], override: dict[str, Any]) -> None:
    def holds(merged: Any, said: Any) -> bool:
        if isinstance(said, dict):
            return isinstance(merged, dict) and all(key in merged and holds(merged[key], said[key]) for key in said)
        return bool(merged == said)

    assert holds(merge(tree, override), override)


@given(TREES, TREES)
def test_laying_the_same_difference_twice_changes_nothing_more(tree: dict[str, Any], override: dict[str, Any]) -> None:
    once = merge(tree, override)
    assert merge(once, override) == once


@given(TREES, TREES)
def test_neither_side_is_altered(tree: dict[str, Any], override: dict[str, Any]) -> None:
    before = repr((tree, override))
    merge(tree, override)
    assert repr((tree, override)) == before


def test_another_kind_starts_the_slot_afresh() -> None:
    tier = {"data_pipeline": {"kind": "kinesis", "retention_hours": 24}}
    assert merge(tier, {"data_pipeline": {"kind": "kafka"}}) == {"data_pipeline": {"kind": "kafka"}}


def test_the_same_kind_keeps_the_knobs_of_the_tier() -> None:
    tier = {"data_pipeline": {"kind": "kinesis", "retention_hours": 24}}
    merged = merge(tier, {"data_pipeline": {"kind": "kinesis", "protect": True}})
    assert merged["data_pipeline"] == {"kind": "kinesis", "retention_hours": 24, "protect": True}


def test_lists_replace_because_nobody_can_say_what_adding_would_mean() -> None:
    assert merge({"zones": ["a", "b"]}, {"zones": ["c"]}) == {"zones": ["c"]}
