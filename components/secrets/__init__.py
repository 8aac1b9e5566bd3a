"""Slot: who looks after the platform's secrets. Where secrets lie and how pods get them is the same everywhere: AWS
Secrets Manager, and External Secrets, which the cluster's base brings."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pulumi

from components.base.component import INTERNAL, Component
from components.base.watched import Watched
from components.database.rotation import PasswordRotation
from components.foundation import Foundation
from mlops.core.module import SlotConfig


@dataclass(frozen=True, kw_only=True)
class SecretsOutputs:
    """What other modules get of it."""

    rotation: PasswordRotation | None = field(default=None, metadata=INTERNAL)
    """Who changes the passwords of the database's logins; None changes none."""
    exports: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """What the stack exports of it, by the name of the export (`docs/exports.md`)."""
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)

    def given_to(self, foundation: Foundation) -> Foundation:
        """The foundation, with logins to its database that are looked after."""
        database = foundation.optional_database
        rotated = replace(database, rotation=self.rotation) if database else None
        return replace(foundation, optional_database=rotated)


class SecretsConfig(SlotConfig):
    """Who looks after secrets."""

    @abstractmethod
    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[SecretsOutputs]:
        """Make what looks after them."""
