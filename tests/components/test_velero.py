"""Velero: what is backed up, when, where to, and by whose right."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from components.backup.velero import VeleroConfig
from mlops.plan.graph import Graph
from tests.platforms import platform
from tests.support import only, statements

DATA = json.loads((Path(__file__).parent / "data" / "velero.json").read_text())
LOCATION = "kubernetes:velero.io/v1:BackupStorageLocation"
SCHEDULE = "kubernetes:velero.io/v1:Schedule"
CLASS = "kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshotClass"
RELEASE = "kubernetes:helm.sh/v3:Release"

_FREE = (("containerSecurityContext",), ("nodeSelector",), ("resources",), ("upgradeJobResources",))
"""Values whose keys are Kubernetes' own."""


@cache
def stack(settings: str = "{}") -> Graph:
    return platform("dev", {"backup": {"kind": "velero", **json.loads(settings)}})


def with_settings(**settings: Any) -> Graph:
    return stack(json.dumps(settings, sort_keys=True))


def values(graph: Graph) -> dict[str, Any]:
    found: dict[str, Any] = only(graph, RELEASE, "backup-server").inputs["values"]
    return found


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[str]:
    if isinstance(value, dict) and value and path[-1:] not in _FREE:
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    return [".".join(path)]


@pytest.mark.parametrize("volumes", ["bucket", "snapshot", "none"])
def test_its_objects_are_such_as_its_own_definitions_take(volumes: str) -> None:
    graph = with_settings(volumes=volumes)
    for node in (*graph.of_type(LOCATION), *graph.of_type(SCHEDULE)):
        jsonschema.validate(node.inputs["spec"], DATA["specs"][node.type.rpartition(":")[2]])
    for node in graph.of_type(CLASS):
        rest = {key: node.inputs[key] for key in node.inputs.keys() - {"apiVersion", "kind", "metadata"}}
        jsonschema.validate(rest, DATA["specs"]["VolumeSnapshotClass"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"provider": "aws"}, DATA["specs"]["BackupStorageLocation"])


def test_every_value_goes_to_a_key_that_the_chart_has() -> None:
    assert [path for path in leaves(values(stack())) if path not in DATA["values"]] == []


def test_backups_go_into_a_folder_of_the_lake_and_velero_reaches_no_other() -> None:
    graph = stack()
    bucket = only(graph, "aws:s3/bucket:Bucket", "storage-artifacts")
    store = only(graph, LOCATION).inputs["spec"]["objectStorage"]
    assert store == {"bucket": bucket.outputs["bucket"], "prefix": "velero"}
    rows = statements(only(graph, "aws:iam/rolePolicy:RolePolicy", "backup-identity-policy").inputs["policy"])
    objects = [one for row in rows for one in row["Resource"] if one.startswith("arn:aws:s3:::") and "/" in one]
    assert objects == [f"{bucket.outputs['arn']}/velero/*"]
    association = only(graph, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "backup-identity-association")
    assert association.inputs["serviceAccount"] == values(graph)["serviceAccount"]["server"]["name"]


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ({}, "15 2 * * *"),
        ({"at": "23:05"}, "5 23 * * *"),
        ({"every_hours": 1, "at": "00:10"}, "10 * * * *"),
        ({"every_hours": 6}, "15 */6 * * *"),
    ],
)
def test_schedules_come_round_as_often_as_is_asked_for(schedule: dict[str, Any], cron: str) -> None:
    graph = with_settings(schedules=[{"name": "own", "keep_days": 7, **schedule}])
    spec = only(graph, SCHEDULE).inputs["spec"]
    assert (spec["schedule"], spec["template"]["ttl"]) == (cron, "168h0m0s")
    assert spec["template"]["storageLocation"] == only(graph, LOCATION).inputs["metadata"]["name"]


def test_volumes_go_into_the_lake_under_a_password_that_nobody_knows() -> None:
    graph = stack()
    assert only(graph, "aws:eks/addon:Addon", "backup-snapshot-controller")
    assert only(graph, SCHEDULE).inputs["spec"]["template"]["snapshotMoveData"] is True
    assert values(graph)["deployNodeAgent"] is True
    password = only(graph, "aws:cloudcontrol/resource:Resource", "backup-password")
    copied = only(graph, "kubernetes:external-secrets.io/v1:ExternalSecret", "backup-password-secret").inputs["spec"]
    assert copied["target"]["name"] == "velero-repo-credentials"
    assert copied["data"][0] == {
        "secretKey": "repository-password",
        "remoteRef": {"key": password.id},
    }  # pragma: allowlist secret


def test_without_volumes_there_is_no_agent_and_nothing_that_makes_snapshots() -> None:
    graph = with_settings(volumes="none")
    assert not graph.of_type(CLASS)
    assert values(graph)["deployNodeAgent"] is False
    assert not [node for node in graph if node.name in ("backup-snapshot-controller", "backup-password")]


def test_another_stacks_password_is_read_and_none_is_made() -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:velero-a1b2c3"
    graph = with_settings(password={"arn": arn})
    copied = only(graph, "kubernetes:external-secrets.io/v1:ExternalSecret", "backup-password-secret").inputs["spec"]
    assert copied["data"][0]["remoteRef"]["key"] == arn
    assert not [node for node in graph.of_type("aws:cloudcontrol/resource:Resource") if node.name == "backup-password"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedules": [{"name": "a"}, {"name": "a"}]}, '"a" is listed twice'),
        ({"schedules": [{"name": "a", "every_hours": 5}]}, "1, 2, 3, 4, 6, 8, 12 or 24"),
        ({"schedules": [{"name": "a", "keep_days": 0}]}, "greater than or equal to 1"),
        ({"schedules": [{"name": "a", "at": "2:15"}]}, "time of day"),
        (
            {
                "volumes": "snapshot",
                "password": {"arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:velero-a1b2c3"},
            },
            "leave password out, or set volumes to bucket",
        ),
    ],
)
def test_a_backup_that_cannot_work_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        VeleroConfig.model_validate(settings)
