"""What makes two rows the same row: the declared primary key, the key that a kind of table has by nature, or the
place in the source file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ManifestError

if TYPE_CHECKING:
    from ..manifest import Resource
    from ..table import Table

POSITION = ("plate", "well", "site")
OBJECT = (*POSITION, "object_name", "object_index")
NATURAL: Mapping[str, Sequence[str]] = {
    "images": ("path", "series", "page"),
    "files": ("path",),
    "planes": (*POSITION, "kind", "index", "t", "z"),
    "objects": OBJECT,
    "features": OBJECT,
    "feature_names": ("path", "object_name", "position"),
    "classes": ("path", "object_name", "index"),
    "channels": ("path", "index"),
    "regions": ("path", "index"),
    "tracks": (*POSITION, "kind", "object_name", "event", "from_index", "to_index"),
    "attributes": ("path", "hdf5_path"),
}
PLANES = ("t", "c", "z")
"""With ``rows: plane`` an image table has these too."""
SOURCE = ("source_path", "source_row")


@dataclass(frozen=True, slots=True)
class Identity:
    """The columns that a row is known by; none where it is known by its source file and its row there.

    `retyped` are key columns whose type changed: their values are compared as text. `origin` are columns that only
    say where a row is from, the file first: a row that moved is the same row.
    """

    columns: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(self.columns) or "source file and row"


def identity(old: Table, new: Table) -> Identity:
    """Choose what rows of two states of a table are matched by; the newer one's manifest has the word."""
    resource, notes = _resource(new)
    declared = resource.table_schema.primary_key if resource else ()
    both = {name for name in new.columns if name in old.columns}
    ours = resource is None or resource.many or resource.source
    origin = SOURCE if new.kind == "table" and ours else ("path",)
    for key in (declared, _natural_key(old, new)):
        lacking = [name for name in key if name not in both]
        if key and not lacking:
            types = [{column.name: column.type for column in table.record.columns} for table in (old, new)]
            retyped = tuple(name for name in key if types[0][name] != types[1][name])
            notes += [f"the key column {name} has another type: it is matched as text" for name in retyped]
            moved = tuple(name for name in origin if name in both and name not in key)
            return Identity(tuple(key), retyped, moved, tuple(notes))
        if key is declared and lacking:
            notes.append(f"the primary key is not used, because both versions do not have {lacking[0]}")
    return Identity(origin=tuple(name for name in origin if name in both), notes=tuple(notes))


def _natural_key(old: Table, new: Table) -> Sequence[str]:
    if old.kind != new.kind:
        return ()
    planes = [name for name in PLANES if new.kind == "images" and name in new.columns]
    return (*NATURAL.get(new.kind, ()), *planes)


def _resource(table: Table) -> tuple[Resource | None, list[str]]:
    """What the version's manifest says of a table that has its resource's name, and what there is to note."""
    from ..manifest.normal import parse_recorded

    record = table.package.record
    try:
        manifest = parse_recorded(record.manifest, record.manifest_digest)
    except ManifestError:
        return None, [
            "the recorded manifest is of another release of datapkg: a primary key in it is not known"
        ]
    return next((one for one in manifest.resources if one.name == table.name), None), []
