"""Interface endpoints through which a network without a way to the internet reaches AWS, derived from what its
identities may do: a right without an endpoint is a controller that dies of it.

Source: AWS PrivateLink guide, "AWS services that integrate with AWS PrivateLink"; EKS user guide, "Deploy private
clusters with limited internet access".
"""

from collections.abc import Iterable, Mapping

OF_SERVICE: Mapping[str, tuple[str, ...]] = {
    "athena": ("athena",),
    "autoscaling": ("autoscaling",),
    "cloudwatch": ("monitoring",),
    "ec2": ("ec2",),
    "ec2messages": ("ec2messages",),
    "ecr": ("ecr.api", "ecr.dkr"),
    "eks": ("eks",),
    "eks-auth": ("eks-auth",),
    "elasticloadbalancing": ("elasticloadbalancing",),
    "glue": ("glue",),
    "kinesis": ("kinesis-streams",),
    "lambda": ("lambda",),
    "kms": ("kms",),
    "logs": ("logs",),
    "redshift-data": ("redshift-data",),
    "redshift-serverless": ("redshift-serverless",),
    "sagemaker": ("sagemaker.api", "sagemaker.runtime"),
    "sagemaker-featurestore-runtime": ("sagemaker.featurestore-runtime",),
    "sagemaker-mlflow": ("sagemaker.experiments",),
    "secretsmanager": ("secretsmanager",),
    "ssm": ("ssm",),
    "ssmmessages": ("ssmmessages",),
    "sts": ("sts",),
}
"""Service as IAM's actions name it -> the endpoints that serve it."""
WITHOUT: Mapping[str, str] = {
    "acm": "the platform names certificates by their ARN, so that the load balancer controller looks for none",
    "cognito-idp": "no listener of the platform logs people in",
    "dynamodb": "a gateway endpoint, which every network has",
    "elasticache": "clients log in to the cache itself, which lies in the VPC",
    "iam": "it makes the service-linked role of load balancers, which AWS makes itself with the first of an account",
    "kafka-cluster": "the brokers lie in the VPC",
    "s3": "a gateway endpoint, which every network has",
}
"""Services that identities may call and that need no interface endpoint, each with the reason."""
OF_MANAGED_POLICY: Mapping[str, tuple[str, ...]] = {
    "AmazonEC2ContainerRegistryPullOnly": ("ecr",),
    "AmazonEBSCSIDriverPolicy": ("ec2",),
    "AmazonEKSWorkerNodePolicy": ("ec2", "eks", "eks-auth"),
    "AmazonEKS_CNI_Policy": ("ec2",),
    "AmazonECSInfrastructureRolePolicyForLoadBalancers": ("elasticloadbalancing",),
    "AWSLambdaVPCAccessExecutionRole": ("ec2", "logs"),
    "AmazonSSMManagedInstanceCore": ("ssm", "ssmmessages", "ec2messages"),
}
"""AWS managed policy -> services that it lets call. Source: AWS managed policy reference."""
ALWAYS = frozenset({"kms", "logs", "sts"})
"""Endpoints of every isolated network: encryption, logs, and asking who one is, which every SDK may do."""


_SAGEMAKERS_OWN = ("notebook", "studio", "experiments")
"""Endpoints that SageMaker names after itself. Source: SageMaker developer guide, "Connect to Amazon SageMaker Studio
through an interface VPC endpoint", for Studio; that the MLflow servers' is named alike is from general knowledge."""


def service_name(endpoint: str, region: str) -> str:
    """The whole name of an endpoint's service: `com.amazonaws.us-east-1.kms`."""
    service, _, part = endpoint.partition(".")
    if service == "sagemaker" and part in _SAGEMAKERS_OWN:
        return f"aws.sagemaker.{region}.{part}"
    return f"com.amazonaws.{region}.{endpoint}"


def of_actions(actions: Iterable[str]) -> frozenset[str]:
    """Endpoints for IAM actions, `kinesis:PutRecord`.

    Raises:
        KeyError: a service of which this file knows nothing.
    """
    return of_services(action.partition(":")[0] for action in actions)


def of_managed_policies(names: Iterable[str]) -> frozenset[str]:
    """Endpoints for AWS managed policies by name, `service-role/` before it or not. Raises KeyError as above."""
    return of_services(service for name in names for service in OF_MANAGED_POLICY[name.rpartition("/")[2]])


def of_services(services: Iterable[str]) -> frozenset[str]:
    """Endpoints for services as IAM names them. Raises KeyError as above."""
    return frozenset(endpoint for service in set(services) - WITHOUT.keys() for endpoint in OF_SERVICE[service])
