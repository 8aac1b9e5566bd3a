"""Whom a client of the stream talks to, and how it says who it is: read from the environment once, by both services.

The names are those of the data pipeline's outputs, whatever the pipeline is.
"""

import ssl
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

Protocol = Literal["kinesis", "kafka", "pulsar"]
Auth = Literal["iam", "scram", "token", "none"]

_AUTH: Mapping[Protocol, tuple[Auth, ...]] = {
    "kinesis": ("iam",),
    "kafka": ("iam", "scram", "none"),
    "pulsar": ("token", "none"),
}
"""What each takes. None is for a broker on one's own machine: without encryption too."""
_NEEDS: Mapping[Auth, tuple[str, ...]] = {"iam": (), "scram": ("username", "password"), "token": ("token",), "none": ()}


class BrokerError(Exception):
    """The environment does not say how the stream is reached; the message names every variable to change."""


class Broker(BaseModel):
    """The other end of the stream."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    protocol: Protocol = Field(default="kinesis", validation_alias="MLOPS_STREAM_PROTOCOL")
    """What it speaks: kinesis, kafka or pulsar."""
    endpoint: str | None = Field(default=None, validation_alias="MLOPS_STREAM_ENDPOINT")
    """Kafka's bootstrap brokers (host:port, with commas) or Pulsar's service URL; Kinesis is found by its region."""
    auth: Auth | None = Field(default=None, validation_alias="MLOPS_STREAM_AUTH")
    """iam, scram (user and password), token, or none; not said, the first that the protocol takes."""
    username: str | None = Field(default=None, validation_alias="MLOPS_STREAM_USERNAME")
    """User, with scram."""
    password: SecretStr | None = Field(default=None, validation_alias="MLOPS_STREAM_PASSWORD")
    """Password, with scram."""
    token: SecretStr | None = Field(default=None, validation_alias="MLOPS_STREAM_TOKEN")
    """JSON Web Token, with token."""
    authority: str | None = Field(default=None, validation_alias="MLOPS_STREAM_CA")
    """Certificate of the authority that vouches for the brokers (PEM); not said, those that the system trusts."""

    partitions: int | None = Field(default=None, ge=1, le=10_000, validation_alias="MLOPS_STREAM_PARTITIONS")
    """Kafka: partitions with which a topic that is missing is made; not said, nobody here makes one."""
    retention_hours: int = Field(default=168, ge=1, le=87_600, validation_alias="MLOPS_STREAM_RETENTION_HOURS")
    """Kafka: hours for which a topic that is made here keeps events."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Broker":
        """Read the settings; an empty variable counts as unset.

        Raises:
            BrokerError: with one line for each variable that is wrong.
        """
        try:
            return cls.model_validate({name: value for name, value in environment.items() if value})
        except ValidationError as error:
            lines = [
                f"  {'/'.join(map(str, issue['loc'])) or 'MLOPS_STREAM_PROTOCOL'}: "
                f"{issue['msg'].removeprefix('Value error, ')}"
                for issue in error.errors()
            ]
            raise BrokerError("The stream cannot be reached with this environment:\n" + "\n".join(lines)) from None

    @model_validator(mode="after")
    def _fits_together(self) -> "Broker":
        allowed = _AUTH[self.protocol]
        if self.auth not in (None, *allowed):
            raise ValueError(
                f"{self.protocol} with MLOPS_STREAM_AUTH {self.auth}, which it does not take; allowed: "
                f"{', '.join(allowed)}"
            )
        if self.protocol != "kinesis" and self.endpoint is None:
            raise ValueError(f"{self.protocol} is not found by itself; set MLOPS_STREAM_ENDPOINT to where it answers")
        if self.protocol == "pulsar" and not (self.endpoint or "").startswith(("pulsar://", "pulsar+ssl://")):
            raise ValueError("MLOPS_STREAM_ENDPOINT is no address of Pulsar: pulsar+ssl://host:6651, or pulsar://")
        if missing := [f"MLOPS_STREAM_{name.upper()}" for name in _NEEDS[self.way] if not getattr(self, name)]:
            raise ValueError(f"{self.protocol} with MLOPS_STREAM_AUTH {self.way} needs {' and '.join(missing)}")
        if self.authority:
            try:
                ssl.create_default_context().load_verify_locations(cadata=self.authority)
            except ssl.SSLError:
                raise ValueError("MLOPS_STREAM_CA holds no certificate in PEM form") from None
        return self

    @cached_property
    def way(self) -> Auth:
        """How a client says who it is."""
        return self.auth or _AUTH[self.protocol][0]
