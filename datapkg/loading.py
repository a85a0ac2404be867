"""Images of a table by row position, read in few large requests.

Rows are asked for in the order they lie in, which is several times as fast as any other, and each only once; what
comes back is put in the order asked. Where a table keeps files alone, images are decoded from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import sources
from .access import BATCH_BYTES, FILE_COLUMN, RowAccess
from .companions import ARRAY, PLACES, companions, places
from .direct import DirectPixels
from .distinct import distinct
from .encoding import decoded, is_packed
from .errors import DamageError, DatapkgError
from .facts import FEW, RowFacts
from .file_places import FilePlaces, Where
from .pixels import stored_shapes
from .placed import JoinedImages, PackedImages, PlacedImages
from .records import ColumnRecord

Image = NDArray[np.generic]
Member = Callable[[str], memoryview]
Direct = DirectPixels | PlacedImages | PackedImages | JoinedImages


class StoredImages:
    """The images of a column that holds pixels."""

    def __init__(
        self, rows: RowAccess, facts: RowFacts, column: ColumnRecord, direct: Direct | None = None
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
        if len(at) == 1 and isinstance(self.direct, DirectPixels):
            image = self.direct.one(self.rows.order.address(int(at[0])))
            if image is not None:
                return [image]
        wanted, place = np.unique(at, return_inverse=True)
        found = self._read_direct(wanted) or self._read(wanted)
        return [found[one] for one in place.tolist()]

    def _read_direct(self, wanted: NDArray[np.int64]) -> list[Image | None] | None:
        """The images at ascending positions, straight from their file; None where that cannot be."""
        if self.direct is None:
            return None
        addresses = self.rows.order.addresses(wanted)
        order = None if (np.diff(addresses) > 0).all() else np.argsort(addresses)
        ascending = addresses if order is None else addresses[order]
        mapped = self.direct.views(ascending) if isinstance(self.direct, DirectPixels) else None
        found: list[Image | None] = list(mapped or ())
        for start in range(len(found), len(wanted), self.step):
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
        beside = [] if self._shown_by_value or self._known(wanted) else self._looks
        found: list[Image | None] = []
        for positions, batch in self.rows.take(wanted, [name, *beside], rows=self.step):
            if beside:
                self.facts.note(positions, batch, beside)
            column = batch.column(name)
            found += decoded(column, *self._looked(positions, column), partial(self._where, positions))
        return found

    def _known(self, at: NDArray[np.int64]) -> bool:
        """Whether dtypes and shapes of rows are known; those of few rows are asked for before their pixels."""
        if len(at) <= FEW and not self.rows.proves:
            self.facts.get(at, self._looks)
        return self.facts.all_known(at, self._looks)

    def _looked(
        self, at: NDArray[np.int64], column: pa.Array
    ) -> tuple[list[str | None] | None, list[tuple[int, ...] | None] | None]:
        """The dtypes and shapes of images that were read."""
        if not self.facts.all_known(at, self._looks):
            if is_packed(column.type):
                return None, None
            shapes = stored_shapes(column, self._rank)
            if shapes is not None and self._rank:
                return [self.facts.alike(self._looks[0])] * len(column), list(shapes)
        dtypes, shapes = (values.tolist() for values in self.facts.get(at, self._looks))
        return dtypes, shapes

    @cached_property
    def _shown_by_value(self) -> bool:
        """Whether a stored image tells its own dtype and shape, so that nothing beside it need be read."""
        return not self.rows.proves and (
            is_packed(self.rows.schema.field(self.column.name).type) or self._rank > 0
        )

    @cached_property
    def _rank(self) -> int:
        """How many dimensions all images have, where the record proves that, and that they have one dtype; else 0."""
        if self.column.name != ARRAY or self.column.nulls:
            return 0
        axes = self.facts.alike("axes")
        return len(axes) if axes and self.facts.alike(self._looks[0]) else 0

    def _where(self, positions: NDArray[np.int64], at: int) -> str:
        return f"table {self.rows.record.name}, row {positions[at]}"


class DecodedImages:
    """The images of files that are kept as they were; `alone` says that no file has others beside it."""

    def __init__(
        self, rows: RowAccess, facts: RowFacts, told: FilePlaces, member: Member, alone: bool
    ) -> None:
        self.rows, self.facts, self._told, self._member, self._alone = rows, facts, told, member, alone
        columns = {column.name: column for column in rows.record.columns}
        self._place = places([one.name for one in columns.values() if one.type == "int32"])
        self._keep: Literal["image", "plane"] = "plane" if self._place == PLACES else "image"
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
        told = self._told.of(wanted, len(self._place))
        found = self._found(*(told or self._looked_up(wanted)))
        unsaid = [one for one, image in enumerate(found) if image is None]
        if unsaid and told:  # one row of a file of several images: an older build does not say which
            for one, image in zip(unsaid, self._found(*self._looked_up(wanted[unsaid])), strict=True):
                found[one] = image
        if lost := [row for row, image in zip(wanted, found, strict=True) if image is None]:
            where = f"table {self.rows.record.name}, row {lost[0]}"
            raise DamageError("its file does not hold this image any more", where, "build the package again")
        return [found[one] for one in place.tolist()]

    def _looked_up(self, at: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[Where]]:
        """Of rows, which ones hold their files, and where in these their images stand, as the rows say it."""
        places = [values.tolist() for values in self.facts.get(at, self._place)]
        files = self.file_rows[at]
        if (files < 0).any():  # older pulls of chosen rows left files behind
            where = f"table {self.rows.record.name}, row {at[files < 0][0]}"
            raise DamageError("its file is not in the package", where, "pull the package again")
        return files, list(zip(*places, strict=True))

    def _found(self, files: NDArray[np.int64], places: Sequence[Where]) -> list[Image | None]:
        """The images at places of files; None for one that is not there, or not the only one where no place is known."""
        wanted: dict[int, dict[Where, int]] = {}
        for one, (file, place) in enumerate(zip(files.tolist(), places, strict=True)):
            wanted.setdefault(file, {})[place] = one
        found: list[Image | None] = [None] * len(places)
        for positions, batch in self.rows.take(distinct(files), [FILE_COLUMN], rows=self.step):
            for file, content in zip(positions.tolist(), batch.column(FILE_COLUMN), strict=True):
                rest = wanted[file]
                if None in rest:
                    images = [image for _, image in islice(self._decoded(content, file), 2)]
                    found[rest[None]] = images[0] if len(images) == 1 else None
                    continue
                for key, image in self._decoded(content, file):
                    if key in rest:
                        found[rest.pop(key)] = image
                    if not rest:
                        break  # what comes behind is not decoded
        return found

    @cached_property
    def file_rows(self) -> NDArray[np.int64]:
        """For each row of the table the row that holds its file, the file's first; -1 where none does."""
        rows = np.arange(self.rows.order.rows)
        if not self._nulls:
            return rows
        (paths,) = self.facts.get(rows, ["path"])
        files = np.maximum.accumulate(np.where(self.has_file, rows, 0))
        return np.where(self.has_file[files] & (paths[files] == paths), files, -1)

    @cached_property
    def has_file(self) -> NDArray[np.bool_]:
        """Which rows hold a file."""
        return ~missing_files(self.rows, self.facts, self._nulls)

    def _decoded(self, content: pa.Scalar, row: int) -> Iterator[tuple[tuple[int, ...], Image]]:
        """The images of a file; its path is read only where it has members, or must be told of."""
        if not self._alone:
            yield from self._named(content, self._path(row))
            return
        try:
            yield from self._named(content, "")
        except DatapkgError:
            yield from self._named(content, self._path(row))

    def _named(self, content: pa.Scalar, path: str) -> Iterator[tuple[tuple[int, ...], Image]]:
        decoder = sources.image_decoder()
        for key, image in decoder.decode(memoryview(content.as_buffer()), path, self._keep, self._member):
            image.flags.writeable = False
            yield tuple(key), image

    def _path(self, row: int) -> str:
        (paths,) = self.facts.get(np.array([row]), ["path"])
        return str(paths[0])


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
