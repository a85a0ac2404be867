"""Rows that are checked before they are handed out: the engine itself does not notice a changed byte.

Pixels are compared with their row's `image_digest`, image files with their `sha256`: reading one image costs one hash
of it. Other columns carry no proof of their own; before the first of them is read, or a condition is applied, all
files of the table are hashed once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import pixels
from .access import FILE_COLUMN, RowAccess, Rows
from .companions import companions
from .encoding import decoded, is_packed
from .errors import DamageError, DatapkgError
from .places import Place
from .records import FilesList, TableRecord

FILE_PROOF = "sha256"
FIX = "copy the package again from a whole one, or build with --rehash; `datapkg verify` lists all that is damaged"


class VerifiedRows(RowAccess):
    """Rows as `RowAccess` gives them; DamageError instead of a row that is not as it was written."""

    proves = True

    def __init__(self, package: Place, record: TableRecord, files: FilesList) -> None:
        super().__init__(package, record, files)
        self._listed = files.files[record.name]
        self._package = package
        self._whole = False
        names = {column.name for column in record.columns}
        images = [column.name for column in record.columns if column.image]
        self._images = [name for name in images if names.issuperset(companions(name).names)]
        self._file = FILE_COLUMN if {FILE_COLUMN, FILE_PROOF} <= names else None

    def take(
        self, positions: NDArray[np.int64], columns: Sequence[str], *, rows: int | None = None
    ) -> Iterator[Rows]:
        """Yield the rows at `positions`, in that order, each checked."""
        asked = self._with_proof(columns)
        yield from self._checked(super().take(positions, asked, rows=rows), columns, len(positions))

    def _scan(
        self, columns: Sequence[str], condition: str | None, limit: int | None, batch_bytes: int | None
    ) -> Iterator[Rows]:
        if condition is not None:
            self.check()
        asked = self._with_proof(columns)
        most = self.record.rows if limit is None else min(limit, self.record.rows)
        count = most if condition is None else None
        yield from self._checked(super()._scan(asked, condition, limit, batch_bytes), columns, count)

    def _in_runs(self, columns: Sequence[str], limit: int, batch_bytes: int | None) -> Iterator[Rows]:
        asked = self._with_proof(columns)
        found = super()._in_runs(asked, limit, batch_bytes)
        yield from self._checked(found, columns, min(limit, self.record.rows))

    def _matching(self, condition: str) -> NDArray[np.int64]:
        self.check()
        return super()._matching(condition)

    def _with_proof(self, columns: Sequence[str]) -> list[str]:
        """The columns, and those that prove them; where some have no proof, the files are hashed first."""
        proof: list[str] = []
        proven: set[str] = set()
        for name in self._images:
            if name in columns:
                proof += companions(name).names
                proven |= {name, *companions(name).names}
        if self._file in columns:
            proof.append(FILE_PROOF)
            proven |= {FILE_COLUMN, FILE_PROOF}
        if not proven.issuperset(columns):
            self.check()
        return list(dict.fromkeys([*columns, *proof]))

    def _checked(self, rows: Iterator[Rows], columns: Sequence[str], count: int | None) -> Iterator[Rows]:
        found = 0
        for at, batch in rows:
            found += batch.num_rows
            wrong = self._wrong(batch, columns)
            if wrong is not None:
                row, what = wrong
                raise DamageError(what, f"table {self.record.name}, row {at[row]}", FIX)
            yield at, batch.select(list(columns))
        if count is not None and found != count:
            what = f"gives {found} rows where {count} were written"
            raise DamageError(what, f"table {self.record.name}", FIX)

    def _wrong(self, batch: pa.RecordBatch, columns: Sequence[str]) -> tuple[int, str] | None:
        for name in self._images:
            if name in columns:
                for wrong in wrong_images(batch, name):
                    return wrong
        if self._file is not None and self._file in columns:
            if batch.column(self._file).null_count:
                self.check()  # no file in a row has no proof: only a file's first row holds it
            for wrong in wrong_files(batch):
                return wrong
        return None

    def check(self) -> None:
        """Hash the table's files, if that was not done yet. Raises DamageError for one that is not as written."""
        from .engine.local import cpus  # which brings multiprocessing with it

        if self._whole:
            return
        names = [path for _, path, _, _ in self._listed]
        with ThreadPoolExecutor(cpus()) as pool:
            for listed, digest in zip(self._listed, pool.map(self._digest_or_nothing, names), strict=True):
                if digest != listed[3]:
                    what = "is not what was written" if digest else "is missing or cannot be read"
                    raise DamageError(f"its file {listed[1]} {what}", f"table {self.record.name}", FIX)
        self._whole = True

    def _digest_or_nothing(self, name: str) -> str:
        try:
            return self._package.blake3(name)
        except OSError:
            return ""


def wrong_images(batch: pa.RecordBatch, column: str) -> Iterator[tuple[int, str]]:
    """Rows whose pixels are not those of their digest, counted in the batch, and what is wrong with them."""
    stored, beside = batch.column(column), companions(column)
    try:
        cells = decoded(
            stored, batch.column(beside.dtype).to_pylist(), batch.column(beside.shape).to_pylist()
        )
        strange = not is_packed(stored.type) and not _stored_as(stored, cells)
    except (DatapkgError, ValueError, TypeError):
        strange, cells = True, [None] * batch.num_rows
    if strange:
        rows = range(batch.num_rows if batch.num_rows > 1 else 0)
        found = [(row, what) for row in rows for _, what in wrong_images(batch.slice(row, 1), column)]
        yield from found or [(0, "its pixels, their type or their shape are not stored as they were written")]
        return
    for row, (image, digest) in enumerate(zip(cells, batch.column(beside.digest).to_pylist(), strict=True)):
        if (None if image is None else pixels.image_digest(image)) != digest:
            yield row, f"its pixels are not those of its {beside.digest}"


def _stored_as(column: pa.Array, images: Sequence[NDArray[np.generic] | None]) -> bool:
    """Whether a column shows these images in all that Arrow gives of it, and not only after the way back.

    An image of a narrower dtype hides changed bits of the stored one, and its own shape the lengths of its lists.
    """
    present = [image for image in images if image is not None]
    values = column.drop_null() if column.null_count else column
    rank = _rank(values.type)
    shapes = [(1,) * (rank - image.ndim) + image.shape for image in present]
    for axis in range(rank):
        if not pa.types.is_fixed_size_list(values.type):
            counts = [prod(shape[:axis]) for shape in shapes]
            wanted = np.repeat(np.array([shape[axis] for shape in shapes], np.int64), counts)
            if not np.array_equal(values.value_lengths().to_numpy(zero_copy_only=False), wanted):
                return False
        values = values.flatten()
    leaf = values.to_numpy()
    if all(image.dtype == leaf.dtype for image in present):
        return True  # they are the column's own buffer
    wide = np.concatenate([image.reshape(-1) for image in present]).astype(leaf.dtype)
    return np.array_equal(wide.view(np.uint8), leaf.view(np.uint8))


def _rank(kind: pa.DataType) -> int:
    return 1 + _rank(kind.value_type) if pa.types.is_nested(kind) else 0


def wrong_files(batch: pa.RecordBatch) -> Iterator[tuple[int, str]]:
    """Rows whose image file is not that of their `sha256`, counted in the batch, and what is wrong with them."""
    for row, (file, known) in enumerate(
        zip(batch.column(FILE_COLUMN), batch.column(FILE_PROOF), strict=True)
    ):
        if file.is_valid and hashlib.sha256(memoryview(file.as_buffer())).hexdigest() != _text(known):
            yield row, "its image_bytes are not those of its sha256"


def _text(value: pa.Scalar) -> str:
    try:
        return str(value.as_py())
    except UnicodeDecodeError:
        return ""
