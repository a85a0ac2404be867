"""One resource of a draft: its files, and what is to be said of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from ..manifest.names import suggested_table_name
from ..manifest.tables import CH5_PARTS
from ..reading import SourceFile
from .keys import Cells, ForeignKey
from .pattern import Guess


@dataclass(slots=True)
class Entry:
    """A resource in the making.

    `files` are those that it reads, `empty` those of 0 bytes, `broken` those that a build would refuse, with the
    reason. `path` matches all of these, and nothing else but `strangers`. `about` says in words what the resource is;
    the fields behind that belong to one kind or another.
    """

    kind: str
    name: str
    files: Sequence[SourceFile]
    empty: Sequence[str] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    about: str = ""
    guess: Guess | None = None
    odd_name: str = ""
    keep: str = ""
    cells: Cells | None = None
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def paths(self) -> list[str]:
        """Every file that the resource's path should match, before anything is excluded."""
        return sorted([*(file.path for file in self.files), *self.empty, *self.broken])


def name_apart(entries: Iterable[Entry]) -> None:
    """Give entries names that tables may have and that differ, also from those of the tables that others make."""
    taken: list[str] = []
    for entry in entries:
        entry.name = next(name for name in _names(entry) if not any(_clash(name, other) for other in taken))
        taken.append(entry.name)


def _names(entry: Entry) -> Iterator[str]:
    """The name that is wanted, the same with the folder that it is in, the same with numbers."""
    name = suggested_table_name(entry.name)
    yield name
    folder = entry.files[0].path.split("/")[0]
    if "/" in entry.files[0].path and folder != name and all(p.startswith(f"{folder}/") for p in entry.paths):
        yield f"{suggested_table_name(folder)}_{name}"
    yield from (f"{name}_{number}" for number in count(2))


def _clash(name: str, other: str) -> bool:
    one, two = name.casefold(), other.casefold()
    return one == two or _makes(one, two) or _makes(two, one)


def _makes(resource: str, table: str) -> bool:
    return bool(re.fullmatch(f"{re.escape(resource)}_(files|{CH5_PARTS})", table, re.IGNORECASE))
