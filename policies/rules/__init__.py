"""The checks, one file a topic. A file dropped in here is found; nothing lists them."""

import importlib
import pkgutil
from functools import cache


@cache
def load() -> None:
    """Import every file of this folder, so that its checks are registered."""
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
