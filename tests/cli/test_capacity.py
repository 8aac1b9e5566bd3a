"""What `mlops capacity` says of an export, and with which exit code."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

STACK = "urn:pulumi:qa::mlops::pulumi:pulumi:Stack::mlops-qa"
GROUP = {"instanceTypes": ["m7i.large"], "scalingConfig": {"minSize": 1, "desiredSize": 1, "maxSize": 1}}


def export(folder: Path, **others: dict[str, Any]) -> str:
    """A deployed stack of one node and these resources, by type."""
    rows: list[dict[str, Any]] = [{"urn": STACK, "type": "pulumi:pulumi:Stack", "custom": False}]
    for type_, inputs in {"aws:eks/nodeGroup:NodeGroup": GROUP, **others}.items():
        urn = f"urn:pulumi:qa::mlops::{type_}::it"
        rows.append({"urn": urn, "type": type_, "custom": True, "id": "it", "inputs": inputs, "parent": STACK})
    file = folder / "export.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": rows}}))
    return str(file)


@pytest.mark.parametrize(
    ("others", "code", "sentence"),
    [
        ({}, 0, "Everything that the stack runs fits."),
        ({"kubernetes:helm.sh/v3:Release": {"chart": "mystery"}}, 3, "Not counted"),
        ({"aws:eks/addon:Addon": {"addonName": "mystery"}}, 3, "add-on mystery"),
        (
            {
                "kubernetes:apps/v1:DaemonSet": {
                    "spec": {
                        "template": {"spec": {"containers": [{"resources": {"requests": {"memory": "9Gi"}}}]}},
                    }
                }
            },
            1,
            "1 pod would stay Pending.",
        ),
    ],
)
def test_the_exit_code_and_the_sentence_follow_what_is_counted(
    mlops: Run, tmp_path: Path, others: dict[str, Any], code: int, sentence: str
) -> None:
    answer = mlops("capacity", "--graph", export(tmp_path, **others))
    assert answer.code == code
    assert sentence in " ".join(answer.text.split())
