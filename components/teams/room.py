"""What teams ask for, held against what the stack has: nodes, slots, the budget, and who has access already."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from components.cluster.node_config import NodeGroupConfig
from components.surroundings import NEEDS, lacking_offers
from components.teams.config import CORES, GPUS, MEMORY_GIB, TeamConfig
from mlops.core.fields.kubernetes import cores, mebibytes
from mlops.core.machines import machines

if TYPE_CHECKING:
    from components.settings import PlatformConfig


@dataclass(frozen=True, kw_only=True)
class Room:
    """Bounds of all pods of a team together."""

    cpu: str
    memory: str
    gpus: int
    volumes: int


@dataclass(frozen=True, kw_only=True)
class Most:
    """What the node groups can grow to, by the first instance type of each; what is reserved on nodes is not taken off,
    for a quota is a bound and no promise."""

    cores: int
    memory_mib: int
    gpus: int


def most(groups: Mapping[str, NodeGroupConfig]) -> Most | None:
    """What all groups together can grow to; None where an instance type is in no table."""
    found = [(machines().get(group.instance_types[0]), group.max_size) for group in groups.values()]
    known = [(machine, size) for machine, size in found if machine]
    if len(known) < len(found):
        return None
    return Most(
        cores=sum(machine.vcpus * size for machine, size in known),
        memory_mib=sum(machine.memory_mib * size for machine, size in known),
        gpus=sum(machine.gpus * size for machine, size in known),
    )


def room(config: "PlatformConfig", team: TeamConfig) -> Room:
    """The bounds of a team: its own, else the usual ones as far as the nodes have them."""
    quota, there = team.quota, most(config.cluster.groups if config.cluster else {})
    return Room(
        cpu=quota.cpu or str(min(CORES, there.cores) if there else CORES),
        memory=quota.memory or f"{min(MEMORY_GIB, there.memory_mib // 1024) if there else MEMORY_GIB}Gi",
        gpus=quota.gpus if quota.gpus is not None else min(GPUS, there.gpus) if there else GPUS,
        volumes=quota.volumes,
    )


def problems(config: "PlatformConfig") -> Iterator[str]:
    """Why the teams cannot live on this stack, a sentence for each reason."""
    if config.teams and config.cluster is None:
        yield "teams: a team is a namespace of the cluster, and this stack has none; add a cluster, or leave teams out"
        return
    for name, team in config.teams.items():
        where = f"teams.{name}"
        yield from (f"{where}.quota.{problem}" for problem in _beyond_the_nodes(config, team))
        for word in team.grants:
            if word in NEEDS and NEEDS[word] not in config.modules:
                yield f"{where}.grants: {word}, and this stack has no {NEEDS[word]}; add one, or leave `{word}` out"
        yield from lacking_offers(where, team.grants, config.modules, outside=False)
        yield from (f"{where}: {problem}" for problem in _known_otherwise(config, team))
    yield from _money(config)


def _beyond_the_nodes(config: "PlatformConfig", team: TeamConfig) -> Iterator[str]:
    quota, there = team.quota, most(config.cluster.groups if config.cluster else {})
    if there is None:
        return
    more = "lower it, or let a node group grow (cluster.node_groups, max_size)"
    if quota.cpu and cores(quota.cpu) > there.cores:
        yield f"cpu is {quota.cpu}, and all node groups together grow to {there.cores} cores; {more}"
    if quota.memory and mebibytes(quota.memory) > Decimal(there.memory_mib):
        yield f"memory is {quota.memory}, and all node groups together grow to {there.memory_mib // 1024}Gi; {more}"
    if quota.gpus is not None and quota.gpus > there.gpus:
        yield (
            f"gpus is {quota.gpus}, and all node groups together grow to {there.gpus}; lower it, or add a group with "
            "GPUs"
        )


def _known_otherwise(config: "PlatformConfig", team: TeamConfig) -> Iterator[str]:
    """EKS keeps one access entry for each principal."""
    known = {*(config.cluster.principals if config.cluster else ()), config.account.role_arn}
    for principal in sorted({*team.members, *team.viewers} & known):
        yield (
            f"{principal} has access already (cluster.admins, cluster.access or account.role_arn), and EKS keeps one "
            "entry for each principal; name it in one place"
        )
    if both := sorted({*team.members} & {*team.viewers}):
        yield f"{both[0]} is in members and in viewers; a member sees everything, so leave it out of viewers"


def _money(config: "PlatformConfig") -> Iterator[str]:
    asked = {name: team.monthly_usd for name, team in config.teams.items() if team.monthly_usd}
    if asked and config.budget is None:
        yield (
            f"teams.{next(iter(asked))}.monthly_usd is set, and the stack has no budget, which says who is told; add "
            "budget with monthly_usd and emails, or leave it out"
        )
    elif config.budget:
        if twice := sorted(asked.keys() & config.budget.teams.keys()):
            yield f"teams.{twice[0]}.monthly_usd and budget.teams.{twice[0]} are both set; keep one of them"
        together = sum(asked.values()) + sum(config.budget.teams.values())
        if together > config.budget.monthly_usd:
            yield (
                f"teams: their budgets come to ${together:,.2f} a month, and the stack's is "
                f"${config.budget.monthly_usd:,.2f} (budget.monthly_usd); raise it, or lower theirs"
            )
