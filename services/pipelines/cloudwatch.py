"""Figures of a job that is gone before anybody could come for them: pushed to CloudWatch, where alarms look."""

import os
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from pipelines.errors import ServiceError
from pipelines.lake import client
from pipelines.settings import Settings

NAMESPACE, STACK = "MLOPS_METRICS_NAMESPACE", "MLOPS_METRICS_STACK"
"""Variables that the platform gives its jobs: the metrics' namespace, and the stack whose they are."""


def publish(settings: Settings, figures: Mapping[str, float | None], **dimensions: str) -> None:
    """Push what there is a figure of; nothing where the platform has named no namespace.

    Raises:
        ServiceError: CloudWatch refuses or does not answer.
    """
    namespace, stack = os.environ.get(NAMESPACE), os.environ.get(STACK)
    found = {name: value for name, value in figures.items() if value is not None}
    if not (namespace and stack and found):
        return
    told = [{"Name": name, "Value": value} for name, value in {"Stack": stack, **dimensions}.items()]
    data = [{"MetricName": name, "Value": float(value), "Dimensions": told} for name, value in found.items()]
    try:
        client("cloudwatch", settings).put_metric_data(Namespace=namespace, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        raise ServiceError(f"CloudWatch takes no figures: {error}") from None
