"""Slot: how models answer requests."""

from abc import abstractmethod
from dataclasses import dataclass

import pulumi
from pydantic import Field

from components.component import Component
from components.foundation import Foundation
from components.identity import Egress, Grant, Statement
from components.ml_platform import MlPlatformOutputs
from mlops.core.config import Config
from mlops.core.module import SlotConfig


class ModelConfig(Config):
    """One model to serve."""

    name: str = Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")
    """Name of the endpoint: lower case, digits and hyphens, at most 40 characters."""
    storage_uri: str = Field(pattern=r"^(s3://.+|artifacts/.+)$")
    """Where the model lies: an s3:// URI, or a path below the platform's own artifacts (`artifacts/fraud/3`)."""
    format: str = "mlflow"
    """Model format that the runtime understands: mlflow, sklearn, xgboost, lightgbm, onnx, tensorflow, pytorch."""
    cpu: str = "500m"
    """CPU request (Kubernetes quantity)."""
    memory: str = "1Gi"
    """Memory request and limit (Kubernetes quantity)."""
    gpus: int = Field(0, ge=0, le=8)
    """Whole GPUs a replica."""
    min_replicas: int = Field(1, ge=0)
    """Fewest replicas. Zero needs a mode that can start from nothing."""
    max_replicas: int = Field(3, ge=1)
    """Most replicas."""
    canary_percent: int | None = Field(None, ge=1, le=99)
    """Share of requests that the newest revision takes, in percent."""
    canary_storage_uri: str | None = Field(None, pattern=r"^(s3://.+|artifacts/.+)$")
    """Where the canary's model lies."""


@dataclass(frozen=True, kw_only=True)
class ServingOutputs:
    """Where models answer."""

    endpoints: dict[str, pulumi.Output[str]]
    """URL by model name, reachable from inside the network."""
    protocol: str
    """Inference protocol: `v2` (Open Inference Protocol) or `v1`."""
    invoke_statements: tuple[Statement, ...] = ()
    egress: tuple[Egress, ...] = ()

    def invoke(self) -> Grant:
        """Ask a model."""
        return Grant(
            resource="serving", access="invoke", statements=self.invoke_statements, egress=self.egress
        )


class ServingConfig(SlotConfig):
    """How models answer."""

    models: tuple[ModelConfig, ...] = ()
    """The models to serve."""

    @abstractmethod
    def build(
        self,
        name: str,
        foundation: Foundation,
        ml_platform: MlPlatformOutputs | None,
        opts: pulumi.ResourceOptions,
    ) -> Component[ServingOutputs]:
        """Make the serving layer and an endpoint for each model."""
