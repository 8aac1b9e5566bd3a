"""What the stand-in for Kubernetes refuses, because the API server, Helm or the scheduler does."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.provider import RefusedError
from localcloud.rules.kubernetes import refused_inputs
from localcloud.world import Thing
from mlops.plan.values import SIGNATURE, Signature
from tests.localcloud.clouds import Cloud


@pytest.fixture
def running(cloud: Cloud) -> Cloud:
    """A cloud with a cluster, its nodes and the namespace `apps`."""
    cloud.nodes(cloud.cluster())
    cloud.namespace("apps")
    return cloud


def deployment(**spec: Any) -> dict[str, Any]:
    """A Deployment in `apps` whose pods have this spec."""
    pods = {"containers": [{"name": "web", "image": "web:1"}], **spec}
    return {"metadata": {"name": "web", "namespace": "apps"}, "spec": {"template": {"spec": pods}}}


def release(chart: str, **more: Any) -> dict[str, Any]:
    return {"name": chart, "chart": chart, "namespace": "apps", **more}


def test_an_object_on_a_cluster_that_does_not_exist(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    cloud.delete(cluster)
    with pytest.raises(RefusedError, match="Kubernetes cluster is unreachable: no cluster cluster exists"):
        cloud.namespace("apps")


def test_deleting_an_object_after_its_cluster(cloud: Cloud) -> None:
    cluster = cloud.cluster()
    namespace = cloud.namespace("apps")
    cloud.delete(cluster)
    with pytest.raises(RefusedError, match="Kubernetes cluster is unreachable"):
        cloud.delete(namespace)


def test_an_object_in_a_namespace_that_does_not_exist(running: Cloud) -> None:
    with pytest.raises(RefusedError, match='namespaces "nowhere" not found'):
        running.object("core/v1:ConfigMap", "settings", metadata={"name": "settings", "namespace": "nowhere"})
    running.object("core/v1:ConfigMap", "settings", metadata={"name": "settings", "namespace": "kube-system"})


def test_a_release_may_make_its_own_namespace(running: Cloud) -> None:
    running.object("helm.sh/v3:Release", "ops", name="ops", chart="loki", namespace="ops", createNamespace=True)
    running.object("core/v1:ConfigMap", "settings", metadata={"name": "settings", "namespace": "ops"})


def test_an_object_applied_twice(running: Cloud) -> None:
    named = {"metadata": {"name": "settings", "namespace": "apps"}}
    running.object("core/v1:ConfigMap", "first", **named)
    with pytest.raises(RefusedError, match='ConfigMap "apps/settings" already exists: it is applied twice'):
        running.object("core/v1:ConfigMap", "second", **named)
    running.object("core/v1:ConfigMap", "third", metadata={"name": "settings", "namespace": "kube-system"})


def test_a_release_name_that_is_taken(running: Cloud) -> None:
    running.object("helm.sh/v3:Release", "first", **release("loki"))
    with pytest.raises(RefusedError, match='cannot re-use a name that is still in use: Helm release "apps/loki"'):
        running.object("helm.sh/v3:Release", "second", **release("loki"))


def test_a_custom_resource_before_the_chart_that_brings_its_kind(running: Cloud) -> None:
    certificate = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"namespace": "apps"}}
    with pytest.raises(RefusedError, match=r'no matches for kind "Certificate.cert-manager.io"'):
        running.object("cert-manager.io/v1:Certificate", "web", **certificate)
    running.object("helm.sh/v3:Release", "cm", **release("cert-manager", values={"crds": {"enabled": True}}))
    running.object("cert-manager.io/v1:Certificate", "web", **certificate)


def test_a_chart_that_was_told_not_to_bring_its_kinds(running: Cloud) -> None:
    running.object("helm.sh/v3:Release", "cm", **release("cert-manager"))
    with pytest.raises(RefusedError, match="no matches for kind"):
        running.object("cert-manager.io/v1:Issuer", "web", apiVersion="cert-manager.io/v1", kind="Issuer")


def test_a_custom_resource_whose_definition_is_applied_by_hand(running: Cloud) -> None:
    definition = {"group": "feast.dev", "names": {"kind": "FeatureStore"}}
    running.object(
        "apiextensions.k8s.io/v1:CustomResourceDefinition",
        "stores",
        metadata={"name": "featurestores.feast.dev"},
        spec=definition,
    )
    running.object("feast.dev/v1:FeatureStore", "store", apiVersion="feast.dev/v1", kind="FeatureStore")


def test_a_chart_whose_templates_need_kinds_of_another(running: Cloud) -> None:
    with pytest.raises(RefusedError, match=r'no matches for kind "Certificate.cert-manager.io", which Release'):
        running.object(
            "helm.sh/v3:Release",
            "kserve",
            **{**release("kserve"), "chart": "oci://ghcr.io/kserve/charts/kserve-resources"},
        )


def test_deleting_a_controller_before_the_resources_that_it_finishes(running: Cloud) -> None:
    operator = running.object("helm.sh/v3:Release", "es", **release("external-secrets"))
    secret = running.object(
        "external-secrets.io/v1:ExternalSecret",
        "login",
        apiVersion="external-secrets.io/v1",
        kind="ExternalSecret",
        metadata={"namespace": "apps"},
    )
    with pytest.raises(RefusedError, match=r'ExternalSecret "login" still exists; without Release "es"'):
        running.delete(operator)
    running.delete(secret)
    running.delete(operator)


def test_pods_and_releases_on_a_cluster_without_nodes(cloud: Cloud) -> None:
    cloud.cluster()
    cloud.namespace("apps")
    with pytest.raises(RefusedError, match=r'waiting for Deployment "web": its pods stay Pending, Cluster "cluster"'):
        cloud.object("apps/v1:Deployment", "web", **deployment())
    with pytest.raises(RefusedError, match="its pods stay Pending"):
        cloud.object("helm.sh/v3:Release", "loki", **release("loki"))
    cloud.object("helm.sh/v3:Release", "patient", **release("loki", skipAwait=True))
    cloud.object("apps/v1:DaemonSet", "agent", metadata={"name": "agent", "namespace": "apps"})


def test_pods_of_a_service_account_that_does_not_exist(running: Cloud) -> None:
    with pytest.raises(RefusedError, match="serviceaccount 'web' not found"):
        running.object("apps/v1:Deployment", "web", **deployment(serviceAccountName="web"))
    running.object("core/v1:ServiceAccount", "web", metadata={"name": "web", "namespace": "apps"})
    running.object("apps/v1:Deployment", "web", **deployment(serviceAccountName="web"))


def test_pods_that_wait_for_a_secret_that_nobody_makes(running: Cloud) -> None:
    environment = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "token"}}}
    pods = {"containers": [{"name": "web", "image": "web:1", "env": [environment]}]}
    with pytest.raises(RefusedError, match="its pods wait for secret 'token', not found"):
        running.object("apps/v1:Deployment", "web", **deployment(**pods))
    running.object("helm.sh/v3:Release", "es", **{**release("external-secrets"), "namespace": "kube-system"})
    running.object(
        "external-secrets.io/v1:ExternalSecret",
        "token",
        apiVersion="external-secrets.io/v1",
        kind="ExternalSecret",
        metadata={"name": "pull-token", "namespace": "apps"},
        spec={"target": {"name": "token"}},
    )
    running.object("apps/v1:Deployment", "web", **deployment(**pods))


def test_pods_that_can_do_without_a_config_map(running: Cloud) -> None:
    def volume(optional: bool) -> dict[str, Any]:
        return deployment(volumes=[{"name": "v", "configMap": {"name": "extra", "optional": optional}}])

    with pytest.raises(RefusedError, match="its pods wait for configmap 'extra', not found"):
        running.object("apps/v1:Deployment", "web", **volume(optional=False))
    running.object("apps/v1:Deployment", "web", **volume(optional=True))


@pytest.mark.parametrize(
    ("type_", "inputs", "path"),
    [
        ("kubernetes:core/v1:Namespace", {"metadata": {"name": "a" * 64}}, "metadata.name"),
        ("kubernetes:core/v1:Service", {"metadata": {"name": "web.v1"}}, "metadata.name"),
        ("kubernetes:apps/v1:Deployment", {"metadata": {"name": "Web"}}, "metadata.name"),
        ("kubernetes:apps/v1:Deployment", {"metadata": {"name": "a" * 254}}, "metadata.name"),
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"labels": {"app": "a" * 64}}}, "metadata.labels.app"),
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"labels": {"app": "web/1"}}}, "metadata.labels.app"),
        ("kubernetes:helm.sh/v3:Release", {"name": "a" * 54}, "name"),
    ],
)
def test_a_name_that_kubernetes_does_not_take(type_: str, inputs: dict[str, Any], path: str) -> None:
    assert list(refused_inputs(Thing(type=type_, id="", urn="", name="x", inputs=inputs))) == [path]


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "system:node-reader"),
        ("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "certificates.cert-manager.io"),
        ("kubernetes:core/v1:Namespace", "[unknown]"),
    ],
)
def test_a_name_that_kubernetes_takes(type_: str, name: str) -> None:
    assert not refused_inputs(Thing(type=type_, id="", urn="", name="x", inputs={"metadata": {"name": name}}))


def test_every_object_can_be_read_as_a_file_without_its_secrets(running: Cloud) -> None:
    secret = running.object(
        "core/v1:Secret",
        "password",
        apiVersion="v1",
        kind="Secret",
        metadata={"name": "password", "namespace": "apps"},
        stringData={SIGNATURE: Signature.SECRET, "value": {"password": "hunter2"}},
    )
    running.object("helm.sh/v3:Release", "loki", **release("loki", version="6.0.0", values={"replicas": 1}))
    written = {str(path.relative_to(running.folder)): path for path in running.folder.rglob("*.yaml")}
    assert set(written) == {"_cluster/namespace-apps.yaml", "apps/secret-password.yaml", "apps/release-loki.yaml"}
    assert yaml.safe_load(written["apps/secret-password.yaml"].read_text()) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "password", "namespace": "apps"},
        "stringData": {"password": "[secret]"},
    }
    assert yaml.safe_load(written["apps/release-loki.yaml"].read_text())["values"] == {"replicas": 1}
    assert secret.inputs["stringData"] == "[secret]"
    running.delete(secret)
    assert not written["apps/secret-password.yaml"].exists()


def test_deleting_a_namespace_takes_everything_in_it(running: Cloud) -> None:
    running.object("core/v1:ConfigMap", "settings", metadata={"name": "settings", "namespace": "apps"})
    (namespace,) = running.world.of_type("kubernetes:core/v1:Namespace")
    running.delete(namespace)
    assert [thing for thing in running.world if thing.package == "kubernetes"] == []
    assert list(Path(running.folder).rglob("*.yaml")) == []
