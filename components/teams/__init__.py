"""Teams: each a closed namespace with people, bounds, a role, and folders of its own in the lake.

What is said of a team in four lines of a stack file becomes its quota, its people's access, its pods' rights and its
flows, so that nobody writes RBAC, IAM or a network policy for a team by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.base.component import Component
from components.base.identity import Grant, Identity, IdentityArgs, Statement, network_policy
from components.cluster.config import short_name
from components.kubernetes.objects import (
    SERVING_ALLOWED,
    TRACKING_ALLOWED,
    manifest,
    name_of,
    namespace,
    service_account,
)
from components.storage import Zone
from components.surroundings import Surroundings, granted, told
from components.teams.config import TeamConfig
from components.teams.room import Room

ACCOUNT = "team"
"""The service account whose pods have the team's role."""
LABEL = "mlops.platform/team"
"""Label of a team's namespace, by which costs are split (AWS split cost allocation data for EKS)."""
ZONES: tuple[Zone, ...] = ("curated", "features", "artifacts")
"""Zones of the lake in which a team has a folder. What enters is the platform's: nobody writes to raw by hand."""


@dataclass(frozen=True, kw_only=True)
class TeamArgs:
    """Which team, and what it finds."""

    team: str
    around: Surroundings
    room: Room


@dataclass(frozen=True, kw_only=True)
class TeamOutputs:
    """Where the team works, and as whom."""

    namespace: pulumi.Output[str]
    role_arn: pulumi.Output[str]


class Team(Component[TeamOutputs]):
    """A namespace, its bounds, its flows, and the identity of what runs in it."""

    token = "mlops:index:Team"

    def __init__(
        self, name: str, config: TeamConfig, args: TeamArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        self._config, self._args = config, args
        foundation = args.around.foundation
        made = namespace(
            f"{name}-namespace",
            physical(args.team),
            security="restricted",
            labels={LABEL: args.team, **TRACKING_ALLOWED, **SERVING_ALLOWED},
            opts=self.child_with(depends_on=list(foundation.cluster.ready), protect=config.protect),
        )
        self._namespace = name_of(made)
        self._bounds()
        self._people()
        grants = self._grants()
        identity = Identity(
            f"{name}-identity",
            IdentityArgs(cluster=foundation.cluster, namespace=self._namespace, service_account=ACCOUNT, grants=grants),
            self.child,
        ).outputs
        service_account(f"{name}-service-account", identity, namespace=self._namespace, opts=self.child)
        self._flows(grants)
        k8s.core.v1.ConfigMap(
            f"{name}-platform",
            metadata=self._metadata("platform"),
            data={
                **told([*self._words(), *(f"write storage/{zone}" for zone in ZONES)], args.around),
                "MLOPS_TEAM": args.team,
                "MLOPS_PREFIX": folder(args.team),
                "MLOPS_SECRETS": secrets_prefix(foundation.prefix, args.team),
            },
            opts=self.child,
        )
        self.publish(TeamOutputs(namespace=self._namespace, role_arn=identity.role_arn))

    def _metadata(self, name: str) -> "k8s.meta.v1.ObjectMetaArgs":
        return k8s.meta.v1.ObjectMetaArgs(name=name, namespace=self._namespace)

    def _bounds(self) -> None:
        """What all pods may request together, and what one requests that does not say."""
        room = self._args.room
        k8s.core.v1.ResourceQuota(
            f"{self.name}-quota",
            metadata=self._metadata("quota"),
            spec=manifest(
                {
                    "hard": {
                        "requests.cpu": room.cpu,
                        "requests.memory": room.memory,
                        "requests.nvidia.com/gpu": str(room.gpus),
                        "persistentvolumeclaims": str(room.volumes),
                    }
                }
            ),
            opts=self.child,
        )
        # No most for anything: one pod may take the whole quota, all its GPUs among it.
        defaults = {
            "type": "Container",
            "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
            "default": {"memory": "1Gi"},
        }
        k8s.core.v1.LimitRange(
            f"{self.name}-limits",
            metadata=self._metadata("limits"),
            spec=manifest({"limits": [defaults]}),
            opts=self.child,
        )

    def _people(self) -> None:
        """What the groups may do whose members `People` lets into the cluster. `edit` changes neither quota nor
        rights (Kubernetes, "User-facing roles")."""
        for role, principals in (("edit", self._config.members), ("view", self._config.viewers)):
            if principals:
                k8s.rbac.v1.RoleBinding(
                    f"{self.name}-{role}",
                    metadata=self._metadata(role),
                    role_ref=manifest({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}),
                    subjects=[
                        manifest(
                            {
                                "apiGroup": "rbac.authorization.k8s.io",
                                "kind": "Group",
                                "name": group(self._args.team, role),
                            }
                        )
                    ],
                    opts=self.child,
                )

    def _words(self) -> tuple[str, ...]:
        """What every team may do where there is something to do it with, and what it was granted besides."""
        around = self._args.around
        always = (("track", around.ml_platform), ("invoke", around.serving))
        return tuple(dict.fromkeys([*(word for word, there in always if there), *self._config.grants]))

    def _grants(self) -> tuple[Grant, ...]:
        around = self._args.around
        storage = around.foundation.storage
        own = [storage.write(zone, folder(self._args.team)) for zone in ZONES]
        return (*own, self._secrets(), *(granted(words, around) for words in self._words()))

    def _secrets(self) -> Grant:
        """Read the secrets below the team's prefix, whoever made them."""
        foundation = self._args.around.foundation
        pattern = f"arn:aws:secretsmanager:{foundation.region}:*:secret:"
        own = f"{pattern}{secrets_prefix(foundation.prefix, self._args.team)}*"
        return Grant(
            resource="secrets",
            access="read",
            statements=(
                Statement(actions=("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"), resources=(own,)),
            ),
        )

    def _flows(self, grants: tuple[Grant, ...]) -> None:
        """Within the namespace everything; out of it DNS, AWS, and where a grant leads; in nobody."""
        network_policy(
            f"{self.name}-network-policy",
            namespace=self._namespace,
            selector={},
            grants=tuple(replace(grant, statements=()) for grant in grants),
            ingress_ports=(),
            opts=self.child,
        )
        peer: Mapping[str, object] = {"podSelector": {}}
        k8s.networking.v1.NetworkPolicy(
            f"{self.name}-within",
            metadata=self._metadata("within"),
            spec=manifest(
                {
                    "podSelector": {},
                    "policyTypes": ["Ingress", "Egress"],
                    "ingress": [{"from": [peer]}],
                    "egress": [{"to": [peer]}],
                }
            ),
            opts=self.child,
        )


@dataclass(frozen=True, kw_only=True)
class TeamsOutputs:
    """Roles of the teams' pods by team."""

    roles: dict[str, pulumi.Output[str]]


class Teams(Component[TeamsOutputs]):
    """Every team, and access to the cluster for everybody who is in one: EKS keeps one entry for each principal, with
    the groups of all teams that it is in."""

    token = "mlops:index:Teams"

    def __init__(
        self,
        name: str,
        teams: Mapping[str, TeamConfig],
        around: Surroundings,
        rooms: Mapping[str, Room],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        for principal, groups in memberships(teams).items():
            aws.eks.AccessEntry(
                f"{name}-{short_name(principal)}",
                cluster_name=around.foundation.cluster.name,
                principal_arn=principal,
                kubernetes_groups=list(groups),
                opts=self.child,
            )
        made = {
            team: Team(
                f"{name}-{team}", config, TeamArgs(team=team, around=around, room=rooms[team]), self.child
            ).outputs
            for team, config in teams.items()
        }
        self.publish(TeamsOutputs(roles={team: outputs.role_arn for team, outputs in made.items()}))


def memberships(teams: Mapping[str, TeamConfig]) -> dict[str, tuple[str, ...]]:
    """Kubernetes groups by principal, both sorted."""
    found: dict[str, set[str]] = {}
    for team, config in teams.items():
        for role, principals in (("edit", config.members), ("view", config.viewers)):
            for principal in principals:
                found.setdefault(principal, set()).add(group(team, role))
    return {principal: tuple(sorted(groups)) for principal, groups in sorted(found.items())}


def group(team: str, role: str) -> str:
    """The Kubernetes group of those who may change (`edit`) or look (`view`)."""
    return f"mlops:team-{team}:{role}"


def physical(team: str) -> str:
    """The team's namespace."""
    return f"team-{team}"


def folder(team: str) -> str:
    """The team's prefix in the zones of the lake."""
    return f"teams/{team}/"


def secrets_prefix(prefix: str, team: str) -> str:
    """Start of the names of the team's secrets in AWS Secrets Manager."""
    return f"{prefix}/teams/{team}/"
