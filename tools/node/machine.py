"""Starting and ending the node's processes, each in the namespace, each noted by its id."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from node import certificates, images, settings
from node.places import (
    CLOUD_ADDRESS,
    DATABASE_ADDRESS,
    INSIDE,
    NAMESPACE,
    NODE,
    NODE_ADDRESS,
    OUTSIDE,
    SERVICE_RANGE,
    SOCKET,
    Home,
)
from node.processes import NAMESPACE_FILE, NodeError, end, enter, start, wait
from node.programs import missing

NEEDED = ("containerd", "runc", "ctr", "ip", "iptables", "ipset", "nsenter", "openssl", "gcc", "mount")


def lacking(home: Home) -> list[str]:
    """Why the node cannot run here, a sentence each; nothing when it can."""
    why = []
    if os.uname().sysname != "Linux":
        return ["The node needs Linux."]
    if os.geteuid() != 0:
        why.append("The node needs root: it makes a network namespace, mounts and cgroups.")
    if absent := [name for name in NEEDED if not shutil.which(name)]:
        why.append(
            f"The node needs {', '.join(absent)} on PATH (Debian: containerd runc containernetworking-plugins iproute2 "
            "iptables ipset openssl gcc libc6-dev)."
        )
    if not Path("/usr/lib/cni/bridge").exists():
        why.append("The node needs the CNI plugins in /usr/lib/cni (Debian: containernetworking-plugins).")
    if unbuilt := missing(home):
        why.append(f"The node's programs are not built ({', '.join(unbuilt)}): `python -m node build` in tools/.")
    return why


def up(home: Home, say: Callable[[str], object]) -> None:
    """Bring the node up and wait until it is ready; what runs already is left alone.

    Raises:
        NodeError: it cannot run here, or a part does not start.
    """
    if why := lacking(home):
        raise NodeError(" ".join(why))
    home.run.mkdir(parents=True, exist_ok=True)
    (home.run / "logs").mkdir(exist_ok=True)
    say("network namespace")
    _network()
    say("certificates")
    certificates.make(home)
    settings.write(home)
    say("etcd, API server")
    start(home, "etcd", settings.etcd(home))
    wait(home, "etcd", ["curl", "-fsS", "http://127.0.0.1:2379/health"], 30)
    start(home, "apiserver", settings.api_server(home))
    wait(home, "apiserver", kubectl_command(home, "get", "--raw", "/readyz"), 240)
    say("controllers, scheduler, containerd")
    start(home, "manager", settings.manager(home))
    start(home, "scheduler", settings.scheduler(home))
    Path(SOCKET).parent.mkdir(parents=True, exist_ok=True)
    start(home, "containerd", ["containerd", "--config", str(home.run / "containerd.toml")])
    wait(home, "containerd", ["ctr", "--address", SOCKET, "version"], 30)
    images.load(images.pause(home))
    say("kubelet, proxy, names, network policies")
    start(home, "kubelet", settings.kubelet(home))
    start(home, "proxy", [home.program("kube-proxy"), "--config", str(home.run / "proxy.yaml")])
    wait(home, "kubelet", kubectl_command(home, "wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=1s"), 120)
    kubectl(home, "apply", "-f", str(home.run / "dns.yaml"))
    start(home, "dns", [home.program("coredns"), "-conf", str(home.run / "Corefile")])
    inside = str(home.run / "inside.kubeconfig")
    start(home, "policies", [home.program("netpol"), inside, NODE, SERVICE_RANGE])
    say("ready")


def down(home: Home) -> None:
    """End all of it, by process id, then mounts, cgroups and the namespace."""
    for part in ("cloud", "database", "policies", "dns", "proxy", "kubelet"):
        end(home, part)
    networks = _end_pods()
    for part in ("containerd", "scheduler", "manager", "apiserver", "etcd"):
        end(home, part)
    _end_shims()
    for point in _mounts(home):
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
    for group in Path("/sys/fs/cgroup").glob("*/kubepods"):
        _remove_cgroup(group)
    for name in (*networks, NAMESPACE):
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    subprocess.run(["ip", "link", "del", "mlopsnode0"], check=False, capture_output=True)
    shutil.rmtree(Path(SOCKET).parent, ignore_errors=True)
    shutil.rmtree(home.run, ignore_errors=True)


def kubectl(home: Home, *arguments: str, given: str | None = None) -> str:
    """What kubectl answers.

    Raises:
        NodeError: it failed; with what it said.
    """
    done = subprocess.run(kubectl_command(home, *arguments), input=given, capture_output=True, text=True)
    if done.returncode:
        raise NodeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def kubectl_command(home: Home, *arguments: str) -> list[str]:
    return [home.program("kubectl"), "--kubeconfig", str(home.kubeconfig), *arguments]


def _network() -> None:
    if not NAMESPACE_FILE.exists():
        _run("ip", "netns", "add", NAMESPACE)
        _run("ip", "link", "add", "mlopsnode0", "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE)
        _run("ip", "addr", "add", f"{OUTSIDE}/30", "dev", "mlopsnode0")
        _run("ip", "link", "set", "mlopsnode0", "up")
        for arguments in (
            ("link", "set", "lo", "up"),
            ("addr", "add", f"{INSIDE}/30", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "add", "cni0", "type", "bridge"),
            ("addr", "add", f"{NODE_ADDRESS}/24", "dev", "cni0"),
            ("link", "set", "cni0", "up"),
            ("addr", "add", f"{DATABASE_ADDRESS}/32", "dev", "lo"),
            ("addr", "add", f"{CLOUD_ADDRESS}/32", "dev", "lo"),
            # Services have addresses that exist nowhere; the filter turns them into pods' on their way out.
            ("route", "replace", SERVICE_RANGE, "dev", "cni0", "src", NODE_ADDRESS),
        ):
            _run(*enter("ip", *arguments))
    for name in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables", "net/ipv4/conf/all/route_localnet"):
        subprocess.run(enter("sh", "-c", f"echo 1 >/proc/sys/{name}"), check=False, capture_output=True)


def _end_pods() -> list[str]:
    """Kill what runs in containers; returns the names of their network namespaces, which outlive them."""
    client = ["ctr", "--address", SOCKET, "--namespace", "k8s.io"]
    networks = set()
    for container in _said(*client, "containers", "ls", "-q").split():
        described = json.loads(_said(*client, "containers", "info", container) or "{}")
        for one in described.get("Spec", {}).get("linux", {}).get("namespaces", ()):
            path = Path(one.get("path") or "/")
            if one["type"] == "network" and path.parent.name == "netns":
                networks.add(path.name)
    for task in _said(*client, "tasks", "ls", "-q").split():
        subprocess.run([*client, "tasks", "kill", "--signal", "SIGKILL", task], check=False, capture_output=True)
    return sorted(networks)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def _end_shims() -> None:
    """containerd's shims outlive it; theirs are those that name our socket."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"containerd-shim" in words[0] and any(SOCKET.encode() in word for word in words):
            os.kill(int(file.parent.name), signal.SIGKILL)


def _mounts(home: Home) -> list[str]:
    ours = (str(home.run), str(Path(SOCKET).parent))
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return sorted((point for point in points if point.startswith(ours)), reverse=True)


def _remove_cgroup(group: Path) -> None:
    for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        _rmdir(folder)
    _rmdir(group)


def _rmdir(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NodeError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
