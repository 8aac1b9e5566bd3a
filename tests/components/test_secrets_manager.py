"""Rotation: whose password changes, by whom, how it reaches the readers, and what the figures say."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from components.secrets.secrets_manager import SecretsManagerConfig
from components.settings import PlatformConfig
from mlops.core import rotation
from mlops.plan.graph import Graph
from mlops.plan.secrets import compliance, secrets
from tests.components.cluster_stack import waits_for
from tests.platforms import platform, tier_graph
from tests.support import names, only

DATA = json.loads((Path(__file__).parent / "data" / "rotation.json").read_text())
EXTERNAL = "kubernetes:external-secrets.io/v1:ExternalSecret"
PUSH = "kubernetes:external-secrets.io/v1alpha1:PushSecret"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
FUNCTION = "aws:serverlessrepository/cloudFormationStack:CloudFormationStack"
PUBLIC = {
    "host": "mlflow.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef",
}
WANTED = {"engine", "host", "port", "dbname", "username"}
"""What the function reads beside the password. Source: Secrets Manager user guide, "JSON structure of AWS Secrets
Manager secrets", Amazon RDS PostgreSQL."""


@cache
def stack(days: int = 30) -> Graph:
    return platform("dev", {"secrets": {"kind": "secrets_manager", "rotate_every_days": days}})


def test_every_login_to_the_database_changes_its_password_and_without_the_module_none_does() -> None:
    rotated = only(stack(7), ROTATION)
    secret = only(stack(7), "aws:secretsmanager/secret:Secret", "ml-platform-login-secret")
    assert rotated.inputs["secretId"] == secret.id
    assert rotated.inputs["rotationRules"]["automaticallyAfterDays"] == 7
    assert rotated.inputs["rotationLambdaArn"] == only(stack(7), FUNCTION).outputs["outputs"]["RotationLambdaARN"]
    assert tier_graph("dev").of_type(ROTATION) == ()


def test_it_begins_once_the_role_is_there_and_the_secret_says_where_it_is_one_for() -> None:
    graph = stack()
    rotated, address = only(graph, ROTATION), only(graph, PUSH, "ml-platform-login-address")
    assert waits_for(graph, rotated, address)
    assert waits_for(graph, rotated, only(graph, "kubernetes:batch/v1:Job", "ml-platform-login-bootstrap"))
    spec = address.inputs["spec"]
    secret = only(graph, "aws:secretsmanager/secret:Secret", "ml-platform-login-secret")
    assert {row["match"]["remoteRef"]["property"] for row in spec["data"]} == WANTED
    assert {row["match"]["remoteRef"]["remoteKey"] for row in spec["data"]} == {secret.id}
    assert spec["template"]["data"]["engine"] == "postgres"
    # Written over the password, it would undo a rotation.
    assert "password" not in json.dumps(spec)


def test_what_is_pushed_and_read_is_what_external_secrets_own_definitions_take() -> None:
    graph = stack()
    for node in (*graph.of_type(PUSH), *graph.of_type(EXTERNAL)):
        jsonschema.validate(node.inputs["spec"], DATA["specs"][node.type.rpartition(":")[2]])


def test_who_reads_a_password_that_changes_is_started_anew_and_nobody_else() -> None:
    graph = stack()
    labelled = {
        node.name: node.inputs["spec"]["refreshInterval"]
        for node in graph.of_type(EXTERNAL)
        if "mlops.platform/rotates" in json.dumps(node.inputs["spec"].get("target"))
    }
    assert labelled == {"ml-platform-login-credentials": "5m0s"}
    reloader = only(graph, "kubernetes:helm.sh/v3:Release", "secrets-reloader").inputs["values"]["reloader"]
    assert reloader["autoReloadAll"] is True
    assert reloader["resourceLabelSelector"] == "mlops.platform/rotates=true"


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(value, dict) and value and path[-1:] not in _FREE:
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    return [".".join(path)]


_FREE = (("containerSecurityContext",), ("nodeSelector",), ("resources",))
"""Values whose keys are Kubernetes' own."""


def test_every_value_goes_to_a_key_that_the_chart_has() -> None:
    values = only(stack(), "kubernetes:helm.sh/v3:Release", "secrets-reloader").inputs["values"]
    assert [path for path in leaves(values) if path not in DATA["values"]] == []


def test_a_new_password_fits_into_a_uri() -> None:
    left_out = only(stack(), FUNCTION).inputs["parameters"]["excludeCharacters"]
    printable = {chr(code) for code in range(33, 127)}
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]", sign) for sign in printable - set(left_out))


def test_the_function_reaches_the_database_and_aws_and_nothing_else() -> None:
    graph = stack()
    ways = [
        name for name in names(graph, "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") if "secrets" in name
    ]
    assert ways
    assert all(re.fullmatch(r"secrets-rotation-to-(aws|database-5432-\d)", name) for name in ways)
    rule = only(
        graph, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "secrets-rotation-into-database-5432"
    )
    database = only(graph, "aws:ec2/securityGroup:SecurityGroup", "database-security-group")
    assert rule.inputs["securityGroupId"] == database.id


def test_the_share_is_of_those_that_can_and_what_cannot_says_why() -> None:
    before, after = compliance(secrets(tier_graph("dev"))), compliance(secrets(stack()))
    assert (before.rotate, before.able, before.percent) == (1, 2, 50)
    assert (after.rotate, after.able, after.percent) == (2, 2, 100)
    for figures in (before, after):
        assert figures.explained == figures.all > figures.able


def test_a_secret_that_others_made_is_theirs_to_replace() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:login-a1b2c3"
    login = {"kind": "oidc", "issuer_url": "https://login.example.com", "client_id": "mlflow", "client_secret_arn": arn}
    graph = platform("dev", {"ml_platform": {"kind": "mlflow", "auth": login, **PUBLIC}})
    (given,) = [one for one in secrets(graph) if one.state == "given"]
    assert (given.name, given.words) == ("login", "by who made it")


@pytest.mark.parametrize("words", ["", "a, b", "x" * 260, 'a "b"'])
def test_words_that_no_tag_takes_are_refused_where_they_are_written(words: str) -> None:
    with pytest.raises(ValueError, match="goes into a tag"):
        rotation.never(words)


@pytest.mark.parametrize("days", [0, 1001])
def test_a_rotation_that_aws_does_not_have_is_refused(days: int) -> None:
    with pytest.raises(ValidationError):
        SecretsManagerConfig.model_validate({"rotate_every_days": days})


def test_without_a_database_there_is_nothing_to_rotate() -> None:
    with pytest.raises(ValidationError, match="secrets is secrets_manager, which runs on a database"):
        PlatformConfig.model_validate({"cluster": {}, "secrets": {"kind": "secrets_manager"}})
