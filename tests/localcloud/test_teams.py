"""A team on the real engine: it comes, stays as it is, and is not taken away with its data until it is said."""

import json
import runpy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from localcloud.engine import LocalCloud
from tests.platforms import ROOT

pytestmark = pytest.mark.engine


def test_a_team_that_is_left_out_is_kept_until_its_protection_is_taken_off(
    rehearsal: Callable[..., LocalCloud],
) -> None:
    cloud = rehearsal()

    def stack(teams: Mapping[str, Any]) -> Any:
        settings = {"ml_platform": None, "serving": None, "workloads": {"recommender": None}, "teams": teams}
        config = {"mlops:tier": "local", "mlops:platform": json.dumps(settings)}
        program = str(ROOT / "__main__.py")
        return cloud.stack(lambda: runpy.run_path(program), project="mlops", stack="teams", config=config)

    members = ["arn:aws:iam::123456789012:role/ada"]
    two = {"fraud": {"members": members}, "search": {"members": members}}
    assert stack(two).up().ok
    assert not stack(two).up().changed
    refused = stack({"search": two["search"]}).up()
    assert not refused.ok
    assert "protect" in str(refused.failures)
    open_ = {"fraud": {"members": members, "protect": False}, "search": {"members": members, "protect": False}}
    assert stack(open_).up().ok
    left = stack({"search": open_["search"]}).up()
    assert left.ok, left.failures
    names = {node.name for node in stack({}).graph()}
    assert "teams-search-namespace" in names
    assert "teams-fraud-namespace" not in names
    entry = next(node for node in stack({}).graph() if node.name.startswith("teams-123456789012-role-ada"))
    assert entry.inputs["kubernetesGroups"] == ["mlops:team-search:edit"]
