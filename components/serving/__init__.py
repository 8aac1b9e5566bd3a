"""Slot: how models answer requests."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, get_args

import pulumi
from pydantic import Field, model_validator

from components.base.component import INTERNAL, Component
from components.base.identity import Egress, Grant, Statement
from components.base.release import ReleaseConfig, Strategy
from components.base.steps import StepKind
from components.base.watched import Watched
from components.base.workload import Host, NoHost, Shape
from components.foundation import Foundation
from components.ml_platform import MlPlatformOutputs
from mlops.core.config import Config
from mlops.core.fields import Form, Unique
from mlops.core.fields.aws import ModelUri
from mlops.core.fields.kubernetes import MOST_REPLICAS, Cpu, GroupName, Memory, ShortName, check_replicas
from mlops.core.module import SlotConfig, StackFacts

ModelFormat = Annotated[str, Form("[a-z][a-z0-9-]*", "the name of a model format in lower case, `sklearn`", most=40)]


TRIALS: Mapping[Strategy, str] = {"canary": "canary", "ab": "candidate", "shadow": "shadow"}
"""What is tried by a strategy is called."""


class ModelConfig(Config):
    """One model to serve."""

    name: ShortName
    """Name of the endpoint: lower case, digits and hyphens, at most 40 characters."""
    storage_uri: ModelUri
    """Folder in which the model lies: an s3:// URI, or a path in the platform's own bucket of artifacts
    (`artifacts/fraud/3`; what MLflow stores begins with `artifacts/mlflow/`)."""
    format: ModelFormat = "mlflow"
    """Format of the model; what each kind of serving takes, it says when asked for another."""
    cpu: Cpu = "500m"
    """CPU of a replica (Kubernetes quantity)."""
    memory: Memory = "1Gi"
    """Memory of a replica (Kubernetes quantity)."""
    gpus: int = Field(default=0, ge=0, le=8)
    """Whole GPUs a replica."""
    node_group: GroupName | None = None
    """Node group that its replicas run on, taints or not, where models run on nodes; null takes the serving layer's."""
    min_replicas: int = Field(default=1, ge=0, le=MOST_REPLICAS)
    """Fewest replicas. Zero needs a mode that can start from nothing."""
    max_replicas: int = Field(default=3, ge=1, le=MOST_REPLICAS)
    """Most replicas."""
    release: ReleaseConfig = ReleaseConfig()
    """How another model takes over. With a candidate the first of `steps` is in force until you drop it, in whole
    percents. Limits and rollback hold where AWS moves the requests: a canary of SageMaker without a candidate."""
    candidate_uri: ModelUri | None = None
    """Folder in which the candidate lies: the model that is tried beside the one of `storage_uri`, as `release` says.
    To let it take over, write it into `storage_uri` and leave it out here; leaving it out alone takes it back."""

    @property
    def share(self) -> int:
        """Percent of the requests that the candidate answers, or as a shadow is asked beside the model."""
        return round(self.release.stages[0].percent) if self.candidate_uri else 0

    @property
    def trial(self) -> str | None:
        """What its candidate is called: `canary`, `candidate` of an experiment, `shadow`; None without one."""
        return TRIALS[self.release.strategy] if self.candidate_uri else None

    @model_validator(mode="before")
    @classmethod
    def _canary_is_a_release(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and (old := sorted(given.keys() & {"canary_percent", "canary_storage_uri"})):
            raise ValueError(
                f"{' and '.join(old)} {'is' if len(old) == 1 else 'are'} no setting of a model: what is tried is its "
                "candidate_uri, and how, its release: { strategy: canary, steps: [{ percent: 10 }] }"
            )
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> "ModelConfig":
        check_replicas(self.min_replicas, self.max_replicas)
        if self.candidate_uri is None:
            return self
        if self.release.strategy == "rolling":
            raise ValueError(
                "candidate_uri is set and release.strategy is rolling, which tries nothing; set strategy to canary, "
                "shadow or ab, or write the candidate into storage_uri"
            )
        percent = self.release.stages[0].percent
        if percent != self.share:
            raise ValueError(f"the first of release.steps is {percent:g} %, and models are tried by whole percents")
        return self


@dataclass(frozen=True, kw_only=True)
class ServingOutputs:
    """Where models answer."""

    endpoints: dict[str, pulumi.Output[str]]
    """URL by model name, reachable from inside the network."""
    protocol: str
    """Inference protocol: `v2` (Open Inference Protocol) or `v1`."""
    invoke_statements: tuple[Statement, ...] = field(default=(), metadata=INTERNAL)
    egress: tuple[Egress, ...] = field(default=(), metadata=INTERNAL)
    host: Host = field(default_factory=NoHost, metadata=INTERNAL)
    """What containers run with."""
    watched: tuple[Watched, ...] = field(default=(), metadata=INTERNAL)
    """Of what CloudWatch has metrics."""
    captured: frozenset[str] = field(default=frozenset(), metadata=INTERNAL)
    """Names of the models whose requests are kept as they came."""

    def invoke(self) -> Grant:
        """Ask a model."""
        return Grant(resource="serving", access="invoke", statements=self.invoke_statements, egress=self.egress)


Served = Literal["models", "containers", "workers"]
"""A model by its artifact and format; a container that answers requests; a container that works by itself."""


Released = Literal["model", "image", "artifact"]
"""A newly trained model, within what runs already: the services try it out themselves. A new image of a container.
Another artifact of a declared model."""


class ServingConfig(SlotConfig):
    """How models answer."""

    serves: ClassVar[frozenset[Served]] = frozenset({"models"})
    """What it can serve."""

    steps: ClassVar[StepKind | None] = None
    """As what an orchestrator can run steps of a worker's work, with all that the worker has."""

    strategies: ClassVar[Mapping[Released, frozenset[Strategy]]] = {
        "model": frozenset(get_args(Strategy)),
        "image": frozenset({"rolling"}),
        "artifact": frozenset(),
    }
    """How what it runs can take over from what it ran."""

    moves: ClassVar[frozenset[Strategy]] = frozenset()
    """Strategies by which another artifact takes over step by step by itself, without a candidate."""

    models: Annotated[tuple[ModelConfig, ...], Unique(most=500, by="name")] = ()
    """The models to serve."""

    @property
    def gpu_models(self) -> tuple[str, ...]:
        """Names of the models that ask for GPUs."""
        return tuple(model.name for model in self.models if model.gpus)

    @property
    def captured(self) -> frozenset[str]:
        """Names of the models whose requests are kept as they came."""
        return frozenset()

    @abstractmethod
    def build(
        self,
        name: str,
        foundation: Foundation,
        ml_platform: MlPlatformOutputs | None,
        opts: pulumi.ResourceOptions,
    ) -> Component[ServingOutputs]:
        """Make the serving layer and an endpoint for each model."""

    @model_validator(mode="after")
    def _trials_have_candidates(self) -> "ServingConfig":
        able = self.strategies["artifact"] - self.moves - {"rolling"}
        names = {model.name for model in self.models}
        for model in self.models:
            if model.release.strategy in able and model.candidate_uri is None:
                raise ValueError(
                    f"model {model.name} has release.strategy {model.release.strategy} and no candidate_uri, and "
                    "nothing here moves requests by itself: give the folder of what is to be tried, or set strategy to "
                    "rolling"
                )
            if model.trial and f"{model.name}-{model.trial}" in names:
                raise ValueError(
                    f"a model is called {model.name}-{model.trial}, the name of the {model.trial} of {model.name}; "
                    "rename it"
                )
        return self

    @model_validator(mode="before")
    @classmethod
    def _workloads_have_moved(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "recommender" in given:
            raise ValueError(
                "recommender is no setting of a kind of serving: the reference workload runs on every kind that serves "
                "containers. Move it, as it is, to workloads.recommender"
            )
        return given

    @property
    def named_containers(self) -> Mapping[str, str]:
        """Containers that its own settings name, each with the setting."""
        return {}

    @property
    def balanced(self) -> bool:
        """Whether it makes a load balancer, whose log lies in the platform's bucket of logs."""
        return False

    def misfits(self, what: str, shape: Shape, stack: StackFacts) -> tuple[str, ...]:
        """Why it cannot run a container, one sentence each; nothing when it can.

        Args:
            what: the words that name it, `container fraud`.
        """
        return ()
