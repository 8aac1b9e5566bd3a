"""What each part of the node is told: command lines, and files in the folder of the running node."""

import json
from pathlib import Path

from node.places import (
    API_PORT,
    DNS_SERVICE,
    NODE,
    NODE_ADDRESS,
    PAUSE,
    POD_RANGE,
    SERVICE_RANGE,
    SOCKET,
    Home,
)

LABELS = {
    "topology.kubernetes.io/zone": "us-east-1a",
    "topology.kubernetes.io/region": "us-east-1",
    "node.kubernetes.io/instance-type": "m6i.large",
}
"""As EKS would label a node."""


def etcd(home: Home) -> list[str]:
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    return [
        home.program("etcd"),
        f"--data-dir={home.run / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        # Nothing here outlives the test.
        "--unsafe-no-fsync=true",
    ]


def api_server(home: Home) -> list[str]:
    keys = home.keys
    return [
        home.program("kube-apiserver"),
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={NODE_ADDRESS}",
        f"--secure-port={API_PORT}",
        f"--client-ca-file={keys / 'ca.crt'}",
        f"--tls-cert-file={keys / 'apiserver.crt'}",
        f"--tls-private-key-file={keys / 'apiserver.key'}",
        f"--kubelet-client-certificate={keys / 'admin.crt'}",
        f"--kubelet-client-key={keys / 'admin.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={keys / 'accounts.pub'}",
        f"--service-account-signing-key-file={keys / 'accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
    ]


def manager(home: Home) -> list[str]:
    keys = home.keys
    return [
        home.program("kube-controller-manager"),
        f"--kubeconfig={home.run / 'inside.kubeconfig'}",
        f"--service-account-private-key-file={keys / 'accounts.key'}",
        f"--root-ca-file={keys / 'ca.crt'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
    ]


def scheduler(home: Home) -> list[str]:
    kubeconfig = f"--kubeconfig={home.run / 'inside.kubeconfig'}"
    return [home.program("kube-scheduler"), kubeconfig, "--leader-elect=false", "--bind-address=127.0.0.1"]


def kubelet(home: Home) -> list[str]:
    labels = {**LABELS, "mlops.platform/group": "system"}
    return [
        home.program("kubelet"),
        f"--config={home.run / 'kubelet.yaml'}",
        f"--kubeconfig={home.run / 'kubelet.kubeconfig'}",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_ADDRESS}",
        f"--root-dir={home.run / 'kubelet'}",
        f"--cert-dir={home.run / 'kubelet' / 'pki'}",
        "--node-labels=" + ",".join(f"{key}={value}" for key, value in labels.items()),
    ]


def write(home: Home) -> None:
    """The files; JSON where YAML is asked for, which it is."""
    keys, run = home.keys, home.run
    (run / "kubelet").mkdir(exist_ok=True)
    (run / "cni").mkdir(exist_ok=True)
    (run / "resolv.conf").write_text(f"nameserver {DNS_SERVICE}\n")
    (run / "containerd.toml").write_text(_containerd(home))
    (run / "cni" / "10-bridge.conflist").write_text(json.dumps(_pod_network(home)))
    kubelet_settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "resolvConf": str(run / "resolv.conf"),
        "authentication": {"webhook": {"enabled": True}, "x509": {"clientCAFile": str(keys / "ca.crt")}},
        "tlsCertFile": str(keys / "kubelet.crt"),
        "tlsPrivateKeyFile": str(keys / "kubelet.key"),
        # The machine's disk is not the node's own to tidy.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "healthzBindAddress": "127.0.0.1",
    }
    proxy = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(run / "inside.kubeconfig")},
        "mode": "iptables",
        "hostnameOverride": NODE,
        "clusterCIDR": POD_RANGE,
        "conntrack": {"maxPerCore": 0},
    }
    for name, content in (("kubelet.yaml", kubelet_settings), ("proxy.yaml", proxy), ("dns.yaml", _dns_service())):
        _kept(run / name, json.dumps(content))
    home.hosts.touch()
    (run / "Corefile").write_text(
        f".:53 {{\n  bind {NODE_ADDRESS}\n  errors\n  hosts {home.hosts} {{\n    reload 1s\n    fallthrough\n  }}\n"
        f"  kubernetes cluster.local in-addr.arpa {{\n"
        f"    kubeconfig {run / 'inside.kubeconfig'} node\n  }}\n  cache 5\n}}\n"
    )


def _kept(path: Path, text: str) -> None:
    """Written only where it differs: kube-proxy ends itself when somebody touches its settings."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def _containerd(home: Home) -> str:
    # Without CAP_SYS_RESOURCE, as in a container, a negative oom_score_adj is refused.
    return f"""version = 2
root = "{home.run / "containerd"}"
state = "/run/mlops-node/containerd"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{home.run / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def _pod_network(home: Home) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "dataDir": str(home.run / "addresses"),
        "ranges": [[{"subnet": POD_RANGE, "rangeStart": "10.0.0.20"}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def _dns_service() -> dict[str, object]:
    """The names' server runs beside the pods; its Service has an endpoint that is written down."""
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    place = {"namespace": "kube-system"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**place, "name": "kube-dns", "labels": {"k8s-app": "kube-dns"}},
        "spec": {"clusterIP": DNS_SERVICE, "ports": ports},
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**place, "name": "kube-dns-node", "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
        "ports": ports,
    }
    return {"apiVersion": "v1", "kind": "List", "items": [service, endpoints]}
