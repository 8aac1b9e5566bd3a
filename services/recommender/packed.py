"""Arrays in one object: a zip of .npy files as numpy reads it, the same bytes for the same arrays."""

import io
import zipfile
from collections.abc import Mapping
from typing import cast

import numpy as np
import numpy.typing as npt

from recommender.arrays import Array, Bytes, IdTable, Longs
from recommender.manifest import ModelError

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""What numpy writes as the time of each file is the present."""


def pack(arrays: Mapping[str, Array]) -> bytes:
    """The arrays as bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _LONG_AGO), content.getvalue(), zipfile.ZIP_DEFLATED)
    return target.getvalue()


def ids_of(name: str, table: IdTable) -> dict[str, Array]:
    """The arrays of a table of ids."""
    return {f"{name}_offsets": table.offsets, f"{name}_blob": table.blob}


class Unpacked:
    """The arrays of such an object, each held against what it has to be."""

    def __init__(self, data: bytes, what: str) -> None:
        self._what = what
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                self._arrays = {name: np.asarray(archive[name]) for name in archive.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{what} cannot be read: {type(error).__name__}.") from None

    def array(self, name: str, kind: type[np.generic]) -> npt.NDArray[np.generic]:
        """One array of one dimension.

        Raises:
            ModelError: it is missing, or of another type.
        """
        found = self._arrays.get(name)
        if found is None or found.ndim != 1 or found.dtype != kind:
            raise ModelError(f"{self._what} has no {name} of {np.dtype(kind)}.")
        return found

    def ids(self, name: str) -> IdTable:
        """A table of ids.

        Raises:
            ModelError: it is missing or damaged.
        """
        blob = cast(Bytes, self.array(f"{name}_blob", np.uint8))
        table = IdTable(cast(Longs, self.array(f"{name}_offsets", np.int64)), blob)
        table.check(name)
        return table
