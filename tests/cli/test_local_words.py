"""What `mlops local status` says of the model, in words."""

from typing import Any

import pytest

from mlops.cli.commands.local import _serving

NONE_YET = 'There is no model yet: MLflow knows none by the name "recommender".'


@pytest.mark.parametrize(
    ("served", "words"),
    [
        ({}, "The recommender does not answer."),
        ({"models": {}, "problem": None}, "There is no model yet: the loop has not run. `mlops local run-loop` trains"),
        ({"models": {}, "problem": NONE_YET}, f"{NONE_YET} `mlops local run-loop` trains and deploys one."),
        ({"models": {"champion": {"version": "3", "kind": "ease", "created": "today"}}}, "Version 3 (ease) is served"),
    ],
)
def test_what_is_served_is_said_in_words(served: dict[str, Any], words: str) -> None:
    assert _serving(served).startswith(words)
