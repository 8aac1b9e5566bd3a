"""What the remote component `eks:index:Cluster` makes of its arguments.

One function serves the recorder and the stand-in's Construct, so both see the same children. They follow
pulumi-eks 4 (nodejs/eks/cluster/cluster.ts and servicerole.ts in github.com/pulumi/pulumi-eks) for a control plane
without the default node group, default security groups, Fargate and Auto Mode. An argument is modelled or refused: one
that was passed over here would show its effect in an account only.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Protocol

from localcloud.catalogue.cluster import ACCESS_ENTRY, ACCESS_POLICY, ADDON, CLUSTER, kubeconfig
from localcloud.catalogue.identity import OIDC_PROVIDER, ROLE, ROLE_POLICY_ATTACHMENT
from localcloud.eks_arguments import problems
from mlops.plan.values import SIGNATURE, UNKNOWN_VALUE, Signature, referenced

TYPE = "eks:index:Cluster"

_CLUSTER_POLICY = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"


class ConstructionError(Exception):
    """The arguments ask for a part of pulumi-eks that is not modelled here. One sentence."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A registered child. In a preview its id is empty and outputs may be unknown."""

    urn: str
    id: str
    outputs: Mapping[str, Any]

    @property
    def reference(self) -> dict[str, Any]:
        """The wire form of a reference to it."""
        return {SIGNATURE: Signature.RESOURCE, "urn": self.urn, "id": self.id or UNKNOWN_VALUE, "packageVersion": ""}


class Registrar(Protocol):
    """How a child reaches the engine, or the recorder."""

    def register(
        self,
        type_: str,
        name: str,
        inputs: Mapping[str, Any],
        *,
        parent: str = "",
        custom: bool = True,
        depends_on: Iterable[str] = (),
        property_dependencies: Mapping[str, Iterable[str]] | None = None,
        ignore_changes: Iterable[str] = (),
    ) -> Made:
        """Register a child; without a `parent` it belongs to the component itself."""
        ...

    def outputs_of(self, urn: str) -> Mapping[str, Any]:
        """The outputs of a resource that an argument refers to."""
        ...


@dataclass(frozen=True, kw_only=True)
class Constructed:
    """Outputs of the component, and the URNs that each of them comes from."""

    outputs: Mapping[str, Any]
    dependencies: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class _Arguments:
    name: str
    values: Mapping[str, Any]
    dependencies: Mapping[str, tuple[str, ...]]

    def urns(self, *properties: str) -> tuple[str, ...]:
        """What the values of these arguments come from. The SDK does not tell of resources that it hands over whole."""
        told = {urn for key in properties for urn in self.dependencies.get(key, ())}
        return tuple(sorted(told.union(*(referenced(self.values.get(key)) for key in properties))))

    @property
    def subnet_ids(self) -> list[Any]:
        if "subnetIds" in self.values:
            return list(self.values["subnetIds"])
        return [*(self.values.get("publicSubnetIds") or ()), *(self.values.get("privateSubnetIds") or ())]


def construct(
    name: str, inputs: Mapping[str, Any], dependencies: Mapping[str, tuple[str, ...]], registrar: Registrar
) -> Constructed:
    """Register the children of a cluster component.

    Args:
        inputs: the component's arguments in wire form.
        dependencies: argument -> URNs that its value comes from.

    Raises:
        ConstructionError: an argument is not modelled.
    """
    for problem in problems(inputs):
        raise ConstructionError(f"The stand-in for pulumi-eks refuses {name}: {problem}.")
    arguments = _Arguments(name=name, values=inputs, dependencies=dependencies)
    role_arn, role_urns = _service_role(arguments, registrar)
    cluster = _control_plane(arguments, registrar, role_arn, role_urns)
    credentials = inputs.get("providerCredentialOpts") or {}
    registrar.register(
        "pulumi:providers:kubernetes",
        f"{name}-eks-k8s",
        {
            "kubeconfig": _kubeconfig(cluster, credentials.get("roleArn"), credentials.get("profileName")),
            "enableConfigMapMutable": inputs.get("enableConfigMapMutable"),
        },
        property_dependencies={"kubeconfig": [cluster.urn]},
    )
    _addons(arguments, registrar, cluster)
    _access_entries(arguments, registrar, cluster)
    oidc = _oidc_provider(arguments, registrar, cluster)
    # What it hands out names no profile, so that others can use it.
    return _outputs(arguments, cluster, oidc, _kubeconfig(cluster, credentials.get("roleArn"), None))


def _kubeconfig(cluster: Made, role_arn: Any, profile: Any) -> str:
    """As JSON; unknown as long as a part of it is."""
    config = json.dumps(kubeconfig(cluster.outputs["name"], cluster.outputs, role_arn=role_arn, profile=profile))
    return UNKNOWN_VALUE if UNKNOWN_VALUE in config else config


def _service_role(arguments: _Arguments, registrar: Registrar) -> tuple[Any, tuple[str, ...]]:
    """ARN of the control plane's role, made here unless one is given, and the URNs to wait for."""
    given = arguments.values.get("serviceRole")
    if given:
        return registrar.outputs_of(given["urn"]).get("arn", UNKNOWN_VALUE), (given["urn"],)
    component = f"{arguments.name}-eksRole"
    parent = registrar.register("eks:index:ServiceRole", component, {}, custom=False).urn
    trust = {"Effect": "Allow", "Principal": {"Service": ["eks.amazonaws.com"]}}
    statement = {"Action": ["sts:AssumeRole", "sts:TagSession"], **trust}
    role = registrar.register(
        ROLE,
        f"{component}-role",
        {
            "description": "Allows EKS to manage clusters on your behalf.",
            "assumeRolePolicy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            "tags": arguments.values.get("tags"),
        },
        parent=parent,
    )
    attachment = registrar.register(
        ROLE_POLICY_ATTACHMENT,
        f"{component}-{sha1(_CLUSTER_POLICY.encode()).hexdigest()[:8]}",
        {"policyArn": _CLUSTER_POLICY, "role": role.outputs["name"]},
        parent=parent,
        property_dependencies={"role": [role.urn]},
    )
    return role.outputs["arn"], (role.urn, attachment.urn)


def _control_plane(arguments: _Arguments, registrar: Registrar, role_arn: Any, role_urns: tuple[str, ...]) -> Made:
    values = arguments.values
    key_arn = values.get("encryptionConfigKeyArn")
    mode = values.get("authenticationMode")
    access = {"authenticationMode": mode, "bootstrapClusterCreatorAdminPermissions": True}
    network = {"serviceIpv4Cidr": values.get("kubernetesServiceIpAddressRange"), "ipFamily": values.get("ipFamily")}
    name_tag = {"Name": f"{arguments.name}-eksCluster"}
    inputs = {
        "name": values.get("name"),
        "roleArn": role_arn,
        "bootstrapSelfManagedAddons": values.get("bootstrapSelfManagedAddons", True),
        "vpcConfig": _present(
            {
                "subnetIds": arguments.subnet_ids,
                "endpointPrivateAccess": values.get("endpointPrivateAccess"),
                "endpointPublicAccess": values.get("endpointPublicAccess"),
                "publicAccessCidrs": values.get("publicAccessCidrs"),
            }
        ),
        "version": values.get("version"),
        "enabledClusterLogTypes": values.get("enabledClusterLogTypes"),
        "encryptionConfig": {"provider": {"keyArn": key_arn}, "resources": ["secrets"]} if key_arn else None,
        "kubernetesNetworkConfig": _present(network) or None,
        "accessConfig": access if mode else None,
        "upgradePolicy": values.get("upgradePolicy"),
        "deletionProtection": values.get("deletionProtection"),
        "tags": {**name_tag, **(values.get("clusterTags") or {}), **(values.get("tags") or {})},
    }
    return registrar.register(
        CLUSTER,
        f"{arguments.name}-eksCluster",
        _present(inputs),
        depends_on=role_urns,
        property_dependencies={
            "name": arguments.urns("name"),
            "roleArn": role_urns[:1],
            "vpcConfig": arguments.urns("subnetIds", "publicSubnetIds", "privateSubnetIds", "publicAccessCidrs"),
            "encryptionConfig": arguments.urns("encryptionConfigKeyArn"),
            "tags": arguments.urns("tags", "clusterTags"),
        },
        ignore_changes=("accessConfig.bootstrapClusterCreatorAdminPermissions", "bootstrapSelfManagedAddons"),
    )


def _addons(arguments: _Arguments, registrar: Registrar, cluster: Made) -> None:
    """The add-ons that pulumi-eks makes unless it is told not to."""
    proxy = arguments.values.get("kubeProxyAddonOptions") or {}
    if proxy.get("enabled", True):
        _addon("kube-proxy", proxy, arguments, registrar, cluster)
    names = arguments.values.get("corednsAddonOptions") or {}
    # Without nodes of the component's own, only where it is asked for.
    if names.get("enabled") or names.get("configurationValues"):
        _addon("coredns", names, arguments, registrar, cluster)


def _addon(addon: str, options: Mapping[str, Any], arguments: _Arguments, registrar: Registrar, cluster: Made) -> None:
    configuration = options.get("configurationValues")
    registrar.register(
        ADDON,
        f"{arguments.name}-{addon}",
        _present(
            {
                "addonName": addon,
                "addonVersion": options.get("version"),
                "clusterName": cluster.outputs["name"],
                "configurationValues": json.dumps(configuration) if configuration else None,
                "preserve": True,
                "resolveConflictsOnCreate": options.get("resolveConflictsOnCreate", "OVERWRITE"),
                "resolveConflictsOnUpdate": options.get("resolveConflictsOnUpdate", "OVERWRITE"),
                "tags": arguments.values.get("tags"),
            }
        ),
        property_dependencies={"clusterName": [cluster.urn]},
    )


def _access_entries(arguments: _Arguments, registrar: Registrar, cluster: Made) -> None:
    urns = arguments.urns("accessEntries")
    of_cluster = {"clusterName": cluster.outputs["name"]}
    for key, entry in (arguments.values.get("accessEntries") or {}).items():
        principal = {**of_cluster, "principalArn": entry["principalArn"]}
        groups = {"kubernetesGroups": entry.get("kubernetesGroups"), "type": entry.get("type")}
        made = registrar.register(
            ACCESS_ENTRY,
            f"{arguments.name}-{key}",
            _present({**principal, **groups, "userName": entry.get("username"), "tags": entry.get("tags")}),
            depends_on=[cluster.urn],
            property_dependencies={"clusterName": [cluster.urn], "principalArn": urns},
        )
        for policy_key, policy in (entry.get("accessPolicies") or {}).items():
            registrar.register(
                ACCESS_POLICY,
                f"{arguments.name}-{key}-{policy_key}",
                {**principal, "accessScope": policy["accessScope"], "policyArn": policy["policyArn"]},
                parent=made.urn,
                depends_on=[made.urn],
                property_dependencies={"clusterName": [cluster.urn], "principalArn": urns},
            )


def _oidc_provider(arguments: _Arguments, registrar: Registrar, cluster: Made) -> Made | None:
    if not arguments.values.get("createOidcProvider"):
        return None
    return registrar.register(
        OIDC_PROVIDER,
        f"{arguments.name}-oidcProvider",
        {"clientIdLists": ["sts.amazonaws.com"], "url": _issuer(cluster), "thumbprintLists": ["0" * 40]},
        property_dependencies={"url": [cluster.urn]},
    )


def _issuer(cluster: Made) -> Any:
    identities = cluster.outputs["identities"]
    return UNKNOWN_VALUE if identities == UNKNOWN_VALUE else identities[0]["oidcs"][0]["issuer"]


def _outputs(arguments: _Arguments, cluster: Made, oidc: Made | None, config: str) -> Constructed:
    network = cluster.outputs["vpcConfig"]
    group = UNKNOWN_VALUE if network == UNKNOWN_VALUE else network.get("clusterSecurityGroupId", UNKNOWN_VALUE)
    issuer = _issuer(cluster)
    outputs = {
        "awsProvider": None,
        "clusterSecurityGroupId": group,
        "eksCluster": cluster.reference,
        "core": _present(
            {
                "cluster": cluster.reference,
                "endpoint": cluster.outputs["endpoint"],
                "vpcId": arguments.values.get("vpcId"),
                "subnetIds": arguments.subnet_ids,
                "instanceRoles": [],
            }
        ),
        "instanceRoles": [],
        "kubeconfig": config if config == UNKNOWN_VALUE else json.loads(config),
        "kubeconfigJson": config,
        "oidcIssuer": issuer.removeprefix("https://"),
        "oidcProviderArn": oidc.outputs["arn"] if oidc else None,
        "oidcProviderUrl": issuer,
    }
    own = (cluster.urn,)
    from_oidc = (oidc.urn,) if oidc else own
    present = _present(outputs)
    return Constructed(
        outputs=present,
        dependencies={key: from_oidc if key.startswith("oidc") else own for key in present},
    )


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
