"""Make a coming version visible: commit its tables, write its record, name its release."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from blake3 import blake3

from . import store, versions
from .content import Content, ResourceContent
from .descriptor import write_descriptor
from .errors import DatapkgError, StoreError, VersionError
from .installed import version_of
from .json_rows import in_pieces, quoted
from .known_places import add_places, take_over
from .listing import listing
from .manifest import normal
from .manifest.load import LoadedManifest
from .places import Place
from .plan import Plan, Previous
from .proofs import digest_of
from .records import ALL_TABLES, FORMAT, FilesList, Record, TableRecord
from .report import Report, SourcesReport, TableReport
from .source_list import SOURCES, SourceRows, places_among
from .succession import Succession

TOLD = ("resource", "group", "path", "bytes", "sha256")
"""What of a file makes a version another one."""


@dataclass(slots=True)
class Publisher:
    """Publishes one attempt's content as the version after `before`."""

    package: Place
    shown: str
    attempt: str
    loaded: LoadedManifest
    plan: Plan
    before: Previous | None

    def digest(self, resources: Sequence[ResourceContent]) -> str:
        """The package's digest."""
        return digest_of(one.table for part in resources for one in part.tables)

    def publish(
        self, resources: Sequence[ResourceContent], together: Sequence[str], started: float
    ) -> Report:
        """Publish `resources`; nothing is written where the newest version holds the same already.

        `together` is what a user should know about several tables at once.
        """
        if self.before is not None:
            versions.name_list(self.package, self.before.record)
        contents = [content for resource in resources for content in resource.tables]
        digest = self.digest(resources)
        facts = self._facts(resources)
        warnings = {one.name: list(one.warnings) for one in resources} | {ALL_TABLES: list(together)}
        said = (warning for part in warnings.values() for warning in part)
        again = (note for one in resources for note in one.notes)
        notes = [*self.plan.warnings, *self._gone(contents), *again, *said]
        old = self.before.record if self.before else None
        same = old is not None and (old.digest, old.facts) == (digest, facts)
        created = not same or not all(self._same_before(content) for content in contents)
        record = old
        if created:
            record = self._write(resources, digest, facts, warnings)
            created = record.attempt == self.attempt
        assert record is not None
        release = self._named(record, notes)
        return self._report(record, release, created, resources, notes, started)

    def _write(
        self,
        resources: Sequence[ResourceContent],
        digest: str,
        facts: str,
        warnings: Mapping[str, list[str]],
    ) -> Record:
        files = FilesList(self._last() + 1, {}, {})
        tables = tuple(self._commit(content, files) for one in resources for content in one.tables)
        listed = listing(self.package, self.attempt, resources, self.before)
        sources = self._commit(listed, files)
        old = self.before.record if self.before else None
        record = Record(
            format=FORMAT,
            name=self.loaded.manifest.name,
            version=files.version,
            created=versions.next_time(old.created if old else None),
            attempt=self.attempt,
            datapkg=version_of("lance-datapkg"),
            readers={planned.resource.name: dict(planned.readers) for planned in self.plan.resources},
            manifest=normal.blanked(self.loaded.text),
            manifest_digest=normal.manifest_digest(self.loaded.manifest),
            facts=facts,
            digest=digest,
            files=versions.files_digest(files),
            previous=versions.record_digest(self.package, old.version) if old else None,
            sources=sources,
            tables=tables,
            warnings={name: told for name, told in warnings.items() if told},
        )
        lost = [name for name, listed in files.files.items() if not store.intact(self.package, listed)]
        if lost:
            raise StoreError(
                f"files of the table {lost[0]} are gone before the version was published",
                self.package.uri,
                "make sure that no other program cleans up the package, and build again",
            )
        if not versions.publish(self.package, record, files):
            return self._lost(record)
        return record

    def _commit(self, content: Content, files: FilesList) -> TableRecord:
        table = content.table
        old = self._same_before(content)
        if old is not None and self.before is not None:
            files.files[table.name] = self.before.files.files[table.name]
            files.runs[table.name] = self.before.files.runs[table.name]
            take_over(files, self.before.files, table.name, files.runs[table.name])
            return old
        if self.before is not None and (content.succession is not None or content.schema is None):
            return self._changed(content, self.before, files)
        assert content.schema is not None
        done = store.commit(
            self.package, self.attempt, table.name, content.schema, content.fragments, content.layers
        )
        runs = [number for fragment, rows in done.fragments for number in (fragment, 0, rows)]
        add_places(files, table.name, done.fragments, content.fragments, content.layers)
        return add_stored(table, done, runs, files)

    def _changed(self, content: Content, before: Previous, files: FilesList) -> TableRecord:
        """Change the table of the version before."""
        name = content.table.name
        old = before.record.sources if name == SOURCES else before.record.table(name)
        follows = content.succession or Succession({}, tuple(before.files.runs[name]))
        done = store.update(
            self.package,
            self.attempt,
            name,
            old.stored,
            before.files.files[name],
            follows.deleted,
            content.fragments,
            [column.stored for column in content.table.own],
            content.layers,
        )
        runs = follows.numbered([number for number, _ in done.fragments])
        take_over(files, before.files, name, runs)
        add_places(files, name, done.fragments, content.fragments, content.layers)
        return add_stored(content.table, done, runs, files)

    def _same_before(self, content: Content) -> TableRecord | None:
        """The table as the version before has it, if it is the same in content and in form."""
        if self.before is None:
            return None
        for old in (*self.before.record.tables, self.before.record.sources):
            if old.same(content.table) and self.before.intact(old.name):
                return old
        return None

    def _lost(self, record: Record) -> Record:
        """Another build took the number: that is well if it holds the same, else an error."""
        winner = versions.read_record(self.package, record.version)
        if (winner.digest, winner.facts) == (record.digest, record.facts):
            return winner
        raise VersionError(
            f"another build made version {record.version} meanwhile, with other content",
            self.package.uri,
            "build again: the next version will stand on that one",
        )

    def _named(self, record: Record, notes: list[str]) -> str | None:
        """Name the release and describe the package: the version is out, so that what fails here is a warning."""
        release = None
        try:
            release = self._release(record, notes)
            write_descriptor(self.package, self.loaded.manifest, record, release)
        except DatapkgError as error:
            notes.append(f"version {record.version} is published, but: {error.what} ({error.where})")
        return release

    def _release(self, record: Record, notes: list[str]) -> str | None:
        name = self.loaded.manifest.version
        if name is None:
            return None
        if versions.name_release(self.package, name, record.version):
            return name
        taken = {known.casefold(): number for known, number in versions.releases(self.package).items()}
        number = taken[name.casefold()]
        if number == record.version:
            return name
        if versions.read_record(self.package, number).digest != record.digest:
            notes.insert(
                0,  # before what the sources had to say: this one asks for something
                f"release {name} is version {number} with other content, so version {record.version} has no name: "
                "give the manifest a new `version` and build again",
            )
        return None

    def _facts(self, resources: Sequence[ResourceContent]) -> str:
        """The hash of the manifest, all files and all recipes, as JSON."""
        files = SourceRows.joined(one.files for one in resources)
        files = files.at(files.order(*TOLD))
        names, size, sha256 = TOLD[:3], files.column("bytes").cast(pa.string()), files.column("sha256")
        pieces = [piece for name in names for piece in (quoted(files.dense(name)), ", ")]
        rows = in_pieces(len(files), ["[", *pieces, size, ', "', sha256, '"]'], ", ")
        made = [one.recipe for part in resources for content in part.tables for one in content.table.lineage]
        facts = blake3(f'["{normal.manifest_digest(self.loaded.manifest)}", ['.encode())
        for part in rows:
            facts.update(part.encode())
        facts.update((f"], {json.dumps(made, ensure_ascii=False)}]" if made else "]]").encode())
        return str(facts.hexdigest())

    def _report(
        self,
        record: Record,
        release: str | None,
        created: bool,
        resources: Sequence[ResourceContent],
        notes: Sequence[str],
        started: float,
    ) -> Report:
        listed = versions.read_files(self.package, record).files
        tables = tuple(
            TableReport(
                name=content.table.name,
                kind=content.table.kind,
                rows=content.table.rows,
                columns=len(content.table.columns),
                files=len(content.rows),
                image_bytes=content.table.image_bytes,
                written=record.table(content.table.name).stored.tag.endswith(self.attempt),
                why={column.name: column.why for column in content.table.columns if column.why},
            )
            for one in resources
            for content in one.tables
        )
        return Report(
            package=self.shown,
            name=record.name,
            version=record.version,
            release=release,
            created=created,
            digest=record.digest,
            tables=tables,
            sources=self._sources(resources),
            stored_bytes=sum(
                int(file[2]) for name, files in listed.items() if name != SOURCES for file in files
            ),
            warnings=tuple(notes),
            seconds=time.monotonic() - started,
        )

    def _sources(self, resources: Sequence[ResourceContent]) -> SourcesReport:
        rows = SourceRows.joined(one.files.at(one.files.own) for one in resources)
        unchanged = 0
        if self.before is not None:
            names = ("resource", "path", "sha256")
            known = places_among(rows.named(*names), self.before.sources.named(*names))
            unchanged = int((known >= 0).sum())
        return SourcesReport(len(rows), int(rows.numbers("bytes").sum()), unchanged)

    def _gone(self, contents: Sequence[Content]) -> list[str]:
        """Tables of the version before that the coming one does not have: perhaps a resource was left out."""
        names = {content.table.name for content in contents}
        gone = [
            table for table in (self.before.record.tables if self.before else ()) if table.name not in names
        ]
        return [f"the table {table.name} of version {self._last()} is not in this one" for table in gone]

    def _last(self) -> int:
        return self.before.record.version if self.before else 0


def add_stored(table: TableRecord, done: store.Committed, runs: list[int], files: FilesList) -> TableRecord:
    """Add a table that was stored to the list of files; its record with the pin."""
    files.files[table.name] = [[file.role, file.path, file.bytes, file.blake3] for file in done.files]
    files.runs[table.name] = runs
    return replace(table, pin=done.pin)
