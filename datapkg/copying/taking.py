"""Make a new package of chosen tables and rows of another one.

Tables that keep all of their rows are copied as they lie, file by file. Of others the rows are read, digested anew
source by source, and stored; derived columns among them, whose values stay those that were computed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from blake3 import blake3

from .. import store, versions
from ..content import Content, ResourceContent
from ..descriptor import write_descriptor
from ..errors import VersionError
from ..installed import version_of
from ..known_places import add_places, take_over
from ..listing import listing
from ..manifest.normal import parse_recorded
from ..places import Folder, Place
from ..plan import refuse_strangers
from ..progress import Progress
from ..proofs import digest_of
from ..publish import add_stored
from ..reader import Package
from ..records import FORMAT, FilesList, Record, Selection, TableRecord
from ..source_list import SourceRow, SourceRows
from .carrying import MANIFEST, Carried
from .choosing import Chosen, choose, kept_sources
from .histories import OTHER_PLACE
from .narrowing import narrowed
from .transfer import attempt_in, copy_files, proven


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
                content = narrowed(self.chosen, table, self.target, self.attempt, self.progress)
                tables.append(self._commit(content, files))
            else:
                content = Content(table, self.chosen.sources.of_table(table.name))
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
            datapkg=version_of("lance-datapkg"),
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
        add_places(files, table.name, done.fragments, content.fragments)
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
            take_over(files, listed, table.name, files.runs[table.name])

    def _resources(self, contents: list[Content]) -> list[ResourceContent]:
        """The sources of what is left, resource by resource; those of which nothing is left are not told of."""
        kept = kept_sources(self.chosen)
        resources: dict[str, list[Content]] = {}
        for content in contents:
            resources.setdefault(content.table.resource, []).append(content)
        return [
            ResourceContent(name, tuple(tables), SourceRows.of(self._files(name, kept)), ())
            for name, tables in resources.items()
        ]

    def _files(self, resource: str, kept: Mapping[tuple[str, str], bool]) -> Iterator[SourceRow]:
        for row in self.chosen.sources:
            if row.resource == resource and not row.table and kept.get((resource, row.group)):
                yield row


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
