"""Put CellH5 movies into a resource: all together, unless their columns do not fit one table."""

from __future__ import annotations

from collections.abc import Sequence

from .. import sources
from ..errors import SchemaError
from ..manifest import Resource
from ..reading import SourceFile
from ..sources.base import Scan
from .entry import Entry
from .glance import scan, spread

SAMPLE = 100
SHOWN_TABLES = 4


def movie_entries(files: Sequence[SourceFile]) -> list[Entry]:
    """Make resources of CellH5 files."""
    if not files:
        return []
    resource = Resource(name="movies", path=("**",), type="ch5")
    full = [file for file in files if file.bytes]
    looked = spread(full, SAMPLE)
    scans, broken = _looked(looked, resource)
    if broken and len(looked) < len(full):
        scans, broken = _looked(full, resource)
    good = [file for file in full if file.path not in broken]
    entry = Entry("ch5", "movies", good, [file.path for file in files if not file.bytes], broken)
    try:
        tables = [
            table.name
            for table in sources.get("ch5")
            .decide(resource, [(file.path, scan) for file, scan in scans])
            .tables
        ]
    except SchemaError:
        alone = [Entry("ch5", "movies", [file], about="1 CellH5 file.") for file in good]
        return [*alone, Entry("ch5", "movies", [], entry.empty, broken)]
    entry.about = _about(len(good), len(scans), tables)
    return [entry]


def _looked(
    files: Sequence[SourceFile], resource: Resource
) -> tuple[list[tuple[SourceFile, Scan]], dict[str, str]]:
    """What the files' structure tells, and which are broken."""
    scans: list[tuple[SourceFile, Scan]] = []
    broken: dict[str, str] = {}
    for file in files:
        told = scan(file, resource)
        if isinstance(told, str):
            broken[file.path] = told
        else:
            scans.append((file, told))
    return scans, broken


def _about(files: int, looked: int, tables: Sequence[str]) -> str:
    number = f"{files:,} CellH5 file{'s' * (files != 1)}"
    sample = f" Only {looked:,} of them were looked at; a build reads all." if looked < files else ""
    endings = [name.removeprefix("movies") for name in tables if name != "movies"]
    more = f" and {len(endings) - SHOWN_TABLES} more" if len(endings) > SHOWN_TABLES else ""
    others = (
        f"; {len(endings)} other tables end in {', '.join(endings[:SHOWN_TABLES])}{more}" if endings else ""
    )
    return f"{number}.{sample} The table of this name has the image planes{others}."
