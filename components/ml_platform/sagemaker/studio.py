"""Studio: notebooks and editors of people, inside the network and nowhere else.

AWS makes a file system with the domain and two security groups for it. The retention policy deletes the file system
with the domain: AWS keeps it unless it is told, and what is kept holds the subnets for ever. Applications go with their
spaces, spaces with their profiles, and the domain is the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components.base.component import Component
from components.base.security_group import way_out
from components.network import NetworkOutputs
from mlops.core import offerings
from mlops.core.config import Config
from mlops.core.fields import Form, Unique
from mlops.core.module import StackFacts

StudioName = Annotated[
    str,
    Form(
        "[a-z0-9](?:-?[a-z0-9])*",
        "lower case letters, digits and single hyphens between them",
        most=40,
    ),
]
StudioInstance = Annotated[
    str,
    Form(
        r"ml\.(?:t3|m[5-7][a-z]*|c[5-7][a-z]*|r[5-7][a-z]*|p[3-5][a-z]*|g[4-6][a-z]*|trn[1-2][a-z]*)\.[0-9a-z]+",
        "an instance type of Studio, `ml.t3.medium` or `ml.g5.xlarge`",
        most=32,
    ),
]
_JUPYTER, _EDITOR = "JupyterLab", "CodeEditor"
_NFS = 2049
_APPLICATIONS = (8192, 65535)
"""What applications of one person talk to each other on. Source: SageMaker developer guide, "Connect Studio notebooks
in a VPC to external resources"."""


class SpaceConfig(Config):
    """A private space: an editor with a volume of its own, for one person."""

    name: StudioName
    """Name of the space."""
    owner: StudioName
    """The user whose space it is; one of `users`."""
    editor: Literal["jupyterlab", "code-editor"] = "jupyterlab"
    """Which editor runs in it."""
    instance_type: StudioInstance = "ml.t3.medium"
    """Instance that it runs on; charged while it runs."""
    storage_gb: int = Field(default=20, ge=5, le=16384)
    """Size of its volume, GB; charged as long as the space is there."""


class StudioConfig(Config):
    """A SageMaker domain with user profiles and spaces."""

    users: Annotated[tuple[StudioName, ...], Unique(most=200)] = ()
    """User profiles. Who may open which is decided by IAM: a right to CreatePresignedDomainUrl on the profile."""
    spaces: Annotated[tuple[SpaceConfig, ...], Unique(most=200, by="name")] = ()
    """Spaces that are made beforehand; people make others themselves."""
    idle_minutes: int = Field(default=120, ge=60, le=525_600)
    """Minutes without activity after which an application is shut down. People may choose less and no more."""
    storage_gb: int = Field(default=5, ge=5, le=16384)
    """Size of a new space's volume, GB."""
    most_storage_gb: int = Field(default=100, ge=5, le=16384)
    """Size up to which people may choose it, GB."""

    @model_validator(mode="after")
    def _fits_together(self) -> "StudioConfig":
        if self.most_storage_gb < self.storage_gb:
            raise ValueError(
                f"most_storage_gb is {self.most_storage_gb} and storage_gb {self.storage_gb}; "
                f"set most_storage_gb to {self.storage_gb} or more"
            )
        for space in self.spaces:
            if space.owner not in self.users:
                allowed = ", ".join(self.users) or "none"
                raise ValueError(
                    f"space {space.name} belongs to {space.owner}, who is not among users; allowed: {allowed}. Add the "
                    "user, or name another owner"
                )
            if space.storage_gb > self.most_storage_gb:
                raise ValueError(
                    f"space {space.name} has storage_gb {space.storage_gb} and most_storage_gb is "
                    f"{self.most_storage_gb}; lower the one or raise the other"
                )
        return self

    def conflicts(self, stack: StackFacts) -> tuple[str, ...]:
        """Subnets have to be private, and SageMaker offers no instance that EC2 lacks in the region."""
        found = [
            f"studio.spaces: {space.name} has instance_type {space.instance_type}: {problem}"
            for space in self.spaces
            if (problem := offerings.problem("instance_types", stack.region, space.instance_type.removeprefix("ml.")))
        ]
        if not stack.private_subnets:
            found.append(
                "studio runs in private subnets only (VpcOnly), and network.mode public has none. Set network.mode to "
                "private, or studio to null"
            )
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class StudioArgs:
    """Where it lies."""

    network: NetworkOutputs
    key_arn: pulumi.Output[str]
    prefix: str
    """Name of the domain."""
    roles: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """ARNs of roles of users who have not the one of all."""


@dataclass(frozen=True, kw_only=True)
class StudioOutputs:
    """The domain."""

    domain_id: pulumi.Output[str]
    url: pulumi.Output[str]


class Studio(Component[StudioOutputs]):
    """A domain that reaches the world through the network alone, its users and their spaces."""

    token = "mlops:index:Studio"

    def __init__(
        self,
        name: str,
        config: StudioConfig,
        args: StudioArgs,
        role_arn: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        self._config = config
        group = self._security_group(args.network)
        domain = aws.sagemaker.Domain(
            f"{name}-domain",
            domain_name=args.prefix,
            auth_mode="IAM",
            app_network_access_type="VpcOnly",
            vpc_id=args.network.vpc_id,
            subnet_ids=list(args.network.private_subnet_ids),
            kms_key_id=args.key_arn,
            tag_propagation="ENABLED",
            default_user_settings=self._settings(role_arn, group),
            retention_policy=aws.sagemaker.DomainRetentionPolicyArgs(home_efs_file_system="Delete"),
            opts=self.child,
        )
        users = {
            user: aws.sagemaker.UserProfile(
                f"{name}-user-{user}",
                domain_id=domain.id,
                user_profile_name=user,
                user_settings=aws.sagemaker.UserProfileUserSettingsArgs(execution_role=args.roles[user])
                if user in args.roles
                else None,
                opts=self.child,
            )
            for user in config.users
        }
        for space in config.spaces:
            self._space(space, domain.id, users[space.owner].user_profile_name)
        self.publish(StudioOutputs(domain_id=domain.id, url=domain.url))

    def _security_group(self, network: NetworkOutputs) -> "aws.ec2.SecurityGroup":
        """Applications among themselves, their file system, and AWS's APIs."""
        group = aws.ec2.SecurityGroup(
            f"{self.name}-security-group",
            vpc_id=network.vpc_id,
            description="Studio of the MLOps platform",
            tags={"Name": self.name},
            opts=self.child,
        )
        for word, (first, last) in {"files": (_NFS, _NFS), "applications": _APPLICATIONS}.items():
            for way, make in {
                "from": aws.vpc.SecurityGroupIngressRule,
                "to": aws.vpc.SecurityGroupEgressRule,
            }.items():
                make(
                    f"{self.name}-{way}-{word}",
                    security_group_id=group.id,
                    referenced_security_group_id=group.id,
                    ip_protocol="tcp",
                    from_port=first,
                    to_port=last,
                    description=f"Studio's {word}",
                    opts=self.child,
                )
        there = "APIs of AWS and package registries"
        way_out(f"{self.name}-to-apis", group, description=there, opts=self.child)
        return group

    def _settings(
        self, role_arn: pulumi.Output[str], group: "aws.ec2.SecurityGroup"
    ) -> "aws.sagemaker.DomainDefaultUserSettingsArgs":
        sm, minutes = aws.sagemaker, self._config.idle_minutes
        return sm.DomainDefaultUserSettingsArgs(
            execution_role=role_arn,
            security_groups=[group.id],
            studio_web_portal="ENABLED",
            default_landing_uri="studio::",
            jupyter_lab_app_settings=sm.DomainDefaultUserSettingsJupyterLabAppSettingsArgs(
                app_lifecycle_management=sm.DomainDefaultUserSettingsJupyterLabAppSettingsAppLifecycleManagementArgs(
                    idle_settings=sm.DomainDefaultUserSettingsJupyterLabAppSettingsAppLifecycleManagementIdleSettingsArgs(
                        lifecycle_management="ENABLED",
                        idle_timeout_in_minutes=minutes,
                        max_idle_timeout_in_minutes=minutes,
                    )
                )
            ),
            code_editor_app_settings=sm.DomainDefaultUserSettingsCodeEditorAppSettingsArgs(
                app_lifecycle_management=sm.DomainDefaultUserSettingsCodeEditorAppSettingsAppLifecycleManagementArgs(
                    idle_settings=sm.DomainDefaultUserSettingsCodeEditorAppSettingsAppLifecycleManagementIdleSettingsArgs(
                        lifecycle_management="ENABLED",
                        idle_timeout_in_minutes=minutes,
                        max_idle_timeout_in_minutes=minutes,
                    )
                )
            ),
            space_storage_settings=sm.DomainDefaultUserSettingsSpaceStorageSettingsArgs(
                default_ebs_storage_settings=sm.DomainDefaultUserSettingsSpaceStorageSettingsDefaultEbsStorageSettingsArgs(
                    default_ebs_volume_size_in_gb=self._config.storage_gb,
                    maximum_ebs_volume_size_in_gb=self._config.most_storage_gb,
                )
            ),
        )

    def _space(self, space: SpaceConfig, domain_id: pulumi.Output[str], owner: pulumi.Output[str]) -> None:
        sm = aws.sagemaker
        jupyter = space.editor == "jupyterlab"
        aws.sagemaker.Space(
            f"{self.name}-space-{space.name}",
            domain_id=domain_id,
            space_name=space.name,
            ownership_settings=sm.SpaceOwnershipSettingsArgs(owner_user_profile_name=owner),
            space_sharing_settings=sm.SpaceSpaceSharingSettingsArgs(sharing_type="Private"),
            space_settings=sm.SpaceSpaceSettingsArgs(
                app_type=_JUPYTER if jupyter else _EDITOR,
                jupyter_lab_app_settings=sm.SpaceSpaceSettingsJupyterLabAppSettingsArgs(
                    default_resource_spec=sm.SpaceSpaceSettingsJupyterLabAppSettingsDefaultResourceSpecArgs(
                        instance_type=space.instance_type
                    )
                )
                if jupyter
                else None,
                code_editor_app_settings=None
                if jupyter
                else sm.SpaceSpaceSettingsCodeEditorAppSettingsArgs(
                    default_resource_spec=sm.SpaceSpaceSettingsCodeEditorAppSettingsDefaultResourceSpecArgs(
                        instance_type=space.instance_type
                    )
                ),
                space_storage_settings=sm.SpaceSpaceSettingsSpaceStorageSettingsArgs(
                    ebs_storage_settings=sm.SpaceSpaceSettingsSpaceStorageSettingsEbsStorageSettingsArgs(
                        ebs_volume_size_in_gb=space.storage_gb
                    )
                ),
            ),
            opts=self.child,
        )
