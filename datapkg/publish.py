"""Make a coming version visible: commit its tables, write its record, name its release."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as distribution_version

from blake3 import blake3

from . import store, versions
from .content import Content, ResourceContent, sources_content
from .descriptor import write_descriptor
from .digest import package_digest
from .errors import VersionError
from .manifest import normal
from .manifest.load import LoadedManifest
from .plan import SOURCES, Plan, Previous
from .report import Report, SourcesReport, TableReport
from .store import Committed
from .versions import ALL_TABLES, FORMAT, FilesList, Record, TableRecord


@dataclass(slots=True)
class Publisher:
    """Publishes one attempt's content as the version after `before`."""

    package: str
    attempt: str
    loaded: LoadedManifest
    plan: Plan
    before: Previous | None

    def publish(
        self, resources: Sequence[ResourceContent], together: Sequence[str], started: float
    ) -> Report:
        """Publish `resources`; nothing is written where the newest version holds the same already.

        `together` is what a user should know about several tables at once.
        """
        contents = [content for resource in resources for content in resource.tables]
        digest = package_digest({content.table.name: content.table.digest for content in contents})
        facts = self._facts(resources)
        warnings = {one.name: list(one.warnings) for one in resources} | {ALL_TABLES: list(together)}
        notes = [*self.plan.warnings, *(warning for part in warnings.values() for warning in part)]
        old = self.before.record if self.before else None
        created = old is None or (old.digest, old.facts) != (digest, facts)
        record = old
        if created:
            record = self._write(resources, digest, facts, warnings)
            created = record.attempt == self.attempt
        assert record is not None
        release = self._release(record, notes)
        return self._report(record, release, created, contents, notes, started)

    def _write(
        self,
        resources: Sequence[ResourceContent],
        digest: str,
        facts: str,
        warnings: Mapping[str, list[str]],
    ) -> Record:
        files = FilesList(self.before.record.version + 1 if self.before else 1, {}, {})
        tables = tuple(self._commit(content, files) for one in resources for content in one.tables)
        sources = self._commit(sources_content(self.package, self.attempt, resources), files)
        old = self.before.record if self.before else None
        record = Record(
            format=FORMAT,
            name=self.loaded.manifest.name,
            version=files.version,
            created=versions.next_time(old.created if old else None),
            attempt=self.attempt,
            datapkg=distribution_version("lance-datapkg"),
            readers={planned.resource.type: dict(planned.readers) for planned in self.plan.resources},
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
        if not versions.publish(self.package, record, files):
            return self._lost(record)
        write_descriptor(self.package, self.loaded.manifest, record)
        return record

    def _commit(self, content: Content, files: FilesList) -> TableRecord:
        table = content.table
        old = self._same_before(content)
        if old is not None and self.before is not None:
            files.files[table.name] = self.before.files.files[table.name]
            files.runs[table.name] = self.before.files.runs[table.name]
            return old
        assert content.schema is not None
        done = store.commit(self.package, self.attempt, table.name, content.schema, content.fragments)
        files.files[table.name] = [[file.path, file.bytes, file.blake3] for file in done.files]
        files.runs[table.name] = _runs(done)
        return replace(table, lance_version=done.version)

    def _same_before(self, content: Content) -> TableRecord | None:
        """The table as the version before has it, if it is the same in content and in form."""
        if self.before is None:
            return None
        for old in (*self.before.record.tables, self.before.record.sources):
            if (
                replace(old, lance_version=content.table.lance_version) == content.table
                or old == content.table
            ):
                return old
        return None

    def _lost(self, record: Record) -> Record:
        """Another build took the number: that is well if it holds the same, else an error."""
        winner = versions.read_record(self.package, record.version)
        if (winner.digest, winner.facts) == (record.digest, record.facts):
            return winner
        raise VersionError(
            f"another build made version {record.version} meanwhile, with other content",
            self.package,
            "build again: the next version will stand on that one",
        )

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
            notes.append(
                f"release {name} is version {number} with other content, so version {record.version} has no name: "
                "give the manifest a new `version` and build again"
            )
        return None

    def _facts(self, resources: Sequence[ResourceContent]) -> str:
        files = sorted(
            [r.resource, r.group, r.path, r.bytes, r.sha256] for one in resources for r in one.files
        )
        text = json.dumps([normal.manifest_digest(self.loaded.manifest), files], ensure_ascii=False)
        return str(blake3(text.encode()).hexdigest())

    def _report(
        self,
        record: Record,
        release: str | None,
        created: bool,
        contents: Sequence[Content],
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
                written=created and bool(content.fragments),
            )
            for content in contents
        )
        planned = self.plan.resources
        return Report(
            package=self.package,
            name=record.name,
            version=record.version,
            release=release,
            created=created,
            digest=record.digest,
            tables=tables,
            sources=SourcesReport(
                files=sum(len(one.files) for one in planned),
                bytes=sum(file.bytes for one in planned for file in one.files),
                unchanged=sum(len(one.files) for one in planned if one.unchanged),
            ),
            stored_bytes=sum(
                int(file[1]) for name, files in listed.items() if name != SOURCES for file in files
            ),
            warnings=tuple(notes),
            seconds=time.monotonic() - started,
        )


def _runs(committed: Committed) -> list[list[int]]:
    """A table's rows in manifest order, as (fragment, first row, rows)."""
    return [[fragment, 0, rows] for fragment, rows in committed.fragments]
