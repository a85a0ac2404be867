"""The table ``_sources`` of a coming version: rows that are as they were stay, as in every other table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter

import pyarrow as pa

from .column_sums import ColumnSums
from .compaction import compacted
from .content import Content, ResourceContent, table_record
from .digest import SourceHasher
from .ingest import digest_columns
from .places import Place
from .plan import Previous
from .source_list import SOURCES, SOURCES_SCHEMA, SourceRow
from .sources.base import Column, TableSchema
from .store import write_fragment
from .succession import Come, Stay, Succession

BATCH_ROWS = 512
"""Each row holds some kilobytes of evidence."""
COLUMNS = tuple(Column(f.name, f.type, "int64" if f.type == pa.int64() else "string") for f in SOURCES_SCHEMA)


def listing(
    package: Place, attempt: str, resources: Sequence[ResourceContent], before: Previous | None
) -> Content:
    """The table ``_sources``; a file that adds to no table has a row without one."""
    rows = list(_rows(resources))
    old = _old_rows(before)
    digests = digest_columns(COLUMNS)
    hasher, sums = SourceHasher(digests, SOURCES_SCHEMA), ColumnSums(digests)
    for batch in _batches(rows):
        hasher.update(batch)
    source = sums.add(hasher.result())
    new = [row for row in rows if row not in old]
    fragment = write_fragment(package, attempt, SOURCES, SOURCES_SCHEMA, _batches(new))
    record = table_record(TableSchema(SOURCES, "sources", COLUMNS), sums, "", "", [source])
    succession = None
    if old and before is not None:
        at = iter(range(len(new)))
        pieces = [Stay(old[row], 1) if row in old else Come(0, next(at), 1) for row in rows]
        succession = Succession.of(before.files.runs[SOURCES], pieces)
    fragments = () if fragment is None else (fragment,)
    content = Content(record, (), SOURCES_SCHEMA, fragments, succession)
    return content if before is None else compacted(package, attempt, content, before.record.sources, before)


def _old_rows(before: Previous | None) -> dict[SourceRow, int]:
    """The rows of the version before with their positions, where they may stay."""
    if before is None or not before.intact(SOURCES):
        return {}
    if [column.name for column in before.record.sources.columns] != SOURCES_SCHEMA.names:
        return {}
    return {row: at for at, row in enumerate(before.sources)}


def _rows(resources: Sequence[ResourceContent]) -> Iterator[SourceRow]:
    for resource in resources:
        adding = [row for content in resource.tables for row in content.rows]
        known = {(row.group, row.path) for row in adding}  # of this resource: another may have the same file
        yield from adding
        yield from (row for row in resource.files if (row.group, row.path) not in known)


def _batches(rows: Sequence[SourceRow]) -> Iterator[pa.RecordBatch]:
    values = attrgetter(*SOURCES_SCHEMA.names)
    for start in range(0, len(rows), BATCH_ROWS):
        columns = zip(*map(values, rows[start : start + BATCH_ROWS]), strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, SOURCES_SCHEMA, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=SOURCES_SCHEMA)
