"""What the rules say of instances, launch templates, disks and Auto Scaling groups."""

import base64

import pytest

from mlops.plan.values import UNKNOWN
from policies.model import Verdict
from tests.nodes import resource
from tests.policies.aws_resources import Case, more, three
from tests.policies.support import judgements, verdict

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
ASG = "aws:autoscaling/group:Group"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
SECRET_SCRIPT = base64.b64encode(b"#!/bin/sh\nexport DB_PASSWORD=hunter22\n").decode()

CASES: list[Case] = [
    *three(
        "ec2-imdsv2",
        "credentials without a token",
        TEMPLATE,
        {"metadataOptions": {"httpTokens": "optional"}},
        {"metadataOptions": {"httpTokens": "required"}},
        {"metadataOptions": UNKNOWN},
    ),
    more(
        "ec2-imdsv2",
        Verdict.MET,
        "accepts an instance without metadata",
        resource(INSTANCE, {"metadataOptions": {"httpEndpoint": "disabled"}}),
    ),
    *three(
        "ec2-imds-hop-limit",
        "metadata that containers reach",
        TEMPLATE,
        {"metadataOptions": {"httpPutResponseHopLimit": 2}},
        {"metadataOptions": {"httpPutResponseHopLimit": 1}},
        {"metadataOptions": {"httpPutResponseHopLimit": UNKNOWN}},
    ),
    *three(
        "ebs-volumes-encrypted",
        "a disk in clear",
        TEMPLATE,
        {"blockDeviceMappings": [{"ebs": {"encrypted": "false"}}]},
        {"blockDeviceMappings": [{"ebs": {"encrypted": "true"}}]},
        {"blockDeviceMappings": [{"ebs": {"encrypted": UNKNOWN}}]},
    ),
    more(
        "ebs-volumes-encrypted",
        Verdict.UNKNOWN,
        "does not decide about disks that are not known",
        resource(TEMPLATE, {"blockDeviceMappings": UNKNOWN}),
    ),
    more(
        "ebs-volumes-encrypted",
        Verdict.BROKEN,
        "refuses a root disk in clear",
        resource(INSTANCE, {"ebsBlockDevices": [{"encrypted": True}]}),
    ),
    *three(
        "ec2-no-public-ip",
        "a public address",
        INSTANCE,
        {"associatePublicIpAddress": True},
        {},
        {"associatePublicIpAddress": UNKNOWN},
    ),
    more(
        "ec2-no-public-ip",
        Verdict.BROKEN,
        "refuses a template that gives public addresses",
        resource(TEMPLATE, {"networkInterfaces": [{"associatePublicIpAddress": "true"}]}),
    ),
    *three(
        "ec2-instance-profile",
        "an instance without a role",
        INSTANCE,
        {},
        {"iamInstanceProfile": "workers"},
        {"iamInstanceProfile": UNKNOWN},
    ),
    *three(
        "ec2-detailed-monitoring",
        "metrics every five minutes",
        TEMPLATE,
        {},
        {"monitoring": {"enabled": True}},
        {"monitoring": {"enabled": UNKNOWN}},
    ),
    *three(
        "ec2-user-data-no-secrets",
        "a password in a start script",
        TEMPLATE,
        {"userData": SECRET_SCRIPT},
        {"userData": "IyEvYmluL3NoCmVjaG8gaGVsbG8K"},
        {"userData": UNKNOWN},
    ),
    *three(
        "asg-multi-az",
        "instances in one zone",
        ASG,
        {"vpcZoneIdentifiers": ["subnet-a"]},
        {"vpcZoneIdentifiers": ["subnet-a", "subnet-b"]},
        {"vpcZoneIdentifiers": UNKNOWN},
    ),
    *three(
        "asg-launch-template",
        "a launch configuration",
        ASG,
        {"launchConfiguration": "old"},
        {"launchTemplate": {"id": "lt-1"}},
        {"launchTemplate": UNKNOWN},
    ),
    *three(
        "asg-elb-health-check",
        "targets that stay dead",
        ASG,
        {"targetGroupArns": ["arn"]},
        {"targetGroupArns": ["arn"], "healthCheckType": "ELB"},
        {"targetGroupArns": ["arn"], "healthCheckType": UNKNOWN},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_says_what_it_must(case: Case) -> None:
    assert verdict(case.rule, *case.nodes) == case.expected


def test_a_template_of_a_node_group_needs_no_instance_profile() -> None:
    template = resource(TEMPLATE, name="template")
    group = resource(
        NODE_GROUP, {"launchTemplate": {"id": "lt-1"}}, name="group", refers={"launchTemplate": [template]}
    )
    assert verdict("ec2-instance-profile", template, group) is None
    assert verdict("ec2-instance-profile", template) is Verdict.BROKEN


def test_a_finding_about_a_secret_does_not_repeat_it() -> None:
    (finding,) = judgements("ec2-user-data-no-secrets", resource(TEMPLATE, {"userData": SECRET_SCRIPT}))
    assert finding.value is None
