"""One consumer's own database: role, database and credentials, without a secret passing through Pulumi.

External Secrets invents the password inside the cluster and pushes it into Secrets Manager once; a job makes
the role and the database; the consumer reads its credentials from there. Neither state, plan, manifest nor log
ever holds the password: what they hold are references.
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.base.component import INTERNAL, Component
from components.base.identity import Egress, Grant, Statement, policy_document
from components.database import PORT, DatabaseOutputs
from components.database.manifests import (
    BOOTSTRAP_SQL,
    CREATES_DATABASES,
    GENERATORS,
    LOGIN,
    MASTER,
    PASSWORD,
    READY,
    SECRETS,
    BootstrapArgs,
    bootstrap_job,
    bootstrap_policy,
    consumer_secret,
    master_secret,
    push_address,
    push_password,
    stored_password,
)
from components.database.rotation import PasswordRotation
from components.kubernetes.objects import SECRETS_ALLOWED, custom_object, name_of, namespace
from mlops.core import rotation as told

if TYPE_CHECKING:
    from components.cluster import ClusterOutputs

_STAYS = told.off("set secrets to secrets_manager and its password changes every 30 days")


@dataclass(frozen=True, kw_only=True)
class DatabaseLoginArgs:
    """Who wants a database, and where it runs."""

    cluster: "ClusterOutputs"
    database: DatabaseOutputs
    consumer: str
    """Name of the consumer, of its database and of its role: lower case, digits and hyphens, at most 40."""
    namespace: pulumi.Input[str]
    """The consumer's namespace, labelled `mlops.platform/secrets: allowed`, where its credentials appear."""
    creates_databases: bool = False
    """Whether it makes further databases itself, and owns them."""


@dataclass(frozen=True, kw_only=True)
class DatabaseLoginOutputs:
    """What the consumer's pods need."""

    secret_name: pulumi.Output[str]
    """Kubernetes secret in the consumer's namespace with the keys host, port, dbname, username, password and
    uri; known once the database is there to be used."""
    grant: Grant = field(metadata=INTERNAL)
    """The way to the database. Credentials come from the secret: no AWS right is needed."""


class DatabaseLogin(Component[DatabaseLoginOutputs]):
    """A role and a database for one consumer, in a namespace of their own until they are made.

    Deleting it removes the credentials and leaves the database with its data.
    """

    token = "mlops:index:DatabaseLogin"

    def __init__(self, name: str, args: DatabaseLoginArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if not re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", args.consumer):
            raise ValueError(
                f'consumer is "{args.consumer}"; it names a database and a namespace: lower case, digits, hyphens, '
                "at most 40 characters"
            )
        super().__init__(name, opts)
        self._args = args
        self._login = args.consumer.replace("-", "_")
        stored, master = self._remote_secrets()
        self._namespace = self._own_namespace()
        pushed = self._push(stored)
        job = self._bootstrap(pushed, master)
        secret_name, store = f"{args.consumer}-database", args.cluster.secret_store
        external = self._external_secret(
            "credentials",
            secret_name,
            args.namespace,
            consumer_secret(
                store,
                secret_name,
                pushed,
                args.database.endpoint,
                PORT,
                self._login,
                rotates=args.database.rotation is not None,
            ),
        )
        if args.database.rotation:
            self._rotate(args.database.rotation, external, stored, job)
        self.publish(
            DatabaseLoginOutputs(
                secret_name=pulumi.Output.all(external, job.id).apply(lambda values: str(values[0])),
                grant=Grant(
                    resource=f"database/{args.consumer}",
                    access="connect",
                    egress=(Egress(cidrs=args.database.subnet_cidrs, ports=(PORT,)),),
                ),
            )
        )

    def _remote_secrets(self) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """ARNs of the consumer's and of the master's secret, known once External Secrets may use them."""
        database = self._args.database
        secret = aws.secretsmanager.Secret(
            f"{self.name}-secret",
            description=f"PostgreSQL password of {self._args.consumer}",
            kms_key_id=database.key_arn,
            recovery_window_in_days=database.secret_recovery_days,
            # Without this tag External Secrets refuses to write into it.
            tags={"managed-by": "external-secrets", **({} if database.rotation else _STAYS)},
            opts=self.child,
        )
        policy = aws.iam.RolePolicy(
            f"{self.name}-policy",
            role=self._args.cluster.external_secrets_role,
            policy=policy_document(secret_rights(secret.arn, database)),
            opts=self.child,
        )
        return _after(secret.arn, policy.id), _after(database.master_secret_arn, policy.id)

    def _own_namespace(self) -> pulumi.Output[str]:
        return name_of(
            namespace(
                f"{self.name}-namespace",
                f"{self._args.consumer}-database",
                security="restricted",
                labels=SECRETS_ALLOWED,
                opts=self.child_with(depends_on=list(self._args.cluster.ready)),
            )
        )

    def _push(self, stored: pulumi.Output[str]) -> pulumi.Output[str]:
        """Invent the password and push it; the secret's ARN, known once it holds a password."""
        generator = name_of(
            custom_object(
                f"{self.name}-password",
                GENERATORS,
                "Password",
                metadata={"namespace": self._namespace, "name": "password"},
                spec=PASSWORD,
                opts=self.child,
            )
        )
        push = name_of(
            custom_object(
                f"{self.name}-push",
                f"{SECRETS}/v1alpha1",
                "PushSecret",
                metadata={"namespace": self._namespace, "name": "password", "annotations": READY},
                spec=push_password(self._args.cluster.secret_store, generator, stored),
                opts=self.child,
            )
        )
        return _after(stored, push)

    def _bootstrap(self, pushed: pulumi.Output[str], master: pulumi.Output[str]) -> "k8s.batch.v1.Job":
        """The job that makes role and database; it runs again when what it does changes."""
        store = self._args.cluster.secret_store
        sql = BOOTSTRAP_SQL + (CREATES_DATABASES if self._args.creates_databases else "")
        login = self._external_secret("login", LOGIN, self._namespace, stored_password(store, pushed))
        admin = self._external_secret("master", MASTER, self._namespace, master_secret(store, master))
        script = k8s.core.v1.ConfigMap(
            f"{self.name}-script",
            metadata={"namespace": self._namespace, "name": "bootstrap"},
            data={"bootstrap.sql": sql},
            opts=self.child,
        )
        policy = k8s.networking.v1.NetworkPolicy(
            f"{self.name}-network-policy",
            metadata={"namespace": self._namespace, "name": "bootstrap"},
            spec=bootstrap_policy(self._args.database.subnet_cidrs, PORT),
            opts=self.child,
        )
        return k8s.batch.v1.Job(
            f"{self.name}-bootstrap",
            metadata={
                "namespace": self._namespace,
                "name": "bootstrap",
                # A job that failed is made anew by the next update instead of being waited for.
                "annotations": {"pulumi.com/replaceUnready": "true"},
            },
            spec=bootstrap_job(
                BootstrapArgs(
                    host=self._args.database.endpoint,
                    port=PORT,
                    login=self._login,
                    master_secret=admin,
                    login_secret=login,
                    script=script.metadata.apply(lambda metadata: str(metadata.name)),
                    sql=sql,
                )
            ),
            # No data leads from a network policy to the pods that it closes.
            opts=self.child_with(depends_on=[policy]),
        )

    def _rotate(
        self,
        rotation: PasswordRotation,
        credentials: pulumi.Output[str],
        stored: pulumi.Output[str],
        made: pulumi.Resource,
    ) -> None:
        """Have the password changed, once the secret says where it is one for and the role is there."""
        address = custom_object(
            f"{self.name}-address",
            f"{SECRETS}/v1alpha1",
            "PushSecret",
            metadata={
                "namespace": self._args.namespace,
                "name": f"{self._args.consumer}-address",
                "annotations": READY,
            },
            spec=push_address(self._args.cluster.secret_store, credentials, stored),
            opts=self.child,
        )
        rotation.of(f"{self.name}-rotation", stored, [address, made], self.child)

    def _external_secret(
        self, role: str, name: str, where: pulumi.Input[str], spec: dict[str, object]
    ) -> pulumi.Output[str]:
        """A Kubernetes secret that External Secrets fills; its name, known once it is filled."""
        return name_of(
            custom_object(
                f"{self.name}-{role}",
                f"{SECRETS}/v1",
                "ExternalSecret",
                metadata={"namespace": where, "name": name, "annotations": READY},
                spec=spec,
                opts=self.child,
            )
        )


def secret_rights(secret_arn: pulumi.Output[str], database: DatabaseOutputs) -> list[Statement]:
    """What External Secrets needs for one login, and no more.

    It deletes the secret's resource policy on every push, whether there is one or not. Source:
    `putSecretValueWithContext` in external-secrets, providers/v1/aws/secretsmanager/secretsmanager.go.
    """
    read = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
    write = ("secretsmanager:DeleteResourcePolicy", "secretsmanager:PutSecretValue")
    return [
        Statement(actions=read, resources=(database.master_secret_arn,)),
        Statement(actions=(*read, *write), resources=(secret_arn,)),
        Statement(
            actions=("kms:Decrypt", "kms:GenerateDataKey"),
            resources=(database.key_arn,),
            conditions={"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}},
        ),
    ]


def _after(value: pulumi.Output[str], event: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.all(value, event).apply(lambda values: str(values[0]))
