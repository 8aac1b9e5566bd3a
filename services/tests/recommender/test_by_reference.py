"""Secrets by reference: fetched where they are named, and in no message."""

import json
import os
from typing import Any

import pytest

from recommender.by_reference import SecretError, own_environment, resolved

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:salt-AbCdEf"


class Store:
    """Secrets Manager with these values."""

    def __init__(self, **values: str) -> None:
        self._values = values

    def get_secret_value(self, **asked: str) -> dict[str, Any]:
        return {"SecretString": self._values[asked["SecretId"].rpartition(":")[2]]}


def test_a_variable_that_names_a_secret_stands_for_its_value() -> None:
    found = resolved({"MLOPS_PII_SALT_SECRET_ARN": ARN, "PORT": "1"}, lambda: Store(**{"salt-AbCdEf": "grain"}))
    assert (found["MLOPS_PII_SALT"], found["PORT"]) == ("grain", "1")


def test_a_key_of_a_document_is_named_behind_the_arn() -> None:
    store = Store(**{"salt-AbCdEf": json.dumps({"token": "t"})})
    assert resolved({"API_TOKEN_SECRET_ARN": f"{ARN}#token"}, lambda: store)["API_TOKEN"] == "t"


def test_nothing_is_asked_for_where_nothing_is_named() -> None:
    def nobody() -> Any:
        raise AssertionError

    assert resolved({"PORT": "1", "EMPTY_SECRET_ARN": ""}, nobody)["PORT"] == "1"


@pytest.mark.parametrize("reference", ["arn:aws:secretsmanager:eu-west-1:1:secret:gone", f"{ARN}#other"])
def test_a_secret_that_cannot_be_read_is_named_by_its_variable_and_never_shown(reference: str) -> None:
    store = Store(**{"salt-AbCdEf": json.dumps({"token": "hunter2"})})
    with pytest.raises(SecretError, match="MLOPS_PII_SALT_SECRET_ARN names cannot be read") as raised:
        resolved({"MLOPS_PII_SALT_SECRET_ARN": reference}, lambda: store)
    assert "hunter2" not in str(raised.value)


def test_what_mlflows_client_reads_by_itself_is_set_in_the_processes_environment_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("MLFLOW_TRACKING_PASSWORD", "MLOPS_PII_SALT"):
        monkeypatch.setenv(f"{variable}_SECRET_ARN", f"{ARN}#{variable}")
        monkeypatch.delenv(variable, raising=False)
    values = {"MLFLOW_TRACKING_PASSWORD": "word", "MLOPS_PII_SALT": "grain"}
    found = own_environment(lambda: Store(**{"salt-AbCdEf": json.dumps(values)}))
    assert (found["MLFLOW_TRACKING_PASSWORD"], found["MLOPS_PII_SALT"]) == ("word", "grain")
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "word"
    assert "MLOPS_PII_SALT" not in os.environ
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
