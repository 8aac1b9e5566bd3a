"""What `mlops doctor` finds: one line a tool, a credential or a quota."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "missing", "deploy", "optional"]
"""ok: there. missing: not there, and what was asked for cannot go well. deploy: not there, and nothing reaches AWS
without it; plans and rehearsals do. optional: not there, and only what its line names needs it."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that the platform uses."""

    name: str
    verdict: Verdict
    found: str
    fix: str = ""
