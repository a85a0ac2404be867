"""Build a package from a manifest: plan, look, store, commit, publish.

Each resource whose files, settings and readers are as in the newest version is taken over as it stands; the others
are read again. One record, created last, makes the new version visible; until then nothing of it exists.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import engine as engines
from . import image_names, keys, plan, store, unchanged
from .aside import aside
from .collecting import rarely_collected
from .content import Content, Reader, ResourceContent, taken_over
from .deriving.given import function_folders
from .engine import Engine, Run
from .errors import LockedError, SchemaError, SourceError, StoreError
from .lock import (
    Lock,
    fetcher_of,
    lock_path,
    read_lock,
    refuse_other_content,
    refuse_other_files,
    refuse_unknown_addresses,
    write_lock,
)
from .locking import files_of, lock_of
from .manifest import normal
from .manifest.load import LoadedManifest, load
from .one_pass import ready
from .places import FINISHED, Place, place
from .plan import Plan, Previous
from .progress import Progress, silent
from .publish import Publisher
from .reading import MAX_IMAGE_BYTES
from .report import Report
from .written import Written, written


@rarely_collected()
def build(
    manifest: str | Path,
    package: str | Path | Place | None = None,
    *,
    locked: bool = False,
    workers: int | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    root: str | Path | None = None,
    allow: Mapping[str, str | Path] | None = None,
    allow_removals: bool = False,
    rehash: bool = False,
    max_image_bytes: int = MAX_IMAGE_BYTES,
    storage_options: Mapping[str, Any] | None = None,
    single_writer: bool = False,
    progress: Progress = silent,
) -> Report:
    """Build a package, or its next version, from a manifest.

    Parameters
    ----------
    manifest
        The YAML file.
    package
        The package's folder, or its address in an object store (``s3://``, ``gs://``, ``az://``); default
        ``<name>.datapkg`` in the current folder.
    locked
        Hold the build to the lock beside the manifest: every file is hashed, and any difference is a LockedError
        before a version is written. A build that is not locked writes the lock.
    workers
        Processes to use; default one for each CPU. The result does not depend on it.
    engine
        ``local`` (processes of this machine), ``inline`` (this process) or ``ray`` (a Ray cluster whose machines see
        the files and the package at the same paths).
    ray_address
        Where Ray runs: ``HOST:PORT``, ``auto`` (default; the cluster that Ray finds by itself), or ``local`` (a
        cluster on this machine that is stopped at the end).
    root, allow
        Where the data are, instead of what the manifest says.
    allow_removals
        Build even if more than a tenth of a resource's files are gone.
    rehash
        Read every file, also those that the user's cache remembers as they are, and those of the package: a table that
        is damaged is stored again. Ask for every address again.
    max_image_bytes
        What one decoded image may take in memory; an image that says it takes more is refused before it is decoded.
    storage_options
        What it takes to reach an object store, as for `datapkg.open`.
    single_writer
        Nobody else writes to the package meanwhile: then a store may be used that ignores ``If-None-Match``, and so
        cannot keep two builders apart.
    progress
        Called with what is being done, files done, all files, bytes done, all bytes.

    Returns
    -------
    What was done; ``created`` is False if the newest version already holds exactly this.

    Raises
    ------
    DatapkgError
        Nothing was published, and earlier versions are as they were.
    """
    started = time.monotonic()
    folders = {name: Path(folder) for name, folder in (allow or {}).items()}
    loaded = load(Path(manifest), None if root is None else Path(root), folders)
    named = package or f"{loaded.manifest.name}.datapkg"
    target = place(named, storage_options, single_writer=single_writer, progress=progress)
    question, begun = unchanged.Question.of(target, loaded), time.time_ns()
    if not (locked or rehash) and (report := unchanged.recalled(question)) is not None:
        return replace(report, package=str(named), seconds=time.monotonic() - started)
    from .deriving.entries import derive  # not needed where nothing has changed

    lock = read_lock(loaded.path) if locked else None
    before = plan.previous(target, loaded.manifest.name, rehash or locked)
    where, bare = engines.get(engine, ray_address), not loaded.manifest.derive
    with aside() as beside, attempt_in(target, where, workers, bare=bare) as attempt:
        run, name = attempt.run, attempt.name
        planned = _planned(loaded, lock, before, allow_removals, rehash, progress, run)
        target = attempt.begin(_needed(loaded, planned))
        reader = Reader(target, name, run, progress, beside, before, max_image_bytes)
        resources = _contents(reader, planned)
        notes = _checked(written(target, name, planned, resources, before), before)
        resources = derive(loaded, target, name, resources, before, run, progress)
        publisher = Publisher(target, str(named), name, loaded, planned, before)
        built = lock_of(loaded, publisher.digest(resources), resources)
        if lock is not None:
            refuse_other_content(loaded.path, lock, built)
        report = publisher.publish(resources, notes, started)
    if not locked:
        report = _with_lock(report, loaded.path, built)
    said = [*planned.warnings, *(warning for one in resources for warning in one.warnings), *notes]
    if not (planned.disturbed or planned.listed) and list(report.warnings) == said:
        unchanged.remember(question, planned, resources, report, begun)
    return report


def _planned(
    loaded: LoadedManifest,
    lock: Lock | None,
    before: Previous | None,
    allow_removals: bool,
    rehash: bool,
    progress: Progress,
    run: Run,
) -> Plan:
    """What is to be done, once all files are here; a locked build is held to its lock as far as files go.

    Workers start meanwhile, where all of many files are to be read.
    """
    many = None if before is not None else lambda one: run.wake(ready, one.type)
    if lock is not None:
        refuse_unknown_addresses(loaded, lock)
    with fetcher_of(loaded, rehash=rehash, progress=progress) as fetcher:
        planned = plan.plan(loaded, before, allow_removals, rehash or lock is not None, fetcher, many)
    if lock is not None:
        digest = normal.manifest_digest(loaded.manifest)
        refuse_other_files(loaded.path, lock, loaded.manifest.name, digest, files_of(planned))
    return planned


def _contents(reader: Reader, planned: Plan) -> list[ResourceContent]:
    """All resources, those that changed read from their files."""
    before = reader.before
    resources = [
        taken_over(one, before) if one.unchanged and before is not None else reader.read(one)
        for one in planned.resources
    ]
    _refuse_clashes([content for resource in resources for content in resource.tables])
    return resources


def _checked(tables: Written, before: Previous | None) -> list[str]:
    """Hold the rows to what the manifest promises of them; what is worth saying of file names in them."""
    keys.check(tables)
    return image_names.compare(tables, before)


def _with_lock(report: Report, manifest: Path, lock: Lock) -> Report:
    """Write the lock: the version is out, so that what fails here is a warning."""
    try:
        with store.storage_errors(str(lock_path(manifest))):
            write_lock(manifest, lock)
    except StoreError as error:
        return replace(
            report, warnings=(*report.warnings, f"the lock was not written: {error.what} ({error.where})")
        )
    return report


class Attempt:
    """An attempt at a version: its name, its workers, and, once it has begun, room for what it makes."""

    run: Run

    def __init__(self, package: Place) -> None:
        self.package, self.name = package, uuid.uuid4().hex
        self._begun = False

    def begin(self, needed: Sequence[Path]) -> Place:
        """Make room; the place that is given is staged where all workers can write.

        `needed` are the folders that all of them read.
        """
        with store.storage_errors(self.package.uri):
            self.package.begin(self.name)
        self._begun = True
        _refuse_blind(self.run, needed)
        self.package = self.package.reached(self.name, lambda folder: (self.run.blind([folder]) or ("",))[0])
        return self.package

    def finished(self) -> None:
        """What was computed need not be kept for the next attempt: it is out, or nothing was interrupted."""
        if self._begun:
            self.package.staging(FINISHED).clear()

    def end(self) -> None:
        """Leave nothing half-made."""
        if self._begun:
            self.package.end(self.name)


@contextmanager
def attempt_in(
    package: Place, engine: Engine, workers: int | None, *, bare: bool = False
) -> Iterator[Attempt]:
    """Name an attempt and make its workers ready; whatever happens, leave nothing half-made.

    In `bare` workers no function of a user's will run.
    """
    attempt = Attempt(package)
    try:
        with engine.session(workers, bare=bare) as attempt.run:
            yield attempt
        attempt.finished()
    except LockedError:
        attempt.finished()
        raise
    finally:
        attempt.end()


def _needed(loaded: LoadedManifest, planned: Plan) -> list[Path]:
    """The folders of this machine that hold what workers read: files of sources, and what functions need."""
    folders = {
        folder
        for one in planned.resources
        if len(one.stale)
        for folder in one.files.take(one.stale).folders()
    }
    return sorted({*folders, *function_folders(loaded)})


def _refuse_blind(run: Run, needed: Sequence[Path]) -> None:
    blind = run.blind(needed)
    if blind is not None:
        machine, folder = blind
        fix = "put it on a disk that all machines see at the same path; what was fetched or unpacked lies in DATAPKG_CACHE"
        raise SourceError(f"does not see {folder}, which holds files that are to be read", machine, fix)


def _refuse_clashes(contents: Sequence[Content]) -> None:
    seen: dict[str, Content] = {}
    for content in contents:
        name = content.table.name.casefold()
        if name in seen:
            raise SchemaError(
                f"two tables would be named {content.table.name!r}",
                f"resources {seen[name].table.resource} and {content.table.resource}",
                "rename one of the resources",
            )
        seen[name] = content
