"""Kubernetes quantities, as its API conventions define them."""

from decimal import Decimal

import pytest

from mlops.capacity.quantities import gibibytes, mebibytes, millicores, quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", "0.5"), ("2", "2"), ("1.5", "1.5"), ("1k", "1000"), ("1Ki", "1024"), ("1e3", "1000"), (4, "4")],
)
def test_a_quantity_is_read_with_its_suffix(text: str | int, value: str) -> None:
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", [None, "", "much", "1Zi", True, {}])
def test_what_is_no_quantity_counts_as_nothing_requested(text: object) -> None:
    assert quantity(text) == 0


def test_units_are_those_of_nodes_and_volumes() -> None:
    assert (millicores("1"), mebibytes("2Gi"), gibibytes("512Mi")) == (1000, 2048, Decimal("0.5"))
