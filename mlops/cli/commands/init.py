"""`mlops init`: write a stack file that is valid before it is written."""

import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mlops.cli import options, ui
from mlops.cli.commands.schema import HEADER
from mlops.cli.errors import BadInputError

DEFAULT_REGION = "us-east-1"
NAME = re.compile(r"[a-z][a-z0-9-]*")


def init(
    stack: Annotated[str | None, typer.Option("--stack", "-s", metavar="NAME", help="Name of the new stack.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="The complete settings to start from.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="AWS region.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Tag Owner: who answers for the stack.")] = None,
    cost_center: Annotated[str | None, typer.Option("--cost-center", help="Tag CostCenter: who pays.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="A setting that differs from the tier; may be repeated."),
    ] = None,
) -> None:
    """Write the file of a new stack: a tier, and what it does otherwise.

    Asks for stack, tier and region where they are not given. The file is
    checked before it is written; an existing one is never touched.

    \b
    mlops init
    mlops init --stack qa --tier dev --region eu-west-1
    mlops init --stack qa --tier prod --set data_pipeline.kind=kafka
    """
    from mlops import stacks
    from mlops.tiers import TIERS

    root = options.project_root()
    asks = not (stack and tier)
    stack = stack or _ask("stack", "Name of the stack", "dev")
    if not NAME.fullmatch(stack):
        raise BadInputError(f'"{stack}" cannot name a stack: lower case letters, digits and hyphens, a letter first.')
    path = root / f"Pulumi.{stack}.yaml"
    if path.exists():
        raise BadInputError(f"{path.name} exists. Edit it, or choose another name; nothing was written.")
    tier = tier or _ask("tier", f"Tier ({', '.join(TIERS)})", "dev")
    if asks and not region:
        region = _ask("region", "AWS region", DEFAULT_REGION)
    tags = {name: value for name, value in (("owner", owner), ("cost_center", cost_center)) if value}
    given = list(settings or ())
    config = _config(stacks.project(root), tier, region, given, tags)
    text = _rendered(config)
    _check(root, stack, text)
    path.write_text(text, encoding="utf-8")

    words = ["mlops", "init", "--stack", stack, "--tier", tier]
    words += ["--region", region] if region else []
    words += [word for name, value in tags.items() for word in (f"--{name.replace('_', '-')}", value)]
    words += [word for setting in given for word in ("--set", setting)]
    console = ui.out()
    console.print(f"[green]✓[/] Wrote {path.name}: {tier} in {region or DEFAULT_REGION}.")
    if asks:
        console.print("The same without questions:", shlex.join(words), markup=False)
    console.print(f"Next: mlops plan -s {stack}", markup=False)


def _ask(option: str, question: str, default: str) -> str:
    if not sys.stdin.isatty():
        raise BadInputError(f"--{option} is missing, and there is nobody to ask. `mlops init --help` shows how.")
    return str(typer.prompt(question, default=default, err=True)).strip()


def _config(
    project: str, tier: str, region: str | None, settings: Sequence[str], tags: Mapping[str, str]
) -> dict[str, Any]:
    platform: dict[str, Any] = {"tags": dict(tags)} if tags else {}
    for setting in settings:
        path, sign, text = setting.partition("=")
        if not sign or not all(path.split(".")):
            raise BadInputError(f'--set takes PATH=VALUE, such as network.zones=3; given was "{setting}".')
        _put(platform, path, text)
    config: dict[str, Any] = {"aws:region": region} if region else {}
    config[f"{project}:tier"] = tier
    return {**config, f"{project}:platform": platform} if platform else config


def _put(platform: dict[str, Any], path: str, text: str) -> None:
    import yaml

    *parents, last = path.split(".")
    place = platform
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise BadInputError(f"--set {path}: {parent} was set to a plain value before.")
    try:
        place[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise BadInputError(f'--set {path}: "{text}" is not a YAML value; quote special characters.') from None


def _check(root: Path, stack: str, text: str) -> None:
    """Read and resolve the file as the program will, in a folder of its own."""
    from mlops import settings, stacks

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(root / options.PROJECT_FILE, folder)
        Path(folder, f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")
        settings.resolve(stacks.read(stack, Path(folder)))


def _rendered(config: dict[str, Any]) -> str:
    import yaml

    body = yaml.safe_dump({"config": config}, sort_keys=False, allow_unicode=True)
    return f"{HEADER}\n{body}"
