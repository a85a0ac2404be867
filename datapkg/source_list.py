"""The table ``_sources``: what each source file gave to each table, so that a build need not ask the file again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from .access import RowAccess
from .places import Place
from .records import FilesList, Record

SOURCES = "_sources"
SOURCES_SCHEMA = pa.schema(
    [
        ("resource", pa.string()),
        ("table", pa.string()),
        ("group", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("rows", pa.int64()),
        ("digest", pa.string()),
        ("evidence", pa.large_string()),
        ("held", pa.string()),
        ("warnings", pa.large_string()),
    ]
)
LATER = ("held", "warnings")
"""Columns that the first packages do not have."""
MATCHED_MEMBER = '"matched member"'
ARCHIVE = '"archive"'
"""What `evidence` says of an archive that files were chosen of: it is no source itself, and gives nothing to a table."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What one source gave to one table: a row of the table ``_sources``.

    `group` is the source's path. Of the other files that were read for it, `evidence` tells those that the resource
    matched too. `held` is the bytes that image columns hold of it, `warnings` what its reading gave cause to say; both
    are JSON, and empty where there is nothing. None is what a datapkg that did not keep them leaves unknown.
    """

    resource: str
    table: str
    group: str
    path: str
    bytes: int
    sha256: str
    rows: int
    digest: str
    evidence: str
    held: str | None = ""
    warnings: str | None = ""

    @property
    def matched(self) -> bool:
        """Whether the resource's own paths match the file."""
        own = self.path == self.group and self.evidence != ARCHIVE
        return own or self.evidence == MATCHED_MEMBER

    @property
    def skipped(self) -> bool:
        """Whether the file was matched and found empty, as `empty: skip` allows."""
        return self.path == self.group and not self.table and self.matched

    @property
    def complete(self) -> bool:
        """Whether the row tells all that a build would have to read the file for."""
        return self.held is not None and self.warnings is not None


def source_rows(package: Place, record: Record, files: FilesList) -> Iterator[SourceRow]:
    """The rows of a version's table ``_sources``, in order."""
    rows = RowAccess(package, record.sources, files)
    columns = {column.name for column in record.sources.columns}
    there = [name for name in SOURCES_SCHEMA.names if name in columns]
    row = partial(SourceRow, held=None, warnings=None) if columns.isdisjoint(LATER) else SourceRow
    for _, batch in rows.read(there):
        yield from map(row, *(batch.column(name).to_pylist() for name in there))
