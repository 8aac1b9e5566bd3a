"""The reference workload on the cluster: a recommender that answers, and the loop that trains what it answers from.

Both run the images of `services/` under roles of their own. They are deployed before there is an image or a model:
pods come once the images are pushed, and the recommender takes requests once the loop has promoted a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Grant, Identity, IdentityArgs, network_policy
from components.data_pipeline import DataPipelineOutputs
from components.foundation import Foundation
from components.kubernetes.objects import (
    SERVING_ALLOWED,
    TRACKING_ALLOWED,
    autoscaler,
    disruption_budget,
    from_namespaces,
    generated_secret,
    manifest,
    name_of,
    namespace,
    service_account,
    to_services,
)
from components.ml_platform import MlPlatformOutputs
from components.storage import ZONES
from components.workloads import recommender_pods as pods
from mlops.core.config import Config
from mlops.core.fields.kubernetes import MOST_REPLICAS, Cpu, GroupName, ImageTag, Memory

REPOSITORIES = ("recommender", "pipelines")
"""What the images are called in the platform's registry; both come from `services/Dockerfile`."""
_MODELS = "mlflow/"
"""Where MLflow keeps models in the zone of artifacts."""


class RecommenderConfig(Config):
    """The recommender of `services/`, and the loop that trains its model. They are deployed beside an ml_platform, in
    whose registry the model lies; the loop needs a Kinesis stream as well, and without one the recommender takes no
    events."""

    image_tag: ImageTag = "0.1.0"
    """Tag of the images `recommender` and `pipelines` in the platform's registry. Tags there are immutable, so a new
    build has a new one. Pods wait until it is pushed."""
    cpu: Cpu = "250m"
    """CPU of a replica (Kubernetes quantity)."""
    memory: Memory = "512Mi"
    """Memory of a replica (Kubernetes quantity)."""
    min_replicas: int = Field(default=1, ge=1, le=MOST_REPLICAS)
    """Fewest replicas; from two on they lie in different zones and are not drained together."""
    max_replicas: int = Field(default=3, ge=1, le=MOST_REPLICAS)
    """Most replicas."""
    target_cpu_percent: int = Field(default=60, ge=1, le=100)
    """CPU use, in percent of `cpu`, above which a replica is added."""
    scratch_gb: int = Field(default=2, ge=1, le=16384)
    """Room for fetched models in each replica, GB: three times the largest."""
    node_group: GroupName | None = None
    """Node group that it and the loop run on, taints or not; null leaves them to any node without taints."""
    loop_cpu: Cpu = "500m"
    """CPU of the loop's worker (Kubernetes quantity)."""
    loop_memory: Memory = "2Gi"
    """Memory of the loop's worker (Kubernetes quantity). 5,000 events fit into 1Gi, 5 million need 6Gi."""
    loop_scratch_gb: int = Field(default=10, ge=1, le=16384)
    """Room for the loop's scratch files, GB."""
    look_seconds: int = Field(default=300, ge=1, le=86_400)
    """Between two looks of the loop at new events and at what is served, after which it decides whether to train."""

    @model_validator(mode="after")
    def _most_is_no_less_than_fewest(self) -> "RecommenderConfig":
        if self.max_replicas < self.min_replicas:
            raise ValueError(
                f"max_replicas is {self.max_replicas} and min_replicas {self.min_replicas}; "
                f"set max_replicas to {self.min_replicas} or more"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class RecommenderArgs:
    """What the workload builds on."""

    foundation: Foundation
    ml_platform: MlPlatformOutputs
    stream: DataPipelineOutputs | None
    """The Kinesis stream of events, if there is one."""


@dataclass(frozen=True, kw_only=True)
class RecommenderOutputs:
    """Where the recommender answers, and as whom each part runs."""

    url: pulumi.Output[str]
    """Inside the cluster, for namespaces with the label of SERVING_ALLOWED."""
    role_arn: pulumi.Output[str]
    loop_role_arn: pulumi.Output[str] | None
    """None without a stream, where there is no loop."""


class Recommender(Component[RecommenderOutputs]):
    """A closed namespace with the recommender, the loop's worker, and what workflows of the loop run with."""

    token = "mlops:index:Recommender"

    def __init__(
        self,
        name: str,
        config: RecommenderConfig,
        args: RecommenderArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._args = args
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                pods.NAMESPACE,
                security="restricted",
                labels={**SERVING_ALLOWED, **TRACKING_ALLOWED},
                opts=self.child_with(depends_on=list(args.foundation.cluster.ready)),
            )
        )
        # Whatever else is started here, by hand or by a workflow without the loop's labels.
        network_policy(
            f"{name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=(),
            ingress_ports=(),
            opts=self.child,
        )
        self._secret = generated_secret(name, pods.SECRET, pods.SECRET_KEYS, namespace=self._namespace, opts=self.child)
        role = self._recommender()
        url = pulumi.Output.concat("http://", self._service(), ".", self._namespace, f".svc.cluster.local:{pods.PORT}")
        loop_role = self._loop(args.stream, url) if args.stream else None
        self.publish(RecommenderOutputs(url=url, role_arn=role, loop_role_arn=loop_role))

    def _recommender(self) -> pulumi.Output[str]:
        config, args = self._config, self._args
        # MLflow hands artifacts out itself, or names their place in S3.
        grants = [args.foundation.storage.read("artifacts", _MODELS), args.ml_platform.track()]
        grants += [args.stream.produce()] if args.stream else []
        role, account = self._identity("recommender", grants)
        policy = self._close("recommender", grants, from_anywhere_allowed=True)
        pod = pods.recommender(
            self._pod("recommender", account, config.cpu, config.memory, config.scratch_gb),
            {**self._common(), "MLOPS_MODEL_CACHE": "/tmp/models"},
            self._secret,
            spread=config.min_replicas > 1,
        )
        # With an autoscaler the number is the autoscaler's: stating it here would reset it with every `up`.
        replicas = config.min_replicas if config.max_replicas == config.min_replicas else None
        deployment = self._deployment("recommender", pods.deployment_spec("recommender", pod, replicas), policy)
        if config.max_replicas > config.min_replicas:
            autoscaler(
                f"{self.name}-autoscaler",
                self._metadata("recommender"),
                name_of(deployment),
                fewest=config.min_replicas,
                most=config.max_replicas,
                cpu_percent=config.target_cpu_percent,
                opts=self.child,
            )
        if config.min_replicas > 1:
            disruption_budget(
                f"{self.name}-disruption-budget",
                self._metadata("recommender"),
                pods.labels("recommender"),
                opts=self.child,
            )
        return role

    def _service(self) -> pulumi.Output[str]:
        service = k8s.core.v1.Service(
            f"{self.name}-service",
            metadata=self._metadata("recommender", pods.NOT_AWAITED),
            spec=manifest(pods.service_spec()),
            opts=self.child,
        )
        return name_of(service)

    def _loop(self, stream: DataPipelineOutputs, url: pulumi.Output[str]) -> pulumi.Output[str]:
        config, args = self._config, self._args
        lake = [grant for zone in ZONES for grant in (args.foundation.storage.erase(zone),)]
        ask = Grant(
            resource="recommender", access="invoke", egress=(to_services(args.foundation.network, [pods.PORT]),)
        )
        grants = [*lake, stream.consume(), args.ml_platform.track(), ask]
        role, account = self._identity("pipelines", grants)
        policy = self._close("pipelines", grants, from_anywhere_allowed=False)
        buckets = args.foundation.storage.buckets
        variables: dict[str, pulumi.Input[str]] = {
            **self._common(),
            **{f"MLOPS_BUCKET_{zone.upper()}": bucket for zone, bucket in buckets.items()},
            "MLOPS_SERVING_URL": url,
        }
        # What a rendered workflow of the same loop takes its settings from: `python -m pipelines workflow`.
        k8s.core.v1.ConfigMap(
            f"{self.name}-settings", metadata=self._metadata("pipelines"), data=variables, opts=self.child
        )
        pod = pods.worker(
            self._pod("pipelines", account, config.loop_cpu, config.loop_memory, config.loop_scratch_gb),
            {**variables, "MLOPS_STATE": "/tmp/state", "HOST": "0.0.0.0"},
            self._secret,
            config.look_seconds,
        )
        self._deployment("pipelines", pods.deployment_spec("pipelines", pod, 1), policy)
        return role

    def _common(self) -> dict[str, pulumi.Input[str]]:
        args = self._args
        known: dict[str, pulumi.Input[str]] = {
            "AWS_REGION": args.foundation.region,
            "MLFLOW_TRACKING_URI": args.ml_platform.tracking_uri,
        }
        return {**known, **args.stream.client_variables()} if args.stream else known

    def _identity(self, part: str, grants: Sequence[Grant]) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """ARN of the role, and the service account that has it."""
        identity = Identity(
            f"{self.name}-{part}-identity",
            IdentityArgs(
                cluster=self._args.foundation.cluster,
                namespace=self._namespace,
                service_account=part,
                grants=grants,
            ),
            self.child,
        ).outputs
        account = service_account(
            f"{self.name}-{part}-service-account", identity, namespace=self._namespace, opts=self.child
        )
        return identity.role_arn, account

    def _close(
        self, part: str, grants: Sequence[Grant], *, from_anywhere_allowed: bool
    ) -> "k8s.networking.v1.NetworkPolicy":
        return network_policy(
            f"{self.name}-{part}-network-policy",
            namespace=self._namespace,
            selector=pods.labels(part),
            grants=grants,
            ingress_ports=[pods.PORTS[part]],
            ingress_from=from_namespaces(*([SERVING_ALLOWED] if from_anywhere_allowed else [])),
            opts=self.child,
        )

    def _pod(self, part: str, account: pulumi.Input[str], cpu: str, memory: str, scratch_gb: int) -> pods.PodParts:
        url = self._args.foundation.registry.urls[part]
        return pods.PodParts(
            part=part,
            image=pulumi.Output.concat(url, ":", self._config.image_tag),
            service_account=account,
            cpu=cpu,
            memory=memory,
            scratch_gb=scratch_gb,
            place=self._args.foundation.cluster.places.of(self._config.node_group),
        )

    def _deployment(
        self, part: str, spec: dict[str, object], policy: "k8s.networking.v1.NetworkPolicy"
    ) -> "k8s.apps.v1.Deployment":
        return k8s.apps.v1.Deployment(
            f"{self.name}-{part}",
            metadata=self._metadata(part, pods.NOT_AWAITED),
            spec=manifest(spec),
            # No data leads from a network policy to the pods that it closes.
            opts=self.child_with(depends_on=[policy]),
        )

    def _metadata(self, part: str, annotations: dict[str, str] | None = None) -> "k8s.meta.v1.ObjectMetaArgs":
        return k8s.meta.v1.ObjectMetaArgs(
            name=part, namespace=self._namespace, labels=pods.labels(part), annotations=annotations
        )
