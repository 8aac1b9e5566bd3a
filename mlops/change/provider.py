"""What the AWS provider's sources say of each type: the properties that replace it, and deletions that do nothing.

The table is data/aws.json, which names its sources: a property counts where the provider's schema says `ForceNew` (or
`RequiresReplace`). What such a change costs is judged in `facts_aws`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from mlops.change.facts import Facts

_DATA = Path(__file__).parent / "data" / "aws.json"
_STAYS = "the provider's deletion does nothing: AWS keeps it as it is"
_STAYS_INSTEAD = "Set it to what shall be left and bring that up; it can be taken out afterwards."


@cache
def _rows() -> Mapping[str, Mapping[str, Any]]:
    rows: Mapping[str, Mapping[str, Any]] = json.loads(_DATA.read_text(encoding="utf-8"))["types"]
    return rows


def types() -> tuple[str, ...]:
    """The types that the provider's sources were read for, sorted."""
    return tuple(_rows())


def with_provider(type_: str, judged: Facts | None) -> Facts | None:
    """What is judged of a type, with what the provider says of it; None where its sources were not read."""
    row = _rows().get(type_)
    if row is None:
        return judged
    base = judged or Facts()
    return replace(
        base,
        source=f"terraform-provider-aws internal/service/{row['source']}",
        replaced_by=tuple(path for path in row["replaces"] if path not in base.sometimes),
        name=row.get("name", ""),
        chosen=frozenset(row.get("chosen", ())),
        sets=frozenset(row.get("sets", ())),
        defaults=row.get("defaults", {}),
        unread=frozenset(row.get("unread", ())) - {path.partition(".")[0] for path in base.sometimes},
        stays=base.stays or (_STAYS if row.get("stays") else ""),
        instead=base.instead or (_STAYS_INSTEAD if row.get("stays") else ""),
    )
