"""HEIF (`.heic .heif .hif`) and AVIF: the image that a viewer shows, 8 to 12 bits, grey or colour, with or without transparency.

`items` reads the boxes, which say size and bits. HEVC is decoded by libheif, AV1 by libavif. A file may say that its image
is to be turned or mirrored: this is told and not applied, so the properties that say so are made to say nothing before
libheif, which would obey, sees them. Pixels that only fill the coder's blocks are cropped, by the file's own property. Of an animated AVIF the frames are those that Pillow gives.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..tiff.exif import exif_tags, orientation
from .av1 import sizes
from .format import CONVERT, COPY_AGAIN, Header, RasterFormat
from .items import Box, Item, Items, boxes, item_bytes, read_items
from .tracks import picture_tracks
from .webp import opened

HEVC, AV1, GRID = b"hvc1", b"av01", b"grid"
CODERS = {HEVC: "HEVC", AV1: "AV1"}
SETTINGS = {HEVC: b"hvcC", AV1: b"av1C"}
ALPHA = ("urn:mpeg:hevc:2015:auxid:1", "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
TURN, MIRROR, CROP = b"irot", b"imir", b"clap"
PICTURES = {HEVC, AV1, GRID, b"iovl", b"iden", b"jpeg", b"j2k1", b"unci", b"avc1", b"vvc1"}
SHOWN = (
    (0, 1, 2, 3),
    (1, 0, 3, 2),
    (3, 2, 1, 0),
    (2, 3, 0, 1),
    (0, 2, 1, 3),
    (2, 0, 3, 1),
    (3, 1, 2, 0),
    (1, 3, 0, 2),
)
"""How four pixels stand when an image is shown, in the order of EXIF's numbers from 1."""


class Heif(RasterFormat):
    """The format of HEIF and AVIF files."""

    def headers(self, content: memoryview, path: str) -> tuple[Header, ...]:
        """Read the boxes."""
        top = {box.name: box for box in boxes(content, 0, len(content), path)}
        if bytes(content[8:12]) == b"avis" and b"moov" in top:
            return (_moving(content, top[b"moov"], path),)
        if b"meta" not in top:
            raise SourceError("a video, or a sequence of images that is not read", path, CONVERT)
        items = read_items(content, top[b"meta"], path)
        header = _still(content, items, path)
        beside = ("a sequence of frames beside its image: left out",) if b"moov" in top else ()
        return (replace(header, warnings=(*header.warnings, *beside)),)

    def frames(self, content: memoryview, header: Header, path: str) -> Iterator[NDArray[Any]]:
        """Decode the image, or the frames of an animation."""
        bytes_like: Any = content
        if header.frames:
            with opened(bytes_like, "AVIF") as image:
                for number in range(header.frames):
                    image.seek(number)
                    pixels = np.asarray(image)
                    yield pixels if len(header.shape) == 3 else pixels[..., 0]
        elif header.tags["Coder"] == CODERS[AV1]:
            from imagecodecs import avif_decode

            yield avif_decode(bytes_like, numthreads=1)[_crop_of(header)]
        else:
            from pi_heif import open_heif

            try:
                file = open_heif(_unturned(content, path), convert_hdr_to_8bit=False, hdr_to_16bit=False)
                shown = file[file.primary_index]
                shown.load()
            except (
                EOFError,
                SyntaxError,
            ) as error:  # the library's words for data that it does not understand
                raise ValueError(str(error)) from error
            yield np.array(shown)[_crop_of(header)]  # a copy: the library's memory goes with its object


def _still(content: memoryview, items: Items, path: str) -> Header:
    """The header of a file's image; whether another image is left out is a warning."""
    shown = items.primary
    height, width = _size(content, shown, path)
    tiles = _tiles(content, items, shown, (height, width), path)
    coder = tiles[0].kind
    if coder not in CODERS or any(tile.kind != coder for tile in tiles):
        what = f"a HEIF image of the type {coder.decode('latin-1')} is not read"
        raise SourceError(what, path, CONVERT)
    bits, grey = _bits(coder, _setting(content, tiles[0]))
    alphas = [one for one in items.referring(b"auxl", shown.number) if _purpose(content, one) in ALPHA]
    for image in (items.primary, *alphas):
        for tile in _tiles(content, items, image, _size(content, image, path), path):
            _check_data(content, tile, path)
    samples = (1 if grey else 3) + bool(alphas)
    tags: dict[str, Any] = {"Coder": CODERS[coder], "BitsPerSample": bits}
    crop = shown.property(CROP)
    if crop is not None:
        before = {box.name for box in shown.properties[: shown.properties.index(crop)]}
        if before & {TURN, MIRROR}:
            raise SourceError("the image is cropped once it is turned, which is not read", path, CONVERT)
        (top, bottom), (left, right) = tags["Crop"] = _crop(content, crop, (height, width), path)
        height, width = bottom - top, right - left
    tags |= _told(content, items, path)
    used = {one.number for one in (shown, *tiles, *alphas, *items.referring(b"thmb", shown.number))}
    used |= {number for one in alphas for number in items.refers.get((b"dimg", one.number), ())}
    others = [one for one in items.all.values() if one.kind in PICTURES and one.number not in used]
    return Header(
        "uint8" if bits == 8 else "uint16",
        (height, width) if samples == 1 else (height, width, samples),
        tags,
        orientation=_orientation(content, shown) or orientation(tags.get("Exif")),
        warnings=(f"images beside the one that is shown: left out ({len(others)})",) if others else (),
    )


def _moving(content: memoryview, moov: Box, path: str) -> Header:
    """The header of an animated AVIF."""
    tracks = picture_tracks(content, moov, path)
    shown = next(track for track in tracks if track.purpose == b"pict")
    clear = any(track.purpose == b"auxv" for track in tracks)
    bits, grey = _bits(AV1, shown.setting)
    if shown.coder != AV1 or bits != 8 or (grey and clear):
        raise SourceError(f"an animated AVIF of {bits} bits is not read", path, CONVERT)
    size = (shown.height, shown.width)
    shape = size if grey else (*size, 3 + clear)
    tags = {"Coder": CODERS[AV1], "BitsPerSample": bits}
    delays = tuple({"DelayMs": delay} for delay in shown.delays_ms)
    return Header("uint8", shape, tags, frames=len(delays), frame_tags=delays)


def _size(content: memoryview, item: Item, path: str) -> tuple[int, int]:
    box = item.property(b"ispe")
    if box is None:
        raise SourceError("the image does not say its size", path, COPY_AGAIN)
    width, height = struct.unpack_from(">II", content, box.start + 4)
    return height, width


def _tiles(
    content: memoryview, items: Items, image: Item, size: tuple[int, int], path: str
) -> Sequence[Item]:
    """The parts that an image is put together from; one that is a whole is its own."""
    if image.kind != GRID:
        return (image,)
    data = item_bytes(content, image)
    wide = data[1] & 1
    rows, columns = data[2] + 1, data[3] + 1
    width, height = struct.unpack_from(">II" if wide else ">HH", data, 4)
    tiles = [items.all[number] for number in items.refers.get((b"dimg", image.number), ())]
    all_sizes = {_size(content, tile, path) for tile in tiles}
    if (height, width) != size or len(tiles) != rows * columns or len(all_sizes) != 1:
        raise SourceError("the parts of the image do not make a whole", path, COPY_AGAIN)
    ((high, across),) = all_sizes
    if high * rows < height or across * columns < width:
        raise SourceError("the parts of the image do not make a whole", path, COPY_AGAIN)
    return tiles


def _setting(content: memoryview, item: Item) -> bytes:
    box = item.property(SETTINGS[item.kind])
    return b"" if box is None else bytes(content[box.start : box.end])


def _bits(coder: bytes, setting: bytes) -> tuple[int, bool]:
    """The bits of a value, and whether the image is grey."""
    if coder == HEVC:
        return 8 + (setting[17] & 7), setting[16] & 3 == 0
    flags = setting[2]
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8, bool(flags & 0x10)


def _check_data(content: memoryview, item: Item, path: str) -> None:
    """Make sure that coded data are as long and as large as the file says."""
    data, wrong = item_bytes(content, item), "long"
    if item.kind == AV1:
        high, wide = _size(content, item, path)
        whole = all(height <= high and width <= wide for height, width in sizes(data))
        wrong = "large"
    else:  # units, each behind its length
        at, width = 0, 1 + (_setting(content, item)[21] & 3)
        while at < len(data):
            at += width + int.from_bytes(data[at : at + width], "big")
        whole = at == len(data) > 0
    if not whole:
        what = f"the image is damaged: its data are not as {wrong} as they are said to be"
        raise SourceError(what, path, COPY_AGAIN)


def _purpose(content: memoryview, item: Item) -> str:
    """What an auxiliary image is for."""
    box = item.property(b"auxC")
    if box is None:
        return ""
    return bytes(content[box.start + 4 : box.end]).partition(b"\0")[0].decode("latin-1")


def _orientation(content: memoryview, item: Item) -> int | None:
    """How a viewer turns and mirrors the image, as EXIF counts; None where it does not."""
    shown = np.arange(4).reshape(2, 2)
    for box in item.properties:
        if box.name == TURN:
            shown = np.rot90(shown, content[box.start] & 3)
        elif box.name == MIRROR:
            shown = np.flip(shown, content[box.start] & 1)
    found = 1 + SHOWN.index(tuple(shown.reshape(-1).tolist()))
    return found if found > 1 else None


def _crop(content: memoryview, box: Box, size: tuple[int, int], path: str) -> list[list[int]]:
    """The first row and the one behind the last, and the same of columns."""
    numbers = struct.unpack_from(">IIIIiIiI", content, box.start)
    across, down, right, below = (Fraction(*numbers[i : i + 2]) for i in range(0, 8, 2))
    found = []
    for length, kept, moved in ((size[0], down, below), (size[1], across, right)):
        start = Fraction(length - 1, 2) + moved - (kept - 1) / 2
        if start.denominator != 1 or kept.denominator != 1 or start < 0 or start + kept > length:
            raise SourceError("the image is cropped to parts of pixels", path, CONVERT)
        if 2 * kept < length:
            raise SourceError("the image is cropped to less than half of its length", path, CONVERT)
        found.append([int(start), int(start + kept)])
    return found


def _crop_of(header: Header) -> tuple[slice, ...]:
    return tuple(slice(*ends) for ends in header.tags.get("Crop", ()))


def _told(content: memoryview, items: Items, path: str) -> dict[str, Any]:
    """What the file says beside the pixels."""
    found: dict[str, Any] = {}
    for item in items.referring(b"cdsc", items.primary.number):
        data = item_bytes(content, item)
        if item.kind == b"Exif" and len(data) > 4:
            found["Exif"] = exif_tags(data[4 + int.from_bytes(data[:4], "big") :], path)
        elif item.kind == b"mime":
            found["XMP"] = data
    box = items.primary.property(b"colr")
    if box is not None:
        found["colr"] = bytes(content[box.start : box.end])
    return found


def _unturned(content: memoryview, path: str) -> bytes:
    """The file, with no image of it turned, mirrored or cropped."""
    meta = next(box for box in boxes(content, 0, len(content), path) if box.name == b"meta")
    changed = bytearray(content)
    for item in read_items(content, meta, path).all.values():
        for box in item.properties:
            if box.name in (TURN, MIRROR):  # turned by nothing is what both become
                changed[box.start - 4 : box.start] = TURN
                changed[box.start] = 0
            elif box.name == CROP:
                height, width = _size(content, item, path)
                struct.pack_into(">8i", changed, box.start, width, 1, height, 1, 0, 1, 0, 1)
    return bytes(changed)
