"""The stand-in for pulumi-eks: what it is given changes what it makes, or is refused."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pulumi_eks as eks
import pytest
from pulumi._types import input_type_py_to_pulumi_names

from localcloud import fakes
from localcloud.eks_component import ConstructionError, Made, construct

ROLE = "arn:aws:iam::123456789012:role/"
POLICY = "arn:aws:eks::aws:cluster-access-policy/"
BASE: dict[str, Any] = {
    "vpcId": "vpc-1",
    "skipDefaultNodeGroup": True,
    "skipDefaultSecurityGroups": True,
    "useDefaultVpcCni": True,
    "corednsAddonOptions": {"enabled": True},
    "accessEntries": {
        "team": {
            "principalArn": f"{ROLE}team",
            "accessPolicies": {
                "view": {"policyArn": f"{POLICY}AmazonEKSViewPolicy", "accessScope": {"type": "cluster"}}
            },
        }
    },
}
VALUES: dict[str, Any] = {
    "accessEntries": {},
    "accessEntries.team.accessPolicies": {},
    "accessEntries.team.accessPolicies.view.accessScope": {"type": "namespace", "namespaces": ["team"]},
    "accessEntries.team.accessPolicies.view.policyArn": f"{POLICY}AmazonEKSEditPolicy",
    "accessEntries.team.kubernetesGroups": ["readers"],
    "accessEntries.team.principalArn": f"{ROLE}other",
    "accessEntries.team.tags": {"a": "b"},
    "accessEntries.team.type": "STANDARD",
    "accessEntries.team.username": "somebody",
    "authenticationMode": "API",
    "bootstrapSelfManagedAddons": False,
    "clusterTags": {"a": "b"},
    "corednsAddonOptions.enabled": False,
    **{
        f"{addon}.{key}": value
        for addon in ("corednsAddonOptions", "kubeProxyAddonOptions")
        for key, value in (
            ("configurationValues", {"replicaCount": 3}),
            ("resolveConflictsOnCreate", "NONE"),
            ("resolveConflictsOnUpdate", "PRESERVE"),
            ("version", "v1.0.0-eksbuild.1"),
        )
    },
    "createOidcProvider": True,
    "deletionProtection": True,
    "enableConfigMapMutable": True,
    "enabledClusterLogTypes": ["audit"],
    "encryptionConfigKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1",
    "endpointPrivateAccess": True,
    "endpointPublicAccess": False,
    "ipFamily": "ipv6",
    "kubeProxyAddonOptions.enabled": False,
    "kubernetesServiceIpAddressRange": "10.200.0.0/16",
    "name": "platform",
    "privateSubnetIds": ["subnet-1"],
    "providerCredentialOpts.profileName": "team",
    "providerCredentialOpts.roleArn": f"{ROLE}deploy",
    "publicAccessCidrs": ["203.0.113.0/24"],
    "publicSubnetIds": ["subnet-2"],
    "serviceRole": {"urn": "urn:pulumi:a::b::aws:iam/role:Role::own"},
    "subnetIds": ["subnet-3"],
    "tags": {"a": "b"},
    "upgradePolicy": {"supportType": "STANDARD"},
    "version": "1.34",
    "vpcId": "vpc-2",
}
"""A value for each argument, and each part of one, that is modelled; nobody may be missing here."""


class Listed:
    """Keeps what is registered. Implements `eks_component.Registrar`."""

    def __init__(self) -> None:
        self.children: list[Any] = []

    def register(self, type_: str, name: str, inputs: Mapping[str, Any], **more: Any) -> Made:
        present = {key: value for key, value in inputs.items() if value is not None}
        self.children.append((type_, name, present, more))
        id_, outputs = fakes.outputs(type_, name, present) if more.get("custom", True) else ("", {})
        return Made(urn=f"urn:{type_}::{name}", id=id_, outputs=outputs)

    def outputs_of(self, urn: str) -> Mapping[str, Any]:
        return {"arn": f"arn of {urn}"}


def made(arguments: Mapping[str, Any]) -> str:
    """All that comes of a component with these arguments."""
    registrar = Listed()
    result = construct("cluster", arguments, {}, registrar)
    return json.dumps([registrar.children, result.outputs], default=str, sort_keys=True)


def given(path: str, value: Any) -> dict[str, Any]:
    """The base with another argument, or with another part of one: `providerCredentialOpts.profileName`."""
    arguments = copy.deepcopy(BASE)
    place = arguments
    *parents, last = path.split(".")
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return arguments


def names(kind: type) -> list[str]:
    """The arguments of an SDK's class, in the engine's spelling."""
    return sorted(input_type_py_to_pulumi_names(kind).values())


NESTED = {
    "kubeProxyAddonOptions": eks.KubeProxyAddonOptionsArgs,
    "corednsAddonOptions": eks.CoreDnsAddonOptionsArgs,
    "providerCredentialOpts": eks.KubeconfigOptionsArgs,
    "accessEntries.team": eks.AccessEntryArgs,
    "accessEntries.team.accessPolicies.view": eks.AccessPolicyAssociationArgs,
}
ALL = [
    *(key for key in names(eks.ClusterArgs) if key not in NESTED),
    *(f"{where}.{key}" for where, kind in NESTED.items() for key in names(kind)),
]


@pytest.mark.parametrize("path", ALL)
def test_every_argument_of_the_component_changes_what_is_made_or_is_refused(path: str) -> None:
    if path in VALUES:
        assert made(given(path, VALUES[path])) != made(BASE)
    else:
        with pytest.raises(ConstructionError, match=rf"argument {path}\.|only with {path}\."):
            made(given(path, path not in BASE))


def test_an_argument_that_pulumi_eks_refuses_is_refused() -> None:
    with pytest.raises(ConstructionError, match="exclude each other"):
        made({**BASE, "subnetIds": ["subnet-1"], "publicSubnetIds": ["subnet-2"]})
    with pytest.raises(ConstructionError, match="only where endpointPublicAccess is true"):
        made({**BASE, "publicAccessCidrs": ["203.0.113.0/24"], "endpointPublicAccess": False})


def test_switches_that_are_off_and_arguments_that_are_not_set_say_nothing() -> None:
    assert made({**BASE, "createInstanceRole": False, "fargate": False, "gpu": None}) == made(BASE)
