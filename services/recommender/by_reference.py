"""Secrets by reference: where nothing puts a secret's value into the environment, its ARN is there instead.

ECS and Kubernetes fill in variables from Secrets Manager; Lambda does not, and what its console shows of a function
would show the value. `MLOPS_PII_SALT_SECRET_ARN` stands for `MLOPS_PII_SALT`; `#key` behind the ARN names a key of a
secret that is a JSON document.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

ENDING = "_SECRET_ARN"


class SecretError(Exception):
    """A secret cannot be read; the message names the variable and never the value."""


def resolved(environment: Mapping[str, str], client: Callable[[], Any] | None = None) -> dict[str, str]:
    """The environment with the values of the secrets that it names.

    Args:
        client: makes a client of Secrets Manager; it is asked for only where there is something to fetch.

    Raises:
        SecretError: a secret cannot be read, or lacks the key.
    """
    named = {name: arn for name, arn in environment.items() if name.endswith(ENDING) and arn}
    if not named:
        return dict(environment)
    reader = (client or _client)()
    fetched = {name.removesuffix(ENDING): _fetched(reader, name, arn) for name, arn in named.items()}
    return {**environment, **fetched}


def own_environment(client: Callable[[], Any] | None = None) -> dict[str, str]:
    """This process's environment with the values of the secrets that it names. MLflow's client, and the processes that
    speak to it, read the environment themselves: their variables are set there.

    Raises:
        SecretError: as for `resolved`.
    """
    found = resolved(os.environ, client)
    os.environ.update({name: value for name, value in found.items() if name.startswith("MLFLOW_")})
    return found


def _fetched(reader: Any, name: str, reference: str) -> str:
    arn, _, key = reference.partition("#")
    try:
        text = str(reader.get_secret_value(SecretId=arn)["SecretString"])
        return str(json.loads(text)[key]) if key else text
    except Exception as error:
        # The text of the error may repeat what was read.
        raise SecretError(
            f"The secret that {name} names cannot be read ({type(error).__name__}): the role needs "
            "secretsmanager:GetSecretValue on it, and the network a way to Secrets Manager."
        ) from None


def _client() -> Any:
    import boto3

    return boto3.client("secretsmanager")
