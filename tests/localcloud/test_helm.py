"""Charts for a real cluster: which are to be had, and what Helm is asked. Installing is tried on a node: tests/node."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.api_client import ApiClient
from localcloud.api_server import LABEL
from localcloud.helm import ChartReference, Helm
from localcloud.provider import RefusedError
from mlops.cli.local import charts
from tests.cli.conftest import executable
from tests.localcloud.fake_api_server import FakeApiServer, serving
from tests.platforms import tier_graph

SHELF = ChartReference(name="shelf", version="1.2.3", repository="https://charts.example.org")
OCI = ChartReference(name="oci://registry.example.org/charts/desk", version="v2.0.0")
ABSENT = ChartReference(name="absent", version="1.0.0", repository="https://nowhere.invalid")
# Answers as Helm does: a chart is packed under whatever name its repository gave it.
FAKE = """echo "$@" >>{folder}/asked
case "$1 $2" in
  "env "*) echo {folder}/cache ;;
  "pull absent") echo 'WARNING: insecure' >&2; echo 'Error: looks like nowhere.invalid cannot be reached' >&2; exit 1 ;;
  "pull "*) for last; do :; done; echo packed >"$last/of-its-repository.tgz" ;;
  "list "*) cat {folder}/releases ;;
  *) cat >>{folder}/given; test ! -e {folder}/refusal || {{ cat {folder}/refusal >&2; exit 1; }} ;;
esac
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeApiServer]:
    with serving(tmp_path) as fake:
        yield fake


@pytest.fixture
def helm(tmp_path: Path, server: FakeApiServer) -> Helm:
    executable(tmp_path / "bin" / "helm", FAKE.format(folder=tmp_path))
    (tmp_path / "releases").write_text("[]")
    return Helm(program=tmp_path / "bin" / "helm", client=ApiClient(server.kubeconfig), mark=(LABEL, "local.mlops.qa"))


def asked(folder: Path, verb: str) -> list[str]:
    return [line for line in (folder / "asked").read_text().splitlines() if line.startswith(f"{verb} ")]


def release(chart: ChartReference = SHELF, **more: Any) -> dict[str, Any]:
    repository = {"repositoryOpts": {"repo": chart.repository}} if chart.repository else {}
    return {"chart": chart.name, "version": chart.version, **repository, **more}


def listing(folder: Path, status: str) -> None:
    (folder / "releases").write_text(json.dumps([{"namespace": "library", "name": "shelf", "status": status}]))


def test_charts_are_pulled_once_under_names_of_their_own_and_helm_says_why_one_is_not(
    helm: Helm, tmp_path: Path
) -> None:
    refused = helm.pull([SHELF, OCI, ABSENT, SHELF])
    assert refused == {ABSENT: "looks like nowhere.invalid cannot be reached"}
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["desk-v2.0.0.tgz", "shelf-1.2.3.tgz"]
    assert len(asked(tmp_path, "pull")) == 3
    assert not any("kube-context" in line for line in asked(tmp_path, "pull"))
    again = Helm(program=helm.program, client=helm.client, mark=helm.mark)
    assert again.pull([SHELF, OCI]) == {}
    assert len(asked(tmp_path, "pull")) == 3


def test_a_release_is_left_out_without_its_chart_or_a_kind_that_its_templates_use(helm: Helm) -> None:
    assert helm.lacks(release())
    helm.pull([SHELF])
    assert not helm.lacks(release())
    kserve = ChartReference(name="oci://ghcr.io/kserve/charts/kserve-resources", version="v0.20.0")
    helm.pull([kserve])
    assert helm.lacks(release(kserve))


def test_a_release_carries_the_mark_its_values_go_by_standard_input_and_it_is_waited_for_as_it_says(
    helm: Helm, tmp_path: Path
) -> None:
    helm.pull([SHELF])
    helm.install("library", "shelf", release(values={"level": 1}, timeout=30))
    helm.install("library", "shelf", release(skipAwait=True))
    waited, not_waited = asked(tmp_path, "install")
    assert waited.startswith(f"install shelf {tmp_path}/cache/shelf-1.2.3.tgz --namespace library --values - ")
    assert f"--labels {LABEL}=local.mlops.qa --timeout 30s --wait --kubeconfig" in waited
    assert "--kube-context fake" in waited
    assert "--wait" not in not_waited
    assert '{"level": 1}' in (tmp_path / "given").read_text()


@pytest.mark.parametrize(
    ("state", "verbs"),
    [("deployed", ["upgrade"]), ("failed", ["uninstall", "install"]), ("pending-install", ["uninstall", "install"])],
)
def test_what_an_earlier_installation_left_is_gone_on_with_or_begun_anew(
    helm: Helm, tmp_path: Path, state: str, verbs: list[str]
) -> None:
    helm.pull([SHELF])
    listing(tmp_path, state)
    helm.install("library", "shelf", release())
    words = [line.split()[0] for line in (tmp_path / "asked").read_text().splitlines()]
    assert [word for word in words if word in ("install", "upgrade", "uninstall")] == verbs


def test_a_refusal_is_helms_own_words_with_the_release_and_the_chart(helm: Helm, tmp_path: Path) -> None:
    helm.pull([SHELF])
    listing(tmp_path, "deployed")
    (tmp_path / "refusal").write_text("Error: UPGRADE FAILED: context deadline exceeded\n")
    words = r"Helm release library/shelf \(shelf 1\.2\.3\): UPGRADE FAILED: context deadline exceeded"
    with pytest.raises(RefusedError, match=words):
        helm.install("library", "shelf", release())
    assert helm.clean_up() == ["Helm release library/shelf: UPGRADE FAILED: context deadline exceeded"]


@pytest.mark.parametrize("tier", ["local", "dev", "experimental"])
def test_charts_that_aws_is_granted_to_are_left_out_and_the_others_pulled(
    helm: Helm, tmp_path: Path, tier: str, capsys: pytest.CaptureFixture[str]
) -> None:
    charts.pull(helm, tier_graph(tier))
    pulled = {path.name.rpartition("-")[0] for path in (tmp_path / "cache").iterdir()}
    assert pulled >= {"cert-manager", "kserve-crd", "kserve-resources", "kserve-runtime-configs"}
    assert pulled.isdisjoint({"aws-load-balancer-controller", "external-secrets", "cluster-autoscaler"})
    said = capsys.readouterr().err
    assert "work on AWS's own APIs" in said
    assert "external-secrets 2.9.0" in said


def test_the_real_helm_pulls_what_a_repository_serves_and_names_what_it_does_not(
    tmp_path: Path, server: FakeApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("helm")
    if program is None:
        pytest.skip("helm is not on PATH.")
    monkeypatch.setenv("HELM_REPOSITORY_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shelf\nversion: 1.2.3\n")
    served = tmp_path / "served"
    subprocess.run([program, "package", str(folder), "--destination", str(served)], check=True, capture_output=True)
    subprocess.run([program, "repo", "index", str(served)], check=True, capture_output=True)
    real = Helm(program=Path(program), client=ApiClient(server.kubeconfig), mark=(LABEL, "local.mlops.qa"))
    with subprocess.Popen(
        ["python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(served)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as web:
        try:
            assert web.stdout
            port = web.stdout.readline().split("port ")[1].split()[0]
            here = f"http://127.0.0.1:{port}"
            there = ChartReference(name="shelf", version="1.2.3", repository=here)
            newer = ChartReference(name="shelf", version="9.9.9", repository=here)
            refused = real.pull([there, newer])
        finally:
            web.terminate()
    assert list(refused) == [newer]
    assert "9.9.9" in refused[newer]
    assert real.archives[there] == tmp_path / "cache" / "shelf-1.2.3.tgz"
