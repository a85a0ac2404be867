"""What a version's two files say: the record, and the list of its files with the order of its rows.

Members that this datapkg does not know are left alone: a later one may add some without locking older readers out.
What older readers must not misread raises `FORMAT`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar

from .errors import DamageError, NoTableError, VersionError, nearest

FORMAT = 1
ALL_TABLES = ""
"""What a record's warnings about several tables together stand under; others stand under their resource."""
INSIDE = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.lance(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$")

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class ColumnRecord:
    """A column: its true name, the name Lance knows it by, its logical type, nulls in this version, digest.

    `image` marks a column of images; `why` says how the type was decided. `derived` marks what a function has computed
    for the table's rows: its digest stands beside that of the table, not in it.
    """

    name: str
    stored: str
    type: str
    nulls: int
    digest: str
    image: bool = False
    why: str = ""
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Lineage:
    """How derived columns, or a derived table, were made: one entry of the manifest's `derive`.

    Parameters
    ----------
    table
        What was read: the table itself for derived columns, another one for a derived table. Its pin in the same
        record names the state.
    columns
        What came of it, with the columns that go with images.
    function, code, packages, args
        What was called: its name, the BLAKE3 of its source files, the versions of the distributions that these are
        from or import, and the arguments; `files` has the hashes of the files that arguments name.
    inputs
        The columns that were read, with their digests.
    output
        The types of `columns`, as text.
    proof
        ``values`` or ``recipe``: what a rebuild must prove equal.
    recipe
        The BLAKE3 of all that decides the values beside the inputs. Where it is another, all is computed again.
    identity
        The BLAKE3 of what ``proof: recipe`` covers: the recipe without the versions of imported distributions.
    """

    table: str
    columns: tuple[str, ...]
    function: str
    code: str
    packages: dict[str, str]
    args: dict[str, Any]
    inputs: dict[str, str]
    output: tuple[str, ...]
    proof: str
    recipe: str
    identity: str
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pin:
    """Which state of a Lance table a version means: its number, its manifest file with BLAKE3, the tag that keeps it."""

    lance_version: int
    manifest: str
    blake3: str
    tag: str


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table of one version: where it is stored, and what is in it. `pin` is None until it is stored.

    `digest` is that of the rows without derived columns; `lineage` tells of these, or how the whole table was derived.
    """

    name: str
    kind: str
    resource: str
    rows: int
    digest: str
    settings: str
    pin: Pin | None
    image_bytes: dict[str, int]
    columns: tuple[ColumnRecord, ...]
    lineage: tuple[Lineage, ...] = ()

    @property
    def own(self) -> tuple[ColumnRecord, ...]:
        """The columns that the rows were stored with: all but derived ones."""
        return tuple(column for column in self.columns if not column.derived)

    @property
    def derived(self) -> tuple[ColumnRecord, ...]:
        """The columns that were computed from others."""
        return tuple(column for column in self.columns if column.derived)

    @property
    def origin(self) -> Lineage | None:
        """How the whole table was derived from another one; None for a table of a resource."""
        return next((one for one in self.lineage if one.table != self.name), None)

    @property
    def content(self) -> tuple[object, ...]:
        """What is equal where two tables of a name hold the same, derived columns included."""
        return self.digest, tuple((column.name, column.type, column.digest) for column in self.derived)

    @property
    def stored(self) -> Pin:
        """Where the table is stored."""
        if self.pin is None:
            raise RuntimeError(f"table {self.name} is not stored yet")
        return self.pin

    def same(self, other: TableRecord) -> bool:
        """Whether another table holds the same content in the same form."""

        def form(table: TableRecord) -> tuple[object, ...]:
            columns = tuple((c.name, c.stored, c.type, c.image, c.derived) for c in table.columns)
            made = tuple((one.columns, one.recipe, one.proof) for one in table.lineage)
            return table.name, table.kind, table.resource, table.settings, table.content, columns, made

        return form(self) == form(other)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a package of chosen tables or rows was taken from, and what was chosen.

    `address` is where the other package lay; of a folder its name alone, since the rest of a path is this machine's own.
    `where` is None where all rows of the tables were taken.
    """

    address: str
    version: int
    digest: str
    tables: tuple[str, ...]
    where: str | None

    def __str__(self) -> str:
        rows = f", rows with {self.where}" if self.where else ""
        origin = f"version {self.version} of {self.address}, digest {self.digest[:16]}"
        return f"from {origin}: {', '.join(self.tables)}{rows}"


@dataclass(frozen=True, slots=True)
class Record:
    """One version of the whole package.

    `readers` holds by resource what its files were read with; `files` is the BLAKE3 of the files list, `previous`
    that of the record before. `taken_from` tells of a package that was not built, but chosen from another.
    """

    format: int
    name: str
    version: int
    created: str
    attempt: str
    datapkg: str
    readers: dict[str, dict[str, str | int]]
    manifest: str
    manifest_digest: str
    facts: str
    digest: str
    files: str
    previous: str | None
    sources: TableRecord
    tables: tuple[TableRecord, ...]
    warnings: dict[str, list[str]] = field(default_factory=dict)
    taken_from: Selection | None = None

    def table(self, name: str) -> TableRecord:
        """The table's record, by its name."""
        for table in self.tables:
            if table.name == name:
                return table
        raise NoTableError(
            f"there is no table {name!r}", self.name, nearest(str(name), [t.name for t in self.tables])
        )


@dataclass(frozen=True, slots=True)
class FilesList:
    """A version's files by table, as (role, path, bytes, BLAKE3), and the order of its rows.

    Roles are ``manifest``, ``data``, ``deletion`` and ``index``. `runs` holds per table fragment, first row and number
    of rows, one run after the other, in manifest order; rows are counted as they lie in the fragment's files. `pixels`
    holds per table and stored column where equal images lie as raw numbers: ``dtype``, ``shape``, and in ``fragments``
    by number the data file, then for each of its pages the rows and the byte where it begins. For a column of bytes the
    dtype is ``blobs``, and a page has four numbers: rows, the byte where they begin, that where their index begins, and
    the bytes of an entry of it. `placed` holds per table, stored column and fragment where other images lie (`docs/adr`).
    """

    version: int
    files: dict[str, list[list[Any]]]
    runs: dict[str, list[int]] = field(default_factory=dict)
    pixels: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    placed: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def data_sizes(self, table: str) -> dict[str, int]:
        """The bytes of each data file of a table, by its path."""
        return {path: int(size) for role, path, size, _ in self.files[table] if role == "data"}


def record_document(record: Record) -> dict[str, Any]:
    """The record as JSON values; what is as it usually is, is left out of columns."""
    document = asdict(record)
    for table in (*document["tables"], document["sources"]):
        table["columns"] = [_short(column) for column in table["columns"]]
        if not table["lineage"]:
            del table["lineage"]
    if document["taken_from"] is None:
        del document["taken_from"]
    return document


def record_of(document: dict[str, Any], where: str) -> Record:
    """Read a record from JSON values.

    Raises
    ------
    VersionError
        Its format is newer than this datapkg reads.
    """
    if document["format"] > FORMAT:
        raise VersionError(
            f"its format {document['format']} is newer than this datapkg reads ({FORMAT})",
            where,
            f"install datapkg {document['datapkg']} or newer",
        )
    document["tables"] = tuple(_table(table) for table in document["tables"])
    document["sources"] = _table(document["sources"])
    if chosen := document.get("taken_from"):
        document["taken_from"] = known(Selection, {**chosen, "tables": tuple(chosen["tables"])})
    return known(Record, document)


def files_of(document: dict[str, Any], where: str) -> FilesList:
    """Read a files list from JSON values. Raises DamageError where it names a file outside of the package."""
    listed = known(FilesList, document)
    for files in listed.files.values():
        for _, path, _, _ in files:
            if not INSIDE.match(path):
                raise DamageError(
                    f"lists a file at {path!r}, which is no place for one", where, "do not use the package"
                )
    return listed


def known(kind: type[Known], document: Mapping[str, Any]) -> Known:
    """Make a value of the members that are known."""
    names = _members(kind)  # type: ignore[arg-type]
    return kind(**{name: value for name, value in document.items() if name in names})


@cache
def _members(kind: type[Any]) -> frozenset[str]:
    return frozenset(one.name for one in fields(kind))


def _short(column: dict[str, Any]) -> dict[str, Any]:
    usual = {"stored": column["name"], "image": False, "why": "", "derived": False}
    return {name: value for name, value in column.items() if usual.get(name, ...) != value}


def _table(document: dict[str, Any]) -> TableRecord:
    document["columns"] = tuple(map(_column, document["columns"]))
    document["pin"] = known(Pin, document["pin"])
    document["lineage"] = tuple(_lineage(made) for made in document.get("lineage", ()))
    return known(TableRecord, document)


def _lineage(document: dict[str, Any]) -> Lineage:
    lists = {name: tuple(document[name]) for name in ("columns", "output")}
    return known(Lineage, {**document, **lists})


def _column(document: dict[str, Any]) -> ColumnRecord:
    """Written out, since a package of thousands of columns opens twice as fast so."""
    name, get = document["name"], document.get
    return ColumnRecord(
        name,
        get("stored", name),
        document["type"],
        document["nulls"],
        document["digest"],
        get("image", False),
        get("why", ""),
        get("derived", False),
    )
