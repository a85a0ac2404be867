"""Plain TIFFs, by a small reader of our own: one page of whole strips, with no tag that means more than itself.

tifffile finds out what kind of file it has, and makes an object of each tag; for a little image that takes longer than all
the rest. Here a file is either plain beyond doubt, or None is the answer and tifffile reads it: nothing is refused
here. What is read is what tifffile gives, to the letter of the metadata; `tests/test_tiff_plain.py` holds the two together.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..image_columns import ImageFacts
from .calibration import Calibration, from_resolution
from .metadata import FEW

BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
TEXT, SHORT, LONG, RATIONAL = 2, 3, 4, 5
LETTERS = {SHORT: "H", LONG: "I", RATIONAL: "II"}
WIDTHS = {TEXT: 1, SHORT: 2, LONG: 4, RATIONAL: 8}
MOST_TAGS = 64
TEXTS = {269: "DocumentName", 270: "ImageDescription", 271: "Make", 272: "Model", 305: "Software"}
TEXTS |= {306: "DateTime", 315: "Artist", 316: "HostComputer"}
NUMBERS = {
    254: "NewSubfileType",
    256: "ImageWidth",
    257: "ImageLength",
    258: "BitsPerSample",
    259: "Compression",
}
NUMBERS |= {262: "PhotometricInterpretation", 266: "FillOrder", 273: "StripOffsets", 274: "Orientation"}
NUMBERS |= {277: "SamplesPerPixel", 278: "RowsPerStrip", 279: "StripByteCounts", 284: "PlanarConfiguration"}
NUMBERS |= {296: "ResolutionUnit", 317: "Predictor", 338: "ExtraSamples", 339: "SampleFormat"}
RATIOS = {282: "XResolution", 283: "YResolution"}
LISTS = frozenset({273, 279, 338})
"""What is a list even where it has one value."""
ONE_OF: Mapping[int, Sequence[int]] = {
    254: (0,),
    262: (0, 1, 2),
    266: (1,),
    274: range(1, 9),
    277: (1, 3, 4),
    284: (1,),
}
ONE_OF = {
    **ONE_OF,
    259: (1, 5, 8, 32773, 32946, 50000),
    296: (1, 2, 3),
    317: (1, 2),
    338: (0, 1, 2),
    339: (1, 2, 3),
}
"""The values that are plain, and at the same time those that tifffile has a name for."""
DTYPES = {
    (1, 8): "uint8",
    (1, 16): "uint16",
    (1, 32): "uint32",
    (1, 64): "uint64",
    (2, 8): "int8",
    (2, 16): "int16",
}
DTYPES |= {(2, 32): "int32", (2, 64): "int64", (3, 16): "float16", (3, 32): "float32", (3, 64): "float64"}
DECODERS = {
    5: "lzw_decode",
    8: "deflate_decode",
    32946: "deflate_decode",
    32773: "packbits_decode",
    50000: "zstd_decode",
}
SHAPED = re.compile(r'\{"shape": \[(\d+), (\d+)(?:, (\d+))?\]\}')
"""The description that tifffile writes."""
MEANING = re.compile(r'[<{\[#]|shape=|ImageJ=|SCIFIO=|Aperio |state\.|SIMPLE |EPICS|scanimage|"mibi')
PROGRAMS = re.compile(
    "ISS Vista|MetaSeries|SI\\.|Philips DP|PerkinElmer|IndicaLabs|TVX TIFF|EPICS|Ventana|ScanOutput"
)
"""Descriptions and programs that make tifffile look for more than the tags say."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A plain TIFF: its type and shape, its tags by name, and where its strips stand."""

    stored: str
    dtype: str
    shape: tuple[int, ...]
    tags: Mapping[str, Any]
    codes: Mapping[int, Any]
    strips: tuple[tuple[int, int], ...]
    rows_per_strip: int

    @property
    def bytes(self) -> int:
        """What its pixels take."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def is_compressed(self) -> bool:
        """Whether a library has to decode the strips."""
        return bool(self.codes.get(259, 1) != 1)

    @property
    def is_as_in_memory(self) -> bool:
        """Whether its pixels stand in the file, one strip behind the other, as they do in an array."""
        return not self.is_compressed and self.stored == np.dtype(self.dtype).str

    def facts(self) -> ImageFacts:
        """The image as a row tells it."""
        codes = self.codes
        said = _sizes(codes.get(282), codes.get(283), codes.get(296, 2))
        axes = "YX" if len(self.shape) == 2 else "YXS"
        text = json.dumps({"tags": self.tags}, ensure_ascii=False)
        return ImageFacts(self.dtype, self.shape, axes, said.x_um, said.y_um, None, None, text)


def read_plain(content: memoryview) -> Plain | None:
    """Read the header of a plain TIFF; None where it is not one, or anything is odd about it."""
    order = BYTE_ORDERS.get(bytes(content[:4]))
    if order is None:
        return None
    try:
        codes = _tags(content, order)
        return None if codes is None else _plain(content, order, codes)
    except (struct.error, UnicodeDecodeError, LookupError, ValueError):
        return None


def decoded(plain: Plain, content: memoryview, room: NDArray[Any] | None = None) -> NDArray[Any] | None:
    """The pixels; None where they are not as long as they should be.

    They are written into `room`, where that is given: an array of the image's type and shape. Else they are a part of
    `content` where they stand there as they are.
    """
    dtype = np.dtype(plain.dtype)
    if not plain.is_compressed:
        start = plain.strips[0][0]
        values = np.frombuffer(content, plain.stored, prod(plain.shape), start).reshape(plain.shape)
        if room is None:
            return values.astype(dtype, copy=start % dtype.itemsize != 0)
        room[...] = values
        return room
    import imagecodecs

    decode = getattr(imagecodecs, DECODERS[plain.codes[259]])
    image = np.empty(plain.shape, dtype) if room is None else room
    for number, (start, end) in enumerate(plain.strips):
        part = image[number * plain.rows_per_strip : (number + 1) * plain.rows_per_strip]
        try:
            data = decode(content[start:end], out=part.reshape(-1).view(np.uint8).data)
        except RuntimeError:  # tifffile says what is wrong
            return None
        if len(data) != part.nbytes:
            return None
        if plain.stored != dtype.str:
            part.byteswap(inplace=True)
        if plain.codes.get(317, 1) == 2:
            imagecodecs.delta_decode(part, axis=1, out=part)
    return image


def _tags(content: memoryview, order: str) -> dict[int, Any] | None:
    """The only page's tags, in the file's order, if all of them are plain."""
    (at,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, at)
    if (
        at < 8
        or not 0 < count <= MOST_TAGS
        or struct.unpack_from(order + "I", content, at + 2 + 12 * count)[0]
    ):
        return None
    found: dict[int, Any] = {}
    for code, kind, number, place in struct.iter_unpack(
        order + "HHII", content[at + 2 : at + 2 + 12 * count]
    ):
        size = WIDTHS.get(kind, 0) * number
        if code in found or not size:
            return None
        start = at + 10 + 12 * len(found) if size <= 4 else place
        if start < 8 or start + size > len(content):
            return None
        if kind == TEXT:
            if code not in TEXTS:
                return None
            found[code] = bytes(content[start : start + size]).rstrip(b"\0").decode().strip()
            continue
        if code not in (RATIOS if kind == RATIONAL else NUMBERS):
            return None
        values = struct.unpack_from(order + LETTERS[kind] * number, content, start)
        if code in ONE_OF and not all(value in ONE_OF[code] for value in values):
            return None
        found[code] = values if number > 1 or code in LISTS or kind == RATIONAL else values[0]
    return found


def _plain(content: memoryview, order: str, codes: dict[int, Any]) -> Plain | None:
    width, height, samples = codes[256], codes[257], codes.get(277, 1)
    bits, formats = _only(codes[258], samples), _only(codes[339], samples) if 339 in codes else 1
    shape = (height, width) if samples == 1 else (height, width, samples)
    dtype = DTYPES.get((formats, bits), "")
    colour = codes[262] == 2
    one_value = all(
        not isinstance(codes.get(code, 1), tuple) for code in (256, 257, 259, 262, 277, 278, 284, 317)
    )
    if (
        not one_value
        or not dtype
        or 0 in shape
        or colour != (samples > 1)
        or (samples == 4) != (338 in codes)
    ):
        return None
    if any(len(codes.get(code, (1, 1))) != 2 for code in RATIOS) or isinstance(codes.get(296, 2), tuple):
        return None
    if PROGRAMS.match(codes.get(305, "")) or not is_only_text(codes.get(270, ""), shape):
        return None
    compression, predictor = codes.get(259, 1), codes.get(317, 1)
    if predictor == 2 and (formats == 3 or bits == 64 or compression == 1):
        return None
    rows = min(codes.get(278, height), height)
    strips = tuple((start, start + size) for start, size in zip(codes[273], codes[279], strict=True))
    if not rows or len(strips) != -(-height // rows):
        return None
    if any(not 8 <= start < end <= len(content) for start, end in strips):
        return None
    if compression == 1:
        follow = all(one[1] == other[0] for one, other in pairwise(strips))
        if not follow or strips[-1][1] - strips[0][0] != prod(shape) * bits // 8:
            return None
    stored = np.dtype(dtype).newbyteorder("<" if order == "<" else ">").str
    return Plain(stored, dtype, shape, _named(codes), codes, strips, rows)


def _only(values: int | tuple[int, ...], samples: int) -> int:
    """The value that all samples have in common; 0 where there is none."""
    if not isinstance(values, tuple):
        return values if samples == 1 else 0
    return values[0] if len(values) == samples and len(set(values)) == 1 else 0


def is_only_text(text: str, shape: tuple[int, ...]) -> bool:
    """Whether a description makes no more of a file than an image of the shape that its tags say."""
    shaped = SHAPED.fullmatch(text)
    if shaped is not None:
        return tuple(int(n) for n in shaped.groups() if n is not None) == shape
    return MEANING.search(text) is None


def _named(codes: Mapping[int, Any]) -> dict[str, Any]:
    """The tags by name, as the metadata tell them."""
    found: dict[str, Any] = {}
    for code, value in codes.items():
        name = NUMBERS.get(code) or TEXTS.get(code) or RATIOS[code]
        if code in (273, 279) and len(value) > FEW:
            value = {"left_out": f"{len(value)} numbers", "first": value[0], "last": value[-1]}
        found[name] = list(value) if isinstance(value, tuple) else value
    return found


@lru_cache(maxsize=1024)
def _sizes(x: Any, y: Any, unit: Any) -> Calibration:
    """The pixel size; files of one microscope say the same."""
    said = {282: x, 283: y, 296: unit}
    return from_resolution({code: value for code, value in said.items() if value is not None})
