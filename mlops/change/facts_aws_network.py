"""Networks on AWS: no data of their own, but what stands in them goes with them. Read as `facts_aws` says."""

from collections.abc import Mapping

from mlops.change.facts import Facts
from mlops.plan.values import Properties


def _had_addresses(before: Properties, _: Properties) -> bool:
    return bool(before.get("ipv6CidrBlock") and before.get("assignIpv6AddressOnCreation"))


def _not_to_default(before: Properties, after: Properties) -> bool:
    """A dedicated VPC may become a shared one in place, and nothing else may."""
    return (before.get("instanceTenancy") or "default", after.get("instanceTenancy") or "default") != (
        "dedicated",
        "default",
    )


NETWORK: Mapping[str, Facts] = {
    "aws:ec2/vpc:Vpc": Facts(
        sometimes={"instanceTenancy": _not_to_default},
        stops="everything in it has to move to the new one",
    ),
    "aws:ec2/subnet:Subnet": Facts(
        sometimes={"ipv6CidrBlock": _had_addresses},
        stops="everything in it has to move to the new one",
    ),
    "aws:ec2/securityGroup:SecurityGroup": Facts(),
}
