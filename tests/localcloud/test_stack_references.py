"""Another project that reads what the platform exports: the program of the documentation, on the real engine."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from components.platform import PlatformOutputs
from components.settings import PlatformConfig
from localcloud.engine import LocalCloud
from mlops.core.module import slots, variants
from tests.platforms import ROOT, tier_graph

DOCUMENT = (ROOT / "docs" / "exports.md").read_text()
LOCAL = {"mlops:tier": "local", "mlops:platform": '{"cluster": null, "ml_platform": null, "serving": null}'}


def exported() -> set[str]:
    """The names that the document lists."""
    return {
        name for row in re.findall(r"^\| (`.*?) \|", DOCUMENT, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }


def test_the_document_lists_every_export_and_no_other() -> None:
    core = dict.fromkeys(PlatformOutputs.__dataclass_fields__) | {"modules": {}}
    every = PlatformOutputs(**core).exports()  # type: ignore[arg-type]
    known = [one for slot in slots(PlatformConfig).values() for one in variants(slot)]
    further = {name for one in known for name in one.exported}
    assert exported() == {"tier", *every, *further}
    assert set(tier_graph("prod").stack_outputs) <= exported()


@pytest.mark.engine
def test_a_project_of_another_team_builds_on_what_the_platform_exports(
    rehearsal: Callable[..., LocalCloud], tmp_path: Path
) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    program = tmp_path / "reports.py"
    program.write_text(code)
    cloud = rehearsal()
    platform = cloud.stack(
        lambda: runpy.run_path(str(ROOT / "__main__.py")), project="mlops", stack="dev", config=LOCAL
    ).up()
    assert platform.ok, platform.failures
    config = {"reports:platform": "organization/mlops/dev", "aws:region": "us-east-1"}
    team = cloud.stack(lambda: runpy.run_path(str(program)), project="reports", stack="dev", config=config)
    assert team.preview().ok
    up = team.up()
    assert up.ok, up.failures
    assert up.outputs["reads"] == platform.outputs["buckets"]["curated"]
    assert f"arn:aws:s3:::{up.outputs['reads']}/*" in str(
        [node.inputs for node in team.graph().of_type("aws:iam/rolePolicy:RolePolicy")]
    )
