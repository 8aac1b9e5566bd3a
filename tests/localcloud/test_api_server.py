"""`--kubeconfig`: the Kubernetes objects of a rehearsal go to a real API server, and nothing else there is touched."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud.api_client import FIELD_MANAGER, ApiClient
from localcloud.api_server import LABEL, RealApiServer, keys_of, mark
from localcloud.engine import LocalCloud
from localcloud.provider import RefusedError
from mlops.plan.recorder import record
from mlops.plan.values import SIGNATURE, Signature
from tests.localcloud.clouds import Cloud
from tests.localcloud.fake_api_server import FakeApiServer, serving
from tests.plan.programs import PROJECT, STACK, flat

MARK = mark("rehearsal", PROJECT, STACK)


@pytest.fixture
def api_server(tmp_path: Path) -> Iterator[FakeApiServer]:
    with serving(tmp_path) as fake:
        yield fake


@pytest.fixture
def real(api_server: FakeApiServer) -> RealApiServer:
    return RealApiServer(ApiClient(api_server.kubeconfig), MARK)


@pytest.fixture
def cloud(tmp_path: Path, real: RealApiServer) -> Cloud:
    return Cloud(tmp_path / "kubernetes", api_server=real)


def config_map(cloud: Cloud, **data: str) -> object:
    head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "apps"}}
    return cloud.object("core/v1:ConfigMap", "settings", **head, data=data)


def test_an_object_is_made_under_our_field_manager_and_with_our_mark(cloud: Cloud, api_server: FakeApiServer) -> None:
    config_map(cloud, level="info")
    (sent,) = api_server.sent
    assert (sent.method, sent.path) == ("POST", "/api/v1/namespaces/apps/configmaps")
    assert sent.query == {"fieldManager": FIELD_MANAGER}
    assert sent.body == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "apps", "labels": {LABEL: MARK}},
        "data": {"level": "info"},
    }


def test_an_object_is_changed_by_server_side_apply_and_only_while_it_is_the_one_that_was_made(
    cloud: Cloud, api_server: FakeApiServer
) -> None:
    made = config_map(cloud, level="info")
    cloud.change(made, data={"level": "debug"})  # type: ignore[arg-type]
    migrated, applied = api_server.sent[1:]
    assert migrated.content_type == "application/json-patch+json"
    assert applied.content_type == "application/apply-patch+yaml"
    assert applied.query == {"fieldManager": FIELD_MANAGER, "force": "true"}
    assert applied.body["metadata"]["uid"] == "uid-1"
    assert applied.body["data"] == {"level": "debug"}
    api_server.objects.clear()
    api_server.make("ConfigMap", "settings", "apps")
    with pytest.raises(RefusedError, match="is not the one that was made there"):
        cloud.change(made, data={"level": "error"})  # type: ignore[arg-type]


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


def test_what_is_there_already_is_refused_and_stays_as_it_is(cloud: Cloud, api_server: FakeApiServer) -> None:
    theirs = api_server.make("Namespace", "apps")
    with pytest.raises(RefusedError, match="already exists"):
        cloud.namespace("apps")
    assert list(api_server.objects.values()) == [theirs]


def test_deleting_reaches_the_server_and_what_is_gone_there_is_fine(cloud: Cloud, api_server: FakeApiServer) -> None:
    namespace = cloud.namespace("apps")
    cloud.delete(namespace)
    assert [sent.method for sent in api_server.sent] == ["POST", "DELETE"]
    assert api_server.sent[1].body["preconditions"] == {"uid": "uid-1"}
    assert api_server.objects == {}
    again = cloud.namespace("apps")
    api_server.objects.clear()
    cloud.delete(again)


def test_what_comes_with_a_namespace_does_not_keep_it(cloud: Cloud, api_server: FakeApiServer) -> None:
    namespace = cloud.namespace("apps")
    api_server.make("ConfigMap", "kube-root-ca.crt", "apps")
    api_server.make("Event", "settings.18ec09664dd0dd42", "apps")
    cloud.delete(namespace)
    assert api_server.objects == {}


def test_what_took_an_objects_place_is_not_deleted(cloud: Cloud, api_server: FakeApiServer) -> None:
    namespace = cloud.namespace("apps")
    api_server.objects.clear()
    theirs = api_server.make("Namespace", "apps")
    cloud.delete(namespace)
    assert list(api_server.objects.values()) == [theirs]


def test_a_namespace_into_which_somebody_put_something_stays_with_it(cloud: Cloud, api_server: FakeApiServer) -> None:
    namespace = cloud.namespace("apps")
    api_server.make("ConfigMap", "kube-root-ca.crt", "apps")
    api_server.make("Secret", "diploma", "apps")
    with pytest.raises(RefusedError, match='"apps" stays: somebody else put Secret "apps/diploma" into it'):
        cloud.delete(namespace)
    assert len(api_server.objects) == 3


def test_what_other_people_hold_of_the_same_names_is_found_beforehand(
    real: RealApiServer, api_server: FakeApiServer
) -> None:
    graph = record(flat(), project=PROJECT, stack=STACK, config={})
    assert real.foreign([graph]) == []
    space, *_ = [key for key in keys_of(graph) if key.kind == "Namespace"]
    api_server.make("Namespace", space.name)
    api_server.make("Namespace", "elsewhere")
    assert [str(live) for live in real.foreign([graph])] == [f'Namespace "{space.name}"']


def test_cleaning_up_deletes_what_an_earlier_process_made_and_nothing_else(
    cloud: Cloud, api_server: FakeApiServer
) -> None:
    cloud.namespace("apps")
    config_map(cloud, level="info")
    theirs = api_server.make("Namespace", "elsewhere")
    later = RealApiServer(ApiClient(api_server.kubeconfig), MARK)
    assert [str(live) for live in later.remains()] == ['Namespace "apps"', 'ConfigMap "apps/settings"']
    other = RealApiServer(ApiClient(api_server.kubeconfig), mark("rehearsal", PROJECT, "other"))
    assert other.clean_up(1) == []
    assert len(api_server.objects) == 3
    assert later.clean_up(1) == []
    assert list(api_server.objects.values()) == [theirs]


def test_a_namespace_can_be_looked_into_while_a_group_of_kinds_goes_with_the_chart_that_brought_it(
    api_server: FakeApiServer,
) -> None:
    api_server.going = "shelf.example.org"
    api_server.make("Namespace", "apps")
    theirs = api_server.make("ConfigMap", "theirs", "apps")
    found = ApiClient(api_server.kubeconfig).inside("apps")
    assert [live.uid for live in found] == [theirs["metadata"]["uid"]]
    assert api_server.going == ""


def test_what_controllers_of_charts_made_for_themselves_keeps_no_namespace_and_what_people_made_does(
    cloud: Cloud, api_server: FakeApiServer, real: RealApiServer
) -> None:
    cloud.namespace("apps")
    api_server.make("Secret", "cert-manager-webhook-ca", "apps")
    api_server.make("Secret", "serving-cert", "apps")["metadata"]["labels"] = {"controller.cert-manager.io/fao": "true"}
    precious = api_server.make("Secret", "precious", "apps")
    assert real.clean_up(1) == ['Namespace "apps" stays: somebody else put Secret "apps/precious" into it.']
    assert len(api_server.objects) == 4
    del api_server.objects["/api/v1/namespaces/apps/secrets/precious"]
    assert precious not in api_server.objects.values()
    assert real.clean_up(1) == []
    assert api_server.objects == {}


def test_a_release_stays_in_the_pretend_cloud_with_what_only_it_would_bring(
    cloud: Cloud, real: RealApiServer, api_server: FakeApiServer
) -> None:
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
        ApiClient(tmp_path / "none")
    with serving(tmp_path) as fake, pytest.raises(RefusedError, match='no context "mine"; it has: fake'):
        ApiClient(fake.kubeconfig, "mine")
    with pytest.raises(RefusedError, match="does not answer"):
        ApiClient(fake.kubeconfig)


@pytest.mark.engine
def test_a_whole_rehearsal_sends_its_objects_and_takes_them_away_again(
    rehearsal: Callable[..., LocalCloud], real: RealApiServer, api_server: FakeApiServer
) -> None:
    cloud = rehearsal(api_server=real)
    stack = cloud.stack(flat(), project=PROJECT, stack=STACK, config={})
    assert stack.up().ok
    assert sorted(body["kind"] for body in api_server.objects.values()) == ["ConfigMap", "Namespace", "Secret"]
    assert stack.destroy().ok
    assert api_server.objects == {}
