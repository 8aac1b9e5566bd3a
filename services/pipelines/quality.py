"""How good data is: rules, findings and the score, without the library that finds them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How one expectation fared."""

    expectation: str
    column: str
    unexpected: int
    """Rows that fail it."""


@dataclass(frozen=True, kw_only=True)
class QualityRules:
    """When data is good enough to learn from."""

    least_score: float = 0.95
    """Share of rows that pass every expectation; rows that could not be read count as failing."""
    least_batch_rows: int = 20
    """From this size on a batch is judged on its own too, so that a bad one cannot hide among good ones."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How the data fared."""

    score: float
    """The lowest of the kinds': a million good events do not outweigh a thousand bad users."""
    rows: int
    failing: int
    unreadable: int
    duplicates: int
    """Rows delivered more than once; they are dropped and do not count as failing."""
    findings: tuple[Finding, ...]
    kinds: dict[str, float]
    """Score of events, of users and of products, over what was delivered of them."""
    reasons: dict[str, int]
    """Why rows could not be read, and how many."""
    personal: dict[str, int]
    """Personal data that was found, and masked or put aside, by kind."""
    batches: dict[str, float]
    """Score by batch, and by file of users and products."""
    judged: dict[str, int]
    """Rows by batch that the score is of."""
