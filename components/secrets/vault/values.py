"""What Vault's chart, cert-manager and External Secrets are told. Pure.

Source of keys: github.com/hashicorp/vault-helm at 0.34.1; of the configuration: Vault's documentation, "Integrated
Storage", "AWS KMS seal" and "TCP listener".
"""

from dataclasses import dataclass

import pulumi

from components.kubernetes.objects import CONTAINER_SECURITY, POD_SECURITY, SECRETS_ALLOWED
from components.kubernetes.placement import SYSTEM_NODES, requested
from mlops.core.versions import VAULT_IMAGE

NAMESPACE = SERVERS = "vault"
TLS = "vault-tls"
PORTS = (8200, 8201)
"""For clients, and between servers."""
ADDRESS = f"https://vault-active.{NAMESPACE}.svc:8200"
"""Of the server that leads."""
READER = "external-secrets"
"""Vault's role for External Secrets; namespace and account of that, which the cluster's base makes."""
ENGINE = "secret"
_CERTIFICATES = f"/vault/userconfig/{TLS}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the servers are made of."""

    replicas: int
    storage_gb: int
    storage_class: str
    account: pulumi.Output[str]
    certificate: pulumi.Output[str]
    """Name of the Secret."""
    region: str
    key_arn: pulumi.Output[str]


def servers(settings: Settings) -> dict[str, object]:
    """Helm values: servers with Raft and TLS, opened by KMS, without the injector and its webhook."""
    storage = {"enabled": True, "size": f"{settings.storage_gb}Gi", "storageClass": settings.storage_class}
    # The image's program copies its configuration before it starts.
    container = {**CONTAINER_SECURITY, "readOnlyRootFilesystem": False}
    return {
        "global": {"tlsDisable": False},
        "injector": {"enabled": False},
        "server": {
            "image": dict(zip(("repository", "tag"), VAULT_IMAGE.split(":"), strict=True)),
            "serviceAccount": {"create": True, "name": settings.account},
            "nodeSelector": SYSTEM_NODES,
            "resources": requested("vault"),
            "extraEnvironmentVars": {"VAULT_CACERT": f"{_CERTIFICATES}/ca.crt"},
            "volumes": [{"name": TLS, "secret": {"secretName": settings.certificate}}],
            "volumeMounts": [{"name": TLS, "mountPath": _CERTIFICATES, "readOnly": True}],
            "dataStorage": storage,
            "auditStorage": storage,
            # One that is sealed, or that nobody has initialised yet, is not to be started anew.
            "livenessProbe": {
                "enabled": True,
                "path": "/v1/sys/health?standbyok=true&sealedcode=204&uninitcode=204",
            },
            "statefulSet": {
                "securityContext": {
                    "pod": {**POD_SECURITY, "runAsUser": 100, "runAsGroup": 1000, "fsGroup": 1000},
                    "container": container,
                }
            },
            "standalone": {"enabled": False},
            "ha": {
                "enabled": True,
                "replicas": settings.replicas,
                "raft": {
                    "enabled": True,
                    "setNodeId": True,
                    "config": pulumi.Output.all(settings.region, settings.key_arn).apply(
                        lambda told: configuration(str(told[0]), str(told[1]), settings.replicas)
                    ),
                },
            },
        },
    }


def configuration(region: str, key_arn: str, replicas: int) -> str:
    """Vault's own configuration. Memory is not locked: a volume that is encrypted holds all that is swapped, and there
    is no swap on EKS's nodes."""
    peers = "".join(
        f'  retry_join {{\n    leader_api_addr = "https://vault-{number}.vault-internal:8200"\n'
        f'    leader_ca_cert_file = "{_CERTIFICATES}/ca.crt"\n  }}\n'
        for number in range(replicas)
    )
    return f"""ui = true
disable_mlock = true

listener "tcp" {{
  address = "[::]:8200"
  cluster_address = "[::]:8201"
  tls_cert_file = "{_CERTIFICATES}/tls.crt"
  tls_key_file = "{_CERTIFICATES}/tls.key"
}}

storage "raft" {{
  path = "/vault/data"
{peers}}}

seal "awskms" {{
  region = "{region}"
  kms_key_id = "{key_arn}"
}}

service_registration "kubernetes" {{}}
"""


def authorities() -> dict[str, dict[str, object]]:
    """What is made before the servers' certificate, in this order: an authority of their own."""
    return {
        "first-issuer": {"selfSigned": {}},
        "authority": {
            "isCA": True,
            "commonName": "vault",
            "secretName": "authority",
            "duration": "87600h",
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"},
            "issuerRef": {"name": "first-issuer", "kind": "Issuer"},
        },
        "issuer": {"ca": {"secretName": "authority"}},
    }


def certificate(replicas: int) -> dict[str, object]:
    """Spec of the servers' Certificate, by every name under which somebody asks them."""
    inside = [f"vault-{number}.vault-internal" for number in range(replicas)]
    services = [f"{name}.{NAMESPACE}{end}" for name in ("vault", "vault-active") for end in (".svc", "")]
    return {
        "secretName": TLS,
        "duration": "2160h",
        "dnsNames": [*services, "vault", *inside, "localhost"],
        "ipAddresses": ["127.0.0.1"],
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "issuerRef": {"name": "issuer", "kind": "Issuer"},
    }


def store() -> dict[str, object]:
    """Spec of the ClusterSecretStore: External Secrets logs in by its own account, for labelled namespaces only."""
    account = {"name": READER, "namespace": READER}
    return {
        "provider": {
            "vault": {
                "server": ADDRESS,
                "path": ENGINE,
                "version": "v2",
                "caProvider": {"type": "Secret", "name": TLS, "namespace": NAMESPACE, "key": "ca.crt"},
                "auth": {"kubernetes": {"mountPath": "kubernetes", "role": READER, "serviceAccountRef": account}},
            }
        },
        "conditions": [{"namespaceSelector": {"matchLabels": SECRETS_ALLOWED}}],
    }
