"""The settings: what the platform's outputs say, read from the environment once."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from pipelines.errors import InputError
from recommender.broker import Broker, BrokerError
from recommender.release import VARIABLE, Release

_REQUIRED = {
    "MLOPS_BUCKET_RAW": "bucket of raw data",
    "MLOPS_BUCKET_CURATED": "bucket of validated data",
    "MLOPS_BUCKET_FEATURES": "bucket of features",
    "MLOPS_BUCKET_ARTIFACTS": "bucket of artifacts and of the loop's own records",
    "MLOPS_STREAM": "name of the stream or topic with events",
    "MLFLOW_TRACKING_URI": "address of the MLflow server",
    "AWS_REGION": "AWS region",
    "MLOPS_STATE": "folder for scratch files",
}

BESIDE_THE_LAKE = ("MLOPS_STREAM", "MLFLOW_TRACKING_URI")
"""What a job does without that reads and writes the lake alone."""

_OPEN = (
    *("MLOPS_SERVING_URL", "MLOPS_MODEL_NAME", "MLOPS_PII_SALT_SECRET", "MLOPS_RETRAINING"),
    *(
        "MLOPS_STREAM_PROTOCOL",
        "MLOPS_STREAM_ENDPOINT",
        "MLOPS_STREAM_AUTH",
        "MLOPS_STREAM_USERNAME",
        "MLOPS_STREAM_CA",
    ),
)
"""Further settings that are no secrets."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where everything is."""

    bucket_raw: str
    bucket_curated: str
    bucket_features: str
    bucket_artifacts: str
    stream: str
    tracking_uri: str
    region: str
    state: Path
    """Scratch only: everything that a later step or a rerun needs is in the buckets."""
    endpoint_url: str | None = None
    """Address of S3 and Kinesis where they are not AWS's own."""
    serving_url: str | None = None
    """Address of the recommender; without one a deployment ends with the alias."""
    admin_token: str | None = None
    """Lets the recommender reload at once instead of at its next poll, and is a key to it where it has a login."""
    pii_salt: str | None = None
    """Salt of masked values. Where S3 is AWS's own it must be given, itself or as MLOPS_PII_SALT_SECRET, the ARN of a
    secret of AWS Secrets Manager; else one is kept in `state`."""
    model_name: str = "recommender"
    """Name of the registered model."""
    broker: Broker = field(default_factory=Broker)
    """Whom the stream is reached through; from the variables MLOPS_STREAM_*."""
    release: Release | None = None
    """How a new version takes over; without it at once."""

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, *, without: Collection[str] = ()
    ) -> "Settings":
        """Read the settings.

        Args:
            without: variables that whoever asks does without, as a job that knows the lake and nothing else.

        Raises:
            InputError: with every variable that is missing, or wrong.
        """
        values = os.environ if environment is None else environment
        values = {**dict.fromkeys(without, ""), **values}
        wanted = {name: what for name, what in _REQUIRED.items() if name not in without}
        missing = [f"  {name}  {what}" for name, what in wanted.items() if not values.get(name)]
        if missing:
            raise InputError(
                "These environment variables are not set:\n" + "\n".join(missing) + "\nThey are outputs of the "
                "platform's stack: `pulumi stack output --json` shows them."
            )
        try:
            broker = Broker.from_environment(values)
        except BrokerError as error:
            raise InputError(str(error)) from None
        return cls(
            bucket_raw=values["MLOPS_BUCKET_RAW"],
            bucket_curated=values["MLOPS_BUCKET_CURATED"],
            bucket_features=values["MLOPS_BUCKET_FEATURES"],
            bucket_artifacts=values["MLOPS_BUCKET_ARTIFACTS"],
            stream=values["MLOPS_STREAM"],
            tracking_uri=values["MLFLOW_TRACKING_URI"].rstrip("/"),
            region=values["AWS_REGION"],
            state=Path(values["MLOPS_STATE"]),
            endpoint_url=values.get("AWS_ENDPOINT_URL") or None,
            serving_url=(values.get("MLOPS_SERVING_URL") or "").rstrip("/") or None,
            admin_token=values.get("MLOPS_ADMIN_TOKEN") or None,
            pii_salt=values.get("MLOPS_PII_SALT") or _stored(values.get("MLOPS_PII_SALT_SECRET"), values["AWS_REGION"]),
            model_name=values.get("MLOPS_MODEL_NAME") or "recommender",
            broker=broker,
            release=_release(values.get(VARIABLE) or ""),
        )


def _stored(secret: str | None, region: str) -> str | None:
    """The value of a secret of AWS Secrets Manager. SageMaker shows a job's variables to whoever may describe it, so
    that they name secrets and hold none."""
    if not secret:
        return None
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = boto3.client("secretsmanager", region_name=region).get_secret_value(SecretId=secret)
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"MLOPS_PII_SALT_SECRET names {secret}, which cannot be read: {error}") from None
    return str(found["SecretString"])


def to_hand_on(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that a rendered pipeline gives its steps: those that are set, and none that is secret.

    Raises:
        InputError: with every variable that is missing.
    """
    wanted = _REQUIRED.keys() - {"MLOPS_STATE"}
    missing = [f"  {name}  {_REQUIRED[name]}" for name in sorted(wanted) if not environment.get(name)]
    if missing:
        raise InputError("A pipeline's steps need these environment variables, set here:\n" + "\n".join(missing))
    return {name: environment[name] for name in sorted({*wanted, *_OPEN}) if environment.get(name)}


def _release(text: str) -> Release | None:
    try:
        return Release.model_validate_json(text) if text else None
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, issue['loc'])) or 'all of it'}: {issue['msg']}" for issue in error.errors()]
        raise InputError(
            f"{VARIABLE} is not the section release of a stack file as JSON:\n" + "\n".join(lines)
        ) from None
