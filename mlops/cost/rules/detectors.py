"""GuardDuty's detector, with the features that it brings along.

A feature that nobody states is on in a new detector, the runtime agent excepted. Source: GuardDuty API reference,
CreateDetector.
"""

from collections.abc import Iterator
from dataclasses import replace

from mlops.cost.model import Context, Item, Rule
from mlops.cost.rules.observability import DETECTOR
from mlops.cost.rules.observability import RULES as OBSERVED
from mlops.cost.rules.threats import FEATURE, feature
from mlops.plan.graph import Node

ON_BY_DEFAULT = {
    "S3_DATA_EVENTS": "datasources.s3Logs.enable",
    "EKS_AUDIT_LOGS": "datasources.kubernetes.auditLogs.enable",
    "EBS_MALWARE_PROTECTION": "datasources.malwareProtection.scanEc2InstanceWithFindings.ebsVolumes.enable",
    "RDS_LOGIN_EVENTS": "",
    "LAMBDA_NETWORK_LOGS": "",
}
"""Feature -> the property of the detector that switched it before there were features; empty for none."""


def detector(node: Node, context: Context) -> Iterator[Item]:
    """What the detector itself looks at, and what its features do that no resource states."""
    if not node.at("enable").flag(default=True):
        return
    yield from OBSERVED[DETECTOR](node, context)
    stated = {one.at("name").text() for one in context.of_type(FEATURE)}
    for name, switch in ON_BY_DEFAULT.items():
        if name not in stated and (not switch or node.at(switch).flag(default=True)):
            yield from feature(replace(node, inputs={"name": name, "status": "ENABLED"}), context)


RULES: dict[str, Rule] = {DETECTOR: detector}
