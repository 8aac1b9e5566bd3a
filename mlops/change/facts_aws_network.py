"""Networks on AWS: no data of their own, but what stands in them goes with them. Read as `facts_aws` says."""

from collections.abc import Mapping

from mlops.change.facts import Facts
from mlops.change.sources import file, words
from mlops.plan.values import Properties


def _had_addresses(before: Properties, _: Properties) -> bool:
    return bool(before.get("ipv6CidrBlock") and before.get("assignIpv6AddressOnCreation"))


NETWORK: Mapping[str, Facts] = {
    "aws:ec2/vpc:Vpc": Facts(
        source=file("ec2/vpc_.go", "00081ce4"),
        replaced_by=("cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"),
        chosen=words("cidrBlock"),
        unread=words("instanceTenancy region"),
        stops="everything in it has to move to the new one",
    ),
    "aws:ec2/subnet:Subnet": Facts(
        source=file("ec2/vpc_subnet.go", "00cda125"),
        replaced_by=(
            *("vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "ipv4IpamPoolId", "ipv4NetmaskLength"),
            *("ipv6IpamPoolId", "ipv6Native", "ipv6NetmaskLength", "outpostArn"),
        ),
        chosen=words("cidrBlock availabilityZone availabilityZoneId"),
        sometimes={"ipv6CidrBlock": _had_addresses},
        unread=words("region"),
        stops="everything in it has to move to the new one",
    ),
    "aws:ec2/securityGroup:SecurityGroup": Facts(
        source=file("ec2/vpc_security_group.go", "01606926"),
        replaced_by=("name", "namePrefix", "description", "vpcId"),
        chosen=words("name namePrefix vpcId"),
        defaults={"description": "Managed by Pulumi"},
        unread=words("region"),
    ),
}
