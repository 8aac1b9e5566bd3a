"""AWS regions with the letters of their availability zones, so that a layout is planned without a look-up.

Source: the public list github.com/jsonmaur/aws-regions (data of commit 105e76a4), which is generated from
`aws ec2 describe-availability-zones`. An account may see fewer: `network.zone_names` then names its own.
us-east-1e comes last in its region because EKS has no control plane there.
"""

_LETTERS = {
    "af-south-1": "abc",
    "ap-east-1": "abc",
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "ap-northeast-3": "abc",
    "ap-south-1": "abc",
    "ap-southeast-1": "abc",
    "ap-southeast-2": "abc",
    "ap-southeast-3": "abc",
    "ca-central-1": "abd",
    "eu-central-1": "abc",
    "eu-north-1": "abc",
    "eu-south-1": "abc",
    "eu-west-1": "abc",
    "eu-west-2": "abc",
    "eu-west-3": "abc",
    "me-south-1": "abc",
    "sa-east-1": "abc",
    "us-east-1": "abcdfe",
    "us-east-2": "abc",
    "us-west-1": "ac",
    "us-west-2": "abcd",
}

REGIONS = tuple(_LETTERS)


def zones(region: str) -> tuple[str, ...]:
    """Availability zone names of a region in the order in which they are used. Raises KeyError if unknown."""
    return tuple(f"{region}{letter}" for letter in _LETTERS[region])
