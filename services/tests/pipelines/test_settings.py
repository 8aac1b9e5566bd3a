"""Settings and options."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import InputError
from pipelines.loop import LoopOptions
from pipelines.options import options_from
from pipelines.settings import Settings


def test_every_missing_variable_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        Settings.from_environment({"MLOPS_STREAM": "s", "MLOPS_BUCKET_RAW": "", "AWS_REGION": "eu-west-1"})
    text = str(caught.value)
    missing = ("MLOPS_BUCKET_RAW", "MLOPS_BUCKET_CURATED", "MLOPS_BUCKET_FEATURES", "MLFLOW_TRACKING_URI")
    assert all(name in text for name in (*missing, "MLOPS_STATE"))
    assert "MLOPS_STREAM" not in text


def test_settings_come_back_from_the_environment_they_make(
    settings: Settings, environment: Callable[[Settings], dict[str, str]]
) -> None:
    assert Settings.from_environment(environment(settings)) == settings


def test_options_keep_their_defaults_where_nothing_is_said() -> None:
    assert options_from("") == LoopOptions()
    changed = options_from('{"deploy": {"strategy": "canary"}, "quality": {"least_score": 0.9}}')
    assert changed.deploy.strategy == "canary"
    assert changed.deploy.requests == LoopOptions().deploy.requests
    assert changed.quality.least_score == 0.9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"deply": {}}', "There is no option deply"),
        ('{"deploy": {"percnt": 3}}', "There is no option deploy.percnt"),
        ('{"deploy": {"strategy": "blue"}}', "deploy.strategy"),
        ('{"deploy": 3}', "must be an object"),
        ("{", "no JSON"),
        ("nowhere.json", "neither JSON nor a file"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        options_from(text)


def test_options_can_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "options.json"
    path.write_text('{"assume_consent": true}')
    assert options_from(str(path)).assume_consent
