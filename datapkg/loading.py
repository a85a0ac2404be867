"""Images of a table by row position, read in few large requests.

Rows are asked for in the order they lie in, which is several times as fast as any other, and each only once; what
comes back is put in the order asked. Where a table keeps files alone, images are decoded from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import sources
from .access import BATCH_BYTES, FILE_COLUMN, RowAccess
from .companions import companions
from .direct import DirectPixels
from .encoding import decoded
from .errors import DamageError
from .facts import RowFacts
from .records import ColumnRecord

Image = NDArray[np.generic]
Member = Callable[[str], memoryview]


class StoredImages:
    """The images of a column that holds pixels."""

    def __init__(
        self, rows: RowAccess, facts: RowFacts, column: ColumnRecord, direct: DirectPixels | None = None
    ) -> None:
        self.rows, self.facts, self.column, self.direct = rows, facts, column, direct
        self._looks = companions(column.name).looks

    @property
    def stored_bytes(self) -> int:
        """What all images take when they are read."""
        held = self.rows.record.image_bytes
        return max(held.get(self.column.name, 0), held.get(f"{self.column.name}_unpacked", 0))

    @cached_property
    def step(self) -> int:
        """How many images fit one request."""
        return request_rows(self.rows, self.stored_bytes)

    def load(self, at: NDArray[np.int64]) -> list[Image | None]:
        """The images at row positions, in the order asked; None where there is none.

        Raises
        ------
        DamageError
            The package is damaged, or a verified read finds other pixels than were written.
        """
        wanted, place = np.unique(at, return_inverse=True)
        found = self._read_direct(wanted) or self._read(wanted)
        return [found[one] for one in place.tolist()]

    def _read_direct(self, wanted: NDArray[np.int64]) -> list[Image | None] | None:
        """The images at ascending positions, straight from their file; None where that cannot be."""
        if self.direct is None:
            return None
        addresses = self.rows.order.addresses(wanted)
        order = None if (np.diff(addresses) > 0).all() else np.argsort(addresses)
        found: list[Image | None] = []
        ascending = addresses if order is None else addresses[order]
        for start in range(0, len(wanted), self.step):
            images = self.direct.read(ascending[start : start + self.step])
            if images is None:
                return None
            found += list(images)
        if order is None:
            return found
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return [found[one] for one in back.tolist()]

    def _read(self, wanted: NDArray[np.int64]) -> list[Image | None]:
        """The images at ascending positions, as the engine gives them."""
        name = self.column.name
        known = self.facts.all_known(wanted, self._looks)
        found: list[Image | None] = []
        for positions, batch in self.rows.take(
            wanted, [name] if known else [name, *self._looks], rows=self.step
        ):
            if not known:
                self.facts.note(positions, batch, self._looks)
            dtypes, shapes = (values.tolist() for values in self.facts.get(positions, self._looks))
            found += decoded(batch.column(name), dtypes, shapes, partial(self._where, positions))
        return found

    def _where(self, positions: NDArray[np.int64], at: int) -> str:
        return f"table {self.rows.record.name}, row {positions[at]}"


class DecodedImages:
    """The images of files that are kept as they were."""

    def __init__(self, rows: RowAccess, facts: RowFacts, member: Member) -> None:
        self.rows, self.facts, self._member = rows, facts, member
        columns = {column.name: column for column in rows.record.columns}
        self._keep: Literal["image", "plane"] = "plane" if "z" in columns else "image"
        self._place = ["series", "page", "t", "c", "z"] if self._keep == "plane" else ["series", "page"]
        self._nulls = columns[FILE_COLUMN].nulls

    @property
    def stored_bytes(self) -> int:
        """What all files take; their pixels take more."""
        return self.rows.record.image_bytes.get(FILE_COLUMN, 0)

    @cached_property
    def step(self) -> int:
        """How many files fit one request."""
        return request_rows(self.rows, self.stored_bytes)

    def load(self, at: NDArray[np.int64]) -> list[Image | None]:
        """The images at row positions, in the order asked; each file is decoded once.

        Raises
        ------
        DamageError
            The package is damaged, or a verified read finds another file than was written.
        """
        wanted, place = np.unique(at, return_inverse=True)
        files = self.file_rows[wanted]
        paths, *places = (values.tolist() for values in self.facts.get(wanted, ["path", *self._place]))
        number = {key: i for i, key in enumerate(zip(files.tolist(), zip(*places, strict=True), strict=True))}
        path_of = dict(zip(files.tolist(), paths, strict=True))
        found: list[Image | None] = [None] * len(wanted)
        for positions, batch in self.rows.take(np.unique(files), [FILE_COLUMN], rows=self.step):
            for file, content in zip(positions.tolist(), batch.column(FILE_COLUMN), strict=True):
                for key, image in self._decoded(content, path_of[file]):
                    if (file, key) in number:
                        found[number[file, key]] = image
        if lost := [row for row, image in zip(wanted, found, strict=True) if image is None]:
            where = f"table {self.rows.record.name}, row {lost[0]}"
            raise DamageError("its file does not hold this image any more", where, "build the package again")
        return [found[one] for one in place.tolist()]

    @cached_property
    def file_rows(self) -> NDArray[np.int64]:
        """For each row of the table the row that holds its file: the file's first."""
        return np.maximum.accumulate(np.where(self.has_file, np.arange(self.rows.order.rows), 0))

    @cached_property
    def has_file(self) -> NDArray[np.bool_]:
        """Which rows hold a file."""
        return ~missing_files(self.rows, self.facts, self._nulls)

    def _decoded(self, content: pa.Scalar, path: str) -> Iterator[tuple[tuple[int, ...], Image]]:
        decoder = sources.image_decoder()
        for key, image in decoder.decode(memoryview(content.as_buffer()), path, self._keep, self._member):
            image.flags.writeable = False
            yield tuple(key), image


def request_rows(rows: RowAccess, stored_bytes: int) -> int:
    """How many rows of a column that takes so many bytes in all fit one request."""
    return max(1, BATCH_BYTES * max(rows.order.rows, 1) // max(stored_bytes, 1))


def missing_files(rows: RowAccess, facts: RowFacts, nulls: int) -> NDArray[np.bool_]:
    """Which rows hold no file: all but the first of each file's. No file is read."""
    everything = np.arange(rows.order.rows)
    if not nulls:
        return np.zeros(len(everything), bool)
    (paths,) = facts.get(everything, ["path"])
    missing = np.append(False, paths[1:] == paths[:-1])[: len(paths)]
    return missing if missing.sum() == nulls else missing_values(rows, FILE_COLUMN)


def missing_values(rows: RowAccess, column: str) -> NDArray[np.bool_]:
    """Which rows have no value, found by reading the column."""
    missing = np.zeros(rows.order.rows, bool)
    for positions, batch in rows.read([column]):
        missing[positions] = batch.column(column).is_null().to_numpy(zero_copy_only=False)
    return missing
