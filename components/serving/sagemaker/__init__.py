"""SageMaker endpoints: a model of the settings becomes an endpoint that AWS runs, without a cluster.

A model server is an image of the platform's own registry that answers as SageMaker asks: `GET /ping` and
`POST /invocations` on port 8080, the model below `/opt/ml/model`. `mlflow sagemaker build-and-push-container` makes
one. Models are read from the lake as they lie there.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.identity import Grant, Statement
from components.base.release import Strategy
from components.base.security_group import way_out
from components.base.service_role import service_role
from components.base.watched import Watched
from components.foundation import Foundation
from components.ml_platform import MlPlatformOutputs
from components.ml_platform.sagemaker.access import in_the_network, logs
from components.network.endpoints import of_services
from components.serving import ModelConfig, Released, Served, ServingConfig, ServingOutputs
from components.serving.kubernetes.kserve import reading, split_uri
from components.serving.sagemaker import parts, rollout, scaling
from components.serving.sagemaker.modes import (
    Asynchronous,
    Mode,
    RealTime,
    Serverless,
    problems,
    takes_a_key,
    unavailable,
)
from mlops.core.config import Card
from mlops.core.fields import Form, Unique
from mlops.core.fields.aws import KeyArn
from mlops.core.fields.kubernetes import ShortName
from mlops.core.module import StackFacts

STABLE = "stable"
"""Name of the variant of `storage_uri`; the other one is called what the trial is."""

RegistryImage = Annotated[
    str,
    Form(
        r"[a-z0-9]+(?:[._/-][a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]*",
        "a repository of the platform's registry and a tag, `mlflow-pyfunc:3.17.2`",
        most=300,
    ),
]
ServerFormat = Annotated[str, Form("[a-z][a-z0-9-]*", "the name of a model format in lower case, `mlflow`", most=40)]


class SageMakerServingConfig(ServingConfig):
    """Models on SageMaker endpoints."""

    kind: Literal["sagemaker"] = "sagemaker"
    card: ClassVar[Card] = Card(
        title="Amazon SageMaker endpoints",
        best_for="models without a cluster: each scales by itself, in instances, in requests, or from a queue",
        not_for="containers of your own, the recommender among them; many small models, each of which has an instance",
        complexity="low",
        trade_offs="nothing to run, for instances a fifth dearer than EC2's own and an API that clients sign for",
        state="none of its own: models lie in the lake, what asynchronous endpoints answer too, and an `up` makes "
        "the rest",
    )
    serves: ClassVar[frozenset[Served]] = frozenset({"models"})
    strategies: ClassVar[Mapping[Released, frozenset[Strategy]]] = {
        **ServingConfig.strategies,
        "artifact": frozenset(get_args(Strategy)),
    }
    moves: ClassVar[frozenset[Strategy]] = frozenset({"canary"})
    endpoints: ClassVar[frozenset[str]] = of_services(("ecr", "ec2", "kms", "logs", "sagemaker", "sts"))

    mode: Mode = RealTime()
    """How endpoints run: `real-time`, `serverless` or `asynchronous`."""
    modes: dict[ShortName, Mode] = Field(default={}, max_length=500)
    """Model -> how its endpoint runs, where it differs."""
    servers: dict[ServerFormat, RegistryImage] = Field(default={"mlflow": "mlflow-pyfunc:3.17.2"}, max_length=40)
    """Format -> the image that serves it, of the platform's registry; add its repository to registry.repositories. An
    endpoint fails until the image is pushed."""
    storage_key_arns: Annotated[tuple[KeyArn, ...], Unique(most=50)] = ()
    """KMS keys of foreign buckets that models lie in."""

    def mode_of(self, model: str) -> RealTime | Serverless | Asynchronous:
        """How a model's endpoint runs."""
        return self.modes.get(model, self.mode)

    @property
    def captured(self) -> frozenset[str]:
        """Those of endpoints in real time that capture a share."""
        modes = ((model.name, self.mode_of(model.name)) for model in self.models)
        return frozenset(name for name, mode in modes if isinstance(mode, RealTime) and mode.capture_percent)

    @model_validator(mode="after")
    def _models_can_be_served(self) -> "SageMakerServingConfig":
        wrong: list[str] = []
        names = [model.name for model in self.models]
        wrong += [
            f"modes names {name}, which is no model; allowed: {', '.join(names) or 'none'}"
            for name in self.modes
            if name not in names
        ]
        for model in self.models:
            if model.format not in self.servers:
                wrong.append(
                    f'model {model.name} has format "{model.format}", which no server takes; '
                    f"allowed: {', '.join(self.servers)}. Or name the image that serves it in servers"
                )
            wrong += problems(model, self.mode_of(model.name))
            wrong += rollout.problems(model, self.mode_of(model.name))
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Instances have to be there, images to have a repository, and models run in private subnets."""
        found = [
            problem
            for model in self.models
            if (problem := unavailable(model.name, self.mode_of(model.name), stack.region))
        ]
        wanted = {self.servers[model.format].partition(":")[0] for model in self.models}
        if missing := sorted(wanted - stack.repositories):
            found.append(
                f"models are served by images of {', '.join(missing)}, and registry.repositories lacks "
                f"{'it' if len(missing) == 1 else 'them'}; add {', '.join(missing)} there"
            )
        if self.models and not stack.private_subnets:
            found.append("models run in private subnets, and network.mode public has none; set network.mode to private")
        return tuple(found)

    def build(
        self,
        name: str,
        foundation: Foundation,
        ml_platform: MlPlatformOutputs | None,
        opts: pulumi.ResourceOptions,
    ) -> Component[ServingOutputs]:
        """Make an endpoint for each model."""
        return SageMakerServing(name, self, foundation, opts)


class SageMakerServing(Component[ServingOutputs]):
    """A role that reads models, a closed security group, and an endpoint with its variants for each model."""

    token = "mlops:index:SageMakerServing"

    def __init__(
        self,
        name: str,
        config: SageMakerServingConfig,
        foundation: Foundation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        self._role = self._execution_role()
        self._group = self._security_group()
        made = {model.name: self._endpoint(model) for model in config.models}
        statements = [Statement(actions=_ASK, resources=tuple(one.arn for one in made.values()))] if made else []
        self.publish(
            ServingOutputs(
                endpoints={model: self._url(endpoint.name, config.mode_of(model)) for model, endpoint in made.items()},
                protocol="sagemaker",
                invoke_statements=tuple(statements),
                captured=config.captured,
                watched=tuple(
                    Watched(
                        what=model.name if variant == STABLE else f"{model.name}-{variant}",
                        namespace="AWS/SageMaker",
                        dimensions={"EndpointName": made[model.name].name, "VariantName": variant},
                    )
                    for model in config.models
                    for variant in filter(None, (STABLE, model.trial))
                ),
            )
        )

    def _url(self, endpoint: pulumi.Output[str], mode: RealTime | Serverless | Asynchronous) -> pulumi.Output[str]:
        way = "async-invocations" if isinstance(mode, Asynchronous) else "invocations"
        host = f"https://runtime.sagemaker.{self._foundation.region}.amazonaws.com"
        return pulumi.Output.concat(f"{host}/endpoints/", endpoint, f"/{way}")

    def _execution_role(self) -> pulumi.Output[str]:
        """ARN of the role that containers have, known once it has its rights."""
        foundation, config = self._foundation, self._config
        used = sorted({config.servers[model.format].partition(":")[0] for model in config.models})
        modes = [config.mode_of(model.name) for model in config.models]
        grants: list[Grant] = [
            *reading(config.models, config.storage_key_arns, foundation.storage),
            *(foundation.registry.pull(repository) for repository in used),
            in_the_network(foundation),
            logs(foundation),
            parts.metrics(),
            parts.volumes(foundation.keys.data),
        ]
        if any(isinstance(mode, RealTime) and mode.capture_percent for mode in modes):
            grants.append(foundation.storage.write("raw", parts.CAPTURED))
        if any(isinstance(mode, Asynchronous) for mode in modes):
            grants += [foundation.storage.write("artifacts", prefix) for prefix in (parts.ANSWERS, parts.FAILURES)]
        return service_role(
            self.name,
            description="Models of the MLOps platform on SageMaker",
            service="sagemaker.amazonaws.com",
            key_arn=foundation.keys.data,
            statements=[statement for grant in grants for statement in grant.statements],
            opts=self.child,
        )

    def _security_group(self) -> "aws.ec2.SecurityGroup":
        """Nobody in, and out to AWS's own APIs."""
        group = aws.ec2.SecurityGroup(
            f"{self.name}-security-group",
            vpc_id=self._foundation.network.vpc_id,
            description="Models on SageMaker",
            tags={"Name": self.name},
            opts=self.child,
        )
        way_out(f"{self.name}-to-apis", group, opts=self.child)
        return group

    def _model(self, model: ModelConfig, variant: str, uri: str) -> pulumi.Output[str]:
        """Name of a model of SageMaker's: an image and the folder that it serves."""
        foundation, mode = self._foundation, self._config.mode_of(model.name)
        bucket, path = split_uri(uri)
        repository, _, tag = self._config.servers[model.format].partition(":")
        source = aws.sagemaker.ModelPrimaryContainerModelDataSourceS3DataSourceArgs(
            s3_uri=pulumi.Output.concat("s3://", bucket or foundation.storage.buckets["artifacts"], f"/{path}/"),
            s3_data_type="S3Prefix",
            compression_type="None",
        )
        inside = not isinstance(mode, Serverless)
        made = aws.sagemaker.Model(
            f"{self.name}-{model.name}-{variant}",
            execution_role_arn=self._role,
            primary_container=aws.sagemaker.ModelPrimaryContainerArgs(
                image=pulumi.Output.concat(foundation.registry.urls[repository], ":", tag),
                model_data_source=aws.sagemaker.ModelPrimaryContainerModelDataSourceArgs(s3_data_sources=[source]),
            ),
            # A serverless endpoint can have neither: AWS runs it outside the network.
            enable_network_isolation=inside,
            vpc_config=aws.sagemaker.ModelVpcConfigArgs(
                subnets=list(foundation.network.private_subnet_ids), security_group_ids=[self._group.id]
            )
            if inside
            else None,
            opts=self.child,
        )
        return made.name

    def _endpoint(self, model: ModelConfig) -> "aws.sagemaker.Endpoint":
        mode = self._config.mode_of(model.name)
        buckets, shadowed = self._foundation.storage.buckets, model.release.strategy == "shadow"
        share = 0 if shadowed else model.share
        variants = [parts.variant(STABLE, self._model(model, STABLE, model.storage_uri), model, mode, 100 - share)]
        shadows = None
        if model.candidate_uri and model.trial:
            tried = self._model(model, model.trial, model.candidate_uri)
            if shadowed and isinstance(mode, RealTime):
                shadows = [parts.shadow(model.trial, tried, model, mode, model.share)]
            else:
                variants.append(parts.variant(model.trial, tried, model, mode, share))
        configuration = aws.sagemaker.EndpointConfiguration(
            f"{self.name}-{model.name}-config",
            production_variants=variants,
            shadow_production_variants=shadows,
            kms_key_arn=self._key(mode),
            data_capture_config=parts.capture(model, mode, buckets["raw"], self._foundation.keys.data),
            async_inference_config=parts.queue(model, mode, buckets["artifacts"], self._foundation.keys.data),
            opts=self.child,
        )
        # By a name of its own, so that clients, rights and alarms know it beforehand.
        physical = f"{self._foundation.prefix}-{model.name}"
        endpoint = aws.sagemaker.Endpoint(
            f"{self.name}-{model.name}-endpoint",
            name=physical,
            endpoint_config_name=configuration.name,
            deployment_config=rollout.deployment(f"{self.name}-{model.name}", physical, STABLE, model, self.child),
            opts=self.child,
        )
        if not isinstance(mode, Serverless) and model.max_replicas > max(model.min_replicas, 0):
            for variant in filter(None, (STABLE, None if shadowed else model.trial)):
                scaling.follow(f"{self.name}-{model.name}", endpoint.name, variant, model, mode, self.child)
        return endpoint

    def _key(self, mode: RealTime | Serverless | Asynchronous) -> pulumi.Output[str] | None:
        encrypted = not isinstance(mode, Serverless) and takes_a_key(mode.instance_type)
        return self._foundation.keys.data if encrypted else None


_ASK = ("sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointAsync")
