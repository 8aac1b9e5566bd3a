"""What pods may do: for each rule an object that breaks it, one that satisfies it, one whose value is not known."""

from typing import Any

import pytest

from mlops.plan.graph import Node
from mlops.plan.values import UNKNOWN
from policies.facts import facts
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.support import judgements, verdict

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
IMAGE = "public.ecr.aws/docker/library/server:1.2"
GOOD_SECURITY: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def workload(
    container: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    security: dict[str, Any] | None = None,
    type_: str = DEPLOYMENT,
    **inputs: Any,
) -> Node:
    """An object that makes pods of one container, secure but for what is given."""
    main = {"name": "main", "image": IMAGE, "securityContext": {**GOOD_SECURITY, **(security or {})}}
    made = {"containers": [{**main, **(container or {})}], **(spec or {})}
    whole: dict[str, Any] = made
    for step in reversed(facts().pod_specs[type_].split(".")):
        whole = {step: whole}
    return resource(type_, {"metadata": {"name": "server", "namespace": "team"}, **inputs, **whole}, name="server")


def image(name: str) -> Node:
    return workload({"image": name})


def volume(**source: Any) -> Node:
    return workload(spec={"volumes": [{"name": "files", **source}]})


DIGEST = "sha256:" + "0" * 64
CASES: list[tuple[str, Node, Node, Node]] = [
    (
        "k8s-run-as-non-root",
        workload(security={"runAsNonRoot": False}),
        workload(),
        workload(security={"runAsNonRoot": UNKNOWN}),
    ),
    (
        "k8s-no-privilege-escalation",
        workload(security={"allowPrivilegeEscalation": True}),
        workload(),
        workload(security={"allowPrivilegeEscalation": UNKNOWN}),
    ),
    (
        "k8s-no-privileged",
        workload(security={"privileged": True}),
        workload(),
        workload(security={"privileged": UNKNOWN}),
    ),
    (
        "k8s-drop-all-capabilities",
        workload(security={"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}),
        workload(security={"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}),
        workload(security={"capabilities": UNKNOWN}),
    ),
    (
        "k8s-seccomp-profile",
        workload(security={"seccompProfile": {"type": "Unconfined"}}),
        workload(),
        workload(security={"seccompProfile": UNKNOWN}),
    ),
    (
        "k8s-read-only-root-filesystem",
        workload(security={"readOnlyRootFilesystem": False}),
        workload(),
        workload(security={"readOnlyRootFilesystem": UNKNOWN}),
    ),
    ("k8s-no-host-namespaces", workload(spec={"hostPID": True}), workload(), workload(spec={"hostIPC": UNKNOWN})),
    ("k8s-no-host-network", workload(spec={"hostNetwork": True}), workload(), workload(spec={"hostNetwork": UNKNOWN})),
    (
        "k8s-no-host-path",
        volume(hostPath={"path": "/var/log"}),
        volume(emptyDir={}),
        workload(spec={"volumes": UNKNOWN}),
    ),
    (
        "k8s-volume-types",
        volume(nfs={"server": "files"}),
        volume(configMap={"name": "settings"}),
        workload(spec={"volumes": UNKNOWN}),
    ),
    (
        "k8s-no-host-ports",
        workload({"ports": [{"containerPort": 80, "hostPort": 80}]}),
        workload({"ports": [{"containerPort": 80}]}),
        workload({"ports": [{"containerPort": 80, "hostPort": UNKNOWN}]}),
    ),
    (
        "k8s-no-unsafe-sysctls",
        workload(spec={"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
        workload(spec={"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}}),
        workload(spec={"securityContext": {"sysctls": UNKNOWN}}),
    ),
    (
        "k8s-proc-mount-default",
        workload(security={"procMount": "Unmasked"}),
        workload(),
        workload(security={"procMount": UNKNOWN}),
    ),
    (
        "k8s-selinux-apparmor",
        workload(security={"appArmorProfile": {"type": "Unconfined"}}),
        workload(security={"seLinuxOptions": {"type": "container_t"}}),
        workload(security={"seLinuxOptions": UNKNOWN}),
    ),
    (
        "k8s-no-windows-host-process",
        workload(security={"windowsOptions": {"hostProcess": True}}),
        workload(),
        workload(security={"windowsOptions": UNKNOWN}),
    ),
    (
        "k8s-no-default-namespace",
        workload(metadata={"name": "server"}),
        workload(),
        workload(metadata={"namespace": UNKNOWN}),
    ),
    (
        "k8s-no-default-service-account",
        workload(spec={"serviceAccountName": "default"}),
        workload(spec={"serviceAccountName": "server"}),
        workload(spec={"serviceAccountName": UNKNOWN}),
    ),
    (
        "k8s-resource-requests",
        workload({"resources": {"requests": {"cpu": "1"}}}),
        workload({"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}),
        workload({"resources": UNKNOWN}),
    ),
    (
        "k8s-resource-limits",
        workload({"resources": {"limits": {"cpu": "1"}}}),
        workload({"resources": {"limits": {"memory": "1Gi"}}}),
        workload({"resources": {"limits": UNKNOWN}}),
    ),
    ("k8s-image-not-latest", image("mirror:5000/server"), image("mirror:5000/server:1.2"), image(UNKNOWN)),
    ("k8s-image-digest", image("server:1.2"), image(f"server:1.2@{DIGEST}"), image(UNKNOWN)),
    (
        "k8s-image-registry-allowed",
        image("docker.io/library/redis:8"),
        image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/server:1"),
        image(UNKNOWN),
    ),
    (
        "k8s-probes",
        workload({"ports": [{"containerPort": 80}], "readinessProbe": {"httpGet": {}}}),
        workload({"ports": [{"containerPort": 80}], "readinessProbe": {"httpGet": {}}, "livenessProbe": {"exec": {}}}),
        workload({"ports": [{"containerPort": 80}], "readinessProbe": UNKNOWN, "livenessProbe": UNKNOWN}),
    ),
    (
        "k8s-no-secrets-in-env",
        workload({"env": [{"name": "DATABASE_PASSWORD", "value": "hunter2"}]}),
        workload({"env": [{"name": "REGION", "value": "us-east-1"}]}),
        workload({"env": [{"name": "DATABASE_PASSWORD", "value": UNKNOWN}]}),
    ),
]
each_case = pytest.mark.parametrize(("rule", "breaks", "satisfies", "unknown"), CASES, ids=[case[0] for case in CASES])


@each_case
def test_a_rule_tells_broken_from_met_and_from_unknown(rule: str, breaks: Node, satisfies: Node, unknown: Node) -> None:
    assert verdict(rule, breaks) is Verdict.BROKEN
    assert verdict(rule, satisfies) is Verdict.MET
    assert verdict(rule, unknown) is Verdict.UNKNOWN


@each_case
def test_a_broken_rule_says_where_and_what_is_wrong(rule: str, breaks: Node, satisfies: Node, unknown: Node) -> None:
    for judgement in judgements(rule, breaks):
        assert judgement.urn == breaks.urn
        if judgement.verdict is Verdict.BROKEN:
            assert judgement.path
            assert judgement.message


@pytest.mark.parametrize("type_", facts().pod_specs)
def test_pods_are_found_in_every_kind_that_makes_them(type_: str) -> None:
    assert verdict("k8s-no-privileged", workload(security={"privileged": True}, type_=type_)) is Verdict.BROKEN


@pytest.mark.parametrize("kind", ["initContainers", "ephemeralContainers"])
def test_containers_that_start_or_debug_a_pod_are_judged_as_well(kind: str) -> None:
    bad = {kind: [{"name": "other", "securityContext": {"privileged": True}}]}
    found = judgements("k8s-no-privileged", workload(spec=bad))
    assert [one.path for one in found if one.verdict is Verdict.BROKEN] == [
        f"spec.template.spec.{kind}[0].securityContext.privileged"
    ]


def test_a_pod_whose_spec_is_not_known_is_unknown_to_every_rule_of_containers() -> None:
    unknown = resource(
        DEPLOYMENT, {"spec": UNKNOWN, "metadata": {"name": "server", "namespace": "team"}}, name="server"
    )
    for rule in ("k8s-no-privileged", "k8s-image-digest", "k8s-resource-limits", "k8s-run-as-non-root"):
        assert verdict(rule, unknown) is Verdict.UNKNOWN


def test_what_the_pod_sets_holds_for_its_containers_until_one_says_otherwise() -> None:
    of_pod = {"securityContext": {"runAsNonRoot": True, "runAsUser": 7, "seccompProfile": {"type": "RuntimeDefault"}}}
    bare = {"containers": [{"name": "main"}], **of_pod}
    assert verdict("k8s-run-as-non-root", workload(spec=bare)) is Verdict.MET
    assert verdict("k8s-seccomp-profile", workload(spec=bare)) is Verdict.MET
    root = {"containers": [{"name": "main", "securityContext": {"runAsUser": 0}}], **of_pod}
    assert verdict("k8s-run-as-non-root", workload(spec=root)) is Verdict.BROKEN


def test_a_secret_in_the_environment_is_never_shown() -> None:
    found = judgements("k8s-no-secrets-in-env", workload({"env": [{"name": "API_KEY", "value": "abc-123"}]}))
    assert [one.value for one in found] == ["[secret]"]


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://app:" + "pa55@db:5432/app",
        "AKIA" + "A" * 16,
        "-----BEGIN RSA " + "PRIVATE KEY",
        "[secret]",
    ],
)
def test_a_secret_is_known_by_its_looks_whatever_it_is_called(value: str) -> None:
    assert verdict("k8s-no-secrets-in-env", workload({"env": [{"name": "X", "value": value}]})) is Verdict.BROKEN


@pytest.mark.parametrize(
    ("name", "value"),
    [("TOKEN_FILE", "/run/token"), ("SECRET_NAME", "db"), ("TOKEN", "true"), ("PASSWORD", "$(X)")],
)
def test_the_place_of_a_secret_is_no_secret(name: str, value: str) -> None:
    assert verdict("k8s-no-secrets-in-env", workload({"env": [{"name": name, "value": value}]})) is Verdict.MET


def test_a_reference_to_a_secret_in_the_environment_is_only_advised_against() -> None:
    reference = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
    found = judgements("k8s-no-secrets-in-env", workload({"env": [reference]}))
    assert [(one.verdict, one.advisory) for one in found] == [(Verdict.BROKEN, True)]


def test_a_job_needs_no_probes() -> None:
    job = workload({"ports": [{"containerPort": 80}]}, type_="kubernetes:batch/v1:Job")
    assert verdict("k8s-probes", job) is None
