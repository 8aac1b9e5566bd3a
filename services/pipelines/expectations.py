"""What is expected of events, as a Great Expectations suite.

Great Expectations' own `success_percent` is the share of expectations that pass: one bad row in a million gives
87 % of eight, and ten percent of bad rows give hardly less. The quality score here is the share of rows that pass
every expectation.
"""

from datetime import datetime

import great_expectations as gx
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations import expectations as gxe

from pipelines.errors import LoopError
from pipelines.quality import Finding
from pipelines.schema import EVENT_TYPES

_PSEUDONYM = r"^u-[0-9a-f]{32}$"

_IN_CATALOGUE = "product_in_catalogue"
_REPEATED = ["user_id", "product_id", "event_type"]
"""Columns with far fewer values than rows: as categories they take a third of the memory and half of the time."""


class Suite:
    """The suite for one catalogue and one moment; the context is made once and reused for every chunk."""

    def __init__(self, products: pa.Array, now: datetime) -> None:
        self._products = products
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        source = context.data_sources.add_pandas("lake")
        self._chunk = source.add_dataframe_asset("events").add_batch_definition_whole_dataframe("chunk")
        self._suite = gx.ExpectationSuite(name="events", expectations=_expectations(now))

    def check(self, events: pa.Table) -> tuple[npt.NDArray[np.bool_], list[Finding]]:
        """Per row whether any expectation fails, and the findings.

        Raises:
            LoopError: an expectation could not be evaluated.
        """
        frame = events.to_pandas(categories=_REPEATED)
        # Looked up here: a catalogue of thousands within an expectation would be copied dozens of times.
        frame[_IN_CATALOGUE] = pc.is_in(events["product_id"], value_set=self._products).to_numpy()
        result = self._chunk.get_batch({"dataframe": frame}).validate(
            self._suite, result_format={"result_format": "COMPLETE", "include_unexpected_rows": False}
        )
        failing = np.zeros(events.num_rows, bool)
        findings = []
        for item in result.results:
            configuration = item.expectation_config
            if item.exception_info.get("raised_exception") or "unexpected_index_list" not in item.result:
                raise LoopError(f"{configuration.type} could not be evaluated: {item.exception_info}")
            places = item.result["unexpected_index_list"]
            failing[places] = True
            findings.append(
                Finding(expectation=configuration.type, column=configuration.kwargs["column"], unexpected=len(places))
            )
        return failing, findings


def _expectations(now: datetime) -> list[gxe.Expectation]:
    # Every other expectation skips nulls, so that each column needs its own not-null.
    present = [
        gxe.ExpectColumnValuesToNotBeNull(column=column)
        for column in ("event_id", "user_id", "product_id", "event_type", "timestamp")
    ]
    return [
        *present,
        # Nobody is named in clear text: not in a table, and not in the model that is made of it.
        gxe.ExpectColumnValuesToMatchRegex(column="user_id", regex=_PSEUDONYM),
        gxe.ExpectColumnValuesToBeInSet(column=_IN_CATALOGUE, value_set=[True]),
        gxe.ExpectColumnValuesToBeInSet(column="event_type", value_set=list(EVENT_TYPES)),
        gxe.ExpectColumnValuesToBeBetween(column="timestamp", max_value=pd.Timestamp(now)),
    ]
