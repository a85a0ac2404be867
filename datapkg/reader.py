"""Open a package at one version, and read its tables as pandas, Arrow and NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import versions
from .errors import SchemaError, StoreError, VersionError, nearest
from .versions import FilesList, Record, TableRecord

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from .rows import RowOrder
    from .store import PinnedTable

BATCH_BYTES = 16 << 20
SOURCES = "_sources"
FILE_COLUMN = "image_bytes"  # where only files are kept, images are decoded from them


def open_package(
    uri: str | Path, *, version: int | str | None = None, as_of: str | datetime | None = None
) -> Package:
    """Open a package; one small file is read.

    Parameters
    ----------
    uri
        The package's folder.
    version
        A number, or a release name such as ``"1.0.0"``; default the newest.
    as_of
        A day (its end, UTC) or a time: the version that was newest then.

    Raises
    ------
    StoreError
        There is no package at this place.
    VersionError
        It has no such version.
    DamageError
        Its record is not as written.
    """
    if "://" in str(uri):
        raise StoreError("only packages in folders can be opened yet", str(uri), "copy it to a local folder")
    package = str(uri)
    return Package(package, versions.read_record(package, versions.resolve(package, version, as_of)))


class Package:
    """A package at one version: tables by name, and what made them."""

    def __init__(self, uri: str, record: Record) -> None:
        self.uri, self._record = uri, record

    @property
    def name(self) -> str:
        """The package's name."""
        return self._record.name

    @property
    def version(self) -> int:
        """The number of this version."""
        return self._record.version

    @cached_property
    def release(self) -> str | None:
        """This version's release name, if it has one."""
        names = [name for name, number in versions.releases(self.uri).items() if number == self.version]
        return names[0] if names else None

    @property
    def created(self) -> datetime:
        """When this version was made (UTC)."""
        return datetime.fromisoformat(self._record.created)

    @property
    def digest(self) -> str:
        """The digest of all content: equal for equal content, wherever and however it was built."""
        return self._record.digest

    @property
    def tables(self) -> list[str]:
        """The tables' names, in the manifest's order."""
        return [table.name for table in self._record.tables]

    @property
    def warnings(self) -> list[str]:
        """What the build had to say about this version's sources."""
        return [warning for part in self._record.warnings.values() for warning in part]

    @property
    def manifest(self) -> str:
        """The text of the manifest that made this version."""
        return self._record.manifest

    def __getitem__(self, name: str) -> Table:
        record = self._record.sources if name == SOURCES else self._record.table(name)
        return Table(self, record)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self._record.tables)

    def __contains__(self, name: object) -> bool:
        return name in self.tables

    def __repr__(self) -> str:
        named = f" ({self.release})" if self.release else ""
        lines = [f"{self.name} version {self.version}{named} at {self.uri}"]
        lines += [
            f"  {t.name}: {t.rows:,} rows, {len(t.columns)} columns ({t.kind})" for t in self._record.tables
        ]
        return "\n".join(lines)

    def versions(self) -> pd.DataFrame:
        """List all versions: version, release, created, tables, rows, digest; the oldest first."""
        import pandas as pd

        names = {number: name for name, number in versions.releases(self.uri).items()}
        rows = [
            {
                "version": record.version,
                "release": names.get(record.version),
                "created": datetime.fromisoformat(record.created),
                "tables": len(record.tables),
                "rows": sum(table.rows for table in record.tables),
                "digest": record.digest,
            }
            for record in versions.all_records(self.uri)
        ]
        return pd.DataFrame(rows)

    def checkout(self, version: int | str) -> Package:
        """Open another version of this package, by number or release name."""
        return open_package(self.uri, version=version)

    def sources(self) -> pd.DataFrame:
        """List the source files: one row for each file and table that it added to, with sha256 and digest."""
        return self[SOURCES].to_pandas()

    @cached_property
    def _files(self) -> FilesList:
        return versions.read_files(self.uri, self._record)


class Table:
    """One table of a package at one version. Rows are counted from 0 in the manifest's order."""

    def __init__(self, package: Package, record: TableRecord) -> None:
        self.package, self._record = package, record

    @property
    def name(self) -> str:
        """The table's name."""
        return self._record.name

    @property
    def kind(self) -> str:
        """What its rows are: ``table``, ``images``, ``planes``, ``objects`` ..."""
        return self._record.kind

    @property
    def digest(self) -> str:
        """The digest of the table's content."""
        return self._record.digest

    @property
    def columns(self) -> list[str]:
        """The columns' names, as in the files."""
        return [column.name for column in self._record.columns]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, under true names; reads no row."""
        import pyarrow as pa

        types = {field.name: field.type for field in self._pinned.lance.schema}
        return pa.schema([pa.field(c.name, types[c.stored]) for c in self._record.columns])

    def described(self) -> list[dict[str, Any]]:
        """The columns as plain values: name, type, nulls, digest, and why the type is what it is."""
        return [
            {"name": c.name, "type": c.type, "nulls": c.nulls, "digest": c.digest, "why": c.why}
            for c in self._record.columns
        ]

    def __len__(self) -> int:
        return self._record.rows

    def __repr__(self) -> str:
        head = f"{self.name} ({self.kind}): {len(self):,} rows, {len(self.columns)} columns"
        lines = [f"  {c.name}: {c.type}" + (f"  # {c.why}" if c.why else "") for c in self._record.columns]
        return "\n".join([head, *lines])

    def to_pandas(
        self, columns: Sequence[str] | None = None, where: str | None = None, limit: int | None = None
    ) -> pd.DataFrame:
        """Read rows as a DataFrame; its index is the row's position in the table.

        Parameters
        ----------
        columns
            Names; default all. An image column's cells are read-only arrays of their own dtype and shape.
        where
            A condition in SQL, such as ``"Well = 'C6' and t < 3"``; put odd names into backticks.
        limit
            The first so many rows.

        Raises
        ------
        SchemaError
            There is no such column, or the condition makes no sense.
        """
        from .frames import to_pandas

        wanted = self._columns(columns)
        return to_pandas(
            self._record, wanted, self._read([*wanted, *self._helpers(wanted)], where, limit), self.schema
        )

    def to_arrow(
        self, columns: Sequence[str] | None = None, where: str | None = None, limit: int | None = None
    ) -> pa.Table:
        """Read rows as an Arrow table; images as nested lists. Parameters as in `to_pandas`."""
        import pyarrow as pa

        wanted = self._columns(columns)
        schema = pa.schema([self.schema.field(name) for name in wanted])
        return pa.Table.from_batches([batch for _, batch in self._read(wanted, where, limit)], schema)

    def image(self, position: int) -> NDArray[np.generic]:
        """One image, as a read-only array of its own dtype and shape."""
        return self.images([position])[0]

    def images(self, positions: Sequence[int]) -> list[NDArray[np.generic]]:
        """Images at row positions, in the order asked for.

        Raises
        ------
        SchemaError
            The table has no images, or no such row.
        """
        from .frames import images

        return images(self, self._positions(positions))

    @property
    def image_column(self) -> str:
        """The name of the column that holds images."""
        names = [column.name for column in self._record.columns if column.image]
        names += [FILE_COLUMN] if {FILE_COLUMN, "image_digest"} <= set(self.columns) else []
        if names:
            return names[0]
        known = [t.name for t in self.package._record.tables if "image_digest" in {c.name for c in t.columns}]
        raise SchemaError(
            "has no image column", f"table {self.name}", f"tables with images: {', '.join(known) or 'none'}"
        )

    def take(self, positions: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Read the rows at `positions` in batched requests, in the order given."""
        import pyarrow as pa

        schema = pa.schema([self.schema.field(name) for name in columns])
        return pa.Table.from_batches([batch for _, batch in self._take(positions, columns)], schema)

    @cached_property
    def _pinned(self) -> PinnedTable:
        from .store import PinnedTable

        return PinnedTable(self.package.uri, self.name, self._record.lance_version)

    @cached_property
    def _order(self) -> RowOrder:
        from .rows import RowOrder

        return RowOrder.of(self.package._files.runs[self.name])

    def _columns(self, columns: Sequence[str] | None) -> list[str]:
        for name in columns or ():
            if name not in self.columns:
                raise SchemaError(
                    f"there is no column {name!r}", f"table {self.name}", nearest(name, self.columns)
                )
        return self.columns if columns is None else list(columns)

    def _helpers(self, wanted: Sequence[str]) -> list[str]:
        """Columns that bring images back in their own dtype and shape."""
        if not any(column.image and column.name in wanted for column in self._record.columns):
            return []
        return [name for name in ("dtype", "shape") if name not in wanted]

    def _positions(self, positions: Sequence[int]) -> NDArray[np.int64]:
        import numpy as np

        asked = np.asarray(positions, np.int64).reshape(-1)
        at = np.where(asked < 0, asked + len(self), asked)
        wrong = asked[(at < 0) | (at >= len(self))]
        if len(wrong):
            raise SchemaError(
                f"there is no row {wrong[0]}", f"table {self.name}", f"rows are 0 to {len(self) - 1}"
            )
        return at

    def _read(
        self, columns: Sequence[str], where: str | None, limit: int | None
    ) -> Iterator[tuple[NDArray[np.int64], pa.RecordBatch]]:
        """Yield rows with their positions, in the manifest's order, under true names."""
        import numpy as np
        import pyarrow as pa

        from .filters import stored_condition

        condition = None if where is None else stored_condition(where, self._stored_names)
        if not self._order.physical and len(self):
            positions = np.arange(len(self)) if condition is None else self._matching(condition)
            yield from self._take(positions[:limit], columns)
            return
        stored = self._stored(columns)
        for batch in self._pinned.batches(stored, condition, batch_bytes=BATCH_BYTES, limit=limit):
            if batch.num_rows:
                at = self._order.positions(batch.column("_rowaddr").to_numpy().astype(np.int64))
                yield at, pa.RecordBatch.from_arrays([batch.column(s) for s in stored], names=list(columns))

    def _matching(self, condition: str) -> NDArray[np.int64]:
        import numpy as np

        batches = self._pinned.batches([], condition, batch_bytes=BATCH_BYTES)
        found = [batch.column("_rowaddr").to_numpy().astype(np.int64) for batch in batches]
        return np.sort(self._order.positions(np.concatenate([*found, np.empty(0, np.int64)])))

    def _take(
        self, positions: NDArray[np.int64], columns: Sequence[str]
    ) -> Iterator[tuple[NDArray[np.int64], pa.RecordBatch]]:
        step = self._rows_a_batch()
        for start in range(0, len(positions), step):
            at = positions[start : start + step]
            taken = self._pinned.take(self._order.addresses(at), self._stored(columns)).rename_columns(
                list(columns)
            )
            done = 0
            for batch in taken.to_batches():
                yield at[done : done + batch.num_rows], batch
                done += batch.num_rows

    def _rows_a_batch(self) -> int:
        stored = sum(int(size) for _, size, _ in self.package._files.files[self.name])
        return max(1, BATCH_BYTES * max(len(self), 1) // max(stored, 1))

    def _stored(self, columns: Sequence[str]) -> list[str]:
        return [self._stored_names[name] for name in columns]

    @cached_property
    def _stored_names(self) -> dict[str, str]:
        return {column.name: column.stored for column in self._record.columns}


__all__ = ["Package", "Table", "VersionError", "open_package"]
