"""What a source format gives: the seam between files and tables.

A format reads a file twice. `scan` looks at all of it and returns small evidence (JSON), so that types are
decided over every file of a resource before a row is stored. `batches` then yields the rows under the decided
schema, as Arrow. A format never sees how or where rows are stored.

A format of one table may do both at once: `look` yields rows under a guessed schema while it gathers the evidence. The
evidence decides all the same, and rows that were stored under another schema than the decided one are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..encoding import Layout, field_of

if TYPE_CHECKING:
    from ..files import PlainFile
    from ..manifest import Resource
    from ..reading import Reading, SourceFile


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, under its true name.

    `logical` is the type that counts for the digest (``string``, ``list<string>``, ``image`` ...); `type` is how
    Arrow batches carry it. `why` says how the type was decided, in words for the report; `metadata` goes with the
    Arrow field.
    """

    name: str
    type: pa.DataType
    logical: str
    image: Layout | None = None
    why: str = ""
    metadata: tuple[tuple[str, str], ...] = ()


_ROWS = attrgetter(*(field.name for field in fields(Column) if field.name != "why"))


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table of a resource: its name, its kind, its columns in order."""

    name: str
    kind: str
    columns: tuple[Column, ...]
    _arrow: list[pa.Schema] = field(default_factory=list, init=False, repr=False, compare=False)

    def same_rows(self, other: TableSchema) -> bool:
        """Whether rows of this table are rows of the other, bit for bit: all is equal but why types were decided."""
        own, others = ((table.name, table.kind, *map(_ROWS, table.columns)) for table in (self, other))
        return own == others

    def arrow(self) -> pa.Schema:
        """The schema of the batches, under true names; it is made once, for all files."""
        if self._arrow:
            return self._arrow[0]
        fields = [(field_of(c.name, c.type, c.image), dict(c.metadata)) for c in self.columns]
        schema = pa.schema(
            [one.with_metadata({**(one.metadata or {}), **told} or None) for one, told in fields]
        )
        self._arrow.append(schema)
        return schema


@dataclass(frozen=True, slots=True)
class Scan:
    """What one look at one file told: evidence by table name, as JSON values, and warnings for the report.

    A table that this file adds no row to is absent from `evidence`, unless its columns count all the same
    (a text table with nothing but a header). `members` are the other files that were read for this one, such as those
    that an HDF5 file links to: if one of them changes, the source has changed. `lead` is the path of the file that
    this one is a member of, where that file is among the resource's own and gives the rows of both.
    """

    evidence: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    members: tuple[SourceFile, ...] = ()
    lead: str = ""


class Told(Sequence[tuple[str, Scan]]):
    """What looks at files told, with the files' paths, as columns: `which` has for each path its place in `scans`.

    Most of many files tell the same, and it is one object for all of them.

    Examples
    --------
    >>> one, other = Scan({"t": 1}), Scan({"t": 2})
    >>> told = Told.of([("a", one), ("b", other), ("c", one)])
    >>> [(path, scan.evidence["t"], files) for path, scan, files in told.alike()]
    [('a', 1, 2), ('b', 2, 1)]
    """

    def __init__(self, paths: Sequence[str], scans: Sequence[Scan], which: NDArray[np.int32]) -> None:
        self._paths, self._scans, self._which = paths, scans, which

    @classmethod
    def of(cls, scans: Iterable[tuple[str, Scan]]) -> Told:
        """What files told, one by one."""
        if isinstance(scans, Told):
            return scans
        pairs = list(scans)
        places: dict[int, int] = {}
        which = [places.setdefault(id(scan), len(places)) for _, scan in pairs]
        different = {id(scan): scan for _, scan in pairs}
        return cls([path for path, _ in pairs], [different[one] for one in places], np.array(which, np.int32))

    def __len__(self) -> int:
        return len(self._which)

    @overload
    def __getitem__(self, at: int) -> tuple[str, Scan]: ...
    @overload
    def __getitem__(self, at: slice) -> Told: ...
    def __getitem__(self, at: int | slice) -> tuple[str, Scan] | Told:
        if isinstance(at, slice):
            return Told(self._paths[at], self._scans, self._which[at])
        return self._paths[at], self._scans[self._which[at]]

    def __iter__(self) -> Iterator[tuple[str, Scan]]:
        return zip(self._paths, (self._scans[one] for one in self._which.tolist()), strict=True)

    def alike(self) -> Iterator[tuple[str, Scan, int]]:
        """Each different scan, with the first path that told it and the number of all, in the order of these paths."""
        different, firsts, counts = np.unique(self._which, return_index=True, return_counts=True)
        for at in np.argsort(firsts).tolist():
            yield self._paths[firsts[at]], self._scans[different[at]], int(counts[at])


@dataclass(frozen=True, slots=True)
class Decision:
    """The tables of a resource, in order, and what a user should know about how they were decided."""

    tables: tuple[TableSchema, ...]
    warnings: tuple[str, ...] = field(default=())


class Source(Protocol):
    """One source format. Instances hold no state, and pickle."""

    kind: str
    """The manifest's `type`: ``table``, ``images``, ``ch5`` or ``sqlite``."""
    reads: int
    """Raised whenever the rows or the evidence that this code gives for some file can change."""
    libraries: tuple[str, ...]
    """Distributions whose version can change what is read, such as ``tifffile``."""

    def scan(self, reading: Reading, resource: Resource) -> Scan:
        """Look at a whole file. Raises SourceError naming file, place and fix."""
        ...

    def decide(self, resource: Resource, scans: Sequence[tuple[str, Scan]]) -> Decision:
        """Decide the schema of every table from all files' evidence, in manifest order."""
        ...

    def batches(
        self, reading: Reading, resource: Resource, table: TableSchema, batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield this file's rows of one table, in order, in batches of about `batch_bytes`."""
        ...


class Look(Protocol):
    """A look at one file that gives its rows on the way."""

    def rows(self) -> Iterator[pa.RecordBatch | None]:
        """Yield the rows that `batches` would, as long as they fit the guessed table; then None, once. Go on to the end."""
        ...

    def finish(self) -> Scan:
        """What `scan` would return; looks at what `rows` has not been asked for."""
        ...


@runtime_checkable
class OnePassSource(Source, Protocol):
    """A format of one table, whose rows can be given while a file is looked at."""

    guess_bytes: int
    """Files that are smaller on average are read twice: their samples tell too little, and take too long."""

    def guess(self, files: Sequence[SourceFile], resource: Resource) -> TableSchema | None:
        """Guess the table from a few bytes of some files. Never raises: a wrong guess costs time, and no guess does."""
        ...

    def look(self, reading: Reading, resource: Resource, table: TableSchema | None, batch_bytes: int) -> Look:
        """Look at a whole file under a guessed table. Raises, on the way, what `scan` raises."""
        ...


@runtime_checkable
class JoiningSource(OnePassSource, Protocol):
    """A format of many small files, whose rows are made into Arrow together: one by one they cost more than their bytes."""

    def at_once(
        self, resource: Resource, table: TableSchema, max_image_bytes: int, note: Callable[[str, int], None]
    ) -> Callable[[PlainFile], tuple[Any, Scan, str] | None]:
        """What reads a file as a whole: its row, what a look at it would tell, and its sha256; None to have it looked at,
        as it must be where it is not what the search found."""
        ...

    def waiting(self, look: Any) -> Any | None:
        """The only row of a file, decoded, that a look found to be small and to fit the table; else None."""
        ...

    def joined(self, rows: Sequence[Any], resource: Resource, table: TableSchema) -> pa.RecordBatch:
        """One batch of rows that waited, in their order."""
        ...


class ImageSource(Source, Protocol):
    """A format whose files can be kept as they are, and decoded when they are read from the package."""

    def decode(
        self,
        content: memoryview,
        path: str,
        rows: Literal["image", "plane"],
        member: Callable[[str], memoryview],
    ) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Yield a stored file's images, each with its place: series and page, for planes t, c and z too.

        `member` gives the content of another file that was stored with it, by its path.
        """
        ...
