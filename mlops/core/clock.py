"""Today's date, from one place, so that what depends on support dates can be reproduced."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time

_VARIABLE = "SOURCE_DATE_EPOCH"


def today() -> date:
    """The current date in UTC, or that of `SOURCE_DATE_EPOCH` (seconds; reproducible-builds.org) when set."""
    epoch = os.environ.get(_VARIABLE)
    return datetime.fromtimestamp(int(epoch), UTC).date() if epoch else datetime.now(UTC).date()


@contextmanager
def on(day: date) -> Iterator[None]:
    """Let it be another day: for what is written once and must say the same whenever it is written again."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(int(datetime.combine(day, time(), UTC).timestamp()))
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
