"""KServe on the cluster: a model of the settings becomes an endpoint with replicas that follow the load.

In mode Standard a model is an ordinary Deployment; Knative adds scaling to zero and by requests, and with it Istio
and three more controllers to run. Models are reached inside the cluster only: KServe asks nobody who they are.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Grant, Identity, IdentityArgs, network_policy
from components.base.release import Strategy
from components.base.steps import StepKind
from components.base.workload import Shape
from components.foundation import Foundation
from components.kubernetes.host import ClusterHost
from components.kubernetes.objects import (
    SERVING_ALLOWED,
    custom_object,
    disruption_budget,
    from_namespaces,
    name_of,
    namespace,
    service_account,
    to_services,
)
from components.ml_platform import MlPlatformOutputs
from components.serving import ModelConfig, Released, Served, ServingConfig, ServingOutputs
from components.serving.kubernetes import kserve, language, places
from components.serving.kubernetes.charts import KServe, KServeArgs
from mlops.core.config import Card
from mlops.core.fields import Unique
from mlops.core.fields.aws import KeyArn
from mlops.core.fields.kubernetes import GroupName, ImageTag, ShortName
from mlops.core.module import Need, StackFacts


class KubernetesServingConfig(ServingConfig):
    """Models on the cluster, served by KServe."""

    kind: Literal["kubernetes"] = "kubernetes"
    card: ClassVar[Card] = Card(
        title="KServe",
        best_for="many models on one cluster, with model servers for the usual formats, GPUs and canaries",
        not_for="a handful of requests a day: replicas cost while nobody asks, unless mode is Knative",
        complexity="medium",
        trade_offs="Standard is plain Deployments and never scales to zero; Knative does, and brings Istio with it",
        state="none of its own: models lie in the lake, images in the registry, and an `up` makes the rest",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})
    serves: ClassVar[frozenset[Served]] = frozenset({"models", "containers", "workers"})
    steps: ClassVar[StepKind | None] = "pods"

    # Its splitter gives each request to one model, and KServe has nothing that asks a second one unseen.
    strategies: ClassVar[Mapping[Released, frozenset[Strategy]]] = {
        **ServingConfig.strategies,
        "artifact": frozenset({"rolling", "canary", "ab"}),
    }

    mode: kserve.Mode = "Standard"
    """Standard: Deployments, scaled by CPU or memory, at least one replica. Knative: scaled by requests, down to
    zero, over Istio. Changing it makes every endpoint anew."""
    scale_metric: kserve.Metric | None = None
    """What replicas follow: cpu or memory (Standard), concurrency or rps, requests a second (Knative). Null takes cpu,
    and concurrency with Knative."""
    scale_target: int | None = Field(default=None, ge=1, le=1_000_000)
    """Value at which a replica is added: percent of the request for cpu and memory, requests a replica for the
    others. Null takes 70 percent, and Knative's own for the others."""
    timeout_seconds: int | None = Field(default=None, ge=1, le=3600)
    """Longest request, in mode Knative; Standard has nothing between client and model that would cut one off. One that
    takes more than 600 seconds is cut off after these where the node of Knative's activator is drained meanwhile."""
    concurrent_requests: int | None = Field(default=None, ge=1, le=1000)
    """Most requests that a replica works on at once, in mode Knative; the rest wait."""
    mlserver_tag: ImageTag = "1.7.1"
    """Version of MLServer, which serves format mlflow. It loads models with MLflow 2.22; what newer versions of MLflow
    alone can read (skops) needs another server."""
    language_models: dict[ShortName, language.LanguageModelConfig] = Field(default={}, max_length=100)
    """Model -> how vLLM runs it: models of format huggingface that generate text. They answer as OpenAI's API does."""
    storage_key_arns: Annotated[tuple[KeyArn, ...], Unique(most=50)] = ()
    """KMS keys of foreign buckets that models lie in. The platform's own bucket needs none; a foreign one that is
    encrypted with a key of its own cannot be read without it."""
    node_group: GroupName | None = None
    """Node group that models run on unless they name another, taints or not. Null leaves them to any node without
    taints, and models with GPUs always to nodes that have some."""

    @property
    def scaling(self) -> kserve.Scaling:
        """How replicas follow the load."""
        metric = self.scale_metric or kserve.METRICS[self.mode][0]
        target = 70 if self.scale_target is None and metric in ("cpu", "memory") else self.scale_target
        return kserve.Scaling(
            mode=self.mode,
            metric=metric,
            target=target,
            timeout_seconds=self.timeout_seconds,
            concurrent_requests=self.concurrent_requests,
        )

    @model_validator(mode="after")
    def _mode_can(self) -> "KubernetesServingConfig":
        other: kserve.Mode = "Knative" if self.mode == "Standard" else "Standard"
        if self.scale_metric and self.scale_metric not in kserve.METRICS[self.mode]:
            raise ValueError(
                f"scale_metric is {self.scale_metric}, which mode {self.mode} cannot scale by; "
                f"allowed: {', '.join(kserve.METRICS[self.mode])}. Or set mode to {other}"
            )
        if self.mode == "Knative":
            return self
        for knob in ("timeout_seconds", "concurrent_requests"):
            if getattr(self, knob) is not None:
                raise ValueError(
                    f"{knob} is set, and mode Standard has nothing that would keep to it: requests go from the client "
                    f"straight to the model. Leave {knob} out, or set mode to Knative"
                )
        for model in self.models:
            if model.min_replicas == 0:
                raise ValueError(
                    f"model {model.name} has min_replicas 0, and mode Standard cannot start a model from nothing when "
                    "a request comes. Set min_replicas to 1 or more, or mode to Knative"
                )
        return self

    @model_validator(mode="after")
    def _models_can_be_served(self) -> "KubernetesServingConfig":
        names = {model.name for model in self.models}
        for model in self.models:
            if model.format not in kserve.RUNTIMES:
                raise ValueError(
                    f'model {model.name} has format "{model.format}", which none of KServe\'s model servers takes; '
                    f"allowed: {', '.join(kserve.RUNTIMES)}"
                )
            if model.trial and f"{model.name}-split" in names:
                raise ValueError(
                    f"a model is called {model.name}-split, the name of what the {model.trial} of {model.name} needs; "
                    "rename it"
                )
        return self

    @model_validator(mode="after")
    def _language_models_can_be_run(self) -> "KubernetesServingConfig":
        if wrong := [*language.problems(self.models, self.language_models)]:
            raise ValueError("\n".join(wrong))
        return self

    @model_validator(mode="after")
    def _rights_fit_into_a_role(self) -> "KubernetesServingConfig":
        length = kserve.policy_length(self.models, self.storage_key_arns)
        if length > kserve.MOST_POLICY:
            raise ValueError(
                f"the models lie in so many folders that their role's policy would have {length} characters, and IAM "
                f"takes {kserve.MOST_POLICY}; use fewer folders, or shorter paths"
            )
        return self

    def group_of(self, model: ModelConfig) -> str | None:
        """Node group of a model; None leaves it to the scheduler."""
        return model.node_group or (None if model.gpus else self.node_group)

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """GPU models need nodes with GPUs, and whatever names a node group one that is there."""
        return places.conflicts(self.models, {model.name: self.group_of(model) for model in self.models}, stack)

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
        """Make KServe and an endpoint for each model."""
        return KubernetesServing(name, self, foundation, opts)


class KubernetesServing(Component[ServingOutputs]):
    """KServe with its model servers, a closed namespace for models, the right to read them, and the models."""

    token = "mlops:index:KubernetesServing"

    def __init__(
        self,
        name: str,
        config: KubernetesServingConfig,
        foundation: Foundation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        cluster = foundation.cluster
        kserve_args = KServeArgs(scaling=config.scaling, mlserver_tag=config.mlserver_tag, cluster=cluster)
        base = KServe(f"{name}-kserve", kserve_args, self.child).outputs
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                kserve.NAMESPACE,
                # Not `restricted`: the pods of a splitter name no seccomp profile, and KServe offers no way to.
                security="baseline",
                labels=SERVING_ALLOWED,
                # Whatever models are in it when it goes, those that nobody declared included, KServe cleans up.
                opts=self.child_with(depends_on=[*cluster.ready, base.controller]),
            )
        )
        grants = kserve.reading(config.models, config.storage_key_arns, foundation.storage)
        identity = Identity(
            f"{name}-identity",
            IdentityArgs(
                cluster=foundation.cluster, namespace=self._namespace, service_account="models", grants=grants
            ),
            self.child,
        ).outputs
        self._account = service_account(f"{name}-service-account", identity, namespace=self._namespace, opts=self.child)
        # No data leads from a network policy to the pods that it closes.
        self._after: list[pulumi.Resource] = [*base.ready, self._close(f"{name}-network-policy", {}, grants)]
        self.publish(
            ServingOutputs(
                endpoints={model.name: self._endpoint(model) for model in config.models},
                protocol=kserve.PROTOCOL,
                egress=(to_services(foundation.network, kserve.SERVICE_PORTS),),
                host=ClusterHost(foundation),
            )
        )

    def _close(self, name: str, selector: dict[str, str], grants: Sequence[Grant]) -> "k8s.networking.v1.NetworkPolicy":
        return network_policy(
            name,
            namespace=self._namespace,
            selector=selector,
            grants=grants,
            ingress_ports=kserve.POD_PORTS[self._config.mode],
            ingress_from=from_namespaces(SERVING_ALLOWED, *self._foundation.scrapers),
            opts=self.child,
        )

    def _endpoint(self, model: ModelConfig) -> pulumi.Output[str]:
        stable = self._inference_service(model, model.name, model.storage_uri)
        if model.candidate_uri is None:
            base = kserve.base_url(pulumi.Output.concat(stable, "-predictor"), self._namespace)
            return pulumi.Output.concat(base, language.PATH) if model.name in self._config.language_models else base
        candidate = self._inference_service(model, f"{model.name}-{model.trial}", model.candidate_uri)
        return self._split(model, stable, candidate)

    def _inference_service(self, model: ModelConfig, service: str, uri: str) -> pulumi.Output[str]:
        config = self._config
        spec = kserve.predictor(model, self._location(uri), self._account, config.scaling, self._place(model))
        if tongue := config.language_models.get(model.name):
            served: Any = spec["model"]
            spec["model"] = {**served, "args": language.arguments(tongue)}
        if model.min_replicas > 1:
            spec["topologySpreadConstraints"] = [kserve.spread(service)]
        if model.min_replicas > 1 and config.mode == "Standard":
            disruption_budget(
                f"{self.name}-{service}-disruption-budget",
                k8s.meta.v1.ObjectMetaArgs(name=service, namespace=self._namespace),
                {"serving.kserve.io/inferenceservice": service},
                opts=self.child,
            )
        return self._kserve_object(
            f"{self.name}-{service}",
            "v1beta1",
            "InferenceService",
            service,
            {"predictor": spec},
            scales=model.max_replicas > model.min_replicas,
        )

    def _split(
        self, model: ModelConfig, stable: pulumi.Output[str], candidate: pulumi.Output[str]
    ) -> pulumi.Output[str]:
        name, way = f"{model.name}-split", to_services(self._foundation.network, kserve.SERVICE_PORTS)
        to_models = Grant(resource="serving", access="invoke", egress=(way,))
        self._close(f"{self.name}-{name}-network-policy", {"serving.kserve.io/inferencegraph": name}, [to_models])
        replicas = min(model.min_replicas, 2)
        spec = kserve.splitter(
            kserve.inference_url(model, stable, self._namespace),
            kserve.inference_url(model, candidate, self._namespace),
            model,
            replicas,
            self._place(model),
        )
        kind = ("v1alpha1", "InferenceGraph")
        graph = self._kserve_object(f"{self.name}-{name}", *kind, name, spec, scales=replicas < 2)
        return kserve.base_url(graph, self._namespace)

    def _kserve_object(
        self, name: str, version: str, kind: str, physical: str, spec: dict[str, object], *, scales: bool
    ) -> pulumi.Output[str]:
        made = custom_object(
            name,
            f"serving.kserve.io/{version}",
            kind,
            metadata={
                "name": physical,
                "namespace": self._namespace,
                "labels": kserve.VISIBILITY,
                "annotations": {**kserve.annotations(self._config.mode, scales=scales), **self._announced()},
            },
            spec=spec,
            opts=self.child_with(
                depends_on=self._after, replacement_trigger=self._config.mode, delete_before_replace=True
            ),
        )
        return name_of(made)

    def _announced(self) -> dict[str, str]:
        """Where somebody scrapes, KServe announces the metrics of its model servers on their pods."""
        return kserve.ANNOUNCED if self._foundation.scrapers else {}

    def _place(self, model: ModelConfig) -> dict[str, object]:
        return self._foundation.cluster.places.of(self._config.group_of(model))

    def _location(self, uri: str) -> pulumi.Input[str]:
        bucket, path = kserve.split_uri(uri)
        own = self._foundation.storage.buckets["artifacts"]
        return pulumi.Output.concat("s3://", bucket or own, "/", path)
