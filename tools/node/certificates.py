"""The node's own authority, and a certificate for each part that speaks to another. By the openssl on PATH."""

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from node.places import API_PORT, API_SERVICE, INSIDE, NODE, NODE_ADDRESS, Home

_DAYS = "365"
_SERVER = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
_CERTIFICATES = {
    "apiserver": (
        "/CN=kube-apiserver",
        [
            *(f"DNS:{name}" for name in _SERVER),
            *(f"IP:{at}" for at in ("127.0.0.1", API_SERVICE, NODE_ADDRESS, INSIDE)),
        ],
    ),
    "admin": ("/O=system:masters/CN=admin", []),
    "kubelet": (f"/O=system:nodes/CN=system:node:{NODE}", [f"DNS:{NODE}", f"IP:{NODE_ADDRESS}"]),
    "front-proxy": ("/CN=front-proxy", []),
}
"""Name -> subject, and what it is valid for."""


def make(home: Home) -> None:
    """Make what is missing: keys, certificates, and kubeconfigs inside and outside of the namespace."""
    folder = home.keys
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "front-proxy.crt").exists():
        _openssl("genrsa", "-out", "ca.key", "2048", folder=folder)
        _openssl(
            "req",
            "-x509",
            "-new",
            "-key",
            "ca.key",
            "-days",
            _DAYS,
            "-subj",
            "/CN=node",
            "-out",
            "ca.crt",
            folder=folder,
        )
        _openssl("genrsa", "-out", "accounts.key", "2048", folder=folder)
        _openssl("rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub", folder=folder)
        for name, (subject, valid_for) in _CERTIFICATES.items():
            _certificate(folder, name, subject, valid_for)
    for path, who, address in (
        (home.kubeconfig, "admin", INSIDE),
        (home.run / "inside.kubeconfig", "admin", NODE_ADDRESS),
        (home.run / "kubelet.kubeconfig", "kubelet", NODE_ADDRESS),
    ):
        path.write_text(_kubeconfig(folder, who, address))
        path.chmod(0o600)


def _certificate(folder: Path, name: str, subject: str, valid_for: Sequence[str]) -> None:
    lines = ["extendedKeyUsage=clientAuth,serverAuth"]
    lines += [f"subjectAltName={','.join(valid_for)}"] if valid_for else []
    (folder / f"{name}.ext").write_text("\n".join(lines) + "\n")
    _openssl("genrsa", "-out", f"{name}.key", "2048", folder=folder)
    _openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr", folder=folder)
    signed = ["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"]
    _openssl(*signed, "-days", _DAYS, "-extfile", f"{name}.ext", "-out", f"{name}.crt", folder=folder)


def _kubeconfig(folder: Path, who: str, address: str) -> str:
    """One cluster, one user, one context; JSON, which is YAML too."""
    authority, certificate, key = (
        base64.b64encode((folder / name).read_bytes()).decode() for name in ("ca.crt", f"{who}.crt", f"{who}.key")
    )
    cluster = {"server": f"https://{address}:{API_PORT}", "certificate-authority-data": authority}
    user = {"client-certificate-data": certificate, "client-key-data": key}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "node",
        "clusters": [{"name": "node", "cluster": cluster}],
        "users": [{"name": who, "user": user}],
        "contexts": [{"name": "node", "context": {"cluster": "node", "user": who}}],
    }
    return json.dumps(content)


def _openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
