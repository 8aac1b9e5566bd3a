"""From what a stack file says to what the platform is: the tier, the differences, checked."""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from components.settings import PlatformConfig
from mlops.core import offerings
from mlops.core.merge import merge
from mlops.core.problems import Problem, SettingsError, closest, explain, misread_numbers
from mlops.stacks import StackFile
from mlops.tiers import TIERS, tier

_PREFIX = re.compile(r"(?=.{2,24}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KEYS = ("tier", "platform")
_PROVIDERS = ("aws", "aws-native", "eks", "kubernetes")
_NEAR = 0.75
"""From here on a namespace is taken for a misspelt one (`difflib`)."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that is known about a stack before anything exists."""

    project: str
    stack: str
    tier: str
    platform: PlatformConfig

    @property
    def prefix(self) -> str:
        """Start of physical names: `mlops-dev`."""
        return f"{self.project}-{self.stack}"

    @property
    def tags(self) -> dict[str, str]:
        """Tags of everything that takes tags."""
        tags = self.platform.tags
        return {
            "Project": self.project,
            "Environment": self.stack,
            "ManagedBy": "pulumi",
            "Owner": tags.owner,
            "CostCenter": tags.cost_center,
            "DataClassification": tags.data_classification,
            **tags.extra,
        }


def resolve(stack: StackFile) -> Settings:
    """Lay a stack's differences over its tier and check the whole.

    Raises:
        SettingsError: one message with a line for each thing that is wrong.
    """
    name, project = stack.name, stack.project
    if not _PREFIX.fullmatch(f"{project}-{name}"):
        raise SettingsError(
            f'The stack name "{name}" cannot start AWS names: "{project}-{name}" must be lower case letters, digits '
            "and single hyphens between them, at most 24 characters, because clusters, databases, load balancers and "
            "repositories are named after it."
        )
    for key in stack.config:
        _known(key, stack)
    chosen = _tier(stack)
    differences = override(stack)
    region = stack.config.get("aws:region")
    if region:
        if differences.get("region", region) != region:
            raise SettingsError(
                f"{stack.at(f'{project}:platform', 'region')}: aws:region is {region} and {project}:platform region is "
                f"{differences['region']}; keep aws:region."
            )
        differences = {**differences, "region": region}
    base = tier(chosen).model_dump(mode="python")
    given = merge(offered(base, str(differences.get("region", base["region"]))), differences)
    return Settings(project=project, stack=name, tier=chosen, platform=_platform(given, stack, chosen))


def offered(tier: Mapping[str, Any], region: str) -> Mapping[str, Any]:
    """A tier without the instance types that a region lacks: EKS refuses a group over one of them. A group that would
    keep none keeps all, and the settings are refused with what the region has instead."""

    def there(group: Mapping[str, Any]) -> Mapping[str, Any]:
        names = [name for name in group["instance_types"] if offerings.offers("instance_types", region, name)]
        return {**group, "instance_types": names or group["instance_types"]}

    cluster = tier["cluster"]
    if cluster is None:
        return tier
    groups = {name: there(group) for name, group in cluster["node_groups"].items()}
    return {**tier, "cluster": {**cluster, "system": there(cluster["system"]), "node_groups": groups}}


def override(stack: StackFile) -> Mapping[str, Any]:
    """What a stack does otherwise than its tier, as its file says it: nothing of it is checked yet.

    Raises:
        SettingsError: it is encrypted, or no mapping.
    """
    key = f"{stack.project}:platform"
    if key in stack.secret_keys:
        raise SettingsError(
            f"{stack.at(key)}: {key} is encrypted, or something in it is. Settings are read by everybody; keep secrets "
            "in AWS Secrets Manager and name them here."
        )
    text = stack.config.get(key) or "{}"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise SettingsError(f"{stack.at(key)}: {key} must be a mapping of settings, not {json.dumps(found)[:60]}.")
    return found


def _platform(given: Mapping[str, Any], stack: StackFile, chosen: str) -> PlatformConfig:
    """The settings, checked. A number where a text is asked for is taken as the text that it was written as."""
    try:
        return PlatformConfig.model_validate(given)
    except ValidationError as error:
        problems, given = _numbers_as_texts(error, given, stack)
    try:
        platform = PlatformConfig.model_validate(given)
    except ValidationError as error:
        problems += [
            one for one in explain(error, PlatformConfig, given) if one.path not in {two.path for two in problems}
        ]
    else:
        if not problems:
            return platform
    key = f"{stack.project}:platform"
    placed = [replace(one, place=stack.place(key, *_steps(one, stack, key))) for one in problems]
    head = f"{stack.at()} does not describe a platform ({key} over tier {chosen}):"
    raise SettingsError("\n".join([head, *(f"  {one}" for one in placed)]), tuple(placed))


def _numbers_as_texts(
    error: ValidationError, given: Mapping[str, Any], stack: StackFile
) -> tuple[list[Problem], Mapping[str, Any]]:
    """The settings with `1.34` where `"1.34"` is meant; and a problem for each number whose text is lost on the way.

    `1.30` reaches the program as 1.3: who wrote it must put it into quotes.
    """
    problems: list[Problem] = []
    for path, number in misread_numbers(error, given).items():
        text = json.dumps(number)
        written = stack.written.get((f"{stack.project}:platform", *path))
        if written:
            where = ".".join(map(str, path))
            words = (
                f'{where} is {written}, which Pulumi hands over as the number {text}. Put it into quotes: "{written}".'
            )
            problems.append(Problem(path, words))
        given = replaced(given, path, written or text)
    return problems, given


def replaced(tree: Any, path: tuple[int | str, ...], value: Any) -> Any:
    """A copy of the settings with another value in one place."""
    if not path:
        return value
    step, *below = path
    if isinstance(tree, Mapping):
        return {**tree, step: replaced(tree[str(step)], tuple(below), value)}
    return [replaced(item, tuple(below), value) if number == step else item for number, item in enumerate(tree)]


def _steps(problem: Problem, stack: StackFile, key: str) -> tuple[int | str, ...]:
    """Where in the file a problem is to be mended. What concerns several settings begins with the first one's name."""
    steps = problem.path
    named = re.match(r"[a-z][\w.]*", problem.text.removeprefix(".".join(map(str, steps))).lstrip(": "))
    for step in named[0].split(".") if named else ():
        if (key, *steps, step) not in stack.places:
            break
        steps = (*steps, step)
    return steps


def _known(key: str, stack: StackFile) -> None:
    """Pulumi passes over a key that nobody reads; a misspelt one would change nothing and say nothing."""
    namespace, _, word = key.partition(":")
    project, where = stack.project, stack.at(key)
    if namespace == project and word not in _KEYS:
        below = word.startswith(("platform.", "platform["))
        path = f" Settings below it are set with `pulumi config set --path '{key}' …`." if below else ""
        raise SettingsError(
            f"{where}: there is no key {key}.{closest(word, _KEYS)} "
            f"Allowed: {', '.join(f'{project}:{known}' for known in _KEYS)}.{path}"
        )
    if namespace in _PROVIDERS and key != "aws:region":
        raise SettingsError(
            f"{where}: {key} would have no effect, because the program makes its own providers. "
            f"Allowed: aws:region. Account and credentials are set at {project}:platform account."
        )
    if namespace not in (project, "pulumi", *_PROVIDERS):
        near = difflib.get_close_matches(namespace.lower(), (project, "aws", "pulumi"), n=1, cutoff=_NEAR)
        meant = project if word in _KEYS else next(iter(near), None)
        if meant:
            raise SettingsError(
                f'{where}: nobody reads {key}: this project\'s namespace is {project}. Did you mean "{meant}:{word}"?'
            )


def _tier(stack: StackFile) -> str:
    key = f"{stack.project}:tier"
    chosen = stack.config.get(key)
    if not chosen:
        raise SettingsError(f"{stack.at(key)}: {key} is missing. Allowed: {', '.join(TIERS)}.")
    if chosen not in TIERS:
        raise SettingsError(
            f'{stack.at(key)}: {key} is "{chosen}".{closest(chosen, TIERS)} Allowed: {", ".join(TIERS)}.'
        )
    return chosen
