"""TIFFs as microscopes' own programs write them: MetaMorph stacks, Zeiss LSM, Aperio SVS and GeoTIFF, byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

UIC1, UIC2, UIC3, LSM_INFO = 33628, 33629, 33630, 34412
LONG, RATIONAL, BYTE = 4, 5, 1
JULIAN_2024_05_06 = 2460436
SCAN_TYPES = {"ZCYX": 0, "TCYX": 3, "TZCYX": 6}
LSM_STRUCT = "<2I8i6d2HI4Id8I" + "4d6IdI"
"""LSM 4's structure: sizes, voxel, origin, scan type, offsets, and the interval between them."""


def metamorph(
    path: Path,
    planes: NDArray[Any],
    *,
    calibration: float | None = None,
    unit: str = "um",
    z_um: Sequence[float] = (),
    seconds: Sequence[float] = (),
    wavelengths: Sequence[int] = (),
) -> Path:
    """A MetaMorph stack: one page that stands for all planes, and the tags of Universal Imaging.

    Parameters
    ----------
    calibration
        The size of a pixel; None: the stack says that it has no calibration.
    z_um, seconds
        The distance and the time of each plane.
    """
    count = len(planes)
    placeholders = [(code, LONG, 1, 0, False) for code in (UIC1, UIC2, UIC3)]
    with tifffile.TiffWriter(path, byteorder="<") as writer:
        writer.write(
            planes,
            truncate=True,
            metadata=None,
            extratags=placeholders,
            photometric="minisblack",
            software="MetaMorph",
        )
    content = bytearray(path.read_bytes())
    z, times = z_um or [0.0] * count, seconds or [0.0] * count
    _put(content, UIC2, RATIONAL, count, b"".join(_plane(z[i], times[i]) for i in range(count)))
    waves = b"".join(struct.pack("<II", wave, 1) for wave in (wavelengths or [0] * count))
    _put(content, UIC3, RATIONAL, count, waves)
    size = Fraction(str(calibration or 1))
    texts = len(content)
    content += struct.pack("<II", size.numerator, size.denominator)
    content += struct.pack("<I", len(unit) + 1) + unit.encode() + b"\0"
    content += bytes(len(content) % 2)
    entries = {3: int(calibration is not None), 4: texts, 5: texts, 6: texts + 8}
    packed = b"".join(struct.pack("<II", *entry) for entry in entries.items())
    _put(content, UIC1, LONG, len(entries), packed)
    path.write_bytes(content)
    return path


def _plane(z_um: float, seconds: float) -> bytes:
    z = Fraction(str(z_um))
    day = JULIAN_2024_05_06
    milliseconds = int(3_600_000 + 1000 * seconds)
    return struct.pack("<6I", z.numerator, z.denominator, day, milliseconds, day, milliseconds)


def zeiss(
    path: Path,
    planes: NDArray[Any],
    axes: str,
    *,
    voxel_m: tuple[float, float, float] = (0.0, 0.0, 0.0),
    interval_s: float = 0.0,
    channels: Sequence[str] = (),
) -> Path:
    """A Zeiss LSM: each page of channels, one behind the other, is followed by its thumbnail.

    Parameters
    ----------
    planes
        With axes ``ZCYX``, ``TCYX`` or ``TZCYX``.
    """
    size = dict(zip(axes, planes.shape, strict=True))
    lengths = [size.get(axis, 1) for axis in "XYZCT"]
    info = struct.pack(
        LSM_STRUCT, 67127628, struct.calcsize(LSM_STRUCT), *lengths, 2, 8, 8, *voxel_m, 0, 0, 0,
        SCAN_TYPES[axes], 0, 0, 0, 0, 0, 0, interval_s, *[0] * 8, *[1.0] * 4, *[0] * 6, 0, 0,
    )  # fmt: skip
    pages = planes.reshape(-1, *planes.shape[-3:])
    with tifffile.TiffWriter(path, byteorder="<") as writer:
        for number, page in enumerate(pages):
            tags = [(LSM_INFO, BYTE, len(info), info, False)] if number == 0 else []
            how: Mapping[str, Any] = {
                "photometric": "rgb" if len(page) == 3 else "minisblack",
                "metadata": None,
            }
            writer.write(page, planarconfig="separate" if len(page) > 1 else None, extratags=tags, **how)
            writer.write(
                np.zeros((3, 8, 8), "uint8"),
                subfiletype=1,
                photometric="rgb",
                planarconfig="separate",
                metadata=None,
            )
    content = bytearray(path.read_bytes())
    if planes.shape[-3] == 2:  # Zeiss's programs write where the two numbers stand, though they would fit
        for page_at in _pages(content)[::2]:
            _put(content, 258, 3, 2, struct.pack("<HH", 8 * planes.itemsize, 8 * planes.itemsize), page_at)
    if channels:
        _name_channels(content, channels)
    path.write_bytes(content)
    return path


def _name_channels(content: bytearray, channels: Sequence[str]) -> None:
    names = b"".join(struct.pack("<I", len(name) + 1) + name.encode() + b"\0" for name in channels)
    at = 24 + 4 * len(channels)
    (start,) = struct.unpack_from("<I", content, _entry(content, LSM_INFO, _pages(content)[0]) + 8)
    offset = start + struct.calcsize("<2I8i6d2HI3I")
    content[offset : offset + 4] = struct.pack("<I", len(content))
    block = struct.pack("<6I", at + len(names), len(channels), len(channels), 24, at, 0)
    content += block + bytes(4 * len(channels)) + names


def aperio(path: Path, image: NDArray[Any], mpp: float) -> Path:
    """An Aperio SVS: a tiled image, a thumbnail, a smaller level, and a label."""
    text = f"Aperio Image Library v12\r\n{image.shape[1]}x{image.shape[0]} JPEG|AppMag = 20|MPP = {mpp}|Filename = s"
    with tifffile.TiffWriter(path) as writer:
        tiled: Mapping[str, Any] = {
            "tile": (64, 64),
            "photometric": "rgb",
            "metadata": None,
            "compression": "zlib",
        }
        writer.write(image, description=text, **tiled)
        writer.write(image[::8, ::8], description="Aperio thumbnail", photometric="rgb", metadata=None)
        writer.write(image[::4, ::4], description=f"Aperio {image.shape[1]} -> level", **tiled)
        label = np.zeros((16, 24, 3), "uint8")
        writer.write(label, description="Aperio label 24x16", subfiletype=1, photometric="rgb", metadata=None)
    return path


def geo(path: Path, image: NDArray[Any]) -> Path:
    """A GeoTIFF with a scale, a place, and keys."""
    keys = (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32633)
    tags = [
        (33550, 12, 3, (10.0, 10.0, 0.0), True),
        (33922, 12, 6, (0.0, 0.0, 0.0, 500000.0, 4649776.0, 0.0), True),
        (34735, 3, len(keys), keys, True),
        (42113, 2, 6, "-9999\0", True),
    ]
    tifffile.imwrite(path, image, extratags=tags, metadata=None)
    return path


def _pages(content: bytearray) -> list[int]:
    """Where the pages of a file begin."""
    found = []
    (at,) = struct.unpack_from("<I", content, 4)
    while at:
        found.append(at)
        (tags,) = struct.unpack_from("<H", content, at)
        (at,) = struct.unpack_from("<I", content, at + 2 + 12 * tags)
    return found


def _entry(content: bytearray, code: int, page: int) -> int:
    """Where a page's tag stands."""
    (tags,) = struct.unpack_from("<H", content, page)
    places = range(page + 2, page + 2 + 12 * tags, 12)
    return next(at for at in places if struct.unpack_from("<H", content, at) == (code,))


def _put(content: bytearray, code: int, kind: int, count: int, data: bytes, page: int | None = None) -> None:
    """Let a tag of a page, the first one unless told, point to data at the end of the file."""
    entry = _entry(content, code, _pages(content)[0] if page is None else page)
    content += bytes(len(content) % 2)
    content[entry : entry + 12] = struct.pack("<HHII", code, kind, count, len(content))
    content += data
