"""What a pod may do to its node: the Kubernetes Pod Security Standards and the CIS and NSA guides' own additions."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mlops.plan.graph import Node
from policies.model import Judgement, judge, look, say
from policies.pods import containers, entries, inherited, spec_path
from policies.registry import resource_rule

SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_syncookies",
    }
)
"""Source: Kubernetes documentation, "Pod Security Standards", baseline, "Sysctls"."""
SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
"""Source: the same page, "SELinux"."""
VOLUME_TYPES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
"""Source: the same page, restricted, "Volume Types"."""


def _each(
    node: Node, path: str, holds: Callable[[Any], bool], message: str, *, absent_is_met: bool = False
) -> Iterator[Judgement]:
    for container in containers(node):
        yield judge(node, f"{container}.{path}", holds, message, absent_is_met=absent_is_met)


def _off(value: Any) -> bool:
    return value is not True


@resource_rule("k8s-run-as-non-root")
def run_as_non_root(node: Node) -> Iterator[Judgement]:
    for container in containers(node):
        for setting, holds, message, absent in (
            ("runAsNonRoot", lambda value: value is True, "the container may run as root", False),
            ("runAsUser", lambda value: value != 0, "the container runs as root", True),
        ):
            yield judge(node, inherited(node, container, setting), holds, message, absent_is_met=absent)


@resource_rule("k8s-no-privilege-escalation")
def no_privilege_escalation(node: Node) -> Iterator[Judgement]:
    path = "securityContext.allowPrivilegeEscalation"
    return _each(node, path, lambda value: value is False, "a process may gain more rights than its parent")


@resource_rule("k8s-no-privileged")
def no_privileged(node: Node) -> Iterator[Judgement]:
    message = "the container has all rights of the node"
    return _each(node, "securityContext.privileged", _off, message, absent_is_met=True)


@resource_rule("k8s-drop-all-capabilities")
def drop_all_capabilities(node: Node) -> Iterator[Judgement]:
    path = "securityContext.capabilities"
    yield from _each(node, f"{path}.drop", lambda names: "ALL" in names, "capabilities are kept that nothing asks for")
    message = "capabilities beyond NET_BIND_SERVICE are added"
    yield from _each(node, f"{path}.add", lambda names: set(names) <= {"NET_BIND_SERVICE"}, message, absent_is_met=True)


@resource_rule("k8s-seccomp-profile")
def seccomp_profile(node: Node) -> Iterator[Judgement]:
    for container in containers(node):
        path = inherited(node, container, "seccompProfile.type")
        yield judge(node, path, lambda value: value in ("RuntimeDefault", "Localhost"), "system calls are not filtered")


@resource_rule("k8s-read-only-root-filesystem")
def read_only_root_filesystem(node: Node) -> Iterator[Judgement]:
    path = "securityContext.readOnlyRootFilesystem"
    return _each(node, path, lambda value: value is True, "the image's files can be changed at run time")


@resource_rule("k8s-no-host-namespaces")
def no_host_namespaces(node: Node) -> Iterator[Judgement]:
    for setting in ("hostPID", "hostIPC"):
        path = f"{spec_path(node)}.{setting}"
        yield judge(node, path, _off, "the pod sees the node's processes", absent_is_met=True)


@resource_rule("k8s-no-host-network")
def no_host_network(node: Node) -> Iterator[Judgement]:
    path = f"{spec_path(node)}.hostNetwork"
    yield judge(node, path, _off, "the pod has the node's network and passes by network policies", absent_is_met=True)


@resource_rule("k8s-no-host-path")
def no_host_path(node: Node) -> Iterator[Judgement]:
    for volume in entries(node, f"{spec_path(node)}.volumes"):
        yield judge(node, f"{volume}.hostPath", lambda _: False, "the pod reads the node's files", absent_is_met=True)


@resource_rule("k8s-volume-types")
def volume_types(node: Node) -> Iterator[Judgement]:
    for volume in entries(node, f"{spec_path(node)}.volumes"):
        value = look(node.inputs, volume)
        known = value.keys() - {"name"} <= VOLUME_TYPES if isinstance(value, Mapping) else None
        yield say(node, volume, known, "a volume of another type")


@resource_rule("k8s-no-host-ports")
def no_host_ports(node: Node) -> Iterator[Judgement]:
    message = "the port is open on every node that runs the pod"
    for container in containers(node):
        for port in entries(node, f"{container}.ports"):
            yield judge(node, f"{port}.hostPort", lambda value: value == 0, message, absent_is_met=True)


@resource_rule("k8s-no-unsafe-sysctls")
def no_unsafe_sysctls(node: Node) -> Iterator[Judgement]:
    for setting in entries(node, f"{spec_path(node)}.securityContext.sysctls"):
        yield judge(node, f"{setting}.name", lambda value: value in SAFE_SYSCTLS, "the setting reaches other pods")


@resource_rule("k8s-proc-mount-default")
def proc_mount_default(node: Node) -> Iterator[Judgement]:
    path = "securityContext.procMount"
    return _each(node, path, lambda value: value == "Default", "parts of /proc are not masked", absent_is_met=True)


@resource_rule("k8s-selinux-apparmor")
def selinux_apparmor(node: Node) -> Iterator[Judgement]:
    return _settings(judged for place in (spec_path(node), *containers(node)) for judged in _labels(node, place))


def _labels(node: Node, place: str) -> Iterator[Judgement]:
    options = f"{place}.securityContext.seLinuxOptions"
    for name, allowed in (("type", SELINUX_TYPES), ("user", {""}), ("role", {""})):
        message = f"a custom SELinux {name} weakens the separation from the node"
        yield judge(node, f"{options}.{name}", lambda value, ok=allowed: value in ok, message, absent_is_met=True)
    path = f"{place}.securityContext.appArmorProfile.type"
    yield judge(node, path, lambda value: value != "Unconfined", "AppArmor is switched off", absent_is_met=True)


@resource_rule("k8s-no-windows-host-process")
def no_windows_host_process(node: Node) -> Iterator[Judgement]:
    message = "the process runs on the Windows node itself"
    setting = "securityContext.windowsOptions.hostProcess"
    places = (spec_path(node), *containers(node))
    return _settings(judge(node, f"{place}.{setting}", _off, message, absent_is_met=True) for place in places)


def _settings(judgements: Iterable[Judgement]) -> Iterator[Judgement]:
    """Those of settings that are made; where none is, one for all."""
    found = list(judgements)
    yield from [one for one in found if one.value is not None] or found[:1]


@resource_rule("k8s-no-default-namespace")
def no_default_namespace(node: Node) -> Iterator[Judgement]:
    if node.type == "kubernetes:core/v1:Namespace":
        return
    message = "the object lies in a namespace that is nobody's own"
    yield judge(node, "metadata.namespace", lambda value: value not in ("", "default", "kube-system"), message)


@resource_rule("k8s-no-default-service-account")
def no_default_service_account(node: Node) -> Iterator[Judgement]:
    path = f"{spec_path(node)}.serviceAccountName"
    message = "the pod shares the namespace's default account"
    yield judge(node, path, lambda value: value not in ("", "default"), message)
