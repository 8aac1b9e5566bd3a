"""The tiers: each one complete value of `PlatformConfig`, readable without any other.

A tier's file is imported when it is asked for, so that listing them costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

from mlops.core import clock
from mlops.core.versions import CATALOGUE_DATE

if TYPE_CHECKING:
    from components.settings import PlatformConfig

TIERS = ("local", "dev", "prod", "enterprise", "experimental")
"""In the order in which a platform grows; experimental stands beside it."""

ON_THIS_MACHINE = ("local",)
"""Tiers whose stacks come up on the stand-in cloud of one machine, under whatever name."""


def tier(name: str) -> "PlatformConfig":
    """The settings of a tier. Raises KeyError for a name that is none."""
    if name not in TIERS:
        raise KeyError(name)
    # A version may have left its support since: a stack file can name another, so it is the stack that is refused.
    with clock.on(CATALOGUE_DATE):
        config: PlatformConfig = importlib.import_module(f"mlops.tiers.{name}").CONFIG
    return config
