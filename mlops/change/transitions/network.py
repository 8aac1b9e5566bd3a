"""What cannot move to another VPC: its subnets may change within the one that it was made in."""

from mlops.change.transitions.step import Refusal, Rule, Rules, Step


def _stays_in_its_vpc(path: str, words: str, instead: str, source: str) -> Rule:
    def rule(step: Step) -> Refusal | None:
        if path.partition(".")[0] not in step.moved:
            return None
        return Refusal(path=path, words=words, instead=instead, source=source)

    return rule


_BESIDE = (
    "Make a second network beside this one and a second one of this in it, move what is in it, then drop the first"
)

RULES: Rules = {
    "aws:eks/cluster:Cluster": (
        _stays_in_its_vpc(
            "vpcConfig.subnetIds",
            "InvalidParameterException: Provided subnets belong to a different VPC than the cluster's",
            f"{_BESIDE} (Kubernetes objects, and volumes by snapshot).",
            "EKS user guide, 'View Amazon EKS networking requirements': a cluster's VPC cannot be changed",
        ),
    ),
    "aws:rds/subnetGroup:SubnetGroup": (
        _stays_in_its_vpc(
            "subnetIds",
            "InvalidParameterValue: The new Subnets are not in the same Vpc as the existing subnet group",
            f"{_BESIDE}: a database made from the last snapshot, in a subnet group of the new network.",
            "hashicorp/terraform-provider-aws issues 16419 and 27459",
        ),
    ),
    **dict.fromkeys(
        (
            "aws:elasticache/subnetGroup:SubnetGroup",
            "aws:memorydb/subnetGroup:SubnetGroup",
            "aws:docdb/subnetGroup:SubnetGroup",
            "aws:neptune/subnetGroup:SubnetGroup",
            "aws:redshift/subnetGroup:SubnetGroup",
            "aws:dax/subnetGroup:SubnetGroup",
        ),
        (
            _stays_in_its_vpc(
                "subnetIds",
                "InvalidParameterValue: the new subnets are not in the VPC of the existing subnet group",
                f"{_BESIDE}, from a snapshot where it can be restored from one.",
                "as RDS: hashicorp/terraform-provider-aws issue 16419",
            ),
        ),
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        _stays_in_its_vpc(
            "subnets",
            "InvalidSubnet: the subnets are not in the VPC of the load balancer",
            "Give the load balancer a new name in the same change, so that a second one is made.",
            "Elastic Load Balancing API reference, SetSubnets",
        ),
    ),
}
