"""Sealed Secrets: one key, which outlives the cluster, and a controller that nobody else asks."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from components.settings import PlatformConfig
from mlops.plan.graph import Graph
from mlops.plan.secrets import secrets
from tests.components.cluster_stack import waits_for
from tests.platforms import platform
from tests.support import only, statements

DATA = json.loads((Path(__file__).parent / "data" / "sealed_secrets.json").read_text())
PUSHED = json.loads((Path(__file__).parent / "data" / "rotation.json").read_text())["specs"]
CERTIFICATE = "kubernetes:cert-manager.io/v1:Certificate"
EXTERNAL = "kubernetes:external-secrets.io/v1:ExternalSecret"
PUSH = "kubernetes:external-secrets.io/v1alpha1:PushSecret"
RELEASE = "kubernetes:helm.sh/v3:Release"


@cache
def stack() -> Graph:
    return platform("dev", {"secrets": {"kind": "sealed_secrets"}})


def test_what_makes_and_keeps_the_key_is_what_its_operators_take() -> None:
    graph = stack()
    jsonschema.validate(only(graph, CERTIFICATE).inputs["spec"], DATA["certificate"])
    jsonschema.validate(only(graph, PUSH, "secrets-push").inputs["spec"], PUSHED["PushSecret"])
    jsonschema.validate(only(graph, EXTERNAL, "secrets-key-secret").inputs["spec"], PUSHED["ExternalSecret"])


def test_a_new_cluster_opens_what_was_sealed_for_the_old_one() -> None:
    """The key goes out once and comes back always: what the new cluster makes is not pushed over it."""
    graph = stack()
    kept = only(graph, "aws:secretsmanager/secret:Secret", "secrets-key")
    pushed, pulled = only(graph, PUSH, "secrets-push"), only(graph, EXTERNAL, "secrets-key-secret")
    assert pushed.inputs["spec"]["updatePolicy"] == "IfNotExists"
    (row,) = pushed.inputs["spec"]["data"]
    # Without a property: External Secrets asks whether there is a secret, and not whether it holds this key.
    assert row["match"] == {"remoteRef": {"remoteKey": kept.id}}
    assert pulled.inputs["spec"]["dataFrom"] == [{"extract": {"key": kept.id}}]
    assert waits_for(graph, pulled, pushed)
    labels = pulled.inputs["spec"]["target"]["template"]["metadata"]["labels"]
    assert labels == {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}


def test_the_controller_finds_its_key_when_it_starts_and_makes_no_other() -> None:
    graph = stack()
    controller = only(graph, RELEASE, "secrets-controller")
    assert waits_for(graph, controller, only(graph, EXTERNAL, "secrets-key-secret"))
    assert controller.inputs["values"]["keyrenewperiod"] == "0"
    assert only(graph, CERTIFICATE).inputs["spec"]["privateKey"]["rotationPolicy"] == "Never"


def test_kubeseal_finds_the_controller_by_its_own_name() -> None:
    assert (
        only(stack(), RELEASE, "secrets-controller").inputs["values"]["fullnameOverride"] == "sealed-secrets-controller"
    )


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(value, dict) and value and path[-1:] not in _FREE:
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    return [".".join(path)]


_FREE = (("containerSecurityContext",), ("podSecurityContext",), ("nodeSelector",), ("podAnnotations",), ("resources",))
"""Values whose keys are Kubernetes' own."""


def test_every_value_goes_to_a_key_that_the_chart_has() -> None:
    values = only(stack(), RELEASE, "secrets-controller").inputs["values"]
    assert [path for path in leaves(values) if path not in DATA["values"]] == []


def test_the_right_to_the_key_is_on_that_secret_alone() -> None:
    graph = stack()
    kept = only(graph, "aws:secretsmanager/secret:Secret", "secrets-key")
    rows = statements(only(graph, "aws:iam/rolePolicy:RolePolicy", "secrets-key-policy").inputs["policy"])
    assert {one for row in rows for one in row["Resource"] if ":secret:" in one} == {kept.id}


def test_the_key_says_why_it_stays() -> None:
    (key,) = [one for one in secrets(stack()) if one.name == "secrets-key"]
    assert (key.state, key.words) == ("never", "what was sealed lies in Git and opens with this key alone")


def test_without_a_cluster_nothing_is_sealed() -> None:
    with pytest.raises(ValidationError, match="secrets is sealed_secrets, which runs on a cluster"):
        PlatformConfig.model_validate({"secrets": {"kind": "sealed_secrets"}})
