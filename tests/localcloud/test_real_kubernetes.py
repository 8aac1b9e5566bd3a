"""Where the Kubernetes provider is at hand it makes the objects, and a real API server is as safe from it as before."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from localcloud.api_client import ApiClient
from localcloud.api_server import LABEL, SKIP_AWAIT, RealApiServer
from localcloud.engine import LocalCloud, LocalStack
from localcloud.rehearsed import Rehearsed
from mlops import toolchain
from tests.cli.conftest import executable
from tests.localcloud.fake_api_server import FakeApiServer, serving

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
MARK = "test.provider"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeApiServer]:
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def stack(tmp_path: Path, fake: FakeApiServer) -> Iterator[LocalStack]:
    plugin = tmp_path / "pulumi-resource-kubernetes"
    executable(plugin, f'exec {sys.executable} {Path(__file__).parent / "plugin.py"} "$@"')
    server = RealApiServer(ApiClient(fake.kubeconfig), MARK, plugin)
    with LocalCloud(tmp_path / "cloud", pulumi=toolchain.find(ROOT).path, api_server=server) as cloud:
        yield cloud.stack(_program, project="mlops", stack="test", config={})


def _program() -> None:
    options = pulumi.ResourceOptions(provider=kubernetes.Provider("there"))
    apps = kubernetes.core.v1.Namespace("apps", metadata={"name": "apps"}, opts=options)
    options = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[apps]))
    metadata = kubernetes.meta.v1.ObjectMetaArgs(name="settings", namespace="apps")
    kubernetes.core.v1.ConfigMap("settings", metadata=metadata, data={"a": "b"}, opts=options)


def test_the_provider_makes_them_with_our_mark_finds_them_unchanged_and_deletes_them(
    stack: LocalStack, fake: FakeApiServer
) -> None:
    fake.make("Namespace", "thesis")
    before = {*fake.objects}
    up = stack.up()
    assert up.ok, up.failures
    made = {path: one for path, one in fake.objects.items() if path not in before}
    assert {*made} == {"/api/v1/namespaces/apps", "/api/v1/namespaces/apps/configmaps/settings"}
    assert {one["metadata"]["labels"][LABEL] for one in made.values()} == {MARK}
    assert {sent.query.get("fieldManager") for sent in fake.sent} == {"plugin"}
    assert not stack.up().changed
    down = stack.destroy()
    assert down.ok, down.failures
    assert {*fake.objects} == before


def test_what_is_there_is_refused_and_what_somebody_put_into_a_namespace_keeps_it(
    stack: LocalStack, fake: FakeApiServer
) -> None:
    fake.make("Namespace", "apps")
    (failure,) = stack.up().failures
    assert 'Namespace "apps" already exists' in failure.message
    assert fake.sent == []
    del fake.objects["/api/v1/namespaces/apps"]
    assert stack.up().ok
    fake.make("Secret", "precious", "apps")
    (failure,) = stack.destroy().failures
    assert 'stays: somebody else put Secret "apps/precious" into it' in failure.message
    assert "/api/v1/namespaces/apps/secrets/precious" in fake.objects


def test_a_rehearsal_does_not_wait_for_pods_and_does_not_take_a_job_for_failed(
    fake: FakeApiServer, tmp_path: Path
) -> None:
    asked = {"pulumi.com/replaceUnready": "true"}
    job = {"kind": "Job", "metadata": {"name": "once", "annotations": asked}}
    by_provider, by_us = (Rehearsed(ApiClient(fake.kubeconfig), MARK, plugin) for plugin in (tmp_path, None))
    assert by_provider.led(job)["metadata"]["annotations"] == {SKIP_AWAIT: "true"}
    assert "annotations" not in by_provider.led({"kind": "ConfigMap", "metadata": {"name": "a"}})["metadata"]
    assert by_us.led(job)["metadata"]["annotations"] == asked
