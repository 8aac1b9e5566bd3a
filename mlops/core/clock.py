"""Today's date, from one place, so that what depends on support dates can be reproduced."""

import os
from datetime import UTC, date, datetime


def today() -> date:
    """The current date in UTC, or that of `SOURCE_DATE_EPOCH` (seconds; reproducible-builds.org) when set."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC).date() if epoch else datetime.now(UTC).date()
