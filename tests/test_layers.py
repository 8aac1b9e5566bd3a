"""The import arrows of the design point one way."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "mlops/core": (
        "pulumi",
        "components",
        "localcloud",
        "mlops.stack",
        "mlops.settings",
        "mlops.cli",
        "mlops.plan",
    ),
    "components": (
        "localcloud",
        "mlops.tiers",
        "mlops.plan",
        "mlops.cli",
        "mlops.stack",
        "mlops.settings",
        "rich",
        "typer",
    ),
    "mlops/tiers": ("localcloud", "mlops.plan", "mlops.cli", "mlops.stack", "mlops.settings", "pulumi"),
    "localcloud": (
        "components",
        "mlops.cli",
        "mlops.tiers",
        "mlops.settings",
        "mlops.stack",
        "rich",
        "typer",
    ),
    "mlops/capacity": ("components", "localcloud", "mlops.cli", "mlops.tiers", "pulumi"),
    "mlops/change": ("components", "localcloud", "mlops.cli", "mlops.tiers", "pulumi"),
    "mlops/cost": ("components", "localcloud", "mlops.cli", "mlops.tiers", "pulumi"),
    "mlops/lifecycle": ("components", "localcloud", "mlops.cli", "mlops.tiers", "pulumi", "rich", "typer"),
    "mlops/timeline": ("components", "localcloud", "mlops.cli", "mlops.tiers", "pulumi"),
    "mlops/local": ("components", "localcloud", "mlops.cli", "pulumi", "pipelines", "recommender"),
    "policies": (
        "components",
        "localcloud",
        "mlops.cli",
        "mlops.tiers",
        "mlops.stack",
        "mlops.settings",
        "pulumi",
        "rich",
    ),
    "mlops/choice": ("localcloud", "mlops.cli", "pulumi", "rich", "typer"),
    "mlops/plan": ("components", "mlops.cli", "mlops.tiers", "rich", "typer"),
}

DOORS = {Path("policies/__main__.py"), Path("policies/pack.py")}
"""What the engine runs: there, and only there, the rules meet Pulumi."""


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_a_layer_knows_nothing_of_those_above_it(layer: str) -> None:
    offences = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / layer).rglob("*.py")
        if path.relative_to(ROOT) not in DOORS
        for name in imports(path)
        for forbidden in FORBIDDEN[layer]
        if name == forbidden
        or name.startswith(f"{forbidden}.")
        or (forbidden == "pulumi" and name.startswith("pulumi_"))
    ]
    assert offences == []


def test_no_tier_is_named_in_a_condition_outside_the_tiers() -> None:
    tiers = {"local", "dev", "prod", "enterprise", "experimental"}
    offences = []
    for path in [*(ROOT / "components").rglob("*.py"), *(ROOT / "mlops" / "core").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                words = {sub.value for sub in ast.walk(node) if isinstance(sub, ast.Constant)}
                if words & tiers:
                    offences.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert offences == []


@pytest.mark.parametrize("folder", ["components", "mlops", "localcloud", "policies"])
def test_no_file_outgrows_what_can_be_read_in_one_sitting(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 330
    }
    assert long == {}
