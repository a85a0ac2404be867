"""What a build would do, in the manner of `git status`: nothing is written, and nothing that a manifest names is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import plan
from .changes import Change
from .checking import pattern_mistakes
from .collecting import rarely_collected
from .deriving.due import to_derive
from .lock import fetcher_of
from .manifest import Manifest, normal
from .manifest.load import LoadedManifest, load
from .manifest.mistakes import all_of
from .overlooked import overlooked
from .places import Place, place
from .records import Record

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Pending:
    """What a build would do; `version` is the package's newest, 0 where there is none yet.

    `derived` names the columns and tables that would be computed, as a whole or in part, and why; `dropped` derived
    columns that would go.
    """

    package: str
    name: str
    version: int
    manifest_changed: bool
    resources: Mapping[str, Change]
    gone: tuple[str, ...]
    warnings: tuple[str, ...]
    derived: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is nothing to do."""
        changed = (
            self.manifest_changed or self.gone or self.derived or self.dropped or any(self.resources.values())
        )
        return self.version > 0 and not changed

    def as_json(self) -> dict[str, Any]:
        """The status as plain values."""
        return {"ok": self.ok, **asdict(self)}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        if not self.version:
            yield f"{self.package}: no version yet; a build makes version 1 of {self.name}"
        elif self.ok:
            yield f"{self.package}: version {self.version} of {self.name} is up to date"
        else:
            yield f"{self.package}: a build makes version {self.version + 1} of {self.name}"
        if self.manifest_changed and not (self.derived or any(self.resources.values())):
            yield "  the manifest changed, but nothing that its tables are made of"
        for name, change in self.resources.items():
            yield from _resource(name, change)
        for name, why in self.derived.items():
            yield f"  {name}: computed, since {why}"
        for table in self.gone:
            yield f"  table {table}: not in the manifest any more"
        for column in self.dropped:
            yield f"  {column}: not in the manifest any more"
        for warning in self.warnings:
            yield f"warning   {warning}"


@rarely_collected()
def status(
    manifest: str | Path,
    package: str | Path | Place | None = None,
    *,
    root: str | Path | None = None,
    allow: Mapping[str, str | Path] | None = None,
    rehash: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Pending:
    """Say what a build would do.

    Parameters
    ----------
    manifest, package, root, allow, rehash, storage_options
        As for `datapkg.build`.

    Raises
    ------
    DatapkgError
        What would stop the build before it reads a file.
    """
    places = {name: Path(folder) for name, folder in (allow or {}).items()}
    loaded = load(Path(manifest), None if root is None else Path(root), places)
    shown = package or f"{loaded.manifest.name}.datapkg"
    before = plan.previous(place(shown, storage_options), loaded.manifest.name, rehash)
    with fetcher_of(loaded, offline=True) as fetcher:
        planned = plan.plan(loaded, before, allow_removals=True, rehash=rehash, fetcher=fetcher)
    _refuse_names(loaded, planned)
    old = before.record if before else None
    derived = to_derive(loaded, {one.resource.name: one.change for one in planned.resources}, old)
    return Pending(
        package=str(shown),
        name=loaded.manifest.name,
        version=old.version if old else 0,
        manifest_changed=old is not None and old.manifest_digest != normal.manifest_digest(loaded.manifest),
        resources={one.resource.name: one.change for one in planned.resources},
        gone=tuple(_gone(loaded.manifest, old)) if old else (),
        warnings=(*planned.warnings, *_overlooked(loaded, planned), *_refused(planned, before)),
        derived=derived,
        dropped=tuple(_dropped(loaded.manifest, old)) if old else (),
    )


def _refuse_names(loaded: LoadedManifest, planned: plan.Plan) -> None:
    """Refuse files to be read whose paths do not fit their pattern, as a build does when it comes to them."""
    mistakes = [
        mistake
        for number, one in enumerate(planned.resources)
        if (pattern := one.resource.pattern) is not None
        for mistake in pattern_mistakes(
            one.resource,
            pattern,
            one.files.take(one.stale),
            loaded.place("resources", number, "pattern"),
        )
    ]
    if mistakes:
        raise all_of(str(loaded.path), mistakes)


def _overlooked(loaded: LoadedManifest, planned: plan.Plan) -> list[str]:
    paths = {one.resource.name: one.files.paths for one in planned.resources}
    return overlooked(loaded.root, loaded.manifest.resources, paths)


def _gone(manifest: Manifest, old: Record) -> list[str]:
    """Tables that the manifest does not make any more."""
    names = {*(one.name for one in manifest.resources), *(one.into for one in manifest.derive)}
    return [table.name for table in old.tables if table.resource not in names]


def _dropped(manifest: Manifest, old: Record) -> list[str]:
    """Derived columns that the manifest does not name any more, of tables that stay."""
    wanted = {(one.table, name) for one in manifest.derive for name in one.columns[:1]}
    gone = _gone(manifest, old)
    made = [
        (table.name, one.columns[0])
        for table in old.tables
        for one in table.lineage
        if one.table == table.name
    ]
    return [
        f"{table}.{column}" for table, column in made if (table, column) not in wanted and table not in gone
    ]


def _refused(planned: plan.Plan, before: plan.Previous | None) -> Iterator[str]:
    """What stops a build that is not told to allow removals."""
    if before is None:
        return
    for one in planned.resources:
        name = one.resource.name
        refused = plan.suspicious(name, one.change.removed, len(before.of(name)))
        if refused is not None:
            yield f"{refused.where}: {refused.what}; if that is on purpose, build with --allow-removals"


def _resource(name: str, change: Change) -> Iterator[str]:
    if not change:
        return
    counts = [
        f"{len(paths):,} {what}"
        for what, paths in (("new", change.added), ("changed", change.changed), ("gone", change.removed))
        if paths
    ]
    if change.moved:
        counts.append("in another order")
    why = f"read again, since {change.why}" if change.why and change.why != "it is new" else change.why
    yield f"  {name}: {', '.join([*counts, why] if why else counts)}"
    if change.why == "it is new":
        return
    for mark, paths in (("+", change.added), ("~", change.changed), ("-", change.removed)):
        for path in paths[:SHOWN]:
            yield f"    {mark} {path}"
        if len(paths) > SHOWN:
            yield f"    {mark} ... and {len(paths) - SHOWN:,} more"
