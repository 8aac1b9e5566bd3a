"""HashiCorp Vault on the cluster: three servers with Raft, opened by KMS, that hand out and take back secrets.

It is for teams' secrets; the platform's own stay in Secrets Manager, which is there before any pod. Pods get both the
same way: External Secrets has a second store, `vault`, that a team's ExternalSecret names.
"""

from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pydantic import Field

from components.base.component import Component
from components.base.identity import Grant, Identity, IdentityArgs, Statement, network_policy
from components.foundation import Foundation
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    WAIT_FOR_READY,
    custom_object,
    from_namespaces,
    manifest,
    name_of,
    namespace,
    release,
    service_account,
    to_services,
)
from components.secrets import SecretsConfig, SecretsOutputs
from components.secrets.vault import jobs, values
from components.secrets.vault.values import NAMESPACE, PORTS
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.module import Need, StackFacts
from mlops.core.rotation import never

_ZONE, _FOLDER = "artifacts", "vault"
_SEEKER = {"kubernetes.io/metadata.name": "external-secrets"}
"""Label of the namespace of External Secrets, which reads for everybody."""


class VaultConfig(SecretsConfig):
    """HashiCorp Vault on the cluster."""

    card: ClassVar[Card] = Card(
        title="HashiCorp Vault",
        best_for="many teams with secrets of their own, secrets that live for an hour, and a log of who read what",
        not_for="a team that only wants passwords to change: secrets_manager does that with nothing to run; or to sell "
        "what is built on it: its licence (Business Source License 1.1) forbids offering it to others",
        complexity="high",
        trade_offs="three servers to upgrade one by one, for versions are changed pod by pod and by hand",
        state="secrets lie on the servers' volumes, and as snapshots in the lake, zone artifacts, folder vault; `vault "
        "operator raft snapshot restore` brings one back, and the key of KMS that sealed it opens it",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})
    exported: ClassVar[frozenset[str]] = frozenset({"vaultRecoverySecret"})

    kind: Literal["vault"] = "vault"
    replicas: Literal[1, 3, 5] = 3
    """Servers, each on a node of its own; more than half of them must live."""
    storage_gb: int = Field(default=10, ge=1, le=16_384)
    """Volume of each server for secrets, and one of the same size for its audit log, GiB."""
    snapshot_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = 24
    """Hours between two snapshots into the lake: so much is lost at most."""

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Each server runs on a node of its own."""
        nodes = stack.group_sizes.get("system", 0)
        if not stack.group_sizes or nodes >= self.replicas:
            return ()
        sentence = (
            f"vault.replicas is {self.replicas}, each on a node of its own, and cluster.system grows to {nodes}; raise "
            f"cluster.system.max_size to {self.replicas}, or lower replicas"
        )
        return (sentence,)

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[SecretsOutputs]:
        """Make the servers, what initialises them, and what keeps snapshots."""
        return Vault(name, self, foundation, opts)


class Vault(Component[SecretsOutputs]):
    """A closed namespace with the servers, their certificates, a job that sets them up, and one that saves them."""

    token = "mlops:index:Vault"

    def __init__(
        self, name: str, config: VaultConfig, foundation: Foundation, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        self._foundation = foundation
        self._namespace = name_of(
            namespace(
                f"{name}-namespace",
                NAMESPACE,
                security="restricted",
                labels=SECRETS_ALLOWED,
                opts=self.child_with(depends_on=list(foundation.cluster.ready)),
            )
        )
        self._policy = network_policy(
            f"{name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=(Grant(resource="secrets", access="reach", egress=(to_services(foundation.network, PORTS),)),),
            ingress_ports=PORTS,
            ingress_from=from_namespaces(_SEEKER),
            opts=self.child,
        )
        servers = self._servers(self._certificate())
        recovery = self._recovery()
        set_up = self._set_up(servers, recovery)
        self._snapshots(set_up)
        custom_object(
            f"{name}-store",
            "external-secrets.io/v1",
            "ClusterSecretStore",
            metadata={"name": "vault", "annotations": WAIT_FOR_READY},
            spec=values.store(),
            opts=self.child_with(depends_on=[set_up]),
        )
        self.publish(SecretsOutputs(exports={"vaultRecoverySecret": recovery}))

    def _certificate(self) -> pulumi.Output[str]:
        """Name of the Secret with the servers' certificate, by an authority that is theirs alone."""
        after, issuer = self.child_with(depends_on=[self._foundation.cluster.certificates]), None
        for role, spec in values.authorities().items():
            kind = "Issuer" if "issuer" in role else "Certificate"
            issuer = custom_object(
                f"{self.name}-{role}",
                "cert-manager.io/v1",
                kind,
                metadata={"name": role, "namespace": self._namespace, "annotations": WAIT_FOR_READY},
                spec=spec,
                opts=after,
            )
            # Each is made with the one before.
            after = self.child_with(depends_on=[issuer])
        made = custom_object(
            f"{self.name}-certificate",
            "cert-manager.io/v1",
            "Certificate",
            metadata={"name": values.TLS, "namespace": self._namespace, "annotations": WAIT_FOR_READY},
            spec=values.certificate(self._config.replicas),
            opts=after,
        )
        return name_of(made)

    def _account(self, role: str, *grants: Grant) -> pulumi.Output[str]:
        """Name of a service account that is known once its rights are there."""
        args = IdentityArgs(
            cluster=self._foundation.cluster, namespace=self._namespace, service_account=role, grants=grants
        )
        identity = Identity(f"{self.name}-{role}", args, self.child).outputs
        if role == values.SERVERS:
            # The chart makes it, with what it needs on the cluster.
            return identity.service_account
        return service_account(f"{self.name}-{role}-account", identity, namespace=self._namespace, opts=self.child)

    def _servers(self, certificate: pulumi.Output[str]) -> pulumi.Resource:
        foundation = self._foundation
        key = foundation.keys.data
        unseal = Statement(actions=("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"), resources=(key,))
        settings = values.Settings(
            replicas=self._config.replicas,
            storage_gb=self._config.storage_gb,
            storage_class=foundation.cluster.storage_class,
            account=self._account(values.SERVERS, Grant(resource="keys/data", access="unseal", statements=(unseal,))),
            certificate=certificate,
            region=foundation.region,
            key_arn=key,
        )
        return release(
            f"{self.name}-servers",
            versions.VAULT,
            namespace=self._namespace,
            release_name="vault",
            values=values.servers(settings),
            # They are ready once the job has initialised them.
            awaited=False,
            opts=self.child_with(depends_on=[self._policy]),
        )

    def _recovery(self) -> pulumi.Output[str]:
        """ARN of the secret with the keys by which people get in when nothing else works."""
        foundation = self._foundation
        secret = aws.secretsmanager.Secret(
            f"{self.name}-recovery",
            description="Recovery keys of Vault, written once when it is initialised",
            kms_key_id=foundation.keys.data,
            recovery_window_in_days=30,
            tags=never("made once when Vault starts: vault operator rekey makes new ones and somebody puts them here"),
            opts=self.child,
        )
        return secret.arn

    def _set_up(self, servers: pulumi.Resource, recovery: pulumi.Output[str]) -> pulumi.Resource:
        """The job that initialises Vault, keeps what that gives, and opens it to the cluster."""
        key = self._foundation.keys.data
        keep = Grant(
            resource="secrets/recovery",
            access="write",
            statements=(
                Statement(actions=("secretsmanager:PutSecretValue",), resources=(recovery,)),
                Statement(actions=("kms:Decrypt", "kms:GenerateDataKey"), resources=(key,)),
            ),
        )
        spec = jobs.set_up(self._account("set-up", keep), recovery, self._foundation.region)
        return k8s.batch.v1.Job(
            f"{self.name}-set-up",
            metadata={
                "name": "set-up",
                "namespace": self._namespace,
                "annotations": {"pulumi.com/replaceUnready": "true"},
            },
            spec=manifest(spec),
            opts=self.child_with(depends_on=[servers]),
        )

    def _snapshots(self, set_up: pulumi.Resource) -> None:
        storage = self._foundation.storage
        account = self._account(jobs.SNAPSHOT, storage.write(_ZONE, f"{_FOLDER}/"))
        place = pulumi.Output.concat("s3://", storage.buckets[_ZONE], f"/{_FOLDER}/")
        k8s.batch.v1.CronJob(
            f"{self.name}-snapshot",
            metadata={"name": jobs.SNAPSHOT, "namespace": self._namespace},
            spec=manifest(jobs.snapshots(account, place, self._config.snapshot_hours, self._foundation.region)),
            opts=self.child_with(depends_on=[set_up]),
        )
