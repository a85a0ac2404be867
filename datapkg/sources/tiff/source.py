"""TIFF and OME-TIFF files as rows of an image table: one row a series, or one a plane.

Scanning reads headers only, and refuses files whose pixels are not all there; pixels are decoded once, when rows
are made, from the same bytes that are hashed. Shapes and axes are those that are stored: an RGB image stays
``(Y, X, S)``, a palette image keeps its indices and its colour map is in `metadata`, 12 bits come as uint16.
Of a pyramid the full resolution is the image. A file whose planes stand in other files too is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ...encoding import Layout, layout_of
from ...errors import ManifestError, SchemaError, SourceError
from ...manifest.pattern import PathPattern
from ..base import Column, Decision, Scan, TableSchema
from ..image_columns import file_bytes, image_arrays, image_columns, record_batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...manifest.models import Resource
    from ...reading import Reading, SourceFile
    from .rows import Row, Rows

ARROW_TYPES = {"string": pa.string(), "int64": pa.int64(), "double": pa.float64()}
FILE_COLUMNS = (Column("path", pa.string(), "string"), Column("file_name", pa.string(), "string"))
HASH_COLUMNS = (Column("filesize_bytes", pa.int64(), "int64"), Column("sha256", pa.string(), "string"))
PLACE_COLUMNS = {"image": ("series", "page"), "plane": ("series", "page", "t", "c", "z")}


class TiffSource:
    """The format of TIFF files."""

    kind = "images"
    reads = 1
    libraries = ("tifffile", "imagecodecs")

    def scan(self, reading: Reading, resource: Resource) -> Scan:
        """Read a file's headers; evidence is how many images of which dtype and shape it has."""
        from .checks import unused_pages
        from .rows import check, shapes

        file = reading.file
        if resource.pattern is not None:
            PathPattern(resource.pattern).match(file.path)
        content = reading.content()
        if _skipped(content, file.path, resource):
            return Scan({}, (f"{file.path}: empty, skipped",))
        seen: Counter[tuple[str, tuple[int, ...]]] = Counter()
        with _open(content, file.path) as tiff:
            for series in tiff.series:
                check(tiff, series, resource.rows)
                shape, count = shapes(series, resource.rows)
                seen[np.dtype(series.dtype).name, shape] += count
            warnings = [f"{file.path}: {text}" for text in tiff.heard.warnings]
            unused = unused_pages(tiff)
            if unused:
                pages = ", ".join(str(page) for page in unused[:5]) + (" ..." if len(unused) > 5 else "")
                warnings.append(f"{file.path}: its metadata put no image on page {pages}: left out")
        images = [[dtype, list(shape), count] for (dtype, shape), count in seen.items()]
        return Scan({resource.name: {"images": images}}, tuple(warnings))

    def decide(self, resource: Resource, scans: Sequence[tuple[SourceFile, Scan]]) -> Decision:
        """Find the one layout that holds every image, and the table's columns."""
        first: dict[tuple[str, tuple[int, ...]], str] = {}
        counts: Counter[tuple[str, tuple[int, ...]]] = Counter()
        for file, scan in scans:
            for dtype, shape, count in scan.evidence.get(resource.name, {}).get("images", ()):
                key = (dtype, tuple(shape))
                first.setdefault(key, file.path)
                counts[key] += count
        layout = _layout(first, resource)
        pattern = {} if resource.pattern is None else PathPattern(resource.pattern).columns
        where = [Column(name, pa.int32(), "int32") for name in PLACE_COLUMNS[resource.rows]]
        columns = (
            *FILE_COLUMNS,
            *(Column(name, ARROW_TYPES[kind], kind, why="from the path") for name, kind in pattern.items()),
            *HASH_COLUMNS,
            *image_columns(layout, resource.keep, where=where, why=_why(counts)),
        )
        twice = [name for name, count in Counter(c.name for c in columns).items() if count > 1]
        if twice:
            what = f"the pattern's column {twice[0]!r} is one that every image table has"
            raise ManifestError(what, f"resource {resource.name}", "give it another name in `pattern`")
        return Decision((TableSchema(resource.name, self.kind, columns),))

    def batches(
        self, reading: Reading, resource: Resource, table: TableSchema, batch_bytes: int
    ) -> Iterator[pa.RecordBatch]:
        """Decode a file's images."""
        from .rows import read_rows

        path = reading.file.path
        content = reading.content()
        reading.close()
        if _skipped(content, path, resource):
            return
        layout = next((c.image for c in table.columns if c.image), None)
        held = content if "bytes" in resource.keep else None
        with _open(content, path) as tiff:
            for batch in _batched(read_rows(tiff, resource.rows), batch_bytes):
                yield _record_batch(batch, reading, resource, table, layout, held)
                held = None

    def decode(
        self, content: memoryview, path: str, rows: Rows
    ) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Decode a file that was stored as it is: each image with its place, series and page (for planes t, c, z too)."""
        from .rows import read_rows

        with _open(content, path) as tiff:
            for row in read_rows(tiff, rows):
                yield row.place, row.pixels


def _open(content: memoryview, path: str) -> Any:
    from .file import open_tiff  # tifffile takes long to import; deciding needs none of it

    return open_tiff(content, path)


def _skipped(content: memoryview, path: str, resource: Resource) -> bool:
    if len(content):
        return False
    if resource.empty == "error":
        raise SourceError("the file is empty", path, "copy it again, or exclude it, or write `empty: skip`")
    return True


def _layout(first: dict[tuple[str, tuple[int, ...]], str], resource: Resource) -> Layout:
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


def _why(counts: Counter[tuple[str, tuple[int, ...]]]) -> str:
    """How many images there are of which kind, the most frequent first, and what storing their pixels takes."""
    kinds = [f"{n} of {dtype} {' x '.join(map(str, shape))}" for (dtype, shape), n in counts.most_common(3)]
    if len(counts) > 3:
        kinds.append(f"and {len(counts) - 3} more kinds")
    size = sum(
        n * np.dtype(dtype).itemsize * int(np.prod(shape, dtype=object))
        for (dtype, shape), n in counts.items()
    )
    return f"{', '.join(kinds)}; {size:,} bytes of pixels" if kinds else "there is no image"


def _batched(rows: Iterator[Row], batch_bytes: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        if batch and size + row.pixels.nbytes > batch_bytes:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row.pixels.nbytes
    if batch:
        yield batch


def _record_batch(
    rows: list[Row],
    reading: Reading,
    resource: Resource,
    table: TableSchema,
    layout: Layout | None,
    content: memoryview | None,
) -> pa.RecordBatch:
    path, count = reading.file.path, len(rows)
    of_file: dict[str, Any] = (
        {} if resource.pattern is None else dict(PathPattern(resource.pattern).match(path))
    )
    of_file |= {"path": path, "file_name": path.rpartition("/")[2]}
    of_file |= {"filesize_bytes": reading.file.bytes, "sha256": reading.sha256}
    schema = table.arrow()
    arrays = {name: pa.array([value] * count, schema.field(name).type) for name, value in of_file.items()}
    arrays["image_bytes"] = file_bytes(content, count)
    for i, name in enumerate(PLACE_COLUMNS[resource.rows]):
        arrays[name] = pa.array([row.place[i] for row in rows], pa.int32())
    arrays |= image_arrays([(row.facts, row.pixels) for row in rows], layout, resource.keep)
    return record_batch(schema, arrays)
