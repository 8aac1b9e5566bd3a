"""What AWS refuses whatever the service: wrong names, duplicates, missing things, things still in use."""

import json
import re
from collections.abc import Callable, Mapping

from localcloud.catalogue import identity, kind_of
from localcloud.catalogue.kind import ANYTHING
from localcloud.references import Reference, references
from localcloud.rules import databases, eks, network, workloads
from localcloud.rules.transitions import refused_transition
from localcloud.world import Thing, World, values_at
from mlops.plan.values import SECRET, UNKNOWN

Rule = Callable[[World, Thing], str | None]

_MISSING_CODES = {
    "Vpc": "InvalidVpcID.NotFound",
    "Subnet": "InvalidSubnetID.NotFound",
    "SecurityGroup": "InvalidGroup.NotFound",
    "RouteTable": "InvalidRouteTableID.NotFound",
    "Role": "NoSuchEntity",
    "Policy": "NoSuchEntity",
    "Key": "NotFoundException",
    "Bucket": "NoSuchBucket",
}


def refused_inputs(thing: Thing) -> Mapping[str, str]:
    """Property -> what is wrong with the physical name in it."""
    rule = kind_of(thing.type).name
    name = thing.inputs.get(rule.property) if rule else None
    if not rule or not isinstance(name, str) or UNKNOWN in name or SECRET in name:
        return {}
    if not rule.shortest <= len(name) <= rule.longest:
        limits = f"{rule.shortest} to {rule.longest} characters"
        return {rule.property: f'"{name}" has {len(name)} characters; {thing.noun} names have {limits}.'}
    if not re.fullmatch(rule.pattern, name):
        return {rule.property: f'"{name}" is not a valid {thing.noun} name: it must match {rule.pattern}'}
    return {}


def refuse_create(world: World, thing: Thing) -> str | None:
    """Why AWS would not make it, in one sentence; None when it would."""
    return _first((_invalid_name, _missing_reference, _duplicate, _untrusting_role, *_CREATE), world, thing)


def refuse_update(world: World, thing: Thing) -> str | None:
    """Why AWS would not change it to this."""
    return _first((_missing_reference, _untrusting_role, refused_transition), world, thing)


def refuse_delete(world: World, thing: Thing) -> str | None:
    """Why AWS would not delete it."""
    return _first((*_DELETE, _in_use), world, thing)


def _first(rules: tuple[Rule, ...], world: World, thing: Thing) -> str | None:
    return next((refusal for rule in rules if (refusal := rule(world, thing))), None)


def _invalid_name(world: World, thing: Thing) -> str | None:
    """Names that only became known when something else existed."""
    refused = refused_inputs(thing)
    return f"InvalidParameterValue: {next(iter(refused.values()))}" if refused else None


def _missing_reference(world: World, thing: Thing) -> str | None:
    for reference in references(thing.type, thing.inputs):
        if not _is_there(world, reference, thing):
            noun = reference.type.rpartition(":")[2]
            code = _MISSING_CODES.get(noun, "ResourceNotFoundException")
            return f"{code}: The {noun} '{reference.identity}' does not exist, which {reference.path} of {thing} names."
    return None


def _is_there(world: World, reference: Reference, thing: Thing) -> bool:
    if _belongs_to_another(reference.identity, thing):
        return True
    types = (reference.type, identity.ALIAS) if reference.type == identity.KEY else (reference.type,)
    return any(world.exists(type_, reference.identity) for type_ in types)


def _belongs_to_another(text: str, thing: Thing) -> bool:
    """AWS's own policies and keys, and resources of other accounts, are out of sight."""
    if text.startswith("alias/aws/"):
        return True
    account = (text.split(":") + [""] * 5)[4] if text.startswith("arn:") else ""
    return bool(account) and account != thing.provider.partition(":")[0]


def _duplicate(world: World, thing: Thing) -> str | None:
    if any(other.key == thing.key for other in world.of_type(thing.type)):
        return f"AlreadyExistsException: {thing.noun} '{thing.id}' already exists."
    unique = kind_of(thing.type).unique
    if not unique:
        return None
    mine = [thing.outputs.get(key) for key in unique]
    for other in world.of_type(thing.type):
        if other.provider == thing.provider and mine == [other.outputs.get(key) for key in unique]:
            values = ", ".join(f"{key} {value}" for key, value in zip(unique, mine, strict=True) if value)
            return f"AlreadyExistsException: a {thing.noun} with {values} already exists: {other}."
    return None


def _untrusting_role(world: World, thing: Thing) -> str | None:
    """A service assumes the role that it is given: the role's trust policy has to let it."""
    for path, service in kind_of(thing.type).trust.items():
        for value in values_at(thing.inputs, path):
            role = world.find(identity.ROLE, value) if isinstance(value, str) else None
            if role and not _trusts(role, service):
                return (
                    f"InvalidParameterException: The trust policy of role '{role.outputs['name']}' does not let "
                    f"{service} assume it, and {path} of {thing} names it."
                )
    return None


def _trusts(role: Thing, service: str) -> bool:
    text = role.inputs.get("assumeRolePolicy", "")
    if not isinstance(text, str) or text in (UNKNOWN, SECRET):
        return True
    statements = json.loads(text).get("Statement", [])
    return any(service in values_at(statement, "Principal.Service") for statement in _listed(statements))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _in_use(world: World, thing: Thing) -> str | None:
    blockers = kind_of(thing.type).kept_by
    for user in world.users(thing):
        if ANYTHING in blockers or user.type in blockers:
            return f"DependencyViolation: {thing} ({thing.id}) is still in use by {user} and cannot be deleted."
    return None


_CREATE: tuple[Rule, ...] = (network.subnet_outside_vpc, network.overlapping_subnet, eks.add_on_without_nodes)
_DELETE: tuple[Rule, ...] = (
    eks.deletion_protection,
    eks.grown_resources,
    databases.deletion_protection,
    databases.missing_final_snapshot,
    databases.parameters_in_use,
    workloads.protected_balancer,
)
