"""The role of Pulsar's clients: a job makes it, its token and the topic, and nobody else has a superuser's token.

What the chart makes tokens for are superusers, all of them; a client needs to write and to read, and that in one
namespace.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components.data_pipeline.pulsar import values
from components.kubernetes.objects import CONTAINER_SECURITY, POD_SECURITY, manifest, name_of
from mlops.core.versions import PYTHON_IMAGE

ROLE = "client"
"""Subject of the clients' token."""
TOPICS = "public/default"
"""Tenant and namespace of topics, which Pulsar makes by itself, and on which the role has its rights."""
SECRET = f"{values.RELEASE}-token-{ROLE}"
"""Where the job keeps the token, under the key TOKEN, as the chart keeps those of superusers."""
ADMIN_PORT = 8443
_NAME = "client-role"
_USER = 65534
"""`nobody`: nothing in the image belongs to it."""
_SCRIPT = Path(__file__).with_name("introduce.py")
_HELD = "/held"
_FILES = {
    # File -> the Secret of the chart's and the key in it (its templates jwt-secret-init.yaml and _certs.tpl).
    "admin": (f"{values.RELEASE}-token-{values.SUPERUSER}", "TOKEN"),
    "ca.crt": (f"{values.RELEASE}-ca-tls", "ca.crt"),
    "key": (f"{values.RELEASE}-token-symmetric-key", "SECRETKEY"),
}


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What clients write to and read."""

    name: str
    partitions: int


def client_role(
    name: str, topic: Topic, namespace: pulumi.Output[str], chart: pulumi.Resource, opts: pulumi.ResourceOptions
) -> "k8s.batch.v1.Job":
    """Make the role and the topic once Pulsar runs; done when its token lies in the Secret."""

    def metadata(**more: object) -> dict[str, object]:
        return {"name": _NAME, "namespace": namespace, **more}

    account = k8s.core.v1.ServiceAccount(
        f"{name}-client-role-account", metadata=manifest(metadata()), automount_service_account_token=False, opts=opts
    )
    role = k8s.rbac.v1.Role(
        f"{name}-client-role-rights",
        metadata=manifest(metadata()),
        # An apply of what is not there asks for the right to create it, by its name.
        rules=[
            k8s.rbac.v1.PolicyRuleArgs(
                api_groups=[""], resources=["secrets"], resource_names=[SECRET], verbs=["create", "patch"]
            )
        ],
        opts=opts,
    )
    binding = k8s.rbac.v1.RoleBinding(
        f"{name}-client-role-binding",
        metadata=manifest(metadata()),
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": name_of(role)},
        subjects=[{"kind": "ServiceAccount", "name": name_of(account), "namespace": namespace}],
        opts=opts,
    )
    script = k8s.core.v1.ConfigMap(
        f"{name}-client-role-script",
        metadata=manifest(metadata()),
        data={"introduce.py": _SCRIPT.read_text(encoding="utf-8")},
        opts=opts,
    )
    return k8s.batch.v1.Job(
        f"{name}-client-role",
        # A job that failed is made anew by the next update instead of being waited for.
        metadata=manifest(metadata(annotations={"pulumi.com/replaceUnready": "true"})),
        spec=manifest(job(topic, name_of(account), name_of(script))),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[chart, binding])),
    )


def job(topic: Topic, account: pulumi.Input[str], script: pulumi.Input[str]) -> dict[str, object]:
    """Spec of the job, which runs again when what it does changes. It waits eight minutes for brokers, within the ten
    for which Pulumi waits. No `ttlSecondsAfterFinished`: Pulumi would find it gone and make it again."""
    told = {
        "ADMIN_URL": f"https://{values.RELEASE}-broker:{ADMIN_PORT}",
        "HELD": _HELD,
        "PARTITIONS": str(topic.partitions),
        "ROLE": ROLE,
        "KEPT_IN": SECRET,
        "TOPIC": topic.name,
        "TOPIC_NAMESPACE": TOPICS,
    }
    sources = [{"secret": {"name": secret, "items": [{"key": key, "path": file}]}}
               for file, (secret, key) in _FILES.items()]  # fmt: skip
    container = {
        "name": "introduce",
        "image": PYTHON_IMAGE,
        "command": ["python3", "/script/introduce.py"],
        "env": [{"name": variable, "value": value} for variable, value in told.items()],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "held", "mountPath": _HELD, "readOnly": True},
            {"name": "script", "mountPath": "/script", "readOnly": True},
        ],
    }
    pod = {
        "restartPolicy": "Never",
        "serviceAccountName": account,
        # It keeps the token in a Secret, and asks the API server for that.
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "securityContext": {**POD_SECURITY, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER},
        "containers": [container],
        "volumes": [
            {"name": "held", "projected": {"defaultMode": 0o440, "sources": sources}},
            {"name": "script", "configMap": {"name": script}},
        ],
    }
    digest = sha256(_SCRIPT.read_bytes()).hexdigest()[:16]
    template = {
        "metadata": {
            "labels": {"app.kubernetes.io/name": _NAME},
            "annotations": {"mlops.platform/script": digest},
        },
        "spec": pod,
    }
    return {"backoffLimit": 2, "activeDeadlineSeconds": 540, "template": template}
