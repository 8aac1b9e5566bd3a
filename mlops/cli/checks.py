"""What `mlops doctor` finds: one line a tool, a credential or a quota."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "missing", "optional"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that the platform uses."""

    name: str
    verdict: Verdict
    """`optional` is missing, and needed for some commands only."""
    found: str
    fix: str = ""
