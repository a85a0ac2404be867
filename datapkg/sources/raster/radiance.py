"""Radiance HDR (`.hdr .pic`): brightness as floats, stored as three numbers of 8 bits with an exponent in common.

A value is its number times a power of two, which float32 holds exactly. Exposure and the like stand in `metadata` and
are not applied. Lines of pixels may stand in any of eight orders: they stay in theirs, and `orientation` says which.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .format import CONVERT, COPY_AGAIN, Header, StillFormat, cut_off, trailing

KIND = "Radiance image"
HEAD_BYTES = 1 << 20
SIZE = re.compile(rb"([-+])([XY])[ \t]+(\d{1,9})[ \t]+([-+])([XY])[ \t]+(\d{1,9})[ \t]*\r?\n")
ORIENTATIONS = {
    b"-Y+X": 1,
    b"-Y-X": 2,
    b"+Y-X": 3,
    b"+Y+X": 4,
    b"+X-Y": 5,
    b"-X-Y": 6,
    b"-X+Y": 7,
    b"+X+Y": 8,
}
"""How a viewer turns an image whose first line, and first pixel of a line, are at these ends, as EXIF counts."""
COLOURS = {"32-bit_rle_rgbe": "RGB", "32-bit_rle_xyze": "XYZ"}
OLD_RUN = (1, 1, 1)
RUN_WIDTHS = range(8, 0x8000)


class Radiance(StillFormat):
    """The format of Radiance files."""

    def header(self, content: memoryview, path: str) -> Header:
        """Read the lines of text before the pixels."""
        size, start, said = _head(content, path)
        form = said.get("FORMAT", "32-bit_rle_rgbe")
        if not isinstance(form, str) or form not in COLOURS:
            raise SourceError(f"a Radiance image of the form {form} is not read", path, CONVERT)
        order = size[1] + size[2] + size[4] + size[5]
        if order not in ORIENTATIONS:
            raise SourceError("the Radiance image's header makes no sense", path, COPY_AGAIN)
        height, width = int(size[3]), int(size[6])
        if start == len(content):
            raise cut_off(path, len(content), KIND)
        flat = not _in_runs(content, start, width)
        end = start + 4 * height * width if flat else len(content)
        if end > len(content):
            raise cut_off(path, len(content), KIND)
        tags = {**said, "Colours": COLOURS[form], "DataOffset": start}
        turned = ORIENTATIONS[order]
        return Header(
            "float32",
            (height, width, 3),
            tags,
            orientation=turned if turned > 1 else None,
            warnings=trailing(content, end),
        )

    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:
        """Unpack the runs, and make numbers of them."""
        height, width, _ = header.shape
        data = content[header.tags["DataOffset"] :]
        if _in_runs(data, 0, width):
            from imagecodecs import rgbe_decode

            plain = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width)
            decoded: NDArray[Any] = rgbe_decode(plain + bytes(data))
            return decoded
        stored = np.frombuffer(data, np.uint8, 4 * prod(header.shape[:2])).reshape(height, width, 4)
        if np.any(np.all(stored[..., :3] == OLD_RUN, axis=-1)):
            raise ValueError("its runs are coded in an old way that is not read")
        return values_of(stored)


def values_of(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Three numbers and their exponent as floats.

    Examples
    --------
    >>> values_of(np.array([[[128, 64, 0, 129], [9, 9, 9, 0]]], "uint8")).tolist()
    [[[1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]]
    """
    exponents = stored[..., 3:].astype(np.int32)
    numbers = np.where(exponents == 0, 0, stored[..., :3]).astype(np.float32)
    made: NDArray[np.float32] = np.ldexp(numbers, exponents - (128 + 8))
    return made


def _in_runs(content: memoryview, start: int, width: int) -> bool:
    """Whether lines are coded in runs, which the first one says."""
    first = bytes(content[start : start + 4])
    return width in RUN_WIDTHS and first[:2] == b"\2\2" and len(first) > 2 and first[2] < 128


def _head(content: memoryview, path: str) -> tuple[re.Match[bytes], int, dict[str, Any]]:
    """The line that says the size, where the pixels begin, and what the lines before say, by their names."""
    head = bytes(content[:HEAD_BYTES])
    blank = re.search(rb"\n\r?\n", head)
    if blank is None:
        raise cut_off(path, len(content), KIND)
    size = SIZE.match(head, blank.end())
    if size is None:
        if b"\n" not in head[blank.end() :]:
            raise cut_off(path, len(content), KIND)
        raise SourceError("the Radiance image's header makes no sense", path, COPY_AGAIN)
    said: dict[str, Any] = {}
    for line in head[: blank.start()].decode("latin-1").splitlines()[1:]:
        name, equals, value = line.partition("=")
        if not equals:
            said.setdefault("Comment", []).append(line)
        elif name not in said:
            said[name] = value.strip()
        else:  # exposures that were set one after the other multiply: all are told
            before = said[name]
            said[name] = [*(before if isinstance(before, list) else [before]), value.strip()]
    return size, size.end(), said
