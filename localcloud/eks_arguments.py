"""Which arguments of the remote component `eks:index:Cluster` are modelled; all others are refused."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_REQUIRED = ("vpcId", "skipDefaultNodeGroup", "skipDefaultSecurityGroups", "useDefaultVpcCni")
_OFF = ("createInstanceRole", "fargate")
"""Switches that are modelled as long as they are off."""
_OF_ENTRIES = ("principalArn", "kubernetesGroups", "type", "username", "tags", "accessPolicies")
_OF_POLICIES = ("policyArn", "accessScope")
_OF_ADDONS = ("configurationValues", "enabled", "resolveConflictsOnCreate", "resolveConflictsOnUpdate", "version")
_PARTS: Mapping[str, tuple[str, ...]] = {
    "kubeProxyAddonOptions": _OF_ADDONS,
    "corednsAddonOptions": _OF_ADDONS,
    "providerCredentialOpts": ("profileName", "roleArn"),
}
"""What is modelled of arguments that have parts."""
_WHOLE = (
    "accessEntries",
    "authenticationMode",
    "bootstrapSelfManagedAddons",
    "clusterTags",
    "createOidcProvider",
    "deletionProtection",
    "enableConfigMapMutable",
    "enabledClusterLogTypes",
    "encryptionConfigKeyArn",
    "endpointPrivateAccess",
    "endpointPublicAccess",
    "ipFamily",
    "kubernetesServiceIpAddressRange",
    "name",
    "privateSubnetIds",
    "publicAccessCidrs",
    "publicSubnetIds",
    "serviceRole",
    "subnetIds",
    "tags",
    "upgradePolicy",
    "version",
)


def problems(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Why the arguments cannot be rehearsed: those that are not modelled, and those that pulumi-eks refuses itself."""
    given = {key: value for key, value in inputs.items() if value is not None}
    for key, value in given.items():
        if key not in {*_WHOLE, *_REQUIRED, *_PARTS} and not (key in _OFF and not value):
            yield f"it does not model the argument {key}"
    parts = [(key, given.get(key), known) for key, known in _PARTS.items()]
    for entry, value in _items(given.get("accessEntries")):
        where = f"accessEntries.{entry}"
        parts.append((where, value, _OF_ENTRIES))
        policies = _items(value.get("accessPolicies"))
        parts += [(f"{where}.accessPolicies.{policy}", one, _OF_POLICIES) for policy, one in policies]
    for where, value, known in parts:
        yield from (f"it does not model the argument {where}.{key}" for key, _ in _items(value) if key not in known)
    yield from (f"it models a cluster only with {key}" for key in _REQUIRED if not given.get(key))
    if "subnetIds" in given and ("publicSubnetIds" in given or "privateSubnetIds" in given):
        yield "subnetIds and publicSubnetIds or privateSubnetIds exclude each other"
    if "publicAccessCidrs" in given and given.get("endpointPublicAccess") is False:
        yield "publicAccessCidrs can be set only where endpointPublicAccess is true"


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    """What is set in a mapping; nothing where it is missing or not known yet."""
    return [(key, one) for key, one in value.items() if one is not None] if isinstance(value, Mapping) else []
