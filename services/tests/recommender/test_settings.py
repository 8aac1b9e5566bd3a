"""Settings from the environment."""

from pathlib import Path

import pytest

from recommender.settings import Settings, SettingsError


def test_without_a_source_of_models_the_message_says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="set MLFLOW_TRACKING_URI to the MLflow server"):
        Settings.from_environment({})


def test_an_empty_variable_counts_as_unset() -> None:
    settings = Settings.from_environment({"MLOPS_MODEL_PATH": "/models", "MLOPS_STREAM": "", "PORT": ""})
    assert (settings.model_path, settings.stream, settings.port) == (Path("/models"), None, 8000)


def test_every_wrong_variable_is_named_at_once_and_no_value_is_shown() -> None:
    environment = {"MLOPS_MODEL_PATH": "/m", "PORT": "secret", "MLOPS_EVENT_QUEUE": "0", "MLOPS_LOG_LEVEL": "loud"}
    with pytest.raises(SettingsError) as error:
        Settings.from_environment(environment)
    text = str(error.value)
    assert all(name in text for name in ("PORT", "MLOPS_EVENT_QUEUE", "MLOPS_LOG_LEVEL"))
    assert "secret" not in text


def test_the_admin_token_is_not_shown() -> None:
    settings = Settings.from_environment({"MLOPS_MODEL_PATH": "/m", "MLOPS_ADMIN_TOKEN": "s3cret"})
    assert "s3cret" not in repr(settings)
