"""The role by which Datadog reads CloudWatch from its own account.

Source: Datadog documentation, "AWS Manual Setup Guide"; of its list of rights only those that reading metrics of the
platform's services needs.
"""

import json
from typing import Annotated

import pulumi
import pulumi_aws as aws

from components.base.identity import Statement, policy_document
from mlops.core.config import Config
from mlops.core.fields import Form

DATADOG_ACCOUNT = "464622532012"
"""Datadog's account for the sites of the commercial partition. Source: the same guide."""

ExternalId = Annotated[str, Form("[0-9a-f]{32}", "the external ID that Datadog shows, 32 hexadecimal digits", most=32)]


class IntegrationConfig(Config):
    """Datadog's integration with AWS."""

    external_id: ExternalId
    """External ID that Datadog shows when the account is added there (Integrations, Amazon Web Services): nobody else
    who uses Datadog can take the role."""


def integration_role(name: str, config: IntegrationConfig, prefix: str, opts: pulumi.ResourceOptions) -> None:
    """A role that Datadog takes, with the right to read metrics and tags."""
    role = aws.iam.Role(
        f"{name}-role",
        name=f"{prefix}-datadog",
        description="Datadog reads the metrics of the MLOps platform",
        assume_role_policy=json.dumps(trust(config.external_id)),
        opts=opts,
    )
    aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=policy_document([READ_METRICS]), opts=opts)


def trust(external_id: str) -> dict[str, object]:
    """Datadog's account, and only on behalf of the customer with this ID."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{DATADOG_ACCOUNT}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
            }
        ],
    }


READ_METRICS = Statement(
    actions=("cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "tag:GetResources", "tag:GetTagKeys"),
    # None of them takes a resource. Source: Service Authorization Reference.
    resources=("*",),
)
