"""`mlops init`: write a stack file that is valid before it is written."""

import json
import re
import shlex
import shutil
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

Steps = tuple[int | str, ...]


def init(
    stack: Annotated[str | None, typer.Option("--stack", "-s", metavar="NAME", help="Name of the new stack.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="The complete settings to start from.")] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="Start from a preset instead of a tier: mlops presets.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", help="AWS region.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Tag Owner: who answers for the stack.")] = None,
    cost_center: Annotated[str | None, typer.Option("--cost-center", help="Tag CostCenter: who pays.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="A setting that differs from the tier; may be repeated."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write the file of a new stack: a tier, and what it does otherwise.

    Asks for stack, tier, region and modules where stack or tier is not given,
    and tells what each tier costs. The file is checked before it is written;
    an existing one is never touched.

    \b
    mlops init
    mlops init --stack qa --tier dev --region eu-west-1
    mlops init --stack qa --tier prod --set data_pipeline.kind=kafka
    mlops init --stack demo --preset startup
    """
    from mlops import stacks
    from mlops.choice import presets
    from mlops.cli import wizard
    from mlops.core.merge import merge

    root = options.project_root()
    if preset and tier:
        raise BadInputError("--preset and --tier cannot both be given: a preset names its tier. Leave one out.")
    start = presets.preset(preset, root) if preset else None
    tier = start.tier if start else tier
    asks = not (stack and tier)
    stack = stack or wizard.ask("stack", "Name of the stack", "dev")
    if not NAME.fullmatch(stack):
        raise BadInputError(f'"{stack}" cannot name a stack: lower case letters, digits and hyphens, a letter first.')
    path = root / f"Pulumi.{stack}.yaml"
    if path.exists():
        raise BadInputError(f"{path.name} exists. Edit it, or choose another name; nothing was written.")
    tier = tier or wizard.ask_tier(root)
    given = list(settings or ())
    if asks:
        region = region or wizard.ask("region", "AWS region", DEFAULT_REGION)
        given = [*([] if start else wizard.ask_modules(tier)), *given]
    tags = {name: value for name, value in (("owner", owner), ("cost_center", cost_center)) if value}
    platform = merge(start.platform if start else {}, {"tags": tags} if tags else {})
    text = _rendered(_config(stacks.project_name(root), tier, region, given, platform))
    _check(root, stack, text)
    path.write_text(text, encoding="utf-8")

    words = ["mlops", "init", "--stack", stack, *(["--preset", preset] if preset else ["--tier", tier])]
    words += ["--region", region] if region else []
    words += [word for name, value in tags.items() for word in (f"--{name.replace('_', '-')}", value)]
    words += [word for setting in given for word in ("--set", setting)]
    written = {"stack": stack, "tier": tier, "region": region or DEFAULT_REGION, "file": path.name}
    if as_json:
        ui.print_json({**written, "command": shlex.join(words)})
        return
    console = ui.out()
    console.print(f"[green]✓[/] Wrote {path.name}: {tier} in {written['region']}.")
    if asks:
        console.print("The same without questions:", shlex.join(words), markup=False)
    console.print(f"Next: mlops plan -s {stack}, mlops cost -s {stack}", markup=False)


def _config(
    project: str, tier: str, region: str | None, settings: Sequence[str], platform: dict[str, Any]
) -> dict[str, Any]:
    """What the file says below `config`: the settings of `platform` with those of the command line in their places."""
    texts: dict[Steps, str] = {}
    for setting in settings:
        path, sign, text = setting.partition("=")
        if not sign or not all(path.split(".")):
            raise BadInputError(f'--set takes PATH=VALUE, such as network.zones=3; given was "{setting}".')
        texts |= _put(platform, path, text)
    config: dict[str, Any] = {"aws:region": region} if region else {}
    config[f"{project}:tier"] = tier
    return {**config, f"{project}:platform": _with_texts(platform, tier, texts)} if platform else config


def _put(platform: dict[str, Any], path: str, text: str) -> dict[Steps, str]:
    """Put a value in its place; the numbers in it with their texts, which tell 1.30 from 1.3."""
    from mlops.core.yaml_reader import Document, YamlError, read

    *parents, last = path.split(".")
    place = platform
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise BadInputError(f"--set {path}: {parent} was set to a plain value before.")
    try:
        document = read(text)
    except YamlError as error:
        # A shell has eaten the quotes of what must be a text: 012345678901, 2026-12-31.
        if not text[:1].isalnum():
            raise BadInputError(
                f'--set {path}: "{text}" is not a YAML value; quote special characters. It {error}.'
            ) from None
        document = Document(text)
    place[last] = document.value
    steps = (*parents, last)
    own = {steps: text} if isinstance(document.value, int | float) else {}
    return own | {(*steps, *below): written for below, written in document.written.items()}


def _with_texts(platform: dict[str, Any], tier_name: str, texts: Mapping[Steps, str]) -> dict[str, Any]:
    """The settings with texts in place of numbers, where a setting is a text."""
    from pydantic import ValidationError

    from components.settings import PlatformConfig
    from mlops.core.merge import merge
    from mlops.core.problems import misread_numbers
    from mlops.settings import replaced
    from mlops.tiers import TIERS, tier

    if tier_name not in TIERS:
        return platform
    given = merge(tier(tier_name).model_dump(mode="python"), platform)
    try:
        PlatformConfig.model_validate(given)
    except ValidationError as error:
        for steps, number in misread_numbers(error, given).items():
            platform = replaced(platform, steps, texts.get(steps) or json.dumps(number))
    return platform


def _check(root: Path, stack: str, text: str) -> None:
    """Read and resolve the file as the program will, in a folder of its own."""
    from mlops import settings, stacks

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(root / options.PROJECT_FILE, folder)
        Path(folder, f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")
        settings.resolve(stacks.read(stack, Path(folder)))


def _rendered(config: dict[str, Any]) -> str:
    from mlops.core.yaml_reader import write

    return f"{HEADER}\n{write({'config': config})}"
