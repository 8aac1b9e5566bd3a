"""AWS regions with the letters of their availability zones, so that a layout is planned without a look-up.

Sources: the public list github.com/jsonmaur/aws-regions (data of commit 105e76a4), which is generated from
`aws ec2 describe-availability-zones`; for the regions opened since 2022 the zones of moto 5.2.5's instance type
offerings, and for ap-east-2, ap-southeast-6, ap-southeast-7 and mx-central-1, which it lacks, AWS's page "Regions and
Availability Zones", which says three each. An account may see others: `network.zone_names` then names its own.
us-east-1e comes last in its region because EKS has no control plane there.
"""

import re

_LETTERS = {
    "af-south-1": "abc",
    "ap-east-1": "abc",
    "ap-east-2": "abc",
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "ap-northeast-3": "abc",
    "ap-south-1": "abc",
    "ap-south-2": "abc",
    "ap-southeast-1": "abc",
    "ap-southeast-2": "abc",
    "ap-southeast-3": "abc",
    "ap-southeast-4": "abc",
    "ap-southeast-5": "abc",
    "ap-southeast-6": "abc",
    "ap-southeast-7": "abc",
    "ca-central-1": "abd",
    "ca-west-1": "abc",
    "eu-central-1": "abc",
    "eu-central-2": "abc",
    "eu-north-1": "abc",
    "eu-south-1": "abc",
    "eu-south-2": "abc",
    "eu-west-1": "abc",
    "eu-west-2": "abcd",
    "eu-west-3": "abc",
    "il-central-1": "abc",
    "me-central-1": "abc",
    "me-south-1": "abc",
    "mx-central-1": "abc",
    "sa-east-1": "abc",
    "us-east-1": "abcdfe",
    "us-east-2": "abc",
    "us-west-1": "ac",
    "us-west-2": "abcd",
}

REGIONS = tuple(_LETTERS)
NO_CONTROL_PLANE = frozenset({"us-east-1e"})
"""Zones in which EKS places no control plane, so that no subnet of a cluster may lie there. Source: EKS user guide,
"VPC and subnet considerations", which names use1-az3: us-east-1e for nearly every account. The other two of its list
are nobody's default: accounts that see cac1-az3 call it ca-central-1c, and usw1-az2 has no fixed name."""

_OTHER_PARTITIONS = {
    "cn-": "China",
    "us-gov-": "GovCloud",
    "us-iso": "an isolated partition",
    "eu-iso": "an isolated partition",
    "eusc-": "the European Sovereign Cloud",
}


def zones(region: str) -> tuple[str, ...]:
    """Availability zone names of a region in the order in which they are used. Raises KeyError if unknown."""
    return tuple(f"{region}{letter}" for letter in _LETTERS[region])


def other_partition(region: str) -> str | None:
    """The part of AWS outside the partition `aws` that a region belongs to; None for the commercial ones."""
    return next((name for start, name in _OTHER_PARTITIONS.items() if region.startswith(start)), None)


def zone_problem(zone: str, region: str) -> str | None:
    """Why a zone cannot be one of the region's; None if it can. An account may see letters that others do not, up to
    the last that the region has."""
    if not re.fullmatch(rf"{re.escape(region)}[a-z]", zone):
        return f"{zone} is no zone of {region}, whose zones are called {region}a, {region}b and so on"
    if region in _LETTERS and zone[-1] > max(_LETTERS[region]):
        return f"{region} has no zone {zone}; it has {', '.join(sorted(zones(region)))}"
    return None
