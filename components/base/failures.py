"""What fails while nobody looks: a rule of EventBridge that counts an AWS service's own notices of failed work."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.base.watched import Watched


def failures(
    name: str, what: str, *, source: str, notice: str, detail: Mapping[str, object], opts: pulumi.ResourceOptions
) -> Watched:
    """The count of such notices, as CloudWatch has it of every rule that matches.

    Args:
        what: which work it is, as a word that names resources: `batch`.
        source: `aws.batch`.
        notice: the notice's type: `Batch Job State Change`.
        detail: pattern of what the notice says.

    Source: EventBridge user guide, "Monitoring Amazon EventBridge" (MatchedEvents by RuleName) and "Events from AWS
    services".
    """
    rule = aws.cloudwatch.EventRule(
        f"{name}-failures",
        description=f"Failed work of {what} of the MLOps platform",
        event_pattern=pulumi.Output.json_dumps(
            {"source": [source], "detail-type": [notice], "detail": dict(detail)}, sort_keys=True
        ),
        opts=opts,
    )
    return Watched(what=what, namespace="AWS/Events", dimensions={"RuleName": rule.name})
