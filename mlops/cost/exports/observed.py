"""What exports hold, whichever tool wrote them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_MOST_CORES, _MOST_BYTES = 100_000, 10**15
"""Beyond these a figure is taken for a mistake: no workload uses that much."""


class ExportError(Exception):
    """An export cannot be used. The text is complete."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What one workload used, cores and bytes. None where the export does not say, or where nothing was measured."""

    namespace: str
    workload: str
    """Name of its controller: a Deployment, for example."""
    cpu_average: float | None
    cpu_most: float | None
    """Of one replica. None where the export holds averages only."""
    memory_average: float | None
    memory_most: float | None
    days: float
    """For how long it was watched; 0 where the export does not say."""
    together: bool = False
    """Whether the averages are sums over all replicas, and not those of one."""
    cpu_requested: float | None = None
    """Cores that all replicas together asked for, on average: how many there were shows in it."""
    memory_requested: float | None = None
    asked_for_cpu_only: bool = False
    """Whether the export was made without memory."""

    @property
    def measured(self) -> bool:
        """Whether anything was used at all: no process runs without memory. Where nobody asked for memory, CPU says."""
        if self.asked_for_cpu_only:
            return bool(self.cpu_average or self.cpu_most)
        return bool(self.memory_average or self.memory_most)


@dataclass(frozen=True, kw_only=True)
class Billed:
    """What AWS billed, brought to a month of 730 hours."""

    service: str
    """Product code: `AmazonEC2`."""
    usage_type: str
    """As AWS writes it: `NatGateway-Bytes`, `EUW1-NatGateway-Bytes`."""
    amount: float
    usd: float
    unit: str = ""
    """AWS's own, where the report says it."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose use is looked for in a report that may hold that of others."""

    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags that everything of the stack carries."""
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What a file holds: either kind."""

    workloads: tuple[Observed, ...] = ()
    bill: tuple[Billed, ...] = ()
    notes: tuple[str, ...] = ()
    """What of the file was not used, or has to be known to read what comes of it; one sentence each."""


def checked(observed: Observed, file: str) -> Observed:
    """The same, if its figures can be.

    Raises:
        ExportError: nothing uses that much, or less than nothing.
    """
    figures = (
        ("CPU", observed.cpu_average, _MOST_CORES, "cores"),
        ("CPU", observed.cpu_most, _MOST_CORES, "cores"),
        ("memory", observed.memory_average, _MOST_BYTES, "bytes"),
        ("memory", observed.memory_most, _MOST_BYTES, "bytes"),
    )
    for what, value, most, unit in figures:
        # A comparison with NaN is false, whichever way round.
        if value is not None and not 0 <= value <= most:
            raise ExportError(
                f"{file}: {observed.namespace}/{observed.workload} used {value:g} {unit} of {what}, which cannot "
                f"be; a figure lies between 0 and {most:g}."
            )
    return observed
