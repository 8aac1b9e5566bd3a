"""Seldon Core 2 on the cluster: models share a pool of model servers instead of having pods of their own.

Models, canaries and their routes are Seldon's; the pool is one StatefulSet of MLServer that models are packed on, by
memory. Pipelines of models need Kafka and are left out with the parts that serve them.

Source of charts, values and names: github.com/SeldonIO/seldon-core at v2.10.2, k8s/helm-charts.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, get_args

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Grant, Identity, IdentityArgs, network_policy
from components.base.release import Strategy
from components.base.steps import StepKind
from components.base.watched import Watched
from components.base.workload import Shape
from components.foundation import Foundation
from components.kubernetes.host import ClusterHost
from components.kubernetes.objects import (
    SERVING_ALLOWED,
    closed,
    custom_object,
    from_namespaces,
    name_of,
    namespace,
    release,
    to_services,
)
from components.kubernetes.scraping import announced, let_scrapers_in
from components.ml_platform import MlPlatformOutputs
from components.serving import ModelConfig, Released, Served, ServingConfig, ServingOutputs
from components.serving.kubernetes.kserve import base_url, reading, split_uri
from components.serving.seldon.objects import METRICS_PORTS, POOL, experiment, model_spec, runtime_spec, setup_values
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.fields.kubernetes import MOST_REPLICAS, Cpu, GroupName, Memory
from mlops.core.module import Need, StackFacts

NAMESPACE = "seldon-mesh"
FORMATS = ("huggingface", "lightgbm", "mlflow", "sklearn", "xgboost")
"""What MLServer loads, among its capabilities in the chart's values."""
_API = "mlops.seldon.io/v1alpha1"
_ENVOY = 9000
_INSIDE = (5572, 8080, 9000, 9001, 9002, 9003, 9004, 9005, 9006, 9008, 9500, 9501)
"""What its parts answer each other on: scheduler, Envoy, agents, model servers."""


class SeldonServingConfig(ServingConfig):
    """Models on the cluster, served by Seldon Core 2."""

    kind: Literal["seldon"] = "seldon"
    card: ClassVar[Card] = Card(
        title="Seldon Core 2",
        best_for="very many small models that share a few servers, with canaries that are experiments",
        not_for="production without a contract: its licence (Business Source License 1.1) allows production use to "
        "nobody but non-profit schools, and turns into Apache-2.0 four years after each release; models with GPUs",
        complexity="high",
        trade_offs="packs models by memory, so that one can crowd out another; its parts talk to each other in clear, "
        "in a namespace that is closed",
        state="none of its own: models lie in the lake, and what the scheduler knows comes from this program",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})
    announces: ClassVar[str | None] = "Seldon"
    serves: ClassVar[frozenset[Served]] = frozenset({"models", "containers", "workers"})
    steps: ClassVar[StepKind | None] = "pods"
    strategies: ClassVar[Mapping[Released, frozenset[Strategy]]] = {
        **ServingConfig.strategies,
        "artifact": frozenset(get_args(Strategy)),
    }

    servers: int = Field(default=1, ge=1, le=MOST_REPLICAS)
    """Model servers in the pool."""
    cpu: Cpu = "1"
    """CPU of a model server (Kubernetes quantity); its models share it."""
    memory: Memory = "4Gi"
    """Memory of a model server (Kubernetes quantity); its models have to fit in it together."""
    storage_gb: int = Field(default=10, ge=1, le=16384)
    """Room for fetched models on each server, GB."""
    node_group: GroupName | None = None
    """Node group that model servers run on, taints or not; null leaves them to any node without taints."""

    @model_validator(mode="after")
    def _models_can_be_served(self) -> "SeldonServingConfig":
        wrong: list[str] = []
        for model in self.models:
            if model.format not in FORMATS:
                wrong.append(
                    f'model {model.name} has format "{model.format}", which MLServer does not load; '
                    f"allowed: {', '.join(FORMATS)}"
                )
            if model.gpus:
                wrong.append(
                    f"model {model.name} asks for GPUs, and the pool's servers have none; set its gpus to 0, or "
                    "serving.kind to kubernetes or sagemaker"
                )
            if model.min_replicas == 0:
                wrong.append(f"model {model.name} has min_replicas 0, and a model is loaded at all times; set it to 1")
            if model.max_replicas > self.servers:
                wrong.append(
                    f"model {model.name} has max_replicas {model.max_replicas}, and the pool has {self.servers} "
                    f"servers, each of which loads a model once; set servers to {model.max_replicas}, or lower "
                    "max_replicas"
                )
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """The node group that it names has to be there."""
        return stack.misplaced("the pool of model servers", self.node_group)

    def misfits(self, what: str, shape: Shape, stack: StackFacts) -> tuple[str, ...]:
        """A container runs on any node group that is there."""
        return stack.misplaced(what, shape.node_group)

    def build(
        self,
        name: str,
        foundation: Foundation,
        ml_platform: MlPlatformOutputs | None,
        opts: pulumi.ResourceOptions,
    ) -> Component[ServingOutputs]:
        """Make Seldon, the pool and the models."""
        return SeldonServing(name, self, foundation, opts)


class SeldonServing(Component[ServingOutputs]):
    """A closed namespace with Seldon's operator, scheduler and Envoy, a pool of model servers, and the models."""

    token = "mlops:index:SeldonServing"

    def __init__(
        self, name: str, config: SeldonServingConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                NAMESPACE,
                security="baseline",
                labels=SERVING_ALLOWED,
                opts=self.child_with(depends_on=list(foundation.cluster.ready)),
            )
        )
        grants = reading(config.models, (), foundation.storage)
        identity = Identity(
            f"{name}-identity",
            # The chart's ServerConfig names the account.
            IdentityArgs(
                cluster=foundation.cluster, namespace=self._namespace, service_account="seldon-server", grants=grants
            ),
            self.child,
        )
        let_scrapers_in(f"{name}-scrapers-policy", self._namespace, foundation.scrapers, METRICS_PORTS, self.child)
        after = [identity, *self._close()]
        pool = self._pool(self._charts(after))
        for model in config.models:
            self._model(model, pool)
        mesh = base_url("seldon-mesh", self._namespace)
        self.publish(
            ServingOutputs(
                # The path names the model: Envoy takes the header from it.
                endpoints={model.name: mesh for model in config.models},
                protocol="v2",
                egress=(to_services(foundation.network, (80, _ENVOY)),),
                host=ClusterHost(foundation),
                watched=(Watched(what="pool", namespace="Seldon"),),
            )
        )

    def _close(self) -> list[pulumi.Resource]:
        among = Grant(resource="serving", access="run", egress=(to_services(self._foundation.network, (80, *_INSIDE)),))
        inside = network_policy(
            f"{self.name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=[among],
            ingress_ports=_INSIDE,
            ingress_from=from_namespaces(),
            opts=self.child,
        )
        asked = network_policy(
            f"{self.name}-envoy-network-policy",
            namespace=self._namespace,
            selector={"app.kubernetes.io/name": "seldon-envoy"},
            grants=[],
            ingress_ports=[_ENVOY],
            ingress_from=from_namespaces(SERVING_ALLOWED),
            opts=self.child,
        )
        return [closed(f"{self.name}-closed", self._namespace, self.child), inside, asked]

    def _charts(self, after: list[pulumi.Resource]) -> "k8s.helm.v3.Release":
        crds = release(
            f"{self.name}-crds",
            versions.SELDON_CRDS,
            namespace=self._namespace,
            release_name="seldon-core-v2-crds",
            values={},
            opts=self.child,
        )
        return release(
            f"{self.name}-controller",
            versions.SELDON_SETUP,
            namespace=self._namespace,
            release_name="seldon-core-v2-setup",
            values=setup_values(self._config.storage_gb),
            opts=self.child_with(depends_on=[crds, *self._foundation.cluster.running, *after]),
        )

    def _pool(self, controller: "k8s.helm.v3.Release") -> pulumi.Resource:
        runtime = custom_object(
            f"{self.name}-runtime",
            _API,
            "SeldonRuntime",
            metadata={"name": "seldon", "namespace": self._namespace},
            spec=runtime_spec(self._foundation.region),
            opts=self.child_with(depends_on=[controller]),
        )
        place = self._foundation.cluster.places.of(self._config.node_group)
        return custom_object(
            f"{self.name}-pool",
            _API,
            "Server",
            # The operator hands annotations on to the pods (operator/controllers/reconcilers/server).
            metadata={"name": POOL, "namespace": self._namespace, "annotations": announced(METRICS_PORTS[-1])},
            spec=server_spec(self._config, dict(place)),
            opts=self.child_with(depends_on=[runtime]),
        )

    def _model(self, model: ModelConfig, pool: pulumi.Resource) -> None:
        stable = self._load(model, model.name, model.storage_uri, pool)
        if model.candidate_uri is None:
            return
        tried = self._load(model, f"{model.name}-{model.trial}", model.candidate_uri, pool)
        custom_object(
            f"{self.name}-{model.name}-experiment",
            _API,
            "Experiment",
            metadata={"name": model.name, "namespace": self._namespace},
            # With a default, whoever asks the model is asked for the experiment.
            spec={"default": stable, **experiment(model, stable, tried)},
            opts=self.child,
        )

    def _load(self, model: ModelConfig, physical: str, uri: str, pool: pulumi.Resource) -> pulumi.Output[str]:
        bucket, path = split_uri(uri)
        own = self._foundation.storage.buckets["artifacts"]
        made = custom_object(
            f"{self.name}-{physical}",
            _API,
            "Model",
            metadata={"name": physical, "namespace": self._namespace},
            spec=model_spec(model, pulumi.Output.concat("s3://", bucket or own, "/", path)),
            opts=self.child_with(depends_on=[pool]),
        )
        return name_of(made)


def server_spec(config: SeldonServingConfig, place: dict[str, object]) -> dict[str, object]:
    """The pool."""
    resources = {"cpu": config.cpu, "memory": config.memory}
    container = {"name": POOL, "resources": {"requests": resources, "limits": {"memory": config.memory}}}
    # The chart asks this much for its agent and sets no limit (seldon-core 2.10.2, seldon-core-v2-setup, serverConfig).
    agent = {"name": "agent", "resources": {"requests": {"cpu": "200m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}}
    return {
        "serverConfig": POOL,
        "replicas": config.servers,
        "podSpec": {**place, "containers": [container, agent]},
        # Models are fetched again; a volume that stays would be paid for.
        "statefulSetPersistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
    }
