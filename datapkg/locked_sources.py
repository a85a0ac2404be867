"""The sources that a lock holds a build to, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import pyarrow as pa
import pyarrow.compute as pc

from .durable import compact
from .json_rows import in_pieces, quoted

TYPES = {"resource": pa.string(), "path": pa.string(), "bytes": pa.int64(), "sha256": pa.string()}


@dataclass(frozen=True, slots=True)
class LockedSource:
    """A source file: what it must be, and the digest of what it must give to each table."""

    resource: str
    path: str
    bytes: int
    sha256: str
    tables: Mapping[str, str]


class LockedSources(Sequence[LockedSource]):
    """Sources as columns, in order; one becomes an object when it is looked at singly.

    `columns` has an Arrow array of each of `TYPES`; `tables` has for each table what each source gives to it, null where that is
    nothing.
    """

    __slots__ = ("columns", "tables")

    def __init__(self, columns: Mapping[str, pa.Array], tables: Mapping[str, pa.Array]) -> None:
        self.columns = {name: columns[name] for name in TYPES}
        self.tables = {name: tables[name] for name in sorted(tables)}

    @classmethod
    def of(cls, sources: Iterable[LockedSource]) -> LockedSources:
        """Sources that are objects."""
        some = list(sources)
        names = {name for one in some for name in one.tables}
        columns = {name: pa.array([getattr(one, name) for one in some], kind) for name, kind in TYPES.items()}
        return cls(
            columns, {name: pa.array([one.tables.get(name) for one in some], pa.string()) for name in names}
        )

    def __len__(self) -> int:
        return len(self.columns["path"])

    @overload
    def __getitem__(self, at: int) -> LockedSource: ...
    @overload
    def __getitem__(self, at: slice) -> LockedSources: ...
    def __getitem__(self, at: int | slice) -> LockedSource | LockedSources:
        if isinstance(at, slice):
            return LockedSources.of(self[one] for one in range(*at.indices(len(self))))
        one = range(len(self))[at]
        columns, tables = (
            {name: column.slice(one, 1) for name, column in some.items()}
            for some in (self.columns, self.tables)
        )
        return next(iter(LockedSources(columns, tables)))

    def __iter__(self) -> Iterator[LockedSource]:
        columns = zip(*(column.to_pylist() for column in self.columns.values()), strict=True)
        digests = [column.to_pylist() for column in self.tables.values()]
        for at, told in enumerate(columns):
            given = zip(self.tables, (column[at] for column in digests), strict=True)
            tables = {name: digest for name, digest in given if digest is not None}
            yield LockedSource(**dict(zip(TYPES, told, strict=True)), tables=tables)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LockedSources) and all(
            mine.keys() == others.keys() and all(mine[name].equals(others[name]) for name in mine)
            for mine, others in ((self.columns, other.columns), (self.tables, other.tables))
        )

    __hash__ = None  # type: ignore[assignment]

    def lines(self) -> Iterator[str]:
        """The sources as JSON, as `durable.compact` writes each, in parts of many lines."""
        resource, path, size, sha256 = self.columns.values()
        given = [
            pc.coalesce(pc.binary_join_element_wise(f'{compact(name)}:"', digest, '",', ""), "")
            for name, digest in self.tables.items()
        ]
        pieces = [
            '{"resource":',
            quoted(resource),
            ',"path":',
            quoted(path),
            ',"bytes":',
            size.cast(pa.string()),
            ',"sha256":"',
            sha256,
            '","tables":{',
            pc.ascii_rtrim(pc.binary_join_element_wise(*given, ""), ",") if given else "",
            "}}",
        ]
        yield from in_pieces(len(self), pieces, ",\n")
