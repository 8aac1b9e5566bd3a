"""Rights of the controllers that act on AWS for the cluster. Each may touch only what belongs to this cluster.

Sources: aws-load-balancer-controller, docs/install/iam_policy.json; autoscaler, cloudprovider/aws/README.md; EKS
user guide, "Store Kubernetes volumes with Amazon EBS". Where those let a controller touch whatever
carries some cluster's tag, these ask for this cluster's. Describe* actions know no resources: AWS takes only a star.
"""

import pulumi

from components.base.identity import Grant, Statement

_LOAD_BALANCER_TAG = "elbv2.k8s.aws/cluster"

_LOAD_BALANCER_READS = (
    "acm:DescribeCertificate",
    "acm:ListCertificates",
    "cognito-idp:DescribeUserPoolClient",
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeAddresses",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeCoipPools",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeIpamPools",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:DescribeVpcs",
    "ec2:GetCoipPoolUsage",
    "ec2:GetSecurityGroupsForVpc",
    "elasticloadbalancing:DescribeCapacityReservation",
    "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:DescribeListenerCertificates",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeSSLPolicies",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing:DescribeTrustStores",
)
"""WAF and Shield are switched off in the chart, so that their rights are not needed."""

_LOAD_BALANCER_CHANGES = (
    "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup",
    "elasticloadbalancing:ModifyCapacityReservation",
    "elasticloadbalancing:ModifyIpPools",
    "elasticloadbalancing:ModifyListenerAttributes",
    "elasticloadbalancing:ModifyLoadBalancerAttributes",
    "elasticloadbalancing:ModifyTargetGroup",
    "elasticloadbalancing:ModifyTargetGroupAttributes",
    "elasticloadbalancing:SetIpAddressType",
    "elasticloadbalancing:SetSecurityGroups",
    "elasticloadbalancing:SetSubnets",
)
_LISTENER_CHANGES = (
    "elasticloadbalancing:AddListenerCertificates",
    "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:CreateRule",
    "elasticloadbalancing:DeleteListener",
    "elasticloadbalancing:DeleteRule",
    "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing:ModifyRule",
    "elasticloadbalancing:RemoveListenerCertificates",
    "elasticloadbalancing:SetRulePriorities",
)
_TAGGING = ("elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags")


def manage_load_balancers(cluster: str, region: str) -> Grant:
    """Make, change and delete load balancers, target groups and their security groups: this cluster's own."""
    balancers = f"arn:aws:elasticloadbalancing:{region}:*:"
    own = (f"{balancers}loadbalancer/app/*", f"{balancers}loadbalancer/net/*", f"{balancers}targetgroup/*")
    listeners = tuple(
        f"{balancers}{kind}/{type_}/*" for kind in ("listener", "listener-rule") for type_ in ("app", "net")
    )
    groups = (f"arn:aws:ec2:{region}:*:security-group/*",)
    is_ours = {"StringEquals": {f"aws:ResourceTag/{_LOAD_BALANCER_TAG}": cluster}}
    becomes_ours = {f"aws:RequestTag/{_LOAD_BALANCER_TAG}": cluster}
    return Grant(
        resource="load-balancers",
        access="manage",
        statements=(
            Statement(actions=_LOAD_BALANCER_READS, resources=("*",)),
            Statement(
                actions=("iam:CreateServiceLinkedRole",),
                resources=("arn:aws:iam::*:role/aws-service-role/elasticloadbalancing.amazonaws.com/*",),
                conditions={"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
            ),
            Statement(
                actions=("ec2:CreateSecurityGroup",),
                resources=(*groups, f"arn:aws:ec2:{region}:*:vpc/*"),
            ),
            Statement(
                actions=("ec2:CreateTags",),
                resources=groups,
                conditions={"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup", **becomes_ours}},
            ),
            # Rules also go into the security group of the nodes, which EKS makes without this tag.
            Statement(
                actions=("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"),
                resources=(*groups, f"arn:aws:ec2:{region}:*:security-group-rule/*"),
            ),
            Statement(
                actions=("ec2:CreateTags", "ec2:DeleteTags", "ec2:DeleteSecurityGroup"),
                resources=groups,
                conditions=is_ours,
            ),
            Statement(
                actions=("elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"),
                resources=own,
                conditions={"StringEquals": becomes_ours},
            ),
            *(
                Statement(
                    actions=("elasticloadbalancing:AddTags",),
                    resources=own,
                    conditions={"StringEquals": {"elasticloadbalancing:CreateAction": action, **becomes_ours}},
                )
                for action in ("CreateLoadBalancer", "CreateTargetGroup")
            ),
            Statement(actions=(*_TAGGING, *_LOAD_BALANCER_CHANGES), resources=(*own, *listeners), conditions=is_ours),
            Statement(actions=_TAGGING, resources=listeners),
            Statement(actions=_LISTENER_CHANGES, resources=(*own, *listeners)),
            Statement(
                actions=("elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"),
                resources=(f"{balancers}targetgroup/*",),
            ),
        ),
    )


def scale_node_groups(cluster: str, region: str) -> Grant:
    """Change the size of this cluster's Auto Scaling groups, which EKS tags with its name."""
    return Grant(
        resource="node-groups",
        access="scale",
        statements=(
            Statement(
                actions=(
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingInstances",
                    "autoscaling:DescribeLaunchConfigurations",
                    "autoscaling:DescribeScalingActivities",
                    "autoscaling:DescribeTags",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:GetInstanceTypesFromInstanceRequirements",
                ),
                resources=("*",),
            ),
            Statement(actions=("eks:DescribeNodegroup",), resources=(f"arn:aws:eks:{region}:*:nodegroup/{cluster}/*",)),
            Statement(
                actions=("autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"),
                resources=(f"arn:aws:autoscaling:{region}:*:autoScalingGroup:*",),
                conditions={"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}},
            ),
        ),
    )


def encrypt_volumes(key_arn: pulumi.Input[str]) -> Grant:
    """Make volumes that are encrypted with the key. EC2 keeps using it through a grant of the key."""
    return Grant(
        resource="keys/cluster",
        access="encrypt volumes",
        statements=(
            Statement(
                actions=("kms:CreateGrant",),
                resources=(key_arn,),
                conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
            ),
            Statement(
                actions=(
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey*",
                    "kms:ReEncrypt*",
                ),
                resources=(key_arn,),
            ),
        ),
    )
