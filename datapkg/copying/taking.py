"""Make a new package of chosen tables and rows of another one.

Tables that keep all of their rows are copied as they lie, file by file. Of others the rows are read, digested anew
source by source, and stored; derived columns among them, whose values stay those that were computed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version as distribution_version

import numpy as np
import pyarrow as pa
from blake3 import blake3

from .. import store, versions
from ..access import BATCH_BYTES, RowAccess
from ..attempts import attempt_in
from ..content import Content, ResourceContent
from ..descriptor import write_descriptor
from ..digest import ColumnSums, SourceHasher, table_digest
from ..encoding import is_packed, pixel_bytes, unpacked
from ..errors import VersionError
from ..ingest import coalesced
from ..listing import listing
from ..manifest.normal import parse_recorded
from ..places import Folder, Place
from ..plan import refuse_strangers
from ..progress import Counter, Progress
from ..proofs import digest_of, seen_columns
from ..publish import add_stored
from ..reader import Package
from ..records import FORMAT, FilesList, Record, Selection, TableRecord
from ..source_list import SourceRow
from .carrying import MANIFEST, Carried
from .choosing import Chosen, choose, kept_sources
from .histories import OTHER_PLACE
from .transfer import copy_files, proven

FRAGMENT_BYTES = 64 << 20


def take(
    package: Package, target: Place, tables: list[str] | None, where: str | None, progress: Progress
) -> tuple[Record, Carried]:
    """Copy some tables, or rows, of an opened version into a place of their own.

    Raises
    ------
    StoreError
        The place holds something else, or cannot be written.
    VersionError
        It holds a package that was not taken from the same version in the same way.
    SchemaError
        The condition makes no sense, or a table is not there.
    """
    chosen = choose(package.opened, tables, where)
    names = tuple(table.name for table in chosen.tables)
    origin = Selection(_address(package.place), package.version, package.digest, names, where)
    there = versions.numbers(target)
    if there:
        record = versions.read_record(target, there[-1])
        if record.taken_from != origin:
            raise VersionError("holds a package already, and not this one", target.uri, OTHER_PLACE)
        return record, Carried((), (), 0, 0)
    refuse_strangers(target)
    with attempt_in(target) as attempt:
        taking = _Taking(package, target, attempt, chosen, progress)
        record, files = taking.stored(origin)
        if not versions.publish(target, record, files):
            raise VersionError("somebody else made a package there meanwhile", target.uri, OTHER_PLACE)
    write_descriptor(target, parse_recorded(record.manifest, record.manifest_digest), record, None)
    sizes = [int(size) for listed in files.files.values() for _, _, size, _ in listed]
    return record, Carried((1,), (), len(sizes), sum(sizes), _notes(chosen))


@dataclass(slots=True)
class _Taking:
    """A package that is being made of another one."""

    package: Package
    target: Place
    attempt: str
    chosen: Chosen
    progress: Progress

    def stored(self, origin: Selection) -> tuple[Record, FilesList]:
        """Store all tables; nothing can be seen of them before the record is published."""
        old, files = self.package.record, FilesList(1, {}, {})
        self._copy_whole(files)
        tables, contents = [], []
        for table in self.chosen.tables:
            if table.name in self.chosen.rows:
                content = _Narrowed(self.package.opened.rows(table.name), self.chosen, table).content(
                    self.target, self.attempt, self.progress
                )
                tables.append(self._commit(content, files))
            else:
                content = Content(table, tuple(self.chosen.of(table.name)))
                tables.append(table)
            contents.append(content)
        listed = listing(self.target, self.attempt, self._resources(contents), None)
        sources = self._commit(listed, files)
        record = Record(
            format=FORMAT,
            name=old.name,
            version=1,
            created=versions.next_time(None),
            attempt=self.attempt,
            datapkg=distribution_version("lance-datapkg"),
            readers=old.readers,
            manifest=old.manifest,
            manifest_digest=old.manifest_digest,
            facts=_facts(old, origin),
            digest=digest_of(tables),
            files=versions.files_digest(files),
            previous=None,
            sources=sources,
            tables=tuple(tables),
            warnings={name: told for name, told in old.warnings.items() if told},
            taken_from=origin,
        )
        return record, files

    def _commit(self, content: Content, files: FilesList) -> TableRecord:
        assert content.schema is not None
        table = content.table
        done = store.commit(self.target, self.attempt, table.name, content.schema, content.fragments)
        runs = [number for fragment, rows in done.fragments for number in (fragment, 0, rows)]
        return add_stored(table, done, runs, files)

    def _copy_whole(self, files: FilesList) -> None:
        """Copy the tables that keep all of their rows, each with the tag and the state that its record names."""
        lies, listed = self.package.place, self.package.files
        wanted = [store.StoredFile(*one) for name in self.chosen.whole for one in listed.files[name]]
        rows = [file for file in wanted if file.role != MANIFEST]
        copy_files(lies, self.target, rows, self.attempt, self.progress)
        states = {file.path: file for file in wanted if file.role == MANIFEST}
        for table in self.chosen.tables:
            if table.name in self.chosen.rows:
                continue
            pin, state = table.stored, states[table.stored.manifest]
            store.write_pin(self.target, table.name, pin.tag, pin.lance_version, state.bytes)
            self.target.put(state.path, b"".join(map(bytes, proven(lies, state))))
            files.files[table.name], files.runs[table.name] = (
                listed.files[table.name],
                listed.runs[table.name],
            )

    def _resources(self, contents: list[Content]) -> list[ResourceContent]:
        """The sources of what is left, resource by resource; those of which nothing is left are not told of."""
        kept = kept_sources(self.chosen)
        resources: dict[str, list[Content]] = {}
        for content in contents:
            resources.setdefault(content.table.resource, []).append(content)
        return [
            ResourceContent(name, tuple(tables), tuple(self._files(name, kept)), ())
            for name, tables in resources.items()
        ]

    def _files(self, resource: str, kept: Mapping[tuple[str, str], bool]) -> Iterator[SourceRow]:
        for row in self.chosen.sources:
            if row.resource == resource and not row.table and kept.get((resource, row.group)):
                yield row


@dataclass(slots=True)
class _Narrowed:
    """A table of which some rows are taken."""

    rows: RowAccess
    chosen: Chosen
    table: TableRecord

    def content(self, target: Place, attempt: str, progress: Progress) -> Content:
        """Store the rows, and tell of them as of a table that was built."""
        schema, left = self.rows.schema, self.chosen.left(self.table.name)
        sources = [row for row in self.chosen.of(self.table.name) if left[row.path]]
        taking = _Digests(self.table, schema)
        counts = [left[row.path] for row in sources]
        size = sum(self.table.image_bytes.values()) * sum(counts) // max(self.table.rows, 1)
        count = Counter(f"taking rows of {self.table.name}", len(sources), size, progress)

        def batches() -> Iterator[pa.RecordBatch]:
            at = np.flatnonzero(self.chosen.rows[self.table.name])
            ends = np.cumsum(counts).tolist()
            begun, source = 0, 0
            for _, batch in self.rows.take(at, schema.names):
                done = 0
                while done < batch.num_rows:
                    part = batch.slice(done, ends[source] - begun)
                    taking.update(part)
                    done, begun = done + part.num_rows, begun + part.num_rows
                    if begun == ends[source]:
                        taking.end()
                        count(sources[source].path, max(part.nbytes, 1))
                        source += 1
                yield batch

        fragments = []
        stream = coalesced(batches(), BATCH_BYTES)
        while fragment := store.write_fragment(target, attempt, self.table.name, schema, _some(stream)):
            fragments.append(fragment)
        rows = tuple(
            replace(row, rows=number, digest=digest, held="")
            for row, number, digest in zip(sources, counts, taking.found, strict=True)
        )
        return Content(taking.record(rows), rows, schema, tuple(fragments))


class _Digests:
    """The digests of a table's rows while they pass: of the columns that were stored, and of derived ones beside them."""

    def __init__(self, table: TableRecord, schema: pa.Schema) -> None:
        self._table, self._schema = table, schema
        parts = [seen_columns(table.own), seen_columns(table.derived)]
        self._hashers = [SourceHasher(columns, schema) for columns in parts]
        self._sums = [ColumnSums(columns) for columns in parts]
        self._held = dict.fromkeys(table.image_bytes, 0)
        self.found: list[str] = []

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in the source's next rows."""
        for hasher in self._hashers:
            hasher.update(batch)
        for name in self._held:
            column = name.removesuffix(unpacked("")) if name not in batch.schema.names else name
            values = batch.column(column)
            plain = column == name or not is_packed(values.type)
            self._held[name] += values.nbytes if plain else pixel_bytes(values)

    def end(self) -> None:
        """All rows of a source have passed."""
        own, _ = (sums.add(hasher.result()) for sums, hasher in zip(self._sums, self._hashers, strict=True))
        self.found.append(own.digest)
        for hasher in self._hashers:
            hasher.again()

    def record(self, rows: tuple[SourceRow, ...]) -> TableRecord:
        """What the new version says of the table."""
        table = self._table
        digests = {
            column.name: (nulls, digest)
            for part, sums in zip((table.own, table.derived), self._sums, strict=True)
            for column, nulls, digest in zip(part, sums.nulls, sums.digests(), strict=True)
        }
        columns = tuple(
            replace(column, nulls=digests[column.name][0], digest=digests[column.name][1])
            for column in table.columns
        )
        pairs = [(column.name, column.type) for column in table.own]
        digest = table_digest(table.name, table.kind, pairs, self.found)
        total = sum(row.rows for row in rows)
        return replace(table, rows=total, digest=digest, pin=None, image_bytes=self._held, columns=columns)


def _some(stream: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The next batches of a stream, as many as make a fragment."""
    size = 0
    for batch in stream:
        size += batch.nbytes
        yield batch
        if size >= FRAGMENT_BYTES:
            return


def _address(package: Place) -> str:
    return package.path.name if isinstance(package, Folder) else package.uri


def _facts(old: Record, origin: Selection) -> str:
    told = json.dumps([old.facts, asdict(origin)], ensure_ascii=False)
    return str(blake3(told.encode()).hexdigest())


def _notes(chosen: Chosen) -> tuple[str, ...]:
    """How many rows of each table were taken."""
    return tuple(
        f"{table.name}: {int(chosen.rows[table.name].sum()):,} of {table.rows:,} rows"
        if table.name in chosen.rows
        else f"{table.name}: all {table.rows:,} rows"
        for table in chosen.tables
    )
