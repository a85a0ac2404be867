"""What a verification found: every fault with its place, what was covered, and what is worth knowing beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .report import count_of, size

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it was written. `file` is a path in the package, `row` the row's position in the table."""

    what: str
    file: str = ""
    table: str = ""
    source: str = ""
    row: int | None = None

    def __str__(self) -> str:
        places = [
            self.file,
            f"table {self.table}" if self.table else "",
            f"source {self.source}" if self.source else "",
            "" if self.row is None else f"row {self.row}",
        ]
        where = ", ".join(place for place in places if place)
        return f"{where}: {self.what}" if where else self.what


@dataclass(frozen=True, slots=True, repr=False)
class Verification:
    """The outcome of verifying a package. `ok` is True where nothing was found wrong.

    `unused` names files that no version uses, which is no fault: builds that were stopped leave some, and other
    programs. `digest` is that of the newest version that was covered.
    """

    package: str
    versions: tuple[int, ...]
    digest: str
    found: tuple[Fault, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]
    files: int
    bytes: int
    how: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether all is as it was written."""
        return not self.found

    @property
    def faults(self) -> pd.DataFrame:
        """The faults, one a row: file, table, source, row, what."""
        import pandas as pd

        columns = {
            name: pd.Series([getattr(fault, name) for fault in self.found], dtype="str")
            for name in ("file", "table", "source", "what")
        }
        columns["row"] = pd.Series([fault.row for fault in self.found], dtype="Int64")
        return pd.DataFrame(columns)[["file", "table", "source", "row", "what"]]

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return {
            "ok": self.ok,
            "package": self.package,
            "versions": list(self.versions),
            "digest": self.digest,
            "faults": [asdict(fault) for fault in self.found],
            "unused": list(self.unused),
            "notes": list(self.notes),
            "files": self.files,
            "bytes": self.bytes,
            "how": self.how,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__  # the last line of a notebook's cell shows the outcome

    def _lines(self) -> Iterator[str]:
        covered = numbered(self.versions) if self.versions else "no version"
        if self.ok:
            verb = "is" if len(self.versions) == 1 else "are"
            yield f"{self.package}: {covered} {verb} as written ({self.how})"
        else:
            count = count_of(len(self.found), "fault", "faults")
            yield f"{self.package}: {count} ({covered}; {self.how})"
        yield from _listed("fault", [str(fault) for fault in self.found])
        if self.unused:
            yield f"unused    {len(self.unused):,} files that no version uses, first {self.unused[0]}"
        yield from _listed("note", self.notes)
        yield f"hashed    {self.files:,} files, {size(self.bytes)}, in {self.seconds:.1f} s"
        if self.digest:
            yield f"digest    {self.digest}"


def numbered(versions: Sequence[int]) -> str:
    """Name versions as people do.

    Examples
    --------
    >>> numbered([2]), numbered([1, 2, 3]), numbered([1, 4, 5])
    ('version 2', 'versions 1 to 3', 'versions 1, 4 and 5')
    """
    if len(versions) == 1:
        return f"version {versions[0]}"
    if len(versions) > 2 and versions[-1] - versions[0] == len(versions) - 1:
        return f"versions {versions[0]} to {versions[-1]}"
    return f"versions {', '.join(map(str, versions[:-1]))} and {versions[-1]}"


def _listed(head: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines[:SHOWN]:
        yield f"{head:<9} {line}"
    if len(lines) > SHOWN:
        yield f"{head:<9} ... and {len(lines) - SHOWN:,} more; `--json` lists all"
