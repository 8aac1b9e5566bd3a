"""Reject: the way out when a bad delivery stops the loop."""

from pipelines.errors import InputError
from pipelines.ingest import INBOX
from pipelines.raw import RawLake


def reject(raw: RawLake, name: str) -> int:
    """Remove a batch, or a file of the inbox; returns how many object versions went.

    Of a file of users or products only the record and what was put aside go: what it said is merged with the rest.

    Raises:
        InputError: there is neither.
    """
    if name.startswith(INBOX) and name in raw.lake.keys("raw", INBOX):
        return raw.lake.delete("raw", name)
    batches = [batch.name for batch in (*raw.batches(), *raw.deliveries())]
    if name not in batches:
        known = batches + raw.lake.keys("raw", INBOX)
        raise InputError(f"There is no batch or file {name}; there are {', '.join(known[-20:]) or 'none'}.")
    return raw.drop(name)
