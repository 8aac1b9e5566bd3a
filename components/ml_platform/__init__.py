"""Slot: where experiments are tracked and models are registered."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from components.base.component import INTERNAL, Component
from components.base.identity import Egress, Grant, Statement
from components.base.secret import SecretValue
from components.base.watched import Watched
from components.foundation import Foundation
from mlops.core.module import SlotConfig


@dataclass(frozen=True, kw_only=True)
class MlPlatformOutputs:
    """The tracking server and model registry."""

    tracking_uri: pulumi.Output[str]
    """MLFLOW_TRACKING_URI, reachable from inside the network: a URL, or the ARN of a server that AWS runs, for which
    clients need the plugin `sagemaker-mlflow`."""
    artifacts_uri: pulumi.Output[str]
    """s3:// URI below which model artifacts lie: what the serving slot loads from."""
    track_statements: tuple[Statement, ...] = field(default=(), metadata=INTERNAL)
    egress: tuple[Egress, ...] = field(default=(), metadata=INTERNAL)
    secrets: Mapping[str, SecretValue] = field(default_factory=dict, metadata=INTERNAL)
    """Variable -> the secret that it holds, of who tracks where the server asks who one is."""
    jobs_namespace: pulumi.Output[str] | None = field(default=None, metadata=INTERNAL)
    """Where on the cluster the steps of pipelines run; None where they run elsewhere."""
    roles: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """ARNs of roles by what has them: `jobs`, steps of pipelines; `studio`, people."""
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """Of what CloudWatch has metrics."""

    def track(self) -> Grant:
        """Log runs and register models."""
        return Grant(resource="ml_platform", access="track", statements=self.track_statements, egress=self.egress)


class MlPlatformConfig(SlotConfig):
    """Where experiments and models live."""

    @abstractmethod
    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[MlPlatformOutputs]:
        """Make the tracking server and the registry."""
