"""What a build did, as an object and as the text that the command line prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
SHOWN_WARNINGS = 50


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table: what is in it, and what holding its images costs.

    `image_bytes` is bytes by column, empty for tables without images; of packed images ``image_array_unpacked`` says
    what they would take unpacked. `why` says for each column whose type was decided how, as `datapkg show` does.
    """

    name: str
    kind: str
    rows: int
    columns: int
    files: int
    image_bytes: Mapping[str, int]
    written: bool
    why: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourcesReport:
    """The files that were read: how many, their bytes, and how many were as in the version before."""

    files: int
    bytes: int
    unchanged: int


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What a build did. `created` is False where the package already held exactly this."""

    package: str
    name: str
    version: int
    release: str | None
    created: bool
    digest: str
    tables: tuple[TableReport, ...]
    sources: SourcesReport
    stored_bytes: int
    warnings: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Report:
        """A report from plain values."""
        return cls(
            **{
                **values,
                "tables": tuple(TableReport(**table) for table in values["tables"]),
                "sources": SourcesReport(**values["sources"]),
                "warnings": tuple(values["warnings"]),
            }
        )

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__  # the last line of a notebook's cell shows the report

    def _lines(self) -> Iterator[str]:
        named = f" (release {self.release})" if self.release else ""
        if self.created:
            yield f"{self.package}: version {self.version}{named} of {self.name}"
        else:
            yield f"{self.package}: nothing changed; version {self.version}{named} of {self.name} already holds this"
        yield ""
        yield from aligned([("table", "kind", "rows", "columns", "files", ""), *map(_row, self.tables)])
        yield ""
        kept = _keep([table.image_bytes for table in self.tables])
        if kept:
            yield f"images    {kept}"
        yield f"sources   {_files(self.sources.files)}, {size(self.sources.bytes)}{_unchanged(self.sources)}"
        yield f"stored    {size(self.stored_bytes)}"
        yield f"time      {self.seconds:.1f} s"
        yield f"digest    {self.digest}"
        for warning in self.warnings[:SHOWN_WARNINGS]:
            yield f"warning   {warning}"
        if len(self.warnings) > SHOWN_WARNINGS:
            yield f"warning   ... and {len(self.warnings) - SHOWN_WARNINGS} more; `datapkg show` lists all"


def size(count: int) -> str:
    """Write a number of bytes as people read it.

    Examples
    --------
    >>> size(512), size(2_500_000)
    ('512 B', '2.5 MB')
    """
    value = float(count)
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def _row(table: TableReport) -> tuple[str, ...]:
    state = "" if table.written else "as before"
    return table.name, table.kind, f"{table.rows:,}", str(table.columns), str(table.files), state


def _keep(tables: Sequence[Mapping[str, int]]) -> str:
    """What holding images costs, and what packing saves or would save."""
    files = sum(held.get("image_bytes", 0) for held in tables)
    unpacked = sum(held.get("image_array_unpacked", 0) for held in tables)
    packed = sum(held.get("image_array", 0) for held in tables if "image_array_unpacked" in held)
    nested = sum(held.get("image_array", 0) for held in tables) - packed
    parts = []
    if files:
        parts.append(f"{size(files)} as files (keep: bytes)")
    if nested:
        parts.append(f"{size(nested)} as pixels (keep: array)")
    if packed:
        parts.append(f"{size(packed)} as packed pixels (array: packed), {size(unpacked)} unpacked")
    if not nested:
        return " + ".join(parts)
    pixels = "the other pixels" if packed else "the pixels"
    return f"{' + '.join(parts)}; `array: packed` would compress {pixels} without loss"


def count_of(count: int, one: str, many: str) -> str:
    """A number and its noun."""
    return f"{count:,} {one if count == 1 else many}"


def _files(count: int) -> str:
    return count_of(count, "file", "files")


def _unchanged(sources: SourcesReport) -> str:
    return f" ({sources.unchanged:,} unchanged)" if sources.unchanged else ""


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = (2, 3, 4)) -> Iterator[str]:
    """Set rows of cells as columns; those numbered in `right` are numbers."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
