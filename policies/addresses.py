"""Address ranges, however they are written."""

import ipaddress
from typing import Any

from policies.answers import is_unknown
from policies.model import Answer

_WIDEST = 7
"""Bits of the narrowest range that still is the internet for us: nobody owns a /7."""


def is_internet(cidr: Any) -> Answer:
    """Whether a range takes in a large part of the internet: `0.0.0.0/0`, `0::/0`, or one half of it."""
    if is_unknown(cidr):
        return None
    try:
        network = ipaddress.ip_network(str(cidr).strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen <= _WIDEST and not network.is_private
