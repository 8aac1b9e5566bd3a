"""`--kubeconfig`: the Kubernetes objects of a rehearsal go to a real API server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud.api_server import FIELD_MANAGER, RealApiServer
from localcloud.engine import LocalCloud
from localcloud.provider import RefusedError
from mlops.plan.values import SIGNATURE, Signature
from tests.localcloud.clouds import Cloud
from tests.localcloud.fake_api_server import FakeApiServer, serving
from tests.plan.programs import PROJECT, STACK, flat


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[FakeApiServer]:
    with serving(tmp_path) as fake:
        yield fake


@pytest.fixture
def cloud(tmp_path: Path, api_server: FakeApiServer) -> Cloud:
    real = RealApiServer(api_server.kubeconfig, tmp_path / "cache")
    return Cloud(tmp_path / "kubernetes", api_server=real)


def test_an_object_is_applied_by_the_server_under_our_field_manager(cloud: Cloud, api_server: FakeApiServer) -> None:
    cloud.object(
        "core/v1:ConfigMap",
        "settings",
        apiVersion="v1",
        kind="ConfigMap",
        metadata={"name": "settings", "namespace": "apps"},
        data={"level": "info"},
    )
    (sent,) = api_server.sent
    assert (sent.method, sent.path) == ("PATCH", "/api/v1/namespaces/apps/configmaps/settings")
    assert sent.content_type == "application/apply-patch+yaml"
    assert sent.query == {"fieldManager": FIELD_MANAGER, "force": "true"}
    assert sent.body == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "apps"},
        "data": {"level": "info"},
    }


def test_the_server_gets_a_secret_in_clear_and_the_file_does_not(cloud: Cloud, api_server: FakeApiServer) -> None:
    cloud.object(
        "core/v1:Secret",
        "password",
        apiVersion="v1",
        kind="Secret",
        metadata={"name": "password", "namespace": "apps"},
        stringData={SIGNATURE: Signature.SECRET, "value": {"password": "hunter2"}},
    )
    assert api_server.sent[0].body["stringData"] == {"password": "hunter2"}
    assert "hunter2" not in (cloud.folder / "apps" / "secret-password.yaml").read_text()


def test_what_the_server_refuses_is_refused_in_its_own_words(cloud: Cloud, api_server: FakeApiServer) -> None:
    api_server.refusal = 'namespaces "apps" is forbidden: quota exceeded'
    with pytest.raises(RefusedError, match='namespaces "apps" is forbidden: quota exceeded'):
        cloud.namespace("apps")
    assert len(cloud.world) == 0


def test_deleting_reaches_the_server_and_what_is_gone_there_is_fine(cloud: Cloud, api_server: FakeApiServer) -> None:
    namespace = cloud.namespace("apps")
    cloud.delete(namespace)
    assert [sent.method for sent in api_server.sent] == ["PATCH", "DELETE"]
    assert api_server.objects == {}
    again = cloud.namespace("apps")
    api_server.objects.clear()
    cloud.delete(again)


def test_a_release_stays_in_the_pretend_cloud_with_what_only_it_would_bring(
    tmp_path: Path, api_server: FakeApiServer
) -> None:
    real = RealApiServer(api_server.kubeconfig, tmp_path / "cache")
    cloud = Cloud(tmp_path / "kubernetes", api_server=real)
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"namespace": "apps"}}
    with pytest.raises(RefusedError, match=r'no matches for kind "Issuer.cert-manager.io" on the API server'):
        cloud.object("cert-manager.io/v1:Issuer", "own", **issuer)
    chart = {"chart": "cert-manager", "namespace": "apps", "values": {"crds": {"enabled": True}}}
    release = cloud.object("helm.sh/v3:Release", "cert-manager", **chart)
    made = cloud.object("cert-manager.io/v1:Issuer", "own", **issuer)
    assert api_server.sent == []
    assert real.left_out == ['Release "cert-manager"', 'Issuer "own"']
    cloud.delete(made)
    cloud.delete(release)
    assert api_server.sent == []


def test_a_kubeconfig_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="There is no kubeconfig at"):
        RealApiServer(tmp_path / "none", tmp_path)
    with serving(tmp_path) as fake:
        pass
    with pytest.raises(RefusedError, match="does not answer"):
        RealApiServer(fake.kubeconfig, tmp_path / "cache")


@pytest.mark.engine
def test_a_whole_rehearsal_sends_its_objects_and_takes_them_away_again(
    rehearsal: Callable[..., LocalCloud], tmp_path: Path, api_server: FakeApiServer
) -> None:
    cloud = rehearsal(api_server=RealApiServer(api_server.kubeconfig, tmp_path / "cache"))
    stack = cloud.stack(flat(), project=PROJECT, stack=STACK, config={})
    assert stack.up().ok
    assert sorted(body["kind"] for body in api_server.objects.values()) == ["ConfigMap", "Namespace", "Secret"]
    assert stack.destroy().ok
    assert api_server.objects == {}
