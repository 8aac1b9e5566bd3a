"""AWS Secrets Manager, which changes the passwords of the database's logins by itself.

What changes them is AWS's own function, deployed from its repository of serverless applications; who reads them is
started anew. Where secrets lie and how pods get them stays as it is without this module.

Source of names and parameters: Secrets Manager user guide, "Secrets Manager rotation function templates", and
aws-secretsmanager/lib/secret-rotation.ts of aws/aws-cdk at 0b89b3c3; github.com/stakater/Reloader at 655a2b38.
"""

from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.client_group import client_group
from components.base.component import Component
from components.base.identity import Egress, Grant, network_policy
from components.base.watched import Watched
from components.database import PORT
from components.database.rotation import ROTATES, PasswordRotation
from components.foundation import Foundation
from components.kubernetes.objects import CONTAINER_SECURITY, name_of, namespace, release
from components.kubernetes.placement import SYSTEM_NODES, Controllers, requested
from components.secrets import SecretsConfig, SecretsOutputs
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.module import Need

_APPLICATION = (
    "arn:aws:serverlessrepo:us-east-1:297356227824:applications/SecretsManagerRDSPostgreSQLRotationSingleUser"
)
_NOT_IN_PASSWORDS = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}"
"""All punctuation but what stands in a URI as it is (RFC 3986, "Unreserved Characters"): passwords become parts of
addresses."""


class SecretsManagerConfig(SecretsConfig):
    """AWS Secrets Manager with rotation."""

    card: ClassVar[Card] = Card(
        title="AWS Secrets Manager with rotation",
        best_for="passwords that nobody knows and that change by themselves, with nothing to run for it",
        not_for="secrets that are handed out for an hour and taken back: those are vault's",
        complexity="low",
        trade_offs="servers that read a login are started anew when its password changes, one replica after another; "
        "until they are, up to five minutes, they open no new connection to the database",
        state="secrets lie in Secrets Manager, which keeps deleted ones for as many days as the settings say",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster", "database"})
    endpoints: ClassVar[frozenset[str]] = frozenset({"secretsmanager"})

    kind: Literal["secrets_manager"] = "secrets_manager"
    rotate_every_days: int = Field(default=30, ge=1, le=1000)
    """Days after which the password of a login to the database changes. Auditors ask for 90 at most."""

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[SecretsOutputs]:
        """Make what changes passwords, and what tells their readers."""
        return SecretsManager(name, self, foundation, opts)


class SecretsManager(Component[SecretsOutputs]):
    """A function in the database's network that changes passwords, and a controller that restarts who reads them."""

    token = "mlops:index:SecretsManager"

    def __init__(
        self,
        name: str,
        config: SecretsManagerConfig,
        foundation: Foundation,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._foundation = foundation
        self._reloader()
        rotation = PasswordRotation(function_arn=self._function(), every_days=config.rotate_every_days)
        function = rotation.function_arn.apply(lambda arn: arn.rpartition(":")[2])
        watched = Watched(what="rotation", namespace="AWS/Lambda", dimensions={"FunctionName": function})
        self.publish(SecretsOutputs(rotation=rotation, watched=(watched,)))

    def _function(self) -> pulumi.Output[str]:
        foundation, database = self._foundation, self._foundation.database
        way = Egress(cidrs=database.subnet_cidrs, ports=(PORT,), group=database.security_group_id)
        group = client_group(
            f"{self.name}-rotation",
            vpc_id=foundation.network.vpc_id,
            label=f"{foundation.prefix}-rotation",
            grants=(Grant(resource="database", access="connect", egress=(way,)),),
            opts=self.child,
        )
        subnets = pulumi.Output.all(*foundation.network.private_subnet_ids)
        stack = aws.serverlessrepository.CloudFormationStack(
            f"{self.name}-rotation",
            name=f"{foundation.prefix}-rotation",
            application_id=_APPLICATION,
            semantic_version=versions.ROTATION_FUNCTION,
            capabilities=["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"],
            parameters={
                "functionName": f"{foundation.prefix}-rotation",
                "endpoint": f"https://secretsmanager.{foundation.region}.amazonaws.com",
                "vpcSubnetIds": subnets.apply(lambda ids: ",".join(map(str, ids))),
                "vpcSecurityGroupIds": group.id,
                "kmsKeyArn": database.key_arn,
                "excludeCharacters": _NOT_IN_PASSWORDS,
            },
            opts=self.child,
        )
        return stack.outputs.apply(lambda outputs: str(outputs["RotationLambdaARN"]))

    def _reloader(self) -> None:
        """Pods have the password in their environment: who reads a Secret with the label is started anew."""
        cluster = self._foundation.cluster
        space = name_of(
            namespace(
                f"{self.name}-reloader-namespace",
                "reloader",
                security="restricted",
                labels={},
                opts=self.child_with(depends_on=list(cluster.ready)),
            )
        )
        closed = network_policy(
            f"{self.name}-reloader-network-policy",
            namespace=space,
            selector={},
            grants=(),
            ingress_ports=(),
            opts=self.child,
        )
        release(
            f"{self.name}-reloader",
            versions.RELOADER,
            namespace=space,
            release_name="reloader",
            values=reloader_values(cluster.controllers),
            opts=self.child_with(depends_on=[closed]),
        )


def reloader_values(controllers: Controllers) -> dict[str, object]:
    """Helm values: whatever reads a Secret with the label is started anew when that changes, and nothing else."""
    several = controllers.replicas > 1
    return {
        "reloader": {
            "autoReloadAll": True,
            "resourceLabelSelector": ",".join(f"{key}={value}" for key, value in ROTATES.items()),
            "ignoreConfigMaps": True,
            # A job has its password when it starts.
            "ignoreJobs": True,
            "ignoreCronJobs": True,
            "reloadStrategy": "annotations",
            "enableHA": several,
            "readOnlyRootFileSystem": True,
            "deployment": {
                "replicas": controllers.replicas,
                "nodeSelector": SYSTEM_NODES,
                "containerSecurityContext": CONTAINER_SECURITY,
                "resources": requested("reloader"),
            },
            "podDisruptionBudget": {"enabled": several, "maxUnavailable": 1},
        }
    }
