"""Vault: how it is opened, set up once, saved, and reached by nobody but who reads secrets."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from components.secrets.vault import jobs
from components.settings import PlatformConfig
from mlops.capacity.pods import pods
from mlops.plan.graph import Graph
from mlops.plan.secrets import secrets
from tests.components.cluster_stack import waits_for
from tests.platforms import platform
from tests.support import only, statements

DATA = json.loads((Path(__file__).parent / "data" / "vault.json").read_text())
CERTIFICATES = json.loads((Path(__file__).parent / "data" / "sealed_secrets.json").read_text())["certificate"]
CERTIFICATE, ISSUER = "kubernetes:cert-manager.io/v1:Certificate", "kubernetes:cert-manager.io/v1:Issuer"
STORE = "kubernetes:external-secrets.io/v1:ClusterSecretStore"
RELEASE, JOB, CRON = "kubernetes:helm.sh/v3:Release", "kubernetes:batch/v1:Job", "kubernetes:batch/v1:CronJob"
POLICY = "aws:iam/rolePolicy:RolePolicy"
SCRIPTS = {"initialise": jobs.INITIALISE, "keep": jobs.KEEP, "open": jobs.OPEN, "save": jobs.SAVE, "store": jobs.STORE}


@cache
def stack(settings: str = "{}") -> Graph:
    return platform("prod", {"secrets": {"kind": "vault", **json.loads(settings)}})


def values() -> dict[str, Any]:
    found: dict[str, Any] = only(stack(), RELEASE, "secrets-servers").inputs["values"]
    return found


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(value, dict) and value and path[-1:] not in _FREE:
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    return [".".join(path)]


_FREE = (("pod",), ("container",), ("nodeSelector",), ("resources",), ("extraEnvironmentVars",))
"""Values whose keys are Kubernetes' own, or free."""


def test_every_value_goes_to_a_key_that_the_chart_has() -> None:
    paths = [path for path in leaves(values()) if not path.startswith("injector.")]
    known = {*DATA["values"], "server.statefulSet.securityContext.pod", "server.statefulSet.securityContext.container"}
    assert [
        path for path in paths if path.removesuffix(".") not in known and path.rpartition(".")[0] not in known
    ] == []


def test_store_and_certificates_are_what_their_operators_take() -> None:
    graph = stack()
    jsonschema.validate(only(graph, STORE, "secrets-store").inputs["spec"], DATA["store"])
    for node in (one for one in graph.of_type(ISSUER) if one.name.startswith("secrets-")):
        jsonschema.validate(node.inputs["spec"], DATA["issuer"])
    for node in (one for one in graph.of_type(CERTIFICATE) if one.name.startswith("secrets-")):
        jsonschema.validate(node.inputs["spec"], CERTIFICATES)


def test_kms_opens_it_and_by_a_right_on_that_key_alone() -> None:
    graph = stack()
    key = only(graph, "aws:kms/key:Key", "keys-data").outputs["arn"]
    assert f'kms_key_id = "{key}"' in values()["server"]["ha"]["raft"]["config"]
    rows = statements(only(graph, POLICY, "secrets-vault-policy").inputs["policy"])
    assert [(row["Action"], row["Resource"]) for row in rows] == [
        (["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"], [key])
    ]
    association = only(graph, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "secrets-vault-association")
    assert association.inputs["serviceAccount"] == values()["server"]["serviceAccount"]["name"]


def test_every_server_is_asked_under_a_name_of_its_certificate() -> None:
    names = only(stack(), CERTIFICATE, "secrets-certificate").inputs["spec"]["dnsNames"]
    assert {f"vault-{number}.vault-internal" for number in range(3)} <= set(names)
    server = only(stack(), STORE, "secrets-store").inputs["spec"]["provider"]["vault"]["server"]
    assert server.removeprefix("https://").partition(":")[0] in names
    assert "tls_disable" not in values()["server"]["ha"]["raft"]["config"]
    assert values()["global"]["tlsDisable"] is False


def test_what_initialising_gives_is_kept_before_anything_else_happens() -> None:
    graph = stack()
    job = only(graph, JOB, "secrets-set-up")
    pod = job.inputs["spec"]["template"]["spec"]
    assert [one["name"] for one in (*pod["initContainers"], *pod["containers"])] == ["initialise", "keep", "open"]
    assert waits_for(graph, job, only(graph, RELEASE, "secrets-servers"))
    assert waits_for(graph, only(graph, STORE, "secrets-store"), job)
    recovery = only(graph, "aws:secretsmanager/secret:Secret", "secrets-recovery")
    rows = statements(only(graph, POLICY, "secrets-set-up-policy").inputs["policy"])
    assert [row["Resource"] for row in rows if "secretsmanager:PutSecretValue" in row["Action"]] == [[recovery.id]]
    (work,) = [one for one in pod["volumes"] if one["name"] == "work"]
    assert work["emptyDir"]["medium"] == "Memory"


@pytest.mark.parametrize(("hours", "cron"), [(24, "40 1 * * *"), (6, "40 */6 * * *"), (1, "40 */1 * * *")])
def test_snapshots_go_into_a_folder_of_the_lake_as_often_as_is_asked_for(hours: int, cron: str) -> None:
    graph = stack(json.dumps({"snapshot_hours": hours}))
    job = only(graph, CRON, "secrets-snapshot").inputs["spec"]
    assert job["schedule"] == cron
    bucket = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts").outputs
    (store,) = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "PLACE", "value": f"s3://{bucket['bucket']}/vault/"} in store["env"]
    rows = statements(only(graph, POLICY, "secrets-snapshot-policy").inputs["policy"])
    assert f"{bucket['arn']}/vault/*" in {one for row in rows for one in row["Resource"]}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_is_one_that_a_shell_reads(script: str) -> None:
    assert subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True).stderr == ""


def test_the_root_token_is_taken_from_what_vault_printed_and_given_back(tmp_path: Path) -> None:
    token = "hvs." + "A" * 24
    (tmp_path / "kept.json").write_text(json.dumps({"recovery_keys_b64": ["x"], "root_token": token}, indent=2))
    told = tmp_path / "told"
    program = tmp_path / "vault"
    program.write_text(f'#!/bin/sh\necho "$VAULT_TOKEN $*" >> {told}\ncase "$*" in *"list"*) exit 1;; esac\n')
    program.chmod(0o755)
    script = jobs.OPEN.replace("/work/", f"{tmp_path}/")
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", script], env={"PATH": path}, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    lines = told.read_text().splitlines()
    assert {line.partition(" ")[0] for line in lines} == {token}
    assert any("audit enable file file_path=/vault/audit/audit.log" in line for line in lines)
    assert lines[-1].endswith("token revoke -self")


def test_a_vault_that_was_set_up_is_left_alone(tmp_path: Path) -> None:
    for script in (jobs.KEEP, jobs.OPEN):
        done = subprocess.run(["sh", "-c", script.replace("/work/", f"{tmp_path}/")], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_nobody_reaches_it_but_its_own_pods_and_external_secrets() -> None:
    spec = only(stack(), "kubernetes:networking.k8s.io/v1:NetworkPolicy", "secrets-network-policy").inputs["spec"]
    (rule,) = spec["ingress"]
    labels = [peer["namespaceSelector"]["matchLabels"] for peer in rule["from"] if "namespaceSelector" in peer]
    assert labels == [{"kubernetes.io/metadata.name": "external-secrets"}]


def test_its_servers_are_counted_and_their_volumes_paid_for() -> None:
    (servers,) = [one for one in pods(stack()) if one.name == "vault"]
    assert (servers.replicas, servers.requests.memory) == (3, 256)


def test_the_recovery_keys_say_why_they_stay() -> None:
    (found,) = [one for one in secrets(stack()) if one.name == "secrets-recovery"]
    assert found.state == "never"


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ({"kind": "vault", "replicas": 5}, "raise cluster.system.max_size to 5, or lower replicas"),
        ({"kind": "vault", "replicas": 2}, "1, 3 or 5"),
        ({"kind": "vault", "storage_gb": 0}, "greater than or equal to 1"),
        ({"kind": "vualt"}, "vault"),
    ],
)
def test_a_vault_that_cannot_be_is_refused(secret: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PlatformConfig.model_validate(
            {"cluster": {"system": {"instance_types": ["m7i.large"], "max_size": 3}}, "secrets": secret}
        )
