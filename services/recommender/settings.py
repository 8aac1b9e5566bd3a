"""The service's settings, read from the environment once and typed.

Names are those of the platform's outputs and of the tools themselves, so that the same image runs on a laptop, EKS,
ECS and Lambda with nothing but its environment changed.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, ValidationError

from recommender.broker import Broker, BrokerError
from recommender.login_settings import LoginSettings
from recommender.pseudonyms import Pseudonyms


class SettingsError(Exception):
    """The environment does not make a working service; the message lists every variable to change."""


class Settings(LoginSettings):
    """Everything that may differ between two places that run the service."""

    host: str = Field("0.0.0.0", validation_alias="HOST")
    """Address to listen on."""
    port: int = Field(8000, ge=1, le=65535, validation_alias="PORT")
    """Port to listen on."""
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", validation_alias="MLOPS_LOG_LEVEL")
    """Least severe of its own messages that are written: debug, info, warning or error; of libraries, warnings."""
    model_path: Path | None = Field(None, validation_alias="MLOPS_MODEL_PATH")
    """Folder of a saved model; with it no registry is asked. A symbolic link may be turned to another folder."""
    tracking_uri: str | None = Field(None, validation_alias="MLFLOW_TRACKING_URI")
    """MLflow server whose registry holds the model."""
    model_name: str = Field("recommender", min_length=1, validation_alias="MLOPS_MODEL_NAME")
    """Name of the registered model; also its name in the V2 protocol."""
    champion_alias: str = Field("champion", min_length=1, validation_alias="MLOPS_CHAMPION_ALIAS")
    """Alias of the version that answers."""
    challenger_alias: str = Field("challenger", min_length=1, validation_alias="MLOPS_CHALLENGER_ALIAS")
    """Alias of the version that a canary or a shadow tries."""
    poll_seconds: float = Field(10.0, ge=0.05, le=3600, validation_alias="MLOPS_POLL_SECONDS")
    """Seconds between two looks at the aliases."""
    fetch_timeout_seconds: float = Field(300.0, gt=0, validation_alias="MLOPS_FETCH_TIMEOUT_SECONDS")
    """Seconds after which fetching and verifying a model is given up and tried again later."""
    cache: Path = Field(Path(tempfile.gettempdir()) / "mlops-recommender", validation_alias="MLOPS_MODEL_CACHE")
    """Folder for fetched models. Kept across restarts, it lets the service start while the registry is down."""
    admin_token: SecretStr | None = Field(None, validation_alias="MLOPS_ADMIN_TOKEN")
    """Bearer token of POST /admin/reload, and an operator's key where there is a login; without one the route refuses
    everybody but operators."""
    pii_salt: SecretStr | None = Field(None, validation_alias="MLOPS_PII_SALT")
    """Key of pseudonyms, the loop's own; where it is not given, the one that the loop keeps in MLOPS_STATE."""
    state: Path | None = Field(None, validation_alias="MLOPS_STATE")
    """Folder for scratch of a loop on the same machine."""
    stream: str | None = Field(None, min_length=1, validation_alias="MLOPS_STREAM")
    """What events go to, the stream of Kinesis, the topic of Kafka or Pulsar; without one POST /events answers 503."""
    broker: Broker = Broker()
    """Whom the stream is reached through; from the variables MLOPS_STREAM_*."""
    endpoint_url: str | None = Field(None, validation_alias="AWS_ENDPOINT_URL")
    """Address of Kinesis where it is not AWS's own."""
    region: str | None = Field(None, validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))
    """AWS region of the stream, and of the tokens with which Kafka is asked."""
    bucket_artifacts: str | None = Field(None, min_length=3, validation_alias="MLOPS_BUCKET_ARTIFACTS")
    """Bucket of the lake's zone of artifacts, where rules, the catalogue and what users did lately are read from; with
    MLOPS_MODEL_PATH alone they are looked for beside that folder. Without either there are no rules and no filters, and
    a replica knows only what it was told itself."""
    event_queue: int = Field(10_000, ge=1, le=1_000_000, validation_alias="MLOPS_EVENT_QUEUE")
    """Events that may wait for the stream before POST /events answers 503."""
    bucket_raw: str | None = Field(None, min_length=3, validation_alias="MLOPS_BUCKET_RAW")
    """Bucket of the lake's raw zone, for impressions and this process's figures; without one nothing is written."""
    impression_queue: int = Field(20_000, ge=1, le=1_000_000, validation_alias="MLOPS_IMPRESSION_QUEUE")
    """Impressions that may wait for the lake before they are dropped; about half a kilobyte each."""
    impression_seconds: float = Field(15.0, ge=0.05, le=3600, validation_alias="MLOPS_IMPRESSION_SECONDS")
    """Seconds between two writes to the lake."""
    flush_seconds: float = Field(10.0, ge=0, le=60, validation_alias="MLOPS_FLUSH_SECONDS")
    """Seconds that a stopping service gives its waiting events, and its impressions."""

    def pseudonyms(self) -> Pseudonyms | None:
        """What users' ids are hidden with, where a key is known."""
        return Pseudonyms.found(self.pii_salt.get_secret_value() if self.pii_salt else None, self.state)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings; an empty variable counts as unset.

        Raises:
            SettingsError: with one line for each variable that is wrong.
        """
        given = {name: value for name, value in environment.items() if value}
        lines = []
        if not given.keys() & {"MLOPS_MODEL_PATH", "MLFLOW_TRACKING_URI"}:
            lines.append(
                "there is no model to answer from: set MLFLOW_TRACKING_URI to the MLflow server whose registry holds "
                "it, or MLOPS_MODEL_PATH to the folder of a saved model"
            )
        try:
            settings = cls.model_validate({**given, "broker": Broker.from_environment(given)})
        except BrokerError as error:
            raise SettingsError(str(error)) from None
        except ValidationError as error:
            lines += [_line("/".join(map(str, issue["loc"])), issue["msg"]) for issue in error.errors()]
        if lines:
            raise SettingsError("The service cannot start with this environment:\n  " + "\n  ".join(lines))
        return settings


def _line(variable: str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{variable}: {text}" if variable else text
