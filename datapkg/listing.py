"""The table ``_sources`` of a coming version: rows that are as they were stay, as in every other table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .column_sums import ColumnSums
from .compaction import compacted
from .content import Content, ResourceContent, table_record
from .digest import SourceHasher
from .ingest import digest_columns
from .places import Place
from .plan import Previous
from .source_list import SHARED, SOURCES, SOURCES_SCHEMA, SourceRows, both, places_among
from .sources.base import Column, TableSchema
from .store import write_fragment
from .succession import STAY, Succession, pieces_of

COLUMNS = tuple(Column(f.name, f.type, "int64" if f.type == pa.int64() else "string") for f in SOURCES_SCHEMA)
KEY = ("resource", "table", "group", "path")


def listing(
    package: Place, attempt: str, resources: Sequence[ResourceContent], before: Previous | None
) -> Content:
    """The table ``_sources``; a file that adds to no table has a row without one."""
    rows = SourceRows.joined(_rows(resources))
    digests = digest_columns(COLUMNS)
    hasher, sums = SourceHasher(digests, SOURCES_SCHEMA), ColumnSums(digests)
    for batch in rows.batches(SOURCES_SCHEMA):
        hasher.update(batch)
    source = sums.add(hasher.result())
    old = _old_rows(before)
    stays = _places(rows, old)
    fragment = write_fragment(
        package, attempt, SOURCES, SOURCES_SCHEMA, rows.at(stays < 0).batches(SOURCES_SCHEMA)
    )
    record = table_record(
        TableSchema(SOURCES, "sources", COLUMNS), sums, "", "", [source.digest], len(rows), {}
    )
    succession = None
    if len(old) and before is not None:
        comes = stays < 0
        firsts = np.where(comes, comes.cumsum() - 1, stays)
        pieces = pieces_of(np.where(comes, -1, STAY), firsts, np.ones(len(rows), np.int64))
        succession = Succession.of(before.files.runs[SOURCES], pieces)
    fragments = () if fragment is None else (fragment,)
    content = Content(record, SourceRows.of(()), SOURCES_SCHEMA, fragments, succession)
    return content if before is None else compacted(package, attempt, content, before.record.sources, before)


def _old_rows(before: Previous | None) -> SourceRows:
    """The rows of the version before, where they may stay."""
    if before is None or not before.intact(SOURCES):
        return SourceRows.of(())
    if [column.name for column in before.record.sources.columns] != SOURCES_SCHEMA.names:
        return SourceRows.of(())
    return before.sources


def _places(rows: SourceRows, old: SourceRows) -> NDArray[np.int64]:
    """Where each row stands among old ones, each of which is taken once; -1 for those that are new."""
    every = SourceRows.joined([rows, old])
    keys = every.named(*KEY)
    places = places_among(keys[: len(rows)], keys[len(rows) :])
    here = np.flatnonzero(places >= 0)
    there = places[here] + len(rows)
    same = np.ones(len(here), bool)
    for name in SOURCES_SCHEMA.names:
        if name in SHARED or name in ("bytes", "rows"):
            same &= every.numbers(name)[here] == every.numbers(name)[there]
        else:
            column = every.column(name)
            same &= both(pc.equal(column.take(pa.array(here)), column.take(pa.array(there))))
    places[here[~same]] = -1
    _, first = np.unique(places, return_index=True)
    again = np.ones(len(rows), bool)
    again[first] = False
    places[again] = -1
    return places


def _rows(resources: Sequence[ResourceContent]) -> Iterator[SourceRows]:
    for resource in resources:
        adding = SourceRows.joined(content.rows for content in resource.tables)
        yield adding
        files, given = (rows.named("group", "path") for rows in (resource.files, adding))
        if not files.equals(given):
            # of this resource: another may have the same file
            yield resource.files.at(places_among(files, given) < 0)
