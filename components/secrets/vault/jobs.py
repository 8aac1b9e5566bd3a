"""What sets Vault up, once, and what saves it, again and again. Pure: manifests in the API server's own spelling."""

from collections.abc import Sequence

import pulumi

from components.kubernetes.objects import CONTAINER_SECURITY, POD_SECURITY
from components.kubernetes.placement import SYSTEM_NODES
from components.secrets.vault.values import ADDRESS, ENGINE, NAMESPACE, READER, TLS
from mlops.core.versions import AWS_CLI_IMAGE, VAULT_IMAGE

SNAPSHOT = "snapshot"
"""Name of the job, of its account and of its role in Vault."""
_WORK, _CERTIFICATES = "/work", "/certificates"
_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"

INITIALISE = f"""set -eu
until vault operator init -status >/dev/null 2>&1 || [ $? -eq 2 ]; do sleep 5; done
if vault operator init -status >/dev/null 2>&1; then exit 0; fi
vault operator init -format=json -recovery-shares=5 -recovery-threshold=3 > {_WORK}/kept.json
"""
"""The first server makes the keys; `-status` answers 2 as long as nobody has."""
KEEP = f"""set -eu
[ -s {_WORK}/kept.json ] || exit 0
until aws secretsmanager put-secret-value --secret-id "$RECOVERY" --secret-string file://{_WORK}/kept.json; do
  sleep 5
done
"""
"""What is not kept now is lost: there is no second time."""
OPEN = f"""set -eu
[ -s {_WORK}/kept.json ] || exit 0
export VAULT_TOKEN="$(sed -n 's/.*"root_token": "\\([^"]*\\)".*/\\1/p' {_WORK}/kept.json)"
until vault status >/dev/null; do sleep 5; done
vault audit list | grep -q file/ || vault audit enable file file_path=/vault/audit/audit.log
vault secrets list | grep -q {ENGINE}/ || vault secrets enable -path={ENGINE} -version=2 kv
vault auth list | grep -q kubernetes/ || vault auth enable kubernetes
vault write auth/kubernetes/config kubernetes_host=https://kubernetes.default.svc
vault policy write {READER} - <<'POLICY'
path "{ENGINE}/data/*" {{ capabilities = ["read"] }}
path "{ENGINE}/metadata/*" {{ capabilities = ["read", "list"] }}
POLICY
vault policy write {SNAPSHOT} - <<'POLICY'
path "sys/storage/raft/snapshot" {{ capabilities = ["read"] }}
POLICY
vault write auth/kubernetes/role/{READER} bound_service_account_names={READER} \\
  bound_service_account_namespaces={READER} token_policies={READER} token_ttl=1h
vault write auth/kubernetes/role/{SNAPSHOT} bound_service_account_names={SNAPSHOT} \\
  bound_service_account_namespaces={NAMESPACE} token_policies={SNAPSHOT} token_ttl=10m
vault token revoke -self
"""
"""The root token is good for this and no more: recovery keys make another (`vault operator generate-root`)."""
SAVE = f"""set -eu
export VAULT_TOKEN="$(vault write -field=token auth/kubernetes/login role={SNAPSHOT} jwt=@{_TOKEN})"
vault operator raft snapshot save {_WORK}/vault.snap
"""
STORE = f'set -eu\naws s3 cp {_WORK}/vault.snap "$PLACE$(date -u +%Y-%m-%dT%H-%M-%SZ).snap"\n'


def set_up(account: pulumi.Output[str], recovery: pulumi.Output[str], region: str) -> dict[str, object]:
    """Spec of the Job. Its pod starts again until all is done: what it holds in memory outlives a container."""
    pod = _pod(
        account,
        [_vault("initialise", INITIALISE), _aws("keep", KEEP, {"AWS_REGION": region, "RECOVERY": recovery})],
        _vault("open", OPEN),
        talks_to_kubernetes=False,
    )
    return {"backoffLimit": 20, "activeDeadlineSeconds": 840, "template": {"metadata": _LABELLED, "spec": pod}}


def snapshots(account: pulumi.Output[str], place: pulumi.Output[str], hours: int, region: str) -> dict[str, object]:
    """Spec of the CronJob."""
    pod = _pod(
        account,
        [_vault("save", SAVE)],
        _aws("store", STORE, {"AWS_REGION": region, "PLACE": place}),
        talks_to_kubernetes=True,
    )
    return {
        "schedule": "40 1 * * *" if hours == 24 else f"40 */{hours} * * *",
        "concurrencyPolicy": "Forbid",
        "successfulJobsHistoryLimit": 1,
        "jobTemplate": {
            "spec": {
                "backoffLimit": 3,
                "activeDeadlineSeconds": 1800,
                "template": {"metadata": _LABELLED, "spec": pod},
            }
        },
    }


_LABELLED = {"labels": {"app.kubernetes.io/part-of": "vault"}}


def _pod(
    account: pulumi.Output[str],
    first: Sequence[dict[str, object]],
    last: dict[str, object],
    *,
    talks_to_kubernetes: bool,
) -> dict[str, object]:
    """Containers one after the other, with a folder in memory that they share."""
    return {
        "restartPolicy": "OnFailure",
        "serviceAccountName": account,
        "automountServiceAccountToken": talks_to_kubernetes,
        "enableServiceLinks": False,
        "nodeSelector": SYSTEM_NODES,
        "securityContext": {**POD_SECURITY, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000},
        "initContainers": list(first),
        "containers": [last],
        "volumes": [
            {"name": "work", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
            {"name": "certificates", "secret": {"secretName": TLS, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ],
    }


def _vault(name: str, script: str) -> dict[str, object]:
    # The servers of a stack that was just made know no leader yet: the first of them is asked.
    address = "https://vault-0.vault-internal:8200" if name == "initialise" else ADDRESS
    variables = {"VAULT_ADDR": address, "VAULT_CACERT": f"{_CERTIFICATES}/ca.crt"}
    return _container(name, VAULT_IMAGE, script, variables)


def _aws(name: str, script: str, variables: dict[str, pulumi.Input[str]]) -> dict[str, object]:
    return _container(name, AWS_CLI_IMAGE, script, variables)


def _container(
    name: str, image: str, script: str, variables: "dict[str, pulumi.Input[str]] | dict[str, str]"
) -> dict[str, object]:
    told: dict[str, pulumi.Input[str]] = {"HOME": _WORK, **variables}
    return {
        "name": name,
        "image": image,
        "command": ["/bin/sh", "-c", script],
        "env": [{"name": key, "value": value} for key, value in told.items()],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "work", "mountPath": _WORK},
            {"name": "certificates", "mountPath": _CERTIFICATES, "readOnly": True},
        ],
    }
