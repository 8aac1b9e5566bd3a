"""Kubernetes quantities as numbers: `500m` CPU, `2Gi` of memory."""

import re
from decimal import Decimal
from typing import Any

_SUFFIXES = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10) ** 3,
    "K": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
    "Pi": Decimal(2) ** 50,
}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(m|k|K|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")


def quantity(value: Any) -> Decimal:
    """A quantity in its base unit (cores, bytes); 0 for what is absent or unknown.

    Source: Kubernetes API conventions, "Resource quantities"."""
    found = _QUANTITY.fullmatch(str(value).strip()) if value is not None and not isinstance(value, bool) else None
    return Decimal(found[1]) * _SUFFIXES[found[2] or ""] if found else Decimal(0)


def millicores(value: Any) -> int:
    """CPU in thousandths of a core."""
    return int(quantity(value) * 1000)


def mebibytes(value: Any) -> int:
    """Memory in MiB."""
    return int(quantity(value) / _SUFFIXES["Mi"])


def gibibytes(value: Any) -> Decimal:
    """Storage in GiB, which is what AWS calls GB."""
    return quantity(value) / _SUFFIXES["Gi"]
