"""`make images`: the services' images under the names that manifests ask for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, executable


def images(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "images.py"), *arguments]
    return subprocess.run(command, env={**os.environ, "PATH": str(path)}, capture_output=True, text=True, timeout=120)


def test_without_a_builder_it_says_which_would_do(tmp_path: Path) -> None:
    answer = images(tmp_path)
    assert answer.returncode == 2
    assert "none of docker, podman, buildah is on PATH" in answer.stderr


def test_a_builder_that_does_not_answer_is_passed_over_for_one_that_does(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    executable(tmp_path / "bin" / "docker", "exit 1")
    answer = images(tmp_path / "bin")
    assert answer.returncode == 2
    assert "only docker is on PATH, and does not answer: `docker info`" in answer.stderr
    executable(tmp_path / "bin" / "podman", f'echo "$@" >>{asked}')
    assert images(tmp_path / "bin").returncode == 0
    assert "build --format docker --target pipelines" in asked.read_text()


@pytest.mark.parametrize(
    ("tool", "verb"),
    # The format of the last two has no health check unless they are told.
    [("docker", "build"), ("podman", "build --format docker"), ("buildah", "bud --format docker")],
)
def test_each_image_is_built_under_the_name_that_the_manifests_have(tmp_path: Path, tool: str, verb: str) -> None:
    asked = tmp_path / "asked"
    executable(tmp_path / "bin" / tool, f'echo "$@" >>{asked}')
    answer = images(tmp_path / "bin", "-s", "dev")
    assert answer.returncode == 0, answer.stderr
    registry = "000000000000.dkr.ecr.us-east-1.amazonaws.com/mlops-dev"
    built = [line.rpartition(" ")[0] for line in asked.read_text().splitlines() if line != "info"]
    assert built == [f"{verb} --target {part} --tag {registry}/{part}:0.1.0" for part in ("recommender", "pipelines")]


@pytest.mark.parametrize("protocol", ["kafka", "pulsar"])
def test_an_image_carries_the_client_of_the_stream_that_it_reads(protocol: str) -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from images import Image, build_command  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
    finally:
        sys.path.remove(str(ROOT / "tools"))
    command = build_command("docker", Image("pipelines", "pipelines:1", protocol))
    assert command[command.index("--build-arg") + 1] == f"GROUPS=--group {protocol}"
    assert "--build-arg" not in build_command("docker", Image("pipelines", "pipelines:1"))


@pytest.mark.parametrize("cluster", ["kind", "k3d"])
def test_each_image_is_saved_and_handed_to_the_cluster_by_whatever_answers(tmp_path: Path, cluster: str) -> None:
    asked = tmp_path / "asked"
    executable(tmp_path / "bin" / "docker", "exit 0")
    executable(tmp_path / "bin" / cluster, f'echo "$KIND_EXPERIMENTAL_PROVIDER $@" >>{asked}')
    assert images(tmp_path / "bin", "--load", cluster).returncode == 0
    load = {"kind": " load image-archive --name mlops ", "k3d": " image import --cluster mlops "}[cluster]
    handed = asked.read_text().splitlines()
    assert [line.rpartition("/")[2] for line in handed] == ["recommender.tar", "pipelines.tar"]
    assert all(line.startswith(load) for line in handed)


def test_kind_is_told_of_podman_where_docker_does_not_answer_and_k3d_cannot_do_without_docker(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    executable(tmp_path / "bin" / "docker", "exit 1")
    executable(tmp_path / "bin" / "podman", "exit 0")
    for cluster in ("kind", "k3d"):
        executable(tmp_path / "bin" / cluster, f'echo "$KIND_EXPERIMENTAL_PROVIDER" >>{asked}')
    assert images(tmp_path / "bin", "--load", "kind").returncode == 0
    assert asked.read_text() == "podman\npodman\n"
    answer = images(tmp_path / "bin", "--load", "k3d")
    assert answer.returncode == 2
    assert "k3d makes a cluster in containers, for which it needs docker, and docker does not answer" in answer.stderr
