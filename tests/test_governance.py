"""What a team finds on GitHub, and what the guides show: forms that GitHub takes, examples that can be deployed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mlops import settings, stacks
from tests.platforms import ROOT

SCHEMAS = json.loads((Path(__file__).parent / "data" / "github_forms.json").read_text())
TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"
FORMS = sorted(path.name for path in TEMPLATES.glob("*.yml") if path.name != "config.yml")
GUIDES = ("backup.md", "governance.md")


def form(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((TEMPLATES / name).read_text())
    return found


def examples() -> Iterator[tuple[str, str]]:
    for guide in GUIDES:
        text = (ROOT / "docs" / guide).read_text()
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
            yield f"{guide}-{number}", block


EXAMPLES = list(examples())


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_one_that_github_takes(name: str) -> None:
    jsonschema.validate(form(name), SCHEMAS["github-issue-forms"])
    ids = [part["id"] for part in form(name)["body"] if "id" in part]
    assert len(ids) == len(set(ids))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**form(name), "body": [{"type": "text"}]}, SCHEMAS["github-issue-forms"])


def test_there_is_a_form_for_bugs_features_and_modules_and_none_without_questions() -> None:
    assert FORMS == ["bug.yml", "feature.yml", "new_module.yml"]
    chooser = yaml.safe_load((TEMPLATES / "config.yml").read_text())
    jsonschema.validate(chooser, SCHEMAS["github-issue-config"])
    assert chooser["blank_issues_enabled"] is False


@pytest.mark.parametrize(
    "file", ["SECURITY.md", ".github/pull_request_template.md", *(f"docs/{one}" for one in GUIDES)]
)
def test_what_a_page_points_at_is_there(file: str) -> None:
    page = ROOT / file
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    named = re.findall(r"`((?:docs|components|mlops|policies|tests)/[\w/.]+)`", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing + [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_of_a_guide_is_a_stack_file(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.guide.yaml").write_text(text)
    settings.resolve(stacks.read("guide", tmp_path))
