"""Sealed Secrets: secrets that are encrypted for one cluster, so that they can lie in Git beside what reads them.

The key that opens them is kept in AWS Secrets Manager as well, and a cluster that is made anew takes it from there:
what was sealed once can be opened as long as that secret is there.

Source of values and names: github.com/bitnami-labs/sealed-secrets at helm-v2.18.5.
"""

from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws

from components.base.component import Component
from components.base.identity import network_policy, policy_document
from components.foundation import Foundation
from components.kubernetes.objects import (
    SECRETS_ALLOWED,
    WAIT_FOR_READY,
    custom_object,
    from_namespaces,
    name_of,
    namespace,
    release,
)
from components.kubernetes.placement import on_system_nodes
from components.kubernetes.references import write_rights
from components.kubernetes.scraping import announced, let_scrapers_in
from components.secrets import SecretsConfig, SecretsOutputs
from mlops.core import versions
from mlops.core.config import Card
from mlops.core.module import Need
from mlops.core.rotation import never

NAMESPACE = "sealed-secrets"
CONTROLLER = "sealed-secrets-controller"
"""The name by which `kubeseal` looks for it."""
_ASK, _METRICS = 8080, 8081
_MADE, _KEY = "made", "sealed-secrets-key"
_LABEL = {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}
"""By which the controller finds its keys."""
_RECOVERY_DAYS = 30


class SealedSecretsConfig(SecretsConfig):
    """Sealed Secrets on the cluster."""

    card: ClassVar[Card] = Card(
        title="Sealed Secrets",
        best_for="teams whose workloads come from Git, passwords of other companies' services included",
        not_for="passwords of the platform's own: those are made where they are used, and secrets_manager rotates them",
        complexity="low",
        trade_offs="a sealed secret changes only by a commit, and whoever has the key opens all that was ever sealed",
        state="the key lies in Secrets Manager besides the cluster: a cluster that is made anew opens what was sealed",
    )
    needs: ClassVar[frozenset[Need]] = frozenset({"cluster"})

    kind: Literal["sealed_secrets"] = "sealed_secrets"

    def build(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions) -> Component[SecretsOutputs]:
        """Make the key, where it is kept, and the controller."""
        return SealedSecrets(name, foundation, opts)


class SealedSecrets(Component[SecretsOutputs]):
    """A closed namespace with the controller and its key, which came from Secrets Manager."""

    token = "mlops:index:SealedSecrets"

    def __init__(self, name: str, foundation: Foundation, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
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
        policy = network_policy(
            f"{name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=(),
            ingress_ports=[_ASK],
            # `kubeseal` comes through the API server, which has addresses of the subnets.
            ingress_from=from_namespaces(cidrs=foundation.network.private_subnet_cidrs),
            opts=self.child,
        )
        let_scrapers_in(f"{name}-scrapers", self._namespace, foundation.scrapers, (_METRICS,), self.child)
        key = self._key(self._kept())
        release(
            f"{name}-controller",
            versions.SEALED_SECRETS,
            namespace=pulumi.Output.all(self._namespace, key).apply(lambda names: str(names[0])),
            release_name="sealed-secrets",
            values=controller_values(),
            opts=self.child_with(depends_on=[policy]),
        )
        self.publish(SecretsOutputs())

    def _kept(self) -> pulumi.Output[str]:
        """ARN of the secret that outlives the cluster, known once External Secrets may use it."""
        foundation = self._foundation
        secret = aws.secretsmanager.Secret(
            f"{self.name}-key",
            description="Opens what was sealed for the cluster of the MLOps platform",
            kms_key_id=foundation.keys.data,
            recovery_window_in_days=_RECOVERY_DAYS,
            # Without this tag External Secrets refuses to write into it.
            tags={
                "managed-by": "external-secrets",
                **never("what was sealed lies in Git and opens with this key alone"),
            },
            opts=self.child,
        )
        right = aws.iam.RolePolicy(
            f"{self.name}-key-policy",
            role=foundation.cluster.external_secrets_role,
            policy=policy_document(write_rights(secret.arn, foundation.keys.data)),
            opts=self.child,
        )
        return pulumi.Output.all(secret.arn, right.id).apply(lambda values: str(values[0]))

    def _key(self, kept: pulumi.Output[str]) -> pulumi.Output[str]:
        """Name of the controller's Secret: what Secrets Manager holds, which is what was made here first."""
        store, after = (
            self._foundation.cluster.secret_store,
            self.child_with(depends_on=[self._foundation.cluster.certificates]),
        )
        issuer = custom_object(
            f"{self.name}-issuer",
            "cert-manager.io/v1",
            "Issuer",
            metadata={"name": "self", "namespace": self._namespace, "annotations": WAIT_FOR_READY},
            spec={"selfSigned": {}},
            opts=after,
        )
        made = custom_object(
            f"{self.name}-certificate",
            "cert-manager.io/v1",
            "Certificate",
            metadata={"name": _MADE, "namespace": self._namespace, "annotations": WAIT_FOR_READY},
            spec=certificate(name_of(issuer)),
            opts=self.child,
        )
        pushed = custom_object(
            f"{self.name}-push",
            "external-secrets.io/v1alpha1",
            "PushSecret",
            metadata={"name": _MADE, "namespace": self._namespace, "annotations": WAIT_FOR_READY},
            spec=pushing(store, name_of(made), kept),
            opts=self.child,
        )
        arn = pulumi.Output.all(kept, name_of(pushed)).apply(lambda values: str(values[0]))
        return name_of(
            custom_object(
                f"{self.name}-key-secret",
                "external-secrets.io/v1",
                "ExternalSecret",
                metadata={"name": _KEY, "namespace": self._namespace, "annotations": WAIT_FOR_READY},
                spec=pulling(store, arn),
                opts=self.child,
            )
        )


def certificate(issuer: pulumi.Input[str]) -> dict[str, object]:
    """Spec of the Certificate: a key that stays, and a certificate that says who it is."""
    return {
        "secretName": _MADE,
        "commonName": NAMESPACE,
        "duration": "87600h",
        "privateKey": {"algorithm": "RSA", "size": 4096, "rotationPolicy": "Never"},
        "issuerRef": {"name": issuer, "kind": "Issuer"},
    }


def pushing(store: str, source: pulumi.Input[str], arn: pulumi.Input[str]) -> dict[str, object]:
    """Spec of the PushSecret: the whole key, and only where none was kept before."""
    return {
        "refreshInterval": "1h0m0s",
        "updatePolicy": "IfNotExists",
        "deletionPolicy": "None",
        "secretStoreRefs": [{"kind": "ClusterSecretStore", "name": store}],
        "selector": {"secret": {"name": source}},
        "data": [
            {
                "match": {"remoteRef": {"remoteKey": arn}},
                "metadata": {
                    "apiVersion": "kubernetes.external-secrets.io/v1alpha1",
                    "kind": "PushSecretMetadata",
                    "spec": {"secretPushFormat": "string"},
                },
            }
        ],
    }


def pulling(store: str, arn: pulumi.Input[str]) -> dict[str, object]:
    """Spec of the ExternalSecret that the controller reads. It stays if Secrets Manager is not reached."""
    return {
        "refreshPolicy": "Periodic",
        "refreshInterval": "1h",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
        "dataFrom": [{"extract": {"key": arn}}],
        "target": {
            "name": _KEY,
            "creationPolicy": "Owner",
            "deletionPolicy": "Retain",
            "template": {"type": "kubernetes.io/tls", "metadata": {"labels": _LABEL}},
        },
    }


def controller_values() -> dict[str, object]:
    """Helm values. No further keys: one that is made by itself would be in the cluster alone."""
    return {
        **on_system_nodes("sealed-secrets"),
        "fullnameOverride": CONTROLLER,
        "keyrenewperiod": "0",
        "podAnnotations": announced(_METRICS),
        "podSecurityContext": {"enabled": True, "fsGroup": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "containerSecurityContext": {
            "enabled": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 1001,
        },
    }
