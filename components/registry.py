"""ECR repositories for the platform's images: scanned, immutable, encrypted, and pruned."""

import json
from dataclasses import dataclass
from typing import Annotated

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components.base.component import Component
from components.base.identity import Grant, Statement
from mlops.core.config import Config
from mlops.core.fields import Unique
from mlops.core.fields.aws import Days, RepositoryName


class RegistryConfig(Config):
    """Container image repositories."""

    repositories: Annotated[tuple[RepositoryName, ...], Unique(most=100)] = ("recommender", "pipelines")
    """Repositories, below the stack's own prefix."""
    keep_images: int = Field(default=30, ge=1, le=20_000)
    """Images kept in each repository; older ones go. ECR holds 20,000 a repository unless its quota is raised."""
    untagged_days: Days = 7
    """Days until an image that no tag names is removed."""
    protect: bool = False
    """Refuse to delete the repositories."""
    force_delete: bool = False
    """Let a destroy delete repositories that still hold images."""


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """Names and encryption."""

    prefix: str
    """Repositories are `<prefix>/<repository>`."""
    key_arn: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class RegistryOutputs:
    """Repository URLs and ARNs by name."""

    urls: dict[str, pulumi.Output[str]]
    arns: dict[str, pulumi.Output[str]]
    key_arn: pulumi.Output[str]

    def pull(self, repository: str) -> Grant:
        """Pull images. Nodes may do this already; Lambda and Fargate need it said."""
        return self._grant(
            repository,
            "pull",
            ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            ("kms:Decrypt",),
        )

    def push(self, repository: str) -> Grant:
        """Push images, as a build does."""
        return self._grant(
            repository,
            "push",
            (
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:GetDownloadUrlForLayer",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ),
            ("kms:Decrypt", "kms:GenerateDataKey"),
        )

    def _grant(self, repository: str, access: str, actions: tuple[str, ...], key_actions: tuple[str, ...]) -> Grant:
        return Grant(
            resource=f"registry/{repository}",
            access=access,
            statements=(
                Statement(actions=actions, resources=(self.arns[repository],)),
                # ECR gives its login token for the account as a whole; the action takes no narrower resource.
                Statement(actions=("ecr:GetAuthorizationToken",), resources=("*",)),
                Statement(actions=key_actions, resources=(self.key_arn,)),
            ),
        )


class Registry(Component[RegistryOutputs]):
    """A repository for each image, with a lifecycle."""

    token = "mlops:index:Registry"

    def __init__(
        self,
        name: str,
        config: RegistryConfig,
        args: RegistryArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        repositories = {}
        for image in config.repositories:
            repository = aws.ecr.Repository(
                f"{name}-{image}",
                name=f"{args.prefix}/{image}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
                encryption_configurations=[
                    aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key_arn)
                ],
                force_delete=config.force_delete,
                opts=self.child_with(protect=config.protect),
            )
            aws.ecr.LifecyclePolicy(
                f"{name}-{image}-lifecycle",
                repository=repository.name,
                policy=json.dumps(lifecycle_policy(config.keep_images, config.untagged_days)),
                # Another policy is another resource, and a repository has one: deleting the old one last would
                # take the new one along.
                opts=self.child_with(delete_before_replace=True),
            )
            repositories[image] = repository
        self.publish(
            RegistryOutputs(
                urls={image: repository.repository_url for image, repository in repositories.items()},
                arns={image: repository.arn for image, repository in repositories.items()},
                key_arn=args.key_arn,
            )
        )


def lifecycle_policy(keep_images: int, untagged_days: int) -> dict[str, object]:
    """Untagged images go after some days; of the tagged ones the newest stay."""
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": "untagged images",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": untagged_days,
                },
                "action": {"type": "expire"},
            },
            {
                "rulePriority": 2,
                "description": "all but the newest images",
                "selection": {
                    "tagStatus": "any",
                    "countType": "imageCountMoreThan",
                    "countNumber": keep_images,
                },
                "action": {"type": "expire"},
            },
        ]
    }
