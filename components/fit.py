"""What must agree between parts of the settings, and between them and where the stack is: region, zones, account.

Each function yields a sentence for each thing that does not: what was given, why it cannot be, what to do. A setting
that is wrong by itself is refused where it is declared.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from components.base.release import Strategy
from components.serving import Released, Served, ServingConfig
from components.teams.room import problems as teams
from mlops.core import offerings, regions
from mlops.core.fields.aws import arn_account, arn_region
from mlops.core.module import StackFacts, kind_of, variants

if TYPE_CHECKING:
    from components.settings import PlatformConfig

_OF_ANY_REGION = frozenset({"topic_arn", "storage_key_arns"})
"""Settings whose ARN may lie elsewhere: AWS Budgets is one for all regions, a foreign bucket's key lies with it."""
_OF_ANY_ACCOUNT = frozenset({"storage_key_arns", "admins", "principal", "client_secret_arn", "client_secret_key_arn"})
"""Settings whose ARN may be another account's, which then has to allow it."""
_GUARDDUTY_TAG = re.compile("[a-zA-Z0-9+,./:;<=_-]+")
"""Source: the pattern of TagKey in GuardDuty's service model (botocore 1.44.5)."""


def problems(config: "PlatformConfig") -> list[str]:
    """All that does not fit together. Without a region that can be there are no zones to judge the rest by."""
    return [*_region(config)] or [
        *_zones(config),
        *_offered(config),
        *_needs(config),
        *_beside(config),
        *_conflicts(config),
        *_arns(config),
        *_tags(config),
        *teams(config),
    ]


def _region(config: "PlatformConfig") -> Iterator[str]:
    region, network = config.region, config.network
    if other := regions.other_partition(region):
        yield (
            f"region is {region}, which belongs to {other}: ARNs, endpoints and service names are others there, and "
            f"the platform writes those of the partition aws. Use one of {', '.join(regions.REGIONS)}"
        )
    elif network.existing or network.zone_names:
        return
    elif region not in regions.REGIONS:
        yield (
            f'region is "{region}"; allowed: {", ".join(regions.REGIONS)}. A region that is newer than this list can '
            "be used once network.zone_names names its zones"
        )
    elif network.zones > len(known := regions.zones(region)):
        yield (
            f"network.zones is {network.zones}, but {region} has {len(known)} availability zones "
            f"({', '.join(known)}); use at most {len(known)}, or another region"
        )


def _zones(config: "PlatformConfig") -> Iterator[str]:
    setting = "network.existing.zone_names" if config.network.existing else "network.zone_names"
    for zone in config.zones:
        if problem := regions.zone_problem(zone, config.region):
            yield f"{setting}: {problem}"
    if config.cluster and (without := sorted(regions.NO_CONTROL_PLANE.intersection(config.zones))):
        yield (
            f"{', '.join(without)} is among the zones, and EKS has no control plane there. Name other zones in "
            f"{setting}, or lower network.zones"
        )
    for part in ("cluster", "database"):
        if getattr(config, part) is not None and len(config.zones) < 2:
            yield (
                f"network.zones is 1, and the {part} needs subnets in at least 2 availability zones; "
                "set zones to 2 or 3"
            )


def _offered(config: "PlatformConfig") -> Iterator[str]:
    for group, nodes in config.cluster.groups.items() if config.cluster else ():
        where = "cluster.system" if group == "system" else f"cluster.node_groups.{group}"
        for name in nodes.instance_types:
            if problem := offerings.problem("instance_types", config.region, name):
                yield f"{where}.instance_types: {problem}. EKS refuses the whole group over it"
    if config.database:
        name = config.database.instance_class
        if problem := offerings.problem("database_classes", config.region, name):
            yield f"database.instance_class: {problem}"


def _needs(config: "PlatformConfig") -> Iterator[str]:
    for slot, module in config.modules.items():
        for need in sorted(need for need in module.needs if getattr(config, need) is None):
            yield (
                f"{slot} is {kind_of(type(module))}, which runs on a {need}, and this stack has none; "
                f"add `{need}: {{}}` to the settings, or choose another kind for {slot} (`mlops modules`)"
            )


def _beside(config: "PlatformConfig") -> Iterator[str]:
    filled = {slot: kind_of(type(module)) for slot, module in config.modules.items()}
    for slot, module in config.modules.items():
        for other, kinds in module.beside.items():
            found = filled.get(other)
            if found is not None and (not kinds or found in kinds):
                continue
            wanted = f"{other} of the kind {' or '.join(kinds)}" if kinds else f"a module for {other}"
            yield (
                f"{slot} is {filled[slot]}, which works with {wanted}, and {other} is {found or 'empty'}; choose one "
                f"for {other}, or another kind for {slot} (`mlops modules`)"
            )


def facts(config: "PlatformConfig") -> StackFacts:
    """What modules may have to know of the stack."""
    groups = config.cluster.groups if config.cluster else {}
    return StackFacts(
        region=config.region,
        zones=len(config.zones),
        gpus=any(group.gpu for group in groups.values()),
        node_groups=frozenset(groups),
        gpu_groups=frozenset(name for name, group in groups.items() if group.gpu),
        outside=config.outside,
        database=config.database is not None,
        way_out=bool(config.network.existing) or config.network.mode != "isolated",
        repositories=frozenset(config.registry.repositories),
        group_sizes={name: group.max_size for name, group in groups.items()},
        private_subnets=bool(config.network.existing) or config.network.mode != "public",
        captured=config.serving.captured if config.serving else frozenset(),
        loop=config.loop,
        steps=config.serving.steps if config.serving else None,
        filled={slot: kind_of(type(module)) for slot, module in config.modules.items()},
    )


def _conflicts(config: "PlatformConfig") -> Iterator[str]:
    known = facts(config)
    for slot, module in config.modules.items():
        yield from (f"{slot}: {conflict}" for conflict in module.conflicts(known))
    if config.serving:
        yield from _workloads(config, config.serving, known)
    for container in config.workloads.containers:
        if config.serving is None:
            yield (
                f"workloads.containers: {container.name} has nothing to run on, for this stack has no serving; choose "
                f"a kind that serves containers: {_kinds_that_serve('containers')}"
            )
        yield from container.lacks(config.modules, outside=config.outside)


def _workloads(config: "PlatformConfig", serving: ServingConfig, facts: StackFacts) -> Iterator[str]:
    """What is declared, held against what the kind of serving can run and what the registry has."""
    kind, workloads = kind_of(type(serving)), config.workloads
    if serving.models and "models" not in serving.serves:
        yield (
            f"serving is {kind}, which serves containers and no models by their artifacts; leave models out, or choose "
            f"a kind that serves them: {_kinds_that_serve('models')}"
        )
    for what, shape in workloads.shapes(tuple(config.modules)).items():
        wanted: Served = "workers" if shape.worker else "containers"
        if wanted in serving.serves:
            yield from (f"workloads: {problem}" for problem in serving.misfits(what, shape, facts))
        else:
            yield (
                f"workloads: {what} is one of the {wanted}, and serving is {kind}, which runs none; choose a kind that "
                f"does: {_kinds_that_serve(wanted)}"
            )
    declared = [one.name for one in workloads.containers]
    for name, setting in serving.named_containers.items():
        if name not in declared:
            yield f"serving.{setting} names {name}, which is no container; allowed: {', '.join(declared) or 'none'}"
    yield from _releases(config, serving)
    for setting, repositories in workloads.repositories().items():
        if missing := [name for name in repositories if name not in config.registry.repositories]:
            away = "set it to null" if setting == "workloads.recommender" else "name an image of another registry"
            yield (
                f"{setting} runs images of the repositories {', '.join(repositories)}, and registry.repositories "
                f"lacks {', '.join(missing)}; add it there, or {away}"
            )


def _releases(config: "PlatformConfig", serving: ServingConfig) -> Iterator[str]:
    """Strategies by which something is to take over, held against those that the kind of serving has."""
    workloads = config.workloads
    asked: list[tuple[str, Released, Strategy]] = [
        (f"workloads.containers: {one.name} has release.strategy", "image", one.release.strategy)
        for one in workloads.containers
    ]
    for one in serving.models if "models" in serving.serves else ():
        asked.append((f"serving: model {one.name} has release.strategy", "artifact", one.release.strategy))
    if workloads.recommender and config.ml_platform:
        strategy = workloads.recommender.release.strategy
        asked.append(("workloads.recommender.release.strategy is", "model", strategy))
    for setting, released, strategy in asked:
        able = serving.strategies[released]
        if strategy not in able:
            yield (
                f"{setting} {strategy}, and serving is {kind_of(type(serving))}, where a new {released} takes over by "
                f"{', '.join(sorted(able))}; choose one of them, or a kind that has {strategy}: "
                f"{_kinds_that_release(released, strategy)}"
            )


def _kinds_that_serve(wanted: Served) -> str:
    return _kinds(lambda kind: wanted in kind.serves)


def _kinds_that_release(released: Released, strategy: Strategy) -> str:
    return _kinds(lambda kind: strategy in kind.strategies[released])


def _kinds(fits: Callable[[type[ServingConfig]], bool]) -> str:
    found = (kind for kind in variants(ServingConfig) if issubclass(kind, ServingConfig) and fits(kind))
    return ", ".join(kind_of(kind) for kind in found) or "none"


def _arns(config: "PlatformConfig") -> Iterator[str]:
    """Where an ARN leads another way than the stack. The account is the one that the settings name, if they do."""
    role = config.account.role_arn
    account = config.account.id or (arn_account(role) if role else None)
    for path, arn in _texts(config.model_dump(), ()):
        setting, where = path[-1], ".".join(path)
        if not arn.startswith("arn:"):
            continue
        region, owner = arn_region(arn), arn_account(arn)
        if region not in ("", config.region) and setting not in _OF_ANY_REGION:
            yield f"{where} is {arn}, of {region}, and the stack is in {config.region}; name one of {config.region}"
        if account and owner != account and setting not in _OF_ANY_ACCOUNT:
            yield (
                f"{where} is {arn}, of the account {owner}, and the stack is of {account} (account); "
                "name one of that account, or correct account"
            )
    if config.cluster and role in config.cluster.principals:
        yield (
            f"cluster names {role} among admins or access, and it is account.role_arn: whoever creates the cluster has "
            "an entry already, and EKS takes no second one. Leave it out"
        )


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text of the settings with the names that lead to it; entries of a list have the list's."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _texts(child, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from _texts(child, path)
    elif isinstance(value, str):
        yield path, value


def _tags(config: "PlatformConfig") -> Iterator[str]:
    baseline = config.account_baseline
    if baseline and baseline.threat_detection:
        for key in config.tags.extra:
            if not _GUARDDUTY_TAG.fullmatch(key):
                yield (
                    f'tags.extra: GuardDuty takes no tag "{key}"; its keys are of the letters a to z, digits and '
                    "`+,./:;<=_-`. Rename it, or set account_baseline.threat_detection to false"
                )
