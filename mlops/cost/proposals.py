"""What right-sizing proposes: one setting each, with what it saves and what may go wrong."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Risk = Literal["low", "medium", "high"]

WORTH_IT = 0.2
"""Share by which a figure must change to be worth a change."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One setting to change."""

    setting: str
    """Path in the platform's settings."""
    before: Any
    after: Any
    saving_usd: Decimal
    """A month; negative where it costs more. What requests alone save shows in the nodes that they free."""
    risk: Risk
    why: str
