"""Why a model recommends what it does, for a sample of users: what explaining finds and the card tells."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a user is shown a product."""

    user: int
    """Number within the sample: reports say why, and not who."""
    product_id: str
    because: tuple[str, ...]
    """Products that the user took and whose neighbour it is, strongest first; empty where it is merely popular."""


@dataclass(frozen=True, kw_only=True)
class Explanations:
    """A sample of reasons, and what they have in common."""

    reasons: tuple[Reason, ...]
    explained_share: float
    """Share of the sampled recommendations that have a reason in the user's own history."""
    influential: dict[str, int]
    """Products that cause most recommendations, with how many of the sample."""
