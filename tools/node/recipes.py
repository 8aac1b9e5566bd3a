"""The images that a stack's objects ask for, made on this machine under those very names: a Debian that stands in for
the public bases, MLflow, and the services by their own Dockerfile. By debootstrap and buildah, without a registry."""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from node import images
from node.places import CLOUD_URL, Home
from node.processes import NodeError

NEEDED = ("buildah", "debootstrap")
_PYTHON, _UV = "docker.io/library/python:3.11-slim", "ghcr.io/astral-sh/uv:0.9"
_DEBIAN = "bookworm"
"""Its Python is 3.11."""
_PACKAGES = ("python3", "python3-venv", "ca-certificates")
_USER = "postgres:x:70:70::/nonexistent:/bin/sh"
_INSTALL = "apt-get install --yes --no-install-recommends"
_POSTGRES = f"""FROM {_PYTHON}
RUN echo {_USER} >>/etc/passwd && echo postgres:x:70: >>/etc/group && mkdir -p /etc/postgresql-common \
    && echo create_main_cluster=false >/etc/postgresql-common/createcluster.conf
RUN apt-get update && {_INSTALL} postgresql && rm -rf /var/lib/apt/lists/*
CMD ["psql"]
"""
"""Client and server, with the user that the public image on Alpine has; both want to know who they are."""
_LEFT_OUT = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "dev", "proc")
_CLOUD = {"AWS_ENDPOINT_URL": CLOUD_URL, "AWS_ACCESS_KEY_ID": "node", "AWS_SECRET_ACCESS_KEY": "node"}
"""In the images rather than in the objects, which stay as the stack makes them."""
_ALONE = ("--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker")
"""How an image is built where nothing else of containers is there."""
_CERTIFICATES = ("/etc/ssl/certs", "/usr/local/share/ca-certificates")
_BY_PIP = f"""FROM {_PYTHON}
COPY --from={_UV} /uv /usr/local/bin/uv
RUN --mount=type=cache,target=/root/.cache/uv UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 sh -c \
"uv venv --python python3 /opt/own && uv pip install --python /opt/own/bin/python PACKAGES"
ENV PATH=/opt/own/bin:/usr/local/bin:/usr/bin:/bin
"""
_PACKAGED = {"mlflow": "'mlflow[auth,db]~=VERSION' boto3 prometheus-flask-exporter", "moto": "'moto[server]==VERSION'"}
"""What public images are made of, by the names of their repositories."""


def lacking() -> list[str]:
    """Why images cannot be made here, a sentence; nothing when they can."""
    absent = [name for name in NEEDED if not shutil.which(name)]
    if not absent:
        return []
    return [f"The images need {' and '.join(absent)} on PATH (Debian: {' '.join(absent)})."]


def make(home: Home, wanted: Sequence[str], project: Path) -> list[Path]:
    """The archives of the images that can be made here; what has been made is kept.

    Args:
        wanted: names of images, as a stack's objects have them.
        project: the project's folder.

    Raises:
        NodeError: one cannot be made.
    """
    made = []
    for name in wanted:
        repository, _, tag = name.rpartition("/")[2].partition(":")
        archive = home.images / f"{repository}-{tag}.tar"
        if repository == "postgres":
            _recipe(home, archive, name, _POSTGRES)
        elif repository in ("recommender", "pipelines"):
            _services(home, archive, name, repository, project / "services")
        elif repository in _PACKAGED:
            version = re.search(r"\d+\.\d+\.\d+", tag)
            packages = _PACKAGED[repository].replace("VERSION", version[0] if version else tag)
            _recipe(home, archive, name, _BY_PIP.replace("PACKAGES", packages))
        else:
            continue
        made.append(archive)
    return made


def load(home: Home, archives: Sequence[Path]) -> None:
    """Hand images to the running node, those that it does not have yet."""
    notes = home.run / "loaded"
    notes.mkdir(exist_ok=True)
    for archive in archives:
        note = notes / archive.name
        if not note.exists() or note.stat().st_mtime < archive.stat().st_mtime:
            images.load(archive)
            note.touch()


def name(home: Home, wanted: Sequence[str], archives: Sequence[Path]) -> None:
    """Give loaded images the names of another stack, whose registry is another."""
    for one in wanted:
        repository, _, tag = one.rpartition("/")[2].partition(":")
        for archive in archives:
            if archive == home.images / f"{repository}-{tag}.tar" and (known := images.names(archive)) != [one]:
                images.tag(known[0], one)


def changed(home: Home, image: str, command: str) -> Path:
    """The archive of an image that was made here, under its own name, after one more command of root's."""
    archive, other = home.images / "changed.tar", "localhost/changed"
    recipe = home.images / "changed.Dockerfile"
    recipe.write_text(f"FROM {image}\nUSER root\nRUN {command}\nUSER 10001:10001\n")
    _buildah(home, "bud", *_ALONE, "--tag", other, "--file", str(recipe), str(_empty(home)))
    archive.unlink(missing_ok=True)
    _buildah(home, "push", other, f"docker-archive:{archive}:{image}")
    return archive


def _recipe(home: Home, archive: Path, name: str, text: str) -> None:
    """Made once; again where the recipe has changed."""
    recipe = archive.with_suffix(".Dockerfile")
    if archive.exists() and recipe.exists() and recipe.read_text() == text:
        return
    home.images.mkdir(parents=True, exist_ok=True)
    recipe.write_text(text)
    archive.unlink(missing_ok=True)
    _built(home, archive, name, ["--file", str(recipe), str(_empty(home))], trusting=_UV in text)


def _services(home: Home, archive: Path, name: str, target: str, folder: Path) -> None:
    """Made again where anything that goes into the images has changed, so that both are of one build: what the one
    writes the other reads."""
    note, made_of = archive.with_suffix(".sources"), _sources(folder)
    if archive.exists() and note.exists() and note.read_text() == made_of:
        return
    _built(home, archive, name, ["--target", target, str(folder)])
    note.write_text(made_of)


def _sources(folder: Path) -> str:
    """A digest of the Dockerfile and of all that it may copy."""
    wanted = [line[1:] for line in (folder / ".dockerignore").read_text().split() if line.startswith("!")]
    found = [file for one in ("Dockerfile", *wanted) for file in (folder / one, *(folder / one).rglob("*"))]
    whole = hashlib.sha256()
    for file in sorted(file for file in found if file.is_file() and "__pycache__" not in file.parts):
        whole.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode())
        whole.update(file.read_bytes())
    return whole.hexdigest()


def _built(home: Home, archive: Path, name: str, what: Sequence[str], *, trusting: bool = True) -> None:
    """
    Args:
        trusting: whether it downloads over TLS, and needs the authorities that the machine knows; in the way of what
            installs some of its own.
    """
    _bases(home)
    settings = home.images / "uv"
    settings.mkdir(exist_ok=True)
    # The machine may know authorities that the base does not.
    (settings / "uv.toml").write_text("native-tls = true\n")
    known = [(path, path) for path in _CERTIFICATES if trusting and Path(path).exists()]
    mounts = [*known, (str(settings), "/etc/uv")]
    volumes = [f"--volume={there}:{inside}:ro" for there, inside in mounts]
    environment = [f"--env={key}={value}" for key, value in _CLOUD.items()]
    _buildah(home, "bud", *_ALONE, *volumes, *environment, "--tag", name, *what)
    archive.unlink(missing_ok=True)
    _buildah(home, "push", name, f"docker-archive:{archive}:{name}")


def _bases(home: Home) -> None:
    """What the Dockerfiles begin with, handed to buildah."""
    known = _buildah(home, "images", "--format", "{{.Name}}:{{.Tag}}").split()
    if _PYTHON not in known:
        archive = home.images / "python.tar"
        images.write(archive, [_PYTHON], {"Env": ["LANG=C.UTF-8"], "Cmd": ["python3"]}, [_debian(home)])
        _buildah(home, "pull", f"docker-archive:{archive}")
    if _UV not in known:
        uv = shutil.which("uv", path=os.pathsep.join((str(_project_tools()), os.environ.get("PATH", ""))))
        if uv is None:
            raise NodeError("The services' images need uv: `make setup` brings it.")
        layer, archive = home.images / "uv.layer.tar", home.images / "uv.tar"
        with tarfile.open(layer, "w") as tar:
            tar.add(uv, arcname="uv")
        images.write(archive, [_UV], {}, [layer])
        _buildah(home, "pull", f"docker-archive:{archive}")


def _debian(home: Home) -> Path:
    """A small Debian as one layer."""
    layer, folder = home.images / "debian.layer.tar", home.images / "debian"
    if layer.exists():
        return layer
    home.images.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    _run(["debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", _DEBIAN, str(folder)])
    return _layer(folder, layer)


def _layer(folder: Path, layer: Path) -> Path:
    python = folder / "usr" / "bin" / "python"
    if not python.is_symlink():
        python.symlink_to("python3")

    def kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if any(member.name.startswith(f"./{path}/") for path in _LEFT_OUT) else member

    partial = layer.with_suffix(".partial")
    with tarfile.open(partial, "w") as tar:
        tar.add(folder, arcname=".", filter=kept)
    partial.rename(layer)
    return layer


def _empty(home: Home) -> Path:
    folder = home.images / "empty"
    folder.mkdir(exist_ok=True)
    return folder


def _project_tools() -> Path:
    return Path(__file__).resolve().parents[2] / ".tools" / "uv" / "bin"


def _buildah(home: Home, *arguments: str) -> str:
    own = ["--root", str(home.path / "buildah"), "--runroot", "/run/mlops-node-buildah", "--storage-driver", "overlay"]
    return _run(["buildah", *own, *arguments])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NodeError(f"`{' '.join(command[:6])} …` failed: {done.stderr.strip()[-1500:]}")
    return done.stdout
