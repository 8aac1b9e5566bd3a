"""The reference workload: a recommender that answers, and the loop that trains what it answers from.

Both run the images of `services/` under roles of their own, on whatever serves containers. They are deployed before
there is an image or a model: the recommender takes requests once the loop has promoted one.
"""

from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.component import INTERNAL, Component
from components.base.generated_secret import generated_secret
from components.base.identity import policy_document
from components.base.release import ReleaseConfig
from components.base.retraining import RetrainingConfig
from components.base.secret import SecretValue
from components.base.steps import PodSteps, TaskSteps
from components.base.workload import Application, Probes, Running, Shape, Workload, asked_by_python
from components.data_pipeline import DataPipelineOutputs
from components.kubernetes.references import referred_secret
from components.ml_platform import MlPlatformOutputs
from components.storage import DELIVERED, ZONES
from components.surroundings import Surroundings
from mlops.core.config import Config
from mlops.core.fields.kubernetes import MOST_REPLICAS, Cpu, GroupName, ImageTag, Memory, check_replicas

NAME = "recommender"
ADMIN_TOKEN, PII_SALT = "MLOPS_ADMIN_TOKEN", "MLOPS_PII_SALT"
"""Both are made where the workload runs and seen by nobody. The salt is the key of users' pseudonyms, which the loop
makes and the recommender makes again of the ids that it is asked for; it lives as long as the workload's room, and
users that were hidden with an earlier one count as others."""
PORT, LOOP_PORT = 8000, 9108
"""Where the recommender answers, and the loop with its health and its metrics."""
REPOSITORIES = ("recommender", "pipelines")
"""What the images are called in the platform's registry; both come from `services/Dockerfile`."""
_MODELS = "mlflow/"
"""Where MLflow keeps models in the zone of artifacts."""
_SHOWN = f"{DELIVERED}recommender/"
"""Where the recommender leaves what it showed in the raw zone; as short-lived as all that is delivered there."""
_TOLD = "serving/"
"""Where the loop writes there what recommenders are told beside the model: rules, the catalogue, recent events."""
_WHY_NO_NEW_SALT = "pseudonyms in the lake are made with the salt and nobody would find a person under a new one"


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
    release: ReleaseConfig = ReleaseConfig()
    """How a newly trained model takes over from the one that answers."""
    retraining: RetrainingConfig = RetrainingConfig()
    """When the loop trains again."""

    @model_validator(mode="after")
    def _most_is_no_less_than_fewest(self) -> "RecommenderConfig":
        check_replicas(self.min_replicas, self.max_replicas)
        return self

    def shapes(self, *, loop: bool) -> tuple[Shape, ...]:
        """What a kind of serving must know of its parts; the loop is there where there is a stream."""
        answering = Shape(
            name=NAME,
            cpu=self.cpu,
            memory=self.memory,
            scratch_gb=self.scratch_gb,
            fewest=self.min_replicas,
            most=self.max_replicas,
            target_cpu_percent=self.target_cpu_percent,
            node_group=self.node_group,
        )
        return (answering, self.loop_shape) if loop else (answering,)

    @property
    def loop_shape(self) -> Shape:
        """What a kind of serving must know of the loop's worker."""
        return Shape(
            name="pipelines",
            cpu=self.loop_cpu,
            memory=self.loop_memory,
            scratch_gb=self.loop_scratch_gb,
            worker=True,
            node_group=self.node_group,
        )


@dataclass(frozen=True, kw_only=True)
class RecommenderOutputs:
    """Where the recommender answers, and as whom each part runs."""

    url: pulumi.Output[str] | None
    """From where it is reached, the kind of serving says."""
    role_arn: pulumi.Output[str]
    loop_role_arn: pulumi.Output[str] | None
    """None without a stream, where there is no loop."""
    steps: PodSteps | TaskSteps | None = field(default=None, metadata=INTERNAL)
    """What an orchestrator starts the loop's steps with."""


class Recommender(Component[RecommenderOutputs]):
    """A closed room with the recommender, the loop's worker, and what workflows of the loop run with."""

    token = "mlops:index:Recommender"

    def __init__(
        self,
        name: str,
        config: RecommenderConfig,
        args: Surroundings,
        ml_platform: MlPlatformOutputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._args = args
        self._ml_platform = ml_platform
        self._secrets = {**(args.stream.secrets if args.stream else {}), **ml_platform.secrets}
        shared = args.stream is not None and "jobs" in ml_platform.roles
        if shared or args.apart:
            self._secrets[PII_SALT] = self._salt()
        application = Application(
            name=NAME,
            secret="pipelines",
            generated=(ADMIN_TOKEN,) if PII_SALT in self._secrets else (ADMIN_TOKEN, PII_SALT),
            unrotated=_WHY_NO_NEW_SALT,
            asks_models=True,
            tracks=True,
            stored=bool(self._secrets),
        )
        room = args.host.room(name, application, self.child)
        running = room.serve(self._recommender())
        loop = room.work(self._loop(args.stream, running)) if args.stream else None
        if args.stream and shared:
            self._jobs(ml_platform.roles["jobs"], args.stream)
        self.publish(
            RecommenderOutputs(
                url=running.url,
                role_arn=running.role_arn,
                loop_role_arn=loop.role_arn if loop else None,
                steps=loop.steps if loop else None,
            )
        )

    def _recommender(self) -> Workload:
        stream = self._args.stream
        # MLflow hands artifacts out itself, or names their place in S3.
        storage = self._args.foundation.storage
        told = [storage.read("artifacts", prefix) for prefix in (_MODELS, _TOLD)]
        grants = [*told, storage.deliver("raw", _SHOWN), self._ml_platform.track()]
        return Workload(
            shape=self._config.shapes(loop=False)[0],
            role=NAME,
            image=self._image(NAME),
            repository=NAME,
            port=PORT,
            variables={
                **self._common(),
                **{f"MLOPS_BUCKET_{zone.upper()}": storage.buckets[zone] for zone in ("raw", "artifacts")},
            },
            function_command=("python", "-m", "recommender.lambda_handler"),
            own_variables={
                "MLOPS_MODEL_CACHE": "/tmp/models",
                "MLOPS_EXPOSED": str(self._args.host.exposed).lower(),
            },
            secrets=self._secrets,
            grants=(*grants, stream.produce()) if stream else tuple(grants),
            health_command=asked_by_python(PORT, "/health"),
            metrics="/metrics",
        )

    def _loop(self, stream: DataPipelineOutputs, recommender: Running) -> Workload:
        storage, config = self._args.foundation.storage, self._config
        # What an orchestrator trains it only watches: it takes events in, keeps features fresh and judges trials.
        watches = ("--watch",) if self._args.orchestrated else ()
        lake = [storage.erase(zone) for zone in ZONES]
        return Workload(
            shape=config.loop_shape,
            role="pipelines",
            image=self._image("pipelines"),
            repository="pipelines",
            port=LOOP_PORT,
            function_command=("lambda", *watches),
            look_seconds=config.look_seconds,
            command=("worker", "--interval", str(config.look_seconds), "--port", str(LOOP_PORT), *watches),
            variables={
                **self._common(),
                **config.retraining.environment,
                **{f"MLOPS_BUCKET_{zone.upper()}": bucket for zone, bucket in storage.buckets.items()},
                # Who cannot sign leaves it to the recommender to look at the alias by itself.
                **({} if recommender.url is None or recommender.signed else {"MLOPS_SERVING_URL": recommender.url}),
            },
            own_variables={"MLOPS_STATE": "/tmp/state", "HOST": "0.0.0.0"},
            secrets=self._secrets,
            grants=(*lake, stream.consume(), self._ml_platform.track(), recommender.way),
            probes=Probes(ready="/health", start_seconds=180),
            health_command=asked_by_python(LOOP_PORT, "/health"),
            metrics="/metrics",
        )

    def _salt(self) -> SecretValue:
        """The salt, in Secrets Manager, where pipelines of the ML platform make the same pseudonyms as the loop."""
        return generated_secret(
            f"{self.name}-secret-mlops-pii-salt",
            description=f"{PII_SALT} of {NAME} of the MLOps platform",
            unrotated=_WHY_NO_NEW_SALT,
            key_arn=self._args.foundation.keys.data,
            opts=self.child,
        )

    def _jobs(self, role: pulumi.Output[str], stream: DataPipelineOutputs) -> None:
        """Pipelines of the ML platform may run the loop as well: take events in as it does, and know the salt."""
        salt, namespace = self._secrets[PII_SALT], self._ml_platform.jobs_namespace
        aws.iam.RolePolicy(
            f"{self.name}-jobs-policy",
            role=role.apply(lambda arn: arn.rpartition("/")[2]),
            policy=policy_document([*stream.consume().statements, *salt.read()]),
            opts=self.child,
        )
        if namespace is not None:
            referred_secret(
                f"{self.name}-jobs-salt",
                "pipelines",
                {PII_SALT: salt},
                cluster=self._args.foundation.cluster,
                namespace=namespace,
                opts=self.child,
            )

    def _common(self) -> dict[str, pulumi.Input[str]]:
        args = self._args
        known: dict[str, pulumi.Input[str]] = {
            "AWS_REGION": args.foundation.region,
            "MLFLOW_TRACKING_URI": self._ml_platform.tracking_uri,
            **self._config.release.environment,
        }
        return {**known, **args.stream.client_variables()} if args.stream else known

    def _image(self, part: str) -> pulumi.Output[str]:
        return pulumi.Output.concat(self._args.foundation.registry.urls[part], ":", self._config.image_tag)
