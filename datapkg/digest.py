"""The digest of logical content: equal content gives equal hex, however it was batched, ordered on disk or encoded.

`docs/digest.md` defines it for other programs. A column is hashed level by level in three streams (where nulls
are, how long entries are, what values are), so that no choice of Arrow encoding or of batches can be seen in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import repeat
from struct import pack
from typing import Any

import numpy as np
import pyarrow as pa
from blake3 import blake3
from numpy.typing import NDArray

IMAGE = "image"
NOTHING = blake3().digest()


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
    """The running digest of one level of a column: its nulls, lengths and values, and the levels inside it.

    A table of many columns in many files has millions of levels: a stream is begun when something enters it.
    """

    __slots__ = ("_children", "_count", "_form", "_lengths", "_nulls", "_values")

    def __init__(self, kind: pa.DataType) -> None:
        self._form = _form(kind)
        self._count = 0
        self._nulls: Any = None
        self._lengths: Any = None
        self._values: Any = None
        self._children = [Level(child) for child in self._form.children]

    def update(self, array: pa.Array) -> None:
        """Take in the next rows."""
        if self._form.encoded:
            array = _plain(array)
        start, self._count = self._count, self._count + len(array)
        if array.null_count:
            gone = np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).astype("<u8")
            self._nulls = _fed(self._nulls, (gone + np.uint64(start)).tobytes())
            array = array.drop_null()
        if len(array):
            self._take(array)

    def digest(self) -> bytes:
        """The 32 bytes for all rows so far."""
        streams = (self._nulls, self._lengths, self._values)
        parts = [NOTHING if stream is None else stream.digest() for stream in streams]
        parts += [child.digest() for child in self._children]
        return bytes(blake3(pack("<Q", self._count) + b"".join(parts)).digest())

    def _take(self, array: pa.Array) -> None:
        form = self._form
        if form.width:
            self._values = _fed(self._values, _fixed_width(array, form.width))
        elif form.text:
            lengths, values = _bytes_of(array)
            self._lengths = _fed(self._lengths, lengths)
            self._values = _fed(self._values, values)
        elif form.list:
            self._lengths = _fed(self._lengths, _list_lengths(array))
            self._children[0].update(array.flatten())
        elif self._children:
            for child, values in zip(self._children, array.flatten(), strict=True):
                child.update(values)


@dataclass(frozen=True, slots=True)
class _Form:
    """What a type is to the digest: bits of a value of fixed width, text or binary, a list, a struct, or nothing."""

    width: int
    text: bool
    list: bool
    encoded: bool
    children: tuple[pa.DataType, ...]


@cache
def _form(kind: pa.DataType) -> _Form:
    t = pa.types
    if t.is_dictionary(kind):
        return replace(_form(kind.value_type), encoded=True)
    text = logical(kind) in ("string", "binary")
    encoded = t.is_string_view(kind) or t.is_binary_view(kind) or t.is_fixed_size_binary(kind)
    children = _child_types(kind)
    fixed = not (text or children or t.is_null(kind) or t.is_struct(kind))
    return _Form(kind.bit_width if fixed else 0, text, _is_list(kind), encoded, tuple(children))


def _fed(stream: Any, data: bytes | memoryview) -> Any:
    return (blake3() if stream is None else stream).update(data)


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

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as plain values."""
        return SourceDigest, (self.rows, self.digest, self.nulls, self.levels)


class SourceHasher:
    """Digests the rows that one source gives to one table; `again` begins with the next source."""

    def __init__(self, columns: Sequence[DigestColumn], schema: pa.Schema) -> None:
        self._seen = [schema.get_field_index(c.image_digest or c.name) for c in columns]
        self._own = [schema.get_field_index(c.name) for c in columns]
        self._kinds = [
            pa.large_binary() if c.image_digest else schema.field(at).type
            for c, at in zip(columns, self._own, strict=True)
        ]
        self._heads = [sized(c.name.encode()) + sized(c.logical.encode()) for c in columns]
        self._order = sorted(range(len(columns)), key=lambda i: columns[i].name.encode())
        self.again()

    def again(self) -> None:
        """Begin with a source."""
        self._levels = [Level(kind) for kind in self._kinds]
        self._nulls = [0] * len(self._kinds)
        self._rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in the next rows, under true names."""
        self._rows += batch.num_rows
        for i, (level, (own, seen)) in enumerate(zip(self._levels, self.seen(batch), strict=True)):
            self._nulls[i] += own.null_count
            level.update(seen)

    def seen(self, batch: pa.RecordBatch) -> Iterator[tuple[pa.Array, pa.Array]]:
        """Each column's values, and what is digested of them."""
        arrays = batch.columns
        for own, seen in zip(self._own, self._seen, strict=True):
            yield arrays[own], arrays[own] if own == seen else _raw_digests(arrays[seen])

    def result(self) -> SourceDigest:
        """The source's digest."""
        pairs = zip(self._nulls, self._levels, strict=True)
        levels = [level.digest() if gone < self._rows else b"" for gone, level in pairs]
        return self.of_levels(self._rows, self._nulls, levels)

    def of_levels(self, rows: int, nulls: Sequence[int], levels: Sequence[bytes]) -> SourceDigest:
        """The digest of a source from those of its columns' levels, rule 4 of `docs/digest.md`."""
        told = tuple(level if gone < rows else b"" for gone, level in zip(nulls, levels, strict=True))
        digest = blake3(sized(b"datapkg-source-1") + pack("<Q", rows))
        digest.update(b"".join(self._heads[i] + sized(told[i]) for i in self._order if told[i]))
        return SourceDigest(rows, digest.hexdigest(), tuple(nulls), told)

    def of_rows(self, rows: int, levels: Sequence[Sequence[bytes]]) -> list[str]:
        """The hex digests of sources of one row each; a level is empty where the row has no value in the column."""
        head = sized(b"datapkg-source-1") + pack("<Q", 1)
        pieces: list[Iterable[bytes]] = []
        for i in self._order:
            found, begin = levels[i], self._heads[i] + pack("<Q", 32)
            if b"" not in found:
                head += begin
                if found.count(found[0]) == rows:
                    head += found[0]
                else:
                    pieces += [repeat(head), found]
                    head = b""
            elif any(found):
                pieces += [repeat(head), [level and begin + level for level in found]]
                head = b""
        return [blake3(b"".join(row)).hexdigest() for row in zip(*pieces, repeat(head, rows), strict=False)]


def table_digest(name: str, kind: str, columns: Iterable[tuple[str, str]], sources: Iterable[str]) -> str:
    """Digest a table: name, kind, ordered (column, logical type), and its sources' digests in manifest order."""
    digest = blake3(sized(b"datapkg-table-1") + sized(name.encode()) + sized(kind.encode()))
    pairs = list(columns)
    digest.update(pack("<Q", len(pairs)))
    for column, kind_name in pairs:
        digest.update(sized(column.encode()) + sized(kind_name.encode()))
    for source in sources:
        digest.update(bytes.fromhex(source))
    return str(digest.hexdigest())


def package_digest(
    tables: Mapping[str, str], derived: Mapping[tuple[str, str], tuple[str, str]] | None = None
) -> str:
    """Digest a package: its tables' digests by name, and what proves its derived columns and tables.

    Parameters
    ----------
    derived
        By table and column (empty for a whole table): ``values`` or ``recipe``, and the digest of that. A package
        without any has the digest of its tables alone.
    """
    digest = blake3(sized(b"datapkg-package-1"))
    for name in sorted(tables, key=str.encode):
        digest.update(sized(name.encode()) + bytes.fromhex(tables[name]))
    if derived:
        digest.update(sized(b"datapkg-derived-1"))
    for key in sorted(derived or {}, key=lambda key: tuple(part.encode() for part in key)):
        proof, hexadecimal = (derived or {})[key]
        parts = (*key, proof)
        digest.update(b"".join(sized(part.encode()) for part in parts) + bytes.fromhex(hexadecimal))
    return str(digest.hexdigest())


def sized(part: bytes) -> bytes:
    """A part behind its length."""
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


def _fixed_width(array: pa.Array, bits: int) -> bytes | memoryview:
    if bits == 1:
        flags: NDArray[np.bool_] = array.to_numpy(zero_copy_only=False)
        return flags.astype(np.uint8).tobytes()
    width = bits // 8
    data = memoryview(array.buffers()[1])
    return data[array.offset * width : (array.offset + len(array)) * width]


def _raw_digests(column: pa.Array) -> pa.Array:
    hexadecimal = column.to_pylist()
    return pa.array([None if h is None else bytes.fromhex(h) for h in hexadecimal], pa.large_binary())
