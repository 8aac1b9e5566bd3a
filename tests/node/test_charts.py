"""The real Helm on a real node: a release is waited for, changed and taken away with what it brought, and nobody else's
is touched."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from node import recipes
from node.helm import NAME

from localcloud.api_client import ApiClient
from localcloud.api_server import LABEL, RealApiServer
from localcloud.engine import LocalCloud, LocalStack, Result
from localcloud.helm import ChartReference, Helm
from mlops import toolchain
from tests.node.conftest import HOME, ROOT, kubectl, listed, namespaces

pytestmark = [pytest.mark.long, pytest.mark.engine]

MARK = "test.charts"
IMAGE = "public.ecr.aws/docker/library/postgres:17-alpine"
READY_SECONDS = 6
Operation = Callable[[LocalStack], Result]
Operate = Callable[[dict[str, Any], Operation], Result]
CHART = ChartReference(name="shelf", version="1.2.3", repository="https://charts.example.org")
GROUP = "shelf.example.org"


@pytest.fixture(scope="module")
def program(node: None) -> Path:
    found = shutil.which(NAME, path=os.pathsep.join((str(HOME.programs), os.environ.get("PATH", ""))))
    if found is None:
        pytest.skip(f"{NAME} is neither on PATH nor in {HOME.programs}: `python -m node helm` in tools/ builds it.")
    if why := recipes.lacking():
        pytest.skip(" ".join(why))
    recipes.load(HOME, recipes.make(HOME, [IMAGE], ROOT))
    return Path(found)


@pytest.fixture
def helm(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helm:
    """With the chart where Helm keeps what it has pulled."""
    monkeypatch.setenv("HELM_REPOSITORY_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "shelf"
    for path, text in _chart().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    command = [str(program), "package", str(folder), "--destination", str(tmp_path / "cache")]
    subprocess.run(command, check=True, capture_output=True)
    made = Helm(program=program, client=ApiClient(HOME.kubeconfig), mark=(LABEL, MARK))
    assert made.pull([CHART]) == {}
    return made


@pytest.fixture
def operate(helm: Helm, tmp_path: Path) -> Iterator[Operate]:
    """Run one operation of a stack: a namespace, the release with some values, and a book on its shelf."""
    server = RealApiServer(helm.client, MARK, helm=helm)
    with LocalCloud(tmp_path / "cloud", pulumi=toolchain.find(ROOT).path, api_server=server) as cloud:

        def run(values: dict[str, Any], operation: Operation) -> Result:
            return operation(cloud.stack(lambda: _program(values), project="mlops", stack="charts", config={}))

        yield run
    assert server.clean_up(120) == []


def _program(values: dict[str, Any]) -> None:
    options = pulumi.ResourceOptions(provider=kubernetes.Provider("node"))
    space = kubernetes.core.v1.Namespace("space", metadata={"name": "library"}, opts=options)
    released = kubernetes.helm.v3.Release(
        "release",
        name="shelf",
        chart=CHART.name,
        version=CHART.version,
        repository_opts={"repo": CHART.repository},
        namespace="library",
        values=values,
        timeout=20,
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[space])),
    )
    kubernetes.apiextensions.CustomResource(
        "book",
        api_version=f"{GROUP}/v1",
        kind="Book",
        metadata={"name": "first", "namespace": "library"},
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[released])),
    )


def _chart() -> dict[str, str]:
    """A chart that brings kinds in both ways that Helm has, and a server."""
    kept = {"annotations": {"helm.sh/resource-policy": "keep"}}
    seen = ["sh", "-c", "test -e /tmp/ready"]
    container = {
        "name": "server",
        "image": "{{ .Values.image }}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", f"sleep {READY_SECONDS}; touch /tmp/ready; sleep infinity"],
        "readinessProbe": {"exec": {"command": seen}, "periodSeconds": 1},
    }
    labels = {"app": "shelf"}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 1}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    server = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "server"}, "spec": spec}
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"level": "{{ .Values.level }}"},
    }
    return {
        "Chart.yaml": f"apiVersion: v2\nname: {CHART.name}\nversion: {CHART.version}\n",
        "values.yaml": json.dumps({"image": IMAGE, "level": "low"}),
        "crds/book.yaml": json.dumps(_definition("Book", {})),
        "templates/pen.yaml": json.dumps(_definition("Pen", kept)),
        "templates/server.yaml": json.dumps(server),
        "templates/settings.yaml": json.dumps(settings),
    }


def _definition(kind: str, metadata: dict[str, Any]) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {**metadata, "name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def definitions() -> set[str]:
    return {one["metadata"]["name"] for one in listed("customresourcedefinitions")}


def test_a_release_is_waited_for_changed_and_taken_away_with_the_kinds_that_it_brought(
    operate: Operate, helm: Helm
) -> None:
    before, had = namespaces(), definitions()
    up = operate({}, LocalStack.up)
    assert up.ok, up.failures
    assert up.seconds > READY_SECONDS
    (server,) = listed("deployments", "-n", "library")
    assert server["status"]["readyReplicas"] == 1
    assert kubectl("-n", "library", "get", "books", "-o", "name") == f"book.{GROUP}/first\n"
    assert definitions() - had == {f"books.{GROUP}", f"pens.{GROUP}"}
    assert not operate({}, LocalStack.up).changed
    assert operate({"level": "high"}, LocalStack.up).ok
    assert kubectl("-n", "library", "get", "configmap", "settings", "-o", "jsonpath={.data.level}") == "high"
    destroyed = operate({}, LocalStack.destroy)
    assert destroyed.ok, destroyed.failures
    assert helm.own() == {}
    assert RealApiServer(helm.client, MARK, helm=helm).clean_up(120) == []
    assert (namespaces(), definitions()) == (before, had)


def test_a_release_whose_pods_never_become_ready_fails_the_up_and_is_taken_back(operate: Operate, helm: Helm) -> None:
    try:
        (failure,) = operate({"image": "registry.invalid/none:1"}, LocalStack.up).failures
        assert "Helm release library/shelf (shelf 1.2.3): " in failure.message
        assert helm.own() == {}
        assert listed("deployments", "-n", "library") == []
        mended = operate({}, LocalStack.up)
        assert mended.ok, mended.failures
    finally:
        assert operate({}, LocalStack.destroy).ok


def test_somebody_elses_release_of_that_name_and_kinds_stay_as_they_are(operate: Operate, helm: Helm) -> None:
    chart = str(helm.archives[CHART])
    theirs = ["--kubeconfig", str(HOME.kubeconfig), "--namespace", "theirs"]
    kubectl("create", "namespace", "theirs")
    try:
        subprocess.run(
            [str(helm.program), "install", "shelf", chart, *theirs, "--wait"], check=True, capture_output=True
        )
        (failure,) = operate({}, LocalStack.up).failures
        assert f'"pens.{GROUP}" in namespace "" exists and cannot be imported' in failure.message
        assert operate({}, LocalStack.destroy).ok
        assert RealApiServer(helm.client, MARK, helm=helm).clean_up(120) == []
        assert {f"books.{GROUP}", f"pens.{GROUP}"} <= definitions()
        (server,) = listed("deployments", "-n", "theirs")
        assert server["status"]["readyReplicas"] == 1
    finally:
        subprocess.run([str(helm.program), "uninstall", "shelf", *theirs, "--wait"], check=True, capture_output=True)
        kubectl("delete", "namespace", "theirs")
        kubectl("delete", "customresourcedefinition", f"books.{GROUP}", f"pens.{GROUP}")
