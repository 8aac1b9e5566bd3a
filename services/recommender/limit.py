"""Limit: how often somebody may ask, by a bucket of tokens that fills at a steady rate.

In the memory of one process: behind several replicas everybody may ask that many times as often.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_BUCKETS = 100_000
"""About 20 MB. Whoever is dropped had asked least lately, and begins with a full bucket."""
_BURST_SECONDS = 2.0
"""Worth of requests that may come at once."""
_NETWORK_BITS = 64
"""Of an IPv6 address: what one household gets (RFC 6177)."""


class Limit:
    """A bucket a caller."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, rate: float, cost: float = 1.0) -> float:
        """Take a request's cost, and 0; or take nothing, and the seconds until the caller may ask again.

        A request of a thousand users costs a thousand: it is taken while anything is left, and paid for afterwards.
        """
        if not rate:
            return 0.0
        now = self._clock()
        full = max(rate * _BURST_SECONDS, 1.0)
        left, at = self._buckets.pop(caller, (full, now))
        left = min(left + (now - at) * rate, full)
        allowed = left >= 1.0
        self._buckets[caller] = (left - cost if allowed else left, now)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) / rate

    def charge(self, caller: str, cost: float) -> None:
        """Let a request that was taken cost more, now that it is known what it asks for."""
        if caller in self._buckets:
            left, at = self._buckets[caller]
            self._buckets[caller] = (left - cost, at)


def network_of(address: str) -> str:
    """What a limit counts an address as."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, _NETWORK_BITS), strict=False))
    return address
