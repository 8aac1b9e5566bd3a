"""The model as MLflow sees it, so that anything that serves MLflow models can serve it.

MLflow runs this file when it loads the model ("models from code"), so that nothing is pickled and no Python version
is baked in. https://mlflow.org/docs/latest/ml/model/models-from-code
"""

import os
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from recommender.model import Model
from recommender.pseudonyms import Pseudonyms


class Recommender(PythonModel):
    """Columns `user_id` and `k` in; `user_id`, `product_id`, `score` and `rank` out, one row a recommendation."""

    # The names of the parameters are MLflow's contract.
    def load_context(self, context: PythonModelContext) -> None:
        """Map the arrays."""
        model = Model.load(context.artifacts["model"])
        state = os.environ.get("MLOPS_STATE")
        found = Pseudonyms.found(os.environ.get("MLOPS_PII_SALT"), Path(state) if state else None)
        # Without the key it answers those who have pseudonyms already, as a batch of the lake's users has.
        self._model = model.under(found) if found else model

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Recommend to each row's user."""
        rows = [
            (user, found.product_id, found.score, rank)
            for user, k in zip(model_input["user_id"], model_input["k"], strict=True)
            for rank, found in enumerate(self._model.recommend(str(user), int(k)), 1)
        ]
        return pd.DataFrame(rows, columns=["user_id", "product_id", "score", "rank"])


mlflow.models.set_model(Recommender())
