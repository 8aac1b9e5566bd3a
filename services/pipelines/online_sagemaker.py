"""Features online in SageMaker's feature groups, which keep them offline in the lake as well."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pipelines.errors import ServiceError
from pipelines.feature_views import MOMENT, View, views
from pipelines.features import Features
from pipelines.lake import Lake

if TYPE_CHECKING:
    from pipelines.feature_online import Online


def put(lake: Lake, found: Features, online: "Online") -> None:
    """Write each entity's record into the group of its view.

    Raises:
        ServiceError: SageMaker refuses a record or does not answer.
    """
    client = boto3.client("sagemaker-featurestore-runtime", region_name=online.region, endpoint_url=online.endpoint_url)
    for view in views().views:
        table = lake.get_table("features", f"{found.data_version}/{view.file}")
        group = group_name(online.prefix, view.name)
        for row in table.to_pylist():
            try:
                client.put_record(FeatureGroupName=group, Record=list(record(view, row)))
            except (BotoCoreError, ClientError) as error:
                raise ServiceError(f"SageMaker takes no record of {group}: {error}") from None


def record(view: View, row: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """A row as SageMaker takes it: texts, without what is null; the moment in the one form that it knows."""
    moment = row[MOMENT].strftime("%Y-%m-%dT%H:%M:%S.") + f"{row[MOMENT].microsecond // 1000:03d}Z"
    yield {"FeatureName": MOMENT, "ValueAsString": moment}
    for name in (view.key, *(one.name for one in view.features)):
        if row[name] is not None:
            yield {"FeatureName": name, "ValueAsString": str(row[name])}


def group_name(prefix: str, view: str) -> str:
    """The name of a view's feature group: SageMaker takes hyphens and no underscores."""
    return f"{prefix}{view.replace('_', '-')}"
