"""What people in Studio, jobs and the tracking server may do with SageMaker, as grants.

Sources: Service Authorization Reference, "Amazon SageMaker" and "Amazon SageMaker with MLflow" (actions and the
resources that they take); SageMaker developer guide, "Set up IAM permissions for MLflow", "How to use SageMaker AI
execution roles" and "Connect to SageMaker AI within your VPC".
"""

from collections.abc import Callable, Iterator

import pulumi

from components.base.identity import Grant, Statement
from components.foundation import Foundation
from components.storage import ZONES

Here = Callable[[str], pulumi.Output[str]]
"""ARN of a resource of SageMaker in the stack's account and region."""

SERVICES = ("ecr", "ec2", "kms", "logs", "sagemaker", "sagemaker-mlflow", "sts")
"""What people and jobs call from within the network."""
_TRACK = (
    *("AccessUI", "Create*", "FinalizeLoggedModel", "Get*", "List*", "Log*", "Search*", "Set*", "Update*"),
    *("DeleteLoggedModel", "DeleteModelVersion", "DeleteModelVersionTag", "DeleteTag"),
    *("DeleteRegisteredModelAlias", "DeleteRegisteredModelTag"),
)
"""Runs, models and their aliases: what the loop does, removal of old versions included. Experiments and registered
models as a whole stay. By verb, because each version of MLflow adds calls of the same verbs."""
_INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
)
_NETWORK_READS = (
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
_LISTS = (
    "sagemaker:ListApps",
    "sagemaker:ListDomains",
    "sagemaker:ListModelPackageGroups",
    "sagemaker:ListModels",
    "sagemaker:ListPipelines",
    "sagemaker:ListProcessingJobs",
    "sagemaker:ListSpaces",
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListTransformJobs",
    "sagemaker:ListUserProfiles",
)
_JOB_KINDS = {"processing-job": "ProcessingJob", "training-job": "TrainingJob", "transform-job": "TransformJob"}


def tracking(server: pulumi.Output[str]) -> tuple[Statement, ...]:
    """Log runs to one server and register models with it."""
    return (Statement(actions=tuple(f"sagemaker-mlflow:{action}" for action in _TRACK), resources=(server,)),)


def registry(here: Here) -> Grant:
    """Make model package groups, and register and approve versions in them."""
    return Grant(
        resource="ml_platform/models",
        access="register",
        statements=(
            Statement(
                actions=(
                    "sagemaker:AddTags",
                    "sagemaker:CreateModelPackage",
                    "sagemaker:CreateModelPackageGroup",
                    "sagemaker:DescribeModelPackage",
                    "sagemaker:DescribeModelPackageGroup",
                    "sagemaker:ListModelPackages",
                    "sagemaker:UpdateModelPackage",
                ),
                resources=(here("model-package/*"), here("model-package-group/*")),
            ),
        ),
    )


def of_jobs(foundation: Foundation, here: Here) -> Iterator[Grant]:
    """What a job or a pipeline's step works with: the lake, images, the registry, and the network that it runs in."""
    for zone in ZONES:
        yield foundation.storage.erase(zone)
    for image in foundation.registry.arns:
        yield foundation.registry.pull(image)
    yield registry(here)
    yield _start_jobs(here)
    yield in_the_network(foundation)
    yield logs(foundation)


def of_people(foundation: Foundation, here: Here, jobs: pulumi.Output[str]) -> Iterator[Grant]:
    """What people in Studio do: look at data, keep results, start jobs under the jobs' own role, register models."""
    yield foundation.storage.read("curated")
    yield foundation.storage.read("features")
    yield foundation.storage.write("artifacts")
    for image in foundation.registry.arns:
        yield foundation.registry.pull(image)
    yield registry(here)
    yield _start_jobs(here)
    yield studio(here)
    yield Grant(
        resource="ml_platform/jobs",
        access="pass",
        statements=(
            Statement(
                actions=("iam:PassRole",),
                resources=(jobs,),
                conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            ),
        ),
    )
    yield in_the_network(foundation)
    yield logs(foundation)


def _start_jobs(here: Here) -> Grant:
    jobs = tuple(
        Statement(
            actions=(
                "sagemaker:AddTags",
                *(f"sagemaker:{verb}{kind}" for verb in ("Create", "Describe", "Stop")),
            ),
            resources=(here(f"{resource}/*"),),
        )
        for resource, kind in _JOB_KINDS.items()
    )
    pipelines = Statement(
        actions=(
            "sagemaker:DescribePipeline",
            "sagemaker:DescribePipelineExecution",
            "sagemaker:ListPipelineExecutions",
            "sagemaker:ListPipelineExecutionSteps",
            "sagemaker:StartPipelineExecution",
            "sagemaker:StopPipelineExecution",
        ),
        resources=(here("pipeline/*"),),
    )
    return Grant(resource="ml_platform/jobs", access="start", statements=(*jobs, pipelines))


def studio(here: Here) -> Grant:
    """Open one's applications and spaces. Listing takes no narrower resource."""
    applications = Statement(
        actions=(
            "sagemaker:AddTags",
            "sagemaker:CreateApp",
            "sagemaker:CreateSpace",
            "sagemaker:DeleteApp",
            "sagemaker:DescribeApp",
            "sagemaker:DescribeSpace",
            "sagemaker:UpdateSpace",
        ),
        resources=(here("app/*"), here("space/*")),
    )
    reads = Statement(
        actions=("sagemaker:DescribeDomain", "sagemaker:DescribeUserProfile"),
        resources=(here("domain/*"), here("user-profile/*")),
    )
    lists = Statement(actions=_LISTS, resources=("*",))
    return Grant(resource="ml_platform/studio", access="use", statements=(applications, reads, lists))


def in_the_network(foundation: Foundation) -> Grant:
    """Interfaces in the network's own subnets; describing takes no narrower resource."""
    account = foundation.keys.data.apply(lambda arn: arn.split(":")[4])

    def here(kind: str, identity: pulumi.Input[str] = "*") -> pulumi.Output[str]:
        return pulumi.Output.concat(f"arn:aws:ec2:{foundation.region}:", account, f":{kind}/", identity)

    subnets = [here("subnet", subnet) for subnet in foundation.network.private_subnet_ids]
    return Grant(
        resource="network",
        access="join",
        statements=(
            Statement(actions=_INTERFACES, resources=(here("network-interface"), here("security-group"), *subnets)),
            Statement(actions=_NETWORK_READS, resources=("*",)),
        ),
    )


def logs(foundation: Foundation) -> Grant:
    account = foundation.keys.data.apply(lambda arn: arn.split(":")[4])
    groups = pulumi.Output.concat(f"arn:aws:logs:{foundation.region}:", account, ":log-group:/aws/sagemaker/*")
    return Grant(
        resource="logs",
        access="write",
        statements=(
            Statement(
                actions=(
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ),
                resources=(groups,),
            ),
        ),
    )
