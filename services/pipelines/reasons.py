"""Why a model recommends what it does, for a sample of users: what explaining finds and the card tells."""

from collections import Counter
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

    def summary(self) -> dict[str, object]:
        """What may be kept: how often one product is the reason of another, and nothing row by row of any person."""
        counted = Counter((cause, reason.product_id) for reason in self.reasons for cause in reason.because)
        return {
            "recommendations": len(self.reasons),
            "explained_share": self.explained_share,
            "influential": self.influential,
            "reasons": [
                {"because": cause, "product_id": product, "times": times}
                for (cause, product), times in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
            ],
        }
