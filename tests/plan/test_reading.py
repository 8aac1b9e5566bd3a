"""Reading a property: a value in the wanted type, or why there is none."""

from decimal import Decimal
from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.reading import Gap, Hidden, noted, told
from mlops.plan.values import SECRET, UNKNOWN


def node(**inputs: Any) -> Node:
    return Node(urn="urn:pulumi:dev::mlops::aws:eks/nodeGroup:NodeGroup::nodes", type="t", name="nodes", inputs=inputs)


def test_a_value_is_read_in_the_type_that_is_wanted() -> None:
    read = node(size=3, share="0.5", on=True, off="false", names=["a", 2], deep={"list": [{"name": "x"}]}).at
    assert (read("size").whole(), read("share").number(), read("size").text()) == (3, Decimal("0.5"), "3")
    assert (read("on").flag(), read("off").flag(default=True), read("on").text()) == (True, False, "true")
    assert read("names").texts() == ("a", "2")
    assert read("deep.list[0].name").text() == "x"
    assert [one.path for one in read("deep.list")] == ["deep.list[0]"]


@pytest.mark.parametrize(("value", "gap"), [(None, Gap.ABSENT), (UNKNOWN, Gap.UNKNOWN), (SECRET, Gap.SECRET)])
def test_what_is_not_told_gives_the_default_and_says_why(value: Any, gap: Gap) -> None:
    scaling = node(scaling=value).at("scaling.maxSize")
    assert scaling.gap is gap
    assert (scaling.whole(7), scaling.text("m"), scaling.flag(default=True), scaling.texts()) == (7, "m", True, ())
    assert (list(scaling), scaling.entries(), scaling.labels(), bool(scaling)) == ([], {}, {}, False)
    assert scaling.document().gap is gap


@pytest.mark.parametrize("value", ["text", 3, ["a"], {"b": 1}, True, "", float("nan")])
def test_a_value_of_another_shape_is_no_error(value: Any) -> None:
    found = node(it=value).at("it")
    assert found.at("deeper[3].still").gap is Gap.ABSENT
    methods = (found.text, found.number, found.flag, found.texts, found.entries, found.labels, found.document)
    assert [method() for method in methods]


def test_false_zero_and_empty_are_values() -> None:
    for value in (False, 0, "", [], {}):
        assert node(it=value).at("it").gap is None
    assert node(it=False).at("it").flag(default=True) is False
    assert node(it=0).at("it").whole(5) == 0


def test_hidden_values_that_somebody_asks_for_are_noted_where_they_stand() -> None:
    with noted() as outer:
        with noted() as notes:
            node(spec=SECRET, other=UNKNOWN).at("spec.replicas").whole(1)
            node(labels={"a": UNKNOWN}).at("labels").labels()
            node(size=3).at("size").whole()
        assert notes == {
            Hidden(resource="nodes", path="spec", gap=Gap.SECRET),
            Hidden(resource="nodes", path="labels.a", gap=Gap.UNKNOWN),
        }
        assert str(max(notes)) == "nodes: spec is secret"
        assert "nodes: labels.a is unknown; nodes: spec is secret" in told(notes)
        assert told(notes, shown=1).endswith("labels.a is unknown and 1 more.")
        assert told(set()) == ""
    assert outer == notes


def test_a_document_is_read_through() -> None:
    text = '{"Statement": [{"Effect": "Allow"}]}'
    assert node(policy=text).at("policy").document().at("Statement[0].Effect").text() == "Allow"
    assert node(policy="{no").at("policy").document().gap is Gap.ABSENT


def test_a_key_may_hold_dots() -> None:
    labels = node(labels={"topology.kubernetes.io/zone": "a"}).at("labels")
    assert labels.key("topology.kubernetes.io/zone").text() == "a"
    assert labels.labels() == {"topology.kubernetes.io/zone": "a"}
