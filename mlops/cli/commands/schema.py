"""`mlops schema`: what a stack file may say, for editors."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mlops.cli import options, ui

FILE = Path("schema", "stack.schema.json")
HEADER = f"# yaml-language-server: $schema={FILE.as_posix()}"
"""First line of a stack file: editors that know the YAML language server complete and check by it."""

PULUMI_KEYS = {
    "environment": "environments of Pulumi ESC to import",
    "secretsprovider": "what encrypts secrets",
    "encryptedkey": "the key that encrypts secrets, itself encrypted",
    "encryptionsalt": "the salt of the passphrase that encrypts secrets",
}
"""Keys of a stack file beside `config`, which the engine reads and writes."""


def schema(
    write: Annotated[bool, typer.Option("--write", help=f"Write it to {FILE.as_posix()}.")] = False,
    as_json: options.Json = False,
) -> None:
    """Print the JSON schema of a stack file, for editors.

    Stack files point at the committed copy, so that an editor with a YAML
    language server completes, explains and checks every key. Run it with
    --write after a setting or a variant has changed.

    \b
    mlops schema
    mlops schema --write
    """
    from mlops import stacks

    content = stack_schema(stacks.project_name(options.project_root()))
    if not write:
        ui.print_schema(content)
        return
    path = options.project_root() / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(rendered(content), encoding="utf-8")
    if as_json:
        ui.print_json({"file": FILE.as_posix()})
    else:
        ui.out().print(f"Wrote {FILE.as_posix()}.")


def rendered(content: dict[str, Any]) -> str:
    """As the committed file holds it."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def stack_schema(project: str) -> dict[str, Any]:
    """JSON schema (draft 7, which YAML language servers know) of a whole stack file. The project's own keys may carry
    its name, as Pulumi writes them."""
    from components.settings import PlatformConfig
    from mlops.core.regions import REGIONS
    from mlops.tiers import TIERS

    platform = _partial(PlatformConfig.model_json_schema())
    definitions = platform.pop("$defs", {})
    own: dict[str, dict[str, Any]] = {
        "tier": {"enum": list(TIERS), "description": "The complete settings to start from."},
        "platform": {**platform, "description": "What this stack does otherwise than its tier."},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Stack of the MLOps platform",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            **{key: {"description": f"Pulumi's own: {what}."} for key, what in PULUMI_KEYS.items()},
            "config": {
                "type": "object",
                "anyOf": [{"required": [key]} for key in ("tier", f"{project}:tier")],
                "properties": {
                    # Any region by its form: one that is newer than the list is taken where its zones are named.
                    "aws:region": {
                        "anyOf": [{"enum": list(REGIONS)}, {"pattern": platform["properties"]["region"]["pattern"]}],
                        "description": "AWS region of the stack.",
                    },
                    **{f"{project}:{key}": value for key, value in own.items()},
                    **{key: {"$ref": f"#/properties/config/properties/{project}:{key}"} for key in own},
                },
                "patternProperties": {f"^{project}:(?!tier$|platform$)": False},
                # Pulumi has settings of its own, such as pulumi:tags; what else there is, nobody reads.
                "propertyNames": {"pattern": f"^({project}:|pulumi:|(aws:region|tier|platform)$)"},
            },
        },
        "$defs": definitions,
    }


def _partial(node: Any) -> Any:
    """The schema of differences: nothing is required, since the tier states the rest, and what fits several
    variants (no `kind` given) is fine, since the tier's variant is meant."""
    if isinstance(node, list):
        return [_partial(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _partial(value) for key, value in node.items() if not _demands(key, value)}
    if isinstance(made.get("oneOf"), list):
        made["anyOf"] = made.pop("oneOf")
    return made


def _demands(key: str, value: Any) -> bool:
    """Told by the value as well: a setting might be called `required`."""
    if key == "required":
        return isinstance(value, list)
    return key == "discriminator" and "propertyName" in value
