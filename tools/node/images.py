"""Images without a registry and without a container engine: layers and a description in one archive, as containerd and
buildah import it."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from node.places import PAUSE, SOCKET, Home

_PAUSE = """#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int signal) { _exit(0); }
static void collect(int signal) { while (waitpid(-1, 0, WNOHANG) > 0) ; }

int main(void) {
    signal(SIGINT, leave);
    signal(SIGTERM, leave);
    signal(SIGCHLD, collect);
    for (;;) pause();
}
"""
"""Holds a pod's namespaces and collects what its containers leave behind."""


def pause(home: Home) -> Path:
    """The archive of the image that every pod begins with."""
    folder = home.images
    archive = folder / "pause.tar"
    if archive.exists():
        return archive
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pause.c").write_text(_PAUSE)
    subprocess.run(["gcc", "-Os", "-static", "-s", "-o", "pause", "pause.c"], cwd=folder, check=True)
    layer = folder / "pause.layer.tar"
    with tarfile.open(layer, "w") as tar:
        tar.add(folder / "pause", arcname="pause", filter=_nobodys)
    write(archive, [PAUSE], {"Entrypoint": ["/pause"], "User": "65535:65535"}, [layer])
    return archive


def write(archive: Path, names: Sequence[str], configured: Mapping[str, Any], layers: Sequence[Path]) -> None:
    """An image as `docker save` writes one.

    Args:
        names: that it is known under, `registry/name:tag`.
        configured: Env, Entrypoint, Cmd, User, WorkingDir.
    """
    digests = [hashlib.sha256(layer.read_bytes()).hexdigest() for layer in layers]
    description = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(configured),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        # Without one, what builds on the image miscounts its layers.
        "history": [{"created_by": "node"} for _ in digests],
    }
    text = json.dumps(description).encode()
    own = hashlib.sha256(text).hexdigest()
    files = [f"{digest}.tar" for digest in digests]
    contents = [{"Config": f"{own}.json", "RepoTags": list(names), "Layers": files}]
    with tarfile.open(archive, "w") as tar:
        _put(tar, f"{own}.json", text)
        for layer, name in zip(layers, files, strict=True):
            tar.add(layer, arcname=name)
        _put(tar, "manifest.json", json.dumps(contents).encode())


def load(archive: Path) -> None:
    """Hand an image to the running node."""
    command = ["ctr", "--address", SOCKET, "--namespace", "k8s.io", "images", "import", str(archive)]
    subprocess.run(command, check=True, capture_output=True)


def names(archive: Path) -> list[str]:
    """What the image in an archive is known as."""
    with tarfile.open(archive) as tar:
        found = tar.extractfile("manifest.json")
        assert found
        return [str(name) for image in json.load(found) for name in image["RepoTags"]]


def tag(known: str, name: str) -> None:
    """Give an image on the running node another name."""
    command = ["ctr", "--address", SOCKET, "--namespace", "k8s.io", "images", "tag", "--force", known, name]
    subprocess.run(command, check=True, capture_output=True)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 65535
    return member


def _put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
