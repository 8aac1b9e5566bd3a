"""The user as whom workloads outside the cluster track, where the settings name none: AWS makes the password and keeps
it for them, and a Job tells the server of it. Nobody sees it.

Source: MLflow 3.17, mlflow/server/auth: `POST users/create` and `PATCH users/update-password` of the administrator.
"""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.base.generated_secret import generated_secret
from components.base.identity import Grant, network_policy
from components.base.secret import SecretValue
from components.foundation import Foundation
from components.kubernetes.objects import CONTAINER_SECURITY, POD_SECURITY, from_secret, manifest, to_services
from components.kubernetes.references import referred_secret
from components.ml_platform.mlflow.auth import ADMIN_PASSWORD, PORT, SECRET, BasicAuth, NoAuth, OidcAuth, tracked_as

USER = "workloads"
_LABELS = {"app.kubernetes.io/name": "mlflow-users", "app.kubernetes.io/part-of": "mlflow-users"}
_SCRIPT = """
import base64, json, os, urllib.error, urllib.request

def ask(method, path, **body):
    who = base64.b64encode(f"admin:{os.environ['ADMIN_PASSWORD']}".encode()).decode()
    headers = {"Authorization": f"Basic {who}", "Content-Type": "application/json"}
    url = f"{os.environ['SERVER']}/api/2.0/mlflow/users/{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()

name, password = os.environ["NAME"], os.environ["PASSWORD"]
try:
    ask("POST", "create", username=name, password=password)
except urllib.error.HTTPError as error:
    if b"RESOURCE_ALREADY_EXISTS" not in error.read():
        raise
    ask("PATCH", "update-password", username=name, password=password)
"""


@dataclass(frozen=True, kw_only=True)
class WorkloadLoginArgs:
    """The server, once it answers."""

    foundation: Foundation
    namespace: pulumi.Output[str]
    image: str
    host: pulumi.Output[str]
    """Its name within the cluster."""


def of_workloads(
    name: str, auth: NoAuth | BasicAuth | OidcAuth, args: WorkloadLoginArgs, opts: pulumi.ResourceOptions
) -> dict[str, SecretValue]:
    """Variable of MLflow's clients -> the secret that it holds: of the user that the settings name, or of one that is
    made where workloads outside the cluster would have none."""
    if not isinstance(auth, BasicAuth):
        return {}
    return _made(name, args, opts) if args.foundation.outside and auth.workloads is None else auth.secrets


def _made(name: str, args: WorkloadLoginArgs, opts: pulumi.ResourceOptions) -> dict[str, SecretValue]:
    foundation, key_arn = args.foundation, args.foundation.keys.data
    made = generated_secret(
        f"{name}-workloads",
        description="As whom workloads of the MLOps platform track",
        unrotated="MLflow keeps the password in its database and a Job of the platform tells it when it is made",
        key_arn=key_arn,
        username=USER,
        opts=opts,
    )
    secrets = tracked_as(made.arn, key_arn)
    stored = referred_secret(
        f"{name}-workloads-stored",
        "mlflow-workloads",
        {"password": secrets["MLFLOW_TRACKING_PASSWORD"]},
        cluster=foundation.cluster,
        namespace=args.namespace,
        opts=opts,
    )
    to_server = Grant(resource="ml_platform", access="track", egress=(to_services(foundation.network, [PORT]),))
    let_out = network_policy(
        f"{name}-workloads-network-policy",
        namespace=args.namespace,
        selector=_LABELS,
        grants=[to_server],
        ingress_ports=(),
        opts=opts,
    )
    k8s.batch.v1.Job(
        f"{name}-workloads-user",
        # A job that failed is made anew by the next `up` instead of being waited for.
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name="mlflow-workloads",
            namespace=args.namespace,
            labels=_LABELS,
            annotations={"pulumi.com/replaceUnready": "true"},
        ),
        spec=manifest(_job(args, stored)),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[let_out])),
    )
    return secrets


def _job(args: WorkloadLoginArgs, stored: pulumi.Output[str]) -> dict[str, object]:
    container = {
        "name": "user",
        "image": args.image,
        "command": ["python", "-c", _SCRIPT],
        "env": [
            {"name": "SERVER", "value": pulumi.Output.concat("http://", args.host, f":{PORT}")},
            {"name": "NAME", "value": USER},
            from_secret("ADMIN_PASSWORD", SECRET, ADMIN_PASSWORD),
            from_secret("PASSWORD", stored, "password"),
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": CONTAINER_SECURITY,
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {**POD_SECURITY, "runAsUser": 1000, "runAsGroup": 1000},
        "restartPolicy": "OnFailure",
        "containers": [container],
    }
    return {"backoffLimit": 6, "template": {"metadata": {"labels": _LABELS}, "spec": spec}}
