"""`mlops rehearse --kubeconfig`: a server that somebody uses is asked about first, and loses nothing."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run, stack_file
from tests.localcloud.fake_api_server import FakeApiServer, Object, serving

pytestmark = pytest.mark.engine

CLUSTER_ALONE = """config:
  mlops:tier: local
  mlops:platform: {network: {zones: 2}, database: null, data_pipeline: null, ml_platform: null, serving: null}
"""


@pytest.fixture
def server(tmp_path: Path, engine: Path) -> Iterator[FakeApiServer]:
    """A server with somebody's namespace, and a project with a stack that goes onto it."""
    stack_file(engine, CLUSTER_ALONE)
    with serving(tmp_path) as fake:
        fake.make("Namespace", "thesis")
        fake.make("ConfigMap", "chapters", "thesis")
        yield fake


def rehearse(mlops: Run, server: FakeApiServer, *more: str) -> tuple[int, str]:
    answer = mlops("rehearse", "-s", "qa", "--kubeconfig", str(server.kubeconfig), *more)
    return answer.code, answer.text


def test_nothing_happens_on_a_server_before_somebody_agrees(mlops: Run, server: FakeApiServer) -> None:
    code, text = rehearse(mlops, server)
    assert code == 2
    assert "on http://127.0.0.1:" in text
    assert f"(context fake of {server.kubeconfig})" in text
    assert "Namespaces: cert-manager, external-secrets." in text
    assert 'Outside of these: StorageClass "gp3"' in text
    assert "needs --yes where nobody can be asked" in text
    assert server.sent == []


def test_a_server_that_holds_anything_of_those_names_is_refused_even_with_yes(
    mlops: Run, server: FakeApiServer
) -> None:
    server.make("Namespace", "cert-manager")
    server.make("Secret", "issuer", "cert-manager")
    before = copy.deepcopy(server.objects)
    code, text = rehearse(mlops, server, "--yes")
    assert code == 2
    assert 'holds Namespace "cert-manager", which a rehearsal did not make' in text
    assert server.sent == []
    assert server.objects == before


def test_a_rehearsal_beside_other_peoples_namespaces_leaves_them_as_they_were(
    mlops: Run, server: FakeApiServer
) -> None:
    before = copy.deepcopy(server.objects)
    code, text = rehearse(mlops, server, "--yes")
    assert code == 0, text
    assert "went without a trace, on the API server of" in text
    made = {sent.path.rpartition("/")[2] for sent in server.sent if sent.method == "POST"}
    assert made == {"namespaces", "storageclasses"}
    assert server.objects == before


def test_a_rehearsal_that_fails_takes_away_what_it_made_and_says_so(mlops: Run, server: FakeApiServer) -> None:
    server.refusal, server.refused_kind = "no more storage classes", "StorageClass"
    before = copy.deepcopy(server.objects)
    code, text = rehearse(mlops, server, "--yes")
    assert code == 1
    assert "no more storage classes" in text
    assert "is deleted again" in text
    assert "is kept" not in text
    assert server.objects == before


def test_what_cannot_be_taken_away_is_named(mlops: Run, server: FakeApiServer) -> None:
    filled: list[str] = []

    def fill(made: Object) -> None:
        """Somebody puts something into the first namespace; from then on nothing more can be made."""
        if made["kind"] == "Namespace" and not filled:
            filled.append(made["metadata"]["name"])
            server.make("Secret", "mine", filled[0])
            server.refusal = "quota exceeded"

    server.on_create = fill
    code, text = rehearse(mlops, server, "--yes")
    assert code == 1
    assert f'Namespace "{filled[0]}" stays: somebody else put Secret "{filled[0]}/mine" into it' in text
    assert "is deleted again" not in text


def test_what_a_killed_rehearsal_left_is_deleted_first(mlops: Run, server: FakeApiServer) -> None:
    before = copy.deepcopy(server.objects)
    left = server.make("Namespace", "cert-manager")
    left["metadata"]["labels"] = {"mlops.platform/made-by": "rehearsal.mlops.qa"}
    code, text = rehearse(mlops, server, "--yes")
    assert code == 0, text
    assert 'An earlier rehearsal has left Namespace "cert-manager", which is deleted first' in text
    assert server.objects == before
