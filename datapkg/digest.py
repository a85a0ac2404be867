"""The digest of logical content: equal content gives equal hex, however it was batched, ordered on disk or encoded.

`docs/digest.md` defines it for other programs. A column is hashed level by level in three streams (where nulls
are, how long entries are, what values are), so that no choice of Arrow encoding or of batches can be seen in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from struct import pack

import numpy as np
import pyarrow as pa
from blake3 import blake3
from numpy.typing import NDArray

IMAGE = "image"


def logical(kind: pa.DataType) -> str:
    """Name the type that counts: what a value is, not how Arrow carries it.

    Examples
    --------
    >>> logical(pa.large_list(pa.dictionary(pa.int8(), pa.string())))
    'list<string>'
    >>> logical(pa.timestamp("us", "UTC"))
    'timestamp[us, UTC]'
    """
    t = pa.types
    if t.is_dictionary(kind):
        return logical(kind.value_type)
    if t.is_string(kind) or t.is_large_string(kind) or t.is_string_view(kind):
        return "string"
    if t.is_binary(kind) or t.is_large_binary(kind) or t.is_binary_view(kind) or t.is_fixed_size_binary(kind):
        return "binary"
    if _is_list(kind):
        return f"list<{logical(kind.value_type)}>"
    if t.is_struct(kind):
        return f"struct<{', '.join(f'{f.name}: {logical(f.type)}' for f in kind)}>"
    if t.is_timestamp(kind):
        return f"timestamp[{kind.unit}, {kind.tz}]" if kind.tz else f"timestamp[{kind.unit}]"
    if t.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    return {"halffloat": "float16", "float": "float32", "double": "double"}.get(str(kind), str(kind))


class Level:
    """The running digest of one level of a column: its nulls, lengths and values, and the levels inside it."""

    def __init__(self, kind: pa.DataType) -> None:
        self._count = 0
        self._nulls, self._lengths, self._values = blake3(), blake3(), blake3()
        self._children = [Level(child) for child in _child_types(kind)]

    def update(self, array: pa.Array) -> None:
        """Take in the next rows."""
        array = _plain(array)
        start, self._count = self._count, self._count + len(array)
        if array.null_count:
            gone = np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).astype("<u8")
            self._nulls.update((gone + np.uint64(start)).tobytes())
            array = array.drop_null()
        if len(array):
            self._take(array)

    def digest(self) -> bytes:
        """The 32 bytes for all rows so far."""
        parts = (pack("<Q", self._count), self._nulls.digest(), self._lengths.digest(), self._values.digest())
        return bytes(blake3(b"".join((*parts, *(child.digest() for child in self._children)))).digest())

    def _take(self, array: pa.Array) -> None:
        kind = array.type
        t = pa.types
        if t.is_struct(kind):
            for child, values in zip(self._children, array.flatten(), strict=True):
                child.update(values)
        elif _is_list(kind):
            self._lengths.update(_list_lengths(array))
            self._children[0].update(array.flatten())
        elif logical(kind) in ("string", "binary"):
            lengths, values = _bytes_of(array)
            self._lengths.update(lengths)
            self._values.update(values)
        elif not t.is_null(kind):
            self._values.update(_fixed_width(array))


@dataclass(frozen=True, slots=True)
class DigestColumn:
    """A column as the digest sees it; an image column is seen through the column that holds its digests."""

    name: str
    logical: str
    image_digest: str | None = None


@dataclass(frozen=True, slots=True)
class SourceDigest:
    """What one source gave to one table: rows, their digest, and for each column its nulls and its level's digest.

    A column without a value has the empty digest.
    """

    rows: int
    digest: str
    nulls: tuple[int, ...]
    levels: tuple[bytes, ...]


class SourceHasher:
    """Digests the rows that one source gives to one table."""

    def __init__(self, columns: Sequence[DigestColumn], schema: pa.Schema) -> None:
        self._columns = columns
        self._levels = [
            Level(pa.binary(32) if c.image_digest else schema.field(c.name).type) for c in columns
        ]
        self._nulls = [0] * len(columns)
        self._rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in the next rows, under true names."""
        self._rows += batch.num_rows
        for i, (column, level) in enumerate(zip(self._columns, self._levels, strict=True)):
            array = batch.column(column.name)
            self._nulls[i] += array.null_count
            level.update(_raw_digests(batch.column(column.image_digest)) if column.image_digest else array)

    def result(self) -> SourceDigest:
        """The source's digest, rule 4 of `docs/digest.md`."""
        digest = blake3(_sized(b"datapkg-source-1") + pack("<Q", self._rows))
        levels = tuple(
            level.digest() if gone < self._rows else b""
            for gone, level in zip(self._nulls, self._levels, strict=True)
        )
        order = sorted(range(len(self._columns)), key=lambda i: self._columns[i].name.encode())
        for i in order:
            if levels[i]:
                column = self._columns[i]
                digest.update(
                    _sized(column.name.encode()) + _sized(column.logical.encode()) + _sized(levels[i])
                )
        return SourceDigest(self._rows, digest.hexdigest(), tuple(self._nulls), levels)


class ColumnSums:
    """The digests of a table's columns, to say which column differs where two tables do.

    A column's digest is the sum, modulo 2**256, of one number for each source that has a value in it: so a source
    can come or go without the others being read again. That two tables are equal is proven by the table's digest.
    """

    def __init__(self, columns: Sequence[DigestColumn]) -> None:
        self._heads = [_sized(c.name.encode()) + _sized(c.logical.encode()) for c in columns]
        self._sums = [0] * len(columns)
        self.nulls = [0] * len(columns)

    def add(self, source: SourceDigest) -> None:
        """Take in one source."""
        for i, (head, level) in enumerate(zip(self._heads, source.levels, strict=True)):
            self.nulls[i] += source.nulls[i]
            if level:
                term = blake3(_sized(b"datapkg-column-1") + head + _sized(level)).digest()
                self._sums[i] = (self._sums[i] + int.from_bytes(term, "little")) % 2**256

    def digests(self) -> list[str]:
        """Hex digests, in the columns' order."""
        return [total.to_bytes(32, "little").hex() for total in self._sums]


def table_digest(name: str, kind: str, columns: Iterable[tuple[str, str]], sources: Iterable[str]) -> str:
    """Digest a table: name, kind, ordered (column, logical type), and its sources' digests in manifest order."""
    digest = blake3(_sized(b"datapkg-table-1") + _sized(name.encode()) + _sized(kind.encode()))
    pairs = list(columns)
    digest.update(pack("<Q", len(pairs)))
    for column, kind_name in pairs:
        digest.update(_sized(column.encode()) + _sized(kind_name.encode()))
    for source in sources:
        digest.update(bytes.fromhex(source))
    return str(digest.hexdigest())


def package_digest(tables: Mapping[str, str]) -> str:
    """Digest a package: its tables' digests by name."""
    digest = blake3(_sized(b"datapkg-package-1"))
    for name in sorted(tables, key=str.encode):
        digest.update(_sized(name.encode()) + bytes.fromhex(tables[name]))
    return str(digest.hexdigest())


def _sized(part: bytes) -> bytes:
    return pack("<Q", len(part)) + part


def _is_list(kind: pa.DataType) -> bool:
    t = pa.types
    return bool(t.is_list(kind) or t.is_large_list(kind) or t.is_fixed_size_list(kind))


def _plain(array: pa.Array) -> pa.Array:
    t = pa.types
    if t.is_dictionary(array.type):
        return array.dictionary_decode()
    if t.is_string_view(array.type) or t.is_binary_view(array.type) or t.is_fixed_size_binary(array.type):
        return array.cast(pa.large_binary())
    return array


def _child_types(kind: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_dictionary(kind):
        return _child_types(kind.value_type)
    if pa.types.is_struct(kind):
        return [field.type for field in kind]
    return [kind.value_type] if _is_list(kind) else []


def _list_lengths(array: pa.Array) -> bytes:
    if pa.types.is_fixed_size_list(array.type):
        return np.full(len(array), array.type.list_size, "<u8").tobytes()
    lengths: NDArray[np.integer] = array.value_lengths().to_numpy(zero_copy_only=False)
    return lengths.astype("<u8").tobytes()


def _bytes_of(array: pa.Array) -> tuple[bytes, memoryview]:
    t = pa.types
    wide = t.is_large_string(array.type) or t.is_large_binary(array.type)
    _, offset_buffer, value_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, "<i8" if wide else "<i4")[
        array.offset : array.offset + len(array) + 1
    ]
    lengths = np.diff(offsets).astype("<u8").tobytes()
    if value_buffer is None:
        return lengths, memoryview(b"")
    return lengths, memoryview(value_buffer)[int(offsets[0]) : int(offsets[-1])]


def _fixed_width(array: pa.Array) -> bytes | memoryview:
    if pa.types.is_boolean(array.type):
        flags: NDArray[np.bool_] = array.to_numpy(zero_copy_only=False)
        return flags.astype(np.uint8).tobytes()
    width = array.type.bit_width // 8
    data = memoryview(array.buffers()[1])
    return data[array.offset * width : (array.offset + len(array)) * width]


def _raw_digests(column: pa.Array) -> pa.Array:
    return pa.array([None if h is None else bytes.fromhex(h) for h in column.to_pylist()], pa.binary(32))
