"""Who reaches Pulsar, and what clients are known by."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.base.identity import policy_document
from components.base.secret import SecretValue
from components.data_pipeline.pulsar import values
from components.data_pipeline.pulsar.client_role import SECRET
from components.foundation import Foundation
from components.kubernetes.objects import WAIT_FOR_READY, custom_object, manifest, name_of
from components.kubernetes.references import write_rights
from mlops.core.rotation import never

TOKEN, AUTHORITY = "MLOPS_STREAM_TOKEN", "MLOPS_STREAM_CA"
TLS_PORT = 6651
PROXIES = {"app": values.RELEASE, "component": "proxy", "release": values.RELEASE}
"""Labels of the pods that clients reach."""
_RECOVERY_DAYS = 7
"""Least that Secrets Manager takes: what it holds is made anew with the next Pulsar."""
_HELD: Mapping[str, tuple[str, str]] = {
    TOKEN: (SECRET, "TOKEN"),
    AUTHORITY: (f"{values.RELEASE}-ca-tls", "ca.crt"),
}
"""Variable of a client -> the Secret on the cluster that holds its value, and under which key: what the job of
`client_role` made, and the authority of the chart's template _certs.tpl."""


def inside(name: str, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> "k8s.networking.v1.NetworkPolicy":
    """Pulsar's pods reach one another, names, AWS and the API server, and nothing else."""
    own = [{"podSelector": {}}]
    names = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    agent = [{"ipBlock": {"cidr": "169.254.170.23/32"}}]
    spec = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": own}],
        "egress": [
            {"to": own},
            {"ports": names},
            {"to": agent, "ports": [{"protocol": "TCP", "port": 80}]},
            {"ports": [{"protocol": "TCP", "port": 443}]},
        ],
    }
    return _policy(name, "inside", namespace, spec, opts)


def to_proxies(
    name: str, namespace: pulumi.Input[str], blocks: Sequence[pulumi.Input[str]], opts: pulumi.ResourceOptions
) -> "k8s.networking.v1.NetworkPolicy":
    """The proxies' one port, for pods of the cluster and, through the load balancer, for whoever runs outside."""
    clients = [{"namespaceSelector": {}}, *({"ipBlock": {"cidr": block}} for block in blocks)]
    spec = {
        "podSelector": {"matchLabels": PROXIES},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": clients, "ports": [{"protocol": "TCP", "port": TLS_PORT}]}],
    }
    return _policy(name, "proxy", namespace, spec, opts)


def _policy(
    name: str,
    physical: str,
    namespace: pulumi.Input[str],
    spec: Mapping[str, object],
    opts: pulumi.ResourceOptions,
) -> "k8s.networking.v1.NetworkPolicy":
    return k8s.networking.v1.NetworkPolicy(
        name,
        metadata=k8s.meta.v1.ObjectMetaArgs(name=physical, namespace=namespace),
        spec=manifest(spec),
        opts=opts,
    )


def client_secret(
    name: str,
    foundation: Foundation,
    namespace: pulumi.Output[str],
    after: pulumi.Resource,
    opts: pulumi.ResourceOptions,
) -> dict[str, SecretValue]:
    """A secret in Secrets Manager that External Secrets keeps as the cluster has it; its values by variable.

    Neither program nor state ever holds a value: what they hold are names.

    Args:
        after: what makes the values.
    """
    cluster, key_arn = foundation.cluster, foundation.keys.data
    secret = aws.secretsmanager.Secret(
        f"{name}-client-secret",
        description="What clients of Pulsar are known by, and what they know it by",
        kms_key_id=key_arn,
        recovery_window_in_days=_RECOVERY_DAYS,
        # Without this tag External Secrets refuses to write into it.
        tags={
            "managed-by": "external-secrets",
            **never("Pulsar knows tokens by a key of its own: a new one ends every client at once"),
        },
        opts=opts,
    )
    right = aws.iam.RolePolicy(
        f"{name}-client-secret-policy",
        role=cluster.external_secrets_role,
        policy=policy_document(write_rights(secret.arn, key_arn)),
        opts=opts,
    )
    before: list[pulumi.Resource] = [after, right]
    for variable, (source, key) in _HELD.items():
        pushed = custom_object(
            f"{name}-push-{source}",
            "external-secrets.io/v1alpha1",
            "PushSecret",
            metadata={"name": source, "namespace": namespace, "annotations": WAIT_FOR_READY},
            spec=pushing(cluster.secret_store, source, key, secret.arn, variable),
            # One after the other: both write into the same secret.
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=before)),
        )
        before = [pushed]
    full = pulumi.Output.all(secret.arn, name_of(before[0])).apply(lambda held: str(held[0]))
    return {variable: SecretValue(arn=full, key=variable, key_arn=key_arn) for variable in _HELD}


def pushing(store: str, source: str, key: str, secret_arn: pulumi.Input[str], variable: str) -> dict[str, object]:
    """Spec of a PushSecret: one key of a Secret on the cluster, into one key of a secret outside, whenever it changes.

    `deletionPolicy` None: the secret belongs to Pulumi, which deletes it.
    """
    return {
        "refreshInterval": "1h0m0s",
        "updatePolicy": "Replace",
        "deletionPolicy": "None",
        "secretStoreRefs": [{"kind": "ClusterSecretStore", "name": store}],
        "selector": {"secret": {"name": source}},
        "data": [
            {
                "match": {"secretKey": key, "remoteRef": {"remoteKey": secret_arn, "property": variable}},
                "metadata": {
                    "apiVersion": "kubernetes.external-secrets.io/v1alpha1",
                    "kind": "PushSecretMetadata",
                    "spec": {"secretPushFormat": "string"},
                },
            }
        ],
    }
