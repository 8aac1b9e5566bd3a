"""From what a stack file says to what the platform is: the tier, the differences, checked."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from components.platform import PlatformConfig
from mlops.core import offerings
from mlops.core.merge import merge
from mlops.core.problems import SettingsError, closest, explain
from mlops.stacks import StackFile
from mlops.tiers import TIERS, tier

_PREFIX = re.compile(r"[a-z][a-z0-9-]{1,23}")
_KEYS = ("tier", "platform")


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
    where = stack.path.name if stack.path else f"Pulumi.{name}.yaml"
    if not _PREFIX.fullmatch(f"{project}-{name}"):
        raise SettingsError(
            f'The stack name "{name}" cannot start AWS names: "{project}-{name}" must be lower case letters, digits '
            "and hyphens, at most 24 characters, because load balancers and clusters are named after it."
        )
    for key in stack.config:
        _known(key, project, where)
    chosen = _tier(stack, where)
    override = _override(stack, where)
    region = stack.config.get("aws:region")
    if region:
        if override.get("region", region) != region:
            raise SettingsError(
                f"{where}: aws:region is {region} and {project}:platform region is {override['region']}; "
                "keep aws:region."
            )
        override = {**override, "region": region}
    base = tier(chosen).model_dump(mode="python")
    given = merge(offered(base, str(override.get("region", base["region"]))), override)
    try:
        platform = PlatformConfig.model_validate(given)
    except ValidationError as error:
        lines = [f"  {line}" for line in explain(error, PlatformConfig, given)]
        head = f"{where} does not describe a platform ({project}:platform over tier {chosen}):"
        raise SettingsError("\n".join([head, *lines])) from None
    return Settings(project=project, stack=name, tier=chosen, platform=platform)


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


def _known(key: str, project: str, where: str) -> None:
    """Pulumi passes over a key that nobody reads; a misspelt one would change nothing and say nothing."""
    namespace, _, word = key.partition(":")
    if namespace == project and word not in _KEYS:
        raise SettingsError(
            f"{where}: there is no key {key}.{closest(word, _KEYS)} "
            f"Allowed: {', '.join(f'{project}:{known}' for known in _KEYS)}."
        )
    if namespace == "aws" and word != "region":
        raise SettingsError(
            f"{where}: {key} would have no effect, because the program makes its own AWS provider. "
            f"Allowed: aws:region. Account and credentials are set at {project}:platform account."
        )


def _tier(stack: StackFile, where: str) -> str:
    chosen = stack.config.get(f"{stack.project}:tier")
    if not chosen:
        raise SettingsError(f"{where}: {stack.project}:tier is missing. Allowed: {', '.join(TIERS)}.")
    if chosen not in TIERS:
        raise SettingsError(
            f'{where}: {stack.project}:tier is "{chosen}".{closest(chosen, TIERS)} Allowed: {", ".join(TIERS)}.'
        )
    return chosen


def _override(stack: StackFile, where: str) -> Mapping[str, Any]:
    key = f"{stack.project}:platform"
    if key in stack.secret_keys:
        raise SettingsError(
            f"{where}: {key} is encrypted. Settings are read by everybody; keep secrets in AWS Secrets Manager "
            "and name them here."
        )
    try:
        override = json.loads(stack.config.get(key) or "{}")
    except json.JSONDecodeError:
        override = stack.config[key]
    if override is None:
        return {}
    if not isinstance(override, Mapping):
        raise SettingsError(f"{where}: {key} must be a mapping of settings, not {json.dumps(override)[:60]}.")
    return override
