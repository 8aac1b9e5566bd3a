"""Until when AWS supports the engines that it runs, the platform's own and others whose bills are read.

Source: endoflife.date, repository commit a70eca337 (2026-08-22).
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class DatabaseRelease:
    """One major version of an engine on RDS."""

    standard_until: date
    extended_until: date
    """Extended support costs by vCPU hour, on every instance and standby, and twice as much from its third year."""


RDS: dict[str, dict[str, DatabaseRelease]] = {
    "postgres": {
        "18": DatabaseRelease(standard_until=date(2031, 2, 28), extended_until=date(2034, 2, 28)),
        "17": DatabaseRelease(standard_until=date(2030, 2, 28), extended_until=date(2033, 2, 28)),
        "16": DatabaseRelease(standard_until=date(2029, 2, 28), extended_until=date(2032, 2, 29)),
        "15": DatabaseRelease(standard_until=date(2028, 2, 29), extended_until=date(2031, 2, 28)),
        "14": DatabaseRelease(standard_until=date(2027, 2, 28), extended_until=date(2030, 2, 28)),
        "13": DatabaseRelease(standard_until=date(2026, 2, 28), extended_until=date(2029, 2, 28)),
        "12": DatabaseRelease(standard_until=date(2025, 2, 28), extended_until=date(2028, 2, 29)),
        "11": DatabaseRelease(standard_until=date(2024, 2, 29), extended_until=date(2027, 3, 31)),
    },
    "mysql": {
        "8.4": DatabaseRelease(standard_until=date(2029, 7, 31), extended_until=date(2032, 7, 31)),
        "8.0": DatabaseRelease(standard_until=date(2026, 7, 31), extended_until=date(2029, 7, 31)),
    },
}
"""Engine -> major version -> its support. Source: endoflife.date, repository commit a70eca337 (2026-08-22)."""
CACHE_STANDARD_UNTIL = {"4": date(2026, 1, 31), "5": date(2026, 1, 31), "6": date(2027, 1, 31)}
"""Major version of Redis on ElastiCache -> the end of its standard support; newer ones have none. Same source."""
SEARCH_STANDARD_UNTIL = {
    **dict.fromkeys(("1.0", "1.1", "1.2", "2.3", "2.5", "2.7", "2.9"), date(2025, 11, 7)),
    **dict.fromkeys(("1.3", "2.11", "2.13", "2.15", "2.17", "2.19"), date(2027, 11, 7)),
}
"""Version of OpenSearch on Amazon OpenSearch Service -> the end of its standard support. Same source."""
