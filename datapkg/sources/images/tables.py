"""The tables of an images resource: the images, and where sets of files are kept as they are, their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ...encoding import Layout, layout_of
from ...errors import ManifestError, SchemaError, SourceError
from ...manifest.pattern import PathPattern
from ..base import Column, Decision, Scan, TableSchema, Told
from ..image_columns import image_columns

if TYPE_CHECKING:
    from ...manifest.models import Resource

Kind = tuple[str, tuple[int, ...]]

ARROW_TYPES = {"string": pa.string(), "int64": pa.int64(), "double": pa.float64()}
FILE_COLUMNS = (Column("path", pa.string(), "string"), Column("file_name", pa.string(), "string"))
HASH_COLUMNS = (Column("filesize_bytes", pa.int64(), "int64"), Column("sha256", pa.string(), "string"))
PLACE_COLUMNS = {"image": ("series", "page"), "plane": ("series", "page", "t", "c", "z")}


def files_table(resource: Resource) -> str:
    """The table that holds the members of sets."""
    return f"{resource.name}_files"


def decide(resource: Resource, scans: Sequence[tuple[str, Scan]]) -> Decision:
    """Decide the tables of a resource from all files' evidence.

    Raises
    ------
    SchemaError
        No column holds all images exactly.
    SourceError
        Files do not agree on which of them make one image.
    """
    alike = list(Told.of(scans).alike())
    if any(scan.lead or scan.members for _, scan, _ in alike):
        _check_sets(dict(scans))
    first: dict[Kind, str] = {}
    counts: Counter[Kind] = Counter()
    for path, scan, files in alike:
        for dtype, shape, count in scan.evidence.get(resource.name, {}).get("images", ()):
            key = (dtype, tuple(shape))
            first.setdefault(key, path)
            counts[key] += files * count
    layout = _layout(first, resource)
    pattern = {} if resource.pattern is None else PathPattern(resource.pattern).columns
    where = [Column(name, pa.int32(), "int32") for name in PLACE_COLUMNS[resource.rows]]
    columns = (
        *FILE_COLUMNS,
        *(Column(name, ARROW_TYPES[kind], kind, why="from the path") for name, kind in pattern.items()),
        *HASH_COLUMNS,
        *image_columns(layout, resource.keep, where=where, why=why_kinds(counts)),
    )
    twice = [name for name, count in Counter(c.name for c in columns).items() if count > 1]
    if twice:
        what = f"the pattern's column {twice[0]!r} is one that every image table has"
        raise ManifestError(what, f"resource {resource.name}", "give it another name in `pattern`")
    tables = [TableSchema(resource.name, "images", columns)]
    if any(files_table(resource) in scan.evidence for _, scan, _ in alike):
        content = Column("image_bytes", pa.large_binary(), "binary")
        tables.append(TableSchema(files_table(resource), "files", (FILE_COLUMNS[0], *HASH_COLUMNS, content)))
    return Decision(tuple(tables))


def _check_sets(scans: Mapping[str, Scan]) -> None:
    """Make sure that each file's planes are in one row: its own, or that of the lead that names it."""
    for path, scan in scans.items():
        if scan.lead and path not in {member.path for member in scans.get(scan.lead, scan).members}:
            raise SourceError(
                f"it says that {scan.lead} and it make one image, but {scan.lead} does not say so",
                path,
                f"exclude one of them; `tiffcomment {path}` shows what the file says",
            )
        for member in scan.members:
            other = scans.get(member.path)
            if other is not None and other.lead != path and other.evidence:
                raise SourceError(
                    f"is a part of the image that {path} leads, and an image of its own too",
                    member.path,
                    f"leave it out with `exclude`: it is found all the same, beside {path}",
                )


def _layout(first: dict[Kind, str], resource: Resource) -> Layout:
    try:
        return layout_of(resource.array, first)
    except SchemaError as error:
        of_type = {dtype: (path, shape) for (dtype, shape), path in reversed(first.items())}
        for (one, (path, _)), (other, (other_path, _)) in combinations(reversed(of_type.items()), 2):
            try:
                layout_of(resource.array, [(one, (1, 1)), (other, (1, 1))])
            except SchemaError:
                what = f"{error.what}: {path} has {one}, {other_path} has {other}"
                raise SchemaError(what, f"resource {resource.name}", error.fix) from None
        raise


def why_kinds(counts: Counter[Kind]) -> str:
    """How many images there are of which kind, the most frequent first, and what storing their pixels takes."""
    kinds = [f"{n} of {dtype} {' x '.join(map(str, shape))}" for (dtype, shape), n in counts.most_common(3)]
    if len(counts) > 3:
        kinds.append(f"and {len(counts) - 3} more kinds")
    size = sum(
        n * np.dtype(dtype).itemsize * int(np.prod(shape, dtype=object))
        for (dtype, shape), n in counts.items()
    )
    return f"{', '.join(kinds)}; {size:,} bytes of pixels" if kinds else "there is no image"
