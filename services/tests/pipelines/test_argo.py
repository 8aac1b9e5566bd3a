"""The rendered workflow, held against the fields of its custom resource."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.loop import STEPS
from pipelines.workflows.argo import ArgoSettings, workflow

FIELDS = json.loads(Path(__file__).with_name("argo_fields.json").read_text())
SETTINGS = ArgoSettings(image="registry.example.com/pipelines:1", options='{"assume_consent": true}')
QUANTITY = re.compile(r"^\d+(m|Mi|Gi)?$")


def unknown(value: Any, fields: dict[str, Any], path: str = "spec") -> list[str]:
    """Names that the custom resource does not have, and required ones that are missing."""
    if isinstance(value, list):
        return [problem for item in value for problem in unknown(item, fields, path)]
    found = [f"{path}.{name} is required" for name in fields["required"] if name not in value]
    for name, inner in value.items():
        if name in fields["nested"]:
            found += unknown(inner, fields["nested"][name], f"{path}.{name}")
        elif name not in fields["plain"]:
            found.append(f"{path}.{name} does not exist")
    return found


def templates(manifest: dict[str, Any]) -> dict[str, Any]:
    return {template["name"]: template for template in manifest["spec"]["templates"]}


def test_every_field_exists_in_the_custom_resource() -> None:
    manifest: dict[str, Any] = workflow(SETTINGS)
    assert manifest["apiVersion"] == "argoproj.io/v1alpha1"
    assert unknown(manifest["spec"], FIELDS["Workflow"]) == []
    cron: dict[str, Any] = workflow(ArgoSettings(image="i", schedule="0 3 * * *"))
    assert cron["kind"] == "CronWorkflow"
    assert unknown(cron["spec"], FIELDS["CronWorkflow"]) == []
    assert unknown(cron["spec"]["workflowSpec"], FIELDS["Workflow"]) == []


def test_the_check_itself_finds_a_field_that_does_not_exist() -> None:
    spec = {"entrypoint": "loop", "templates": [{"name": "x", "dag": {"tasks": [{"template": "y", "dependson": []}]}}]}
    assert unknown(spec, FIELDS["Workflow"]) == [
        "spec.templates.dag.tasks.name is required",
        "spec.templates.dag.tasks.dependson does not exist",
    ]


def test_the_graph_is_that_of_the_loop() -> None:
    manifest: dict[str, Any] = workflow(SETTINGS)
    tasks = {task["name"]: task for task in templates(manifest)["loop"]["dag"]["tasks"]}
    assert {name: tuple(task.get("dependencies", ())) for name, task in tasks.items()} == {
        step.name: step.needs for step in STEPS
    }
    assert all(task["template"] in templates(manifest) for task in tasks.values())


def test_every_step_needs_only_steps_before_it() -> None:
    seen: set[str] = set()
    for step in STEPS:
        assert set(step.needs) <= seen, step.name
        seen.add(step.name)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_each_step_is_the_same_command_as_here_with_its_own_resources(step: Any) -> None:
    container = templates(workflow(SETTINGS))[step.name]["container"]
    assert container["command"] == ["python", "-m", "pipelines"]
    assert container["args"][0] == step.name
    assert container["args"][1:3] == ["--run", "{{workflow.name}}"]
    assert container["resources"]["requests"] == {"cpu": step.cpu, "memory": step.memory}
    assert all(QUANTITY.match(quantity) for quantity in (step.cpu, step.memory))
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_options_reach_every_step_as_one_parameter() -> None:
    manifest: dict[str, Any] = workflow(SETTINGS)
    assert manifest["spec"]["arguments"]["parameters"] == [{"name": "options", "value": SETTINGS.options}]
    assert all(
        "{{workflow.parameters.options}}" in template["container"]["args"]
        for name, template in templates(manifest).items()
        if name != "loop"
    )


def test_a_gate_that_stopped_is_not_asked_again() -> None:
    retry = templates(workflow(SETTINGS))["evaluate"]["retryStrategy"]
    assert "exitCode) != 3" in retry["expression"]
