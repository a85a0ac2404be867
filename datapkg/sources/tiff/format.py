"""TIFF and OME-TIFF files as images; an OME-TIFF may be spread over several files.

An RGB image stays ``(Y, X, S)``, a palette image keeps its indices and its colour map is in `metadata`, 12 bits come
as uint16. Of a pyramid the full resolution is the image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from ..images.format import ImageFile, Look, Row
from .checks import unused_pages
from .file import OpenTiff, open_tiff
from .plain import decoded, read_plain
from .rows import check, read_rows, shapes
from .sets import check_set, lead_of, read_set_rows


class TiffFormat:
    """The format of TIFF files."""

    def look(self, file: ImageFile) -> Look:
        """Read headers, of a set those of all its files."""
        plain = read_plain(file.content)
        if plain is not None and plain.bytes <= file.max_bytes:
            return Look(Counter({(plain.dtype, plain.shape): 1}))
        with open_tiff(file.content, file.path, file.members) as tiff:
            if tiff.ome is not None and tiff.ome.spread:
                lead = lead_of(tiff.ome, file)
                return Look(lead=lead) if lead != file.path else check_set(tiff.ome, file)
            seen: Counter[tuple[str, tuple[int, ...]]] = Counter()
            for series in tiff.series:
                check(tiff, series, file.rows, file.max_bytes)
                shape, count = shapes(series, file.rows)
                seen[np.dtype(series.dtype).name, shape] += count
            return Look(seen, (*tiff.heard.warnings, *_unused(tiff)))

    def rows(self, file: ImageFile) -> Iterator[Row]:
        """Decode a file's images, or the images of the set that it leads."""
        plain = read_plain(file.content)
        pixels = None
        if plain is not None and plain.bytes <= file.max_bytes:
            pixels = decoded(plain, file.content)
        if plain is not None and pixels is not None:
            yield Row(plain.facts(), pixels, (0, 0) if file.rows == "image" else (0,) * 5)
            return
        with open_tiff(file.content, file.path, file.members) as tiff:
            if tiff.ome is not None and tiff.ome.spread:
                yield from read_set_rows(tiff.ome, file)
            else:
                yield from read_rows(tiff, file.rows, file.max_bytes)


def _unused(tiff: OpenTiff) -> Iterator[str]:
    unused = unused_pages(tiff)
    if unused:
        pages = ", ".join(str(page) for page in unused[:5]) + (" ..." if len(unused) > 5 else "")
        yield f"its metadata put no image on page {pages}: left out"
