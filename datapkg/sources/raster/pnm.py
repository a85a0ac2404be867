"""PBM, PGM, PPM, PAM and PFM, the plain formats of Netpbm: rows of numbers behind a few words.

Values stay as they are stored: of a PBM, 1 is black. A file may hold several images, which are images each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .format import CONVERT, COPY_AGAIN, Header, RasterFormat, cut_off

SPACE = rb"(?:[ \t\r\n\v\f]|#[^\r\n]*[\r\n])+"
NUMBER = SPACE + rb"(\d{1,10})"
HEADS = {
    b"1": re.compile(rb"P1" + NUMBER * 2),
    b"4": re.compile(rb"P4" + NUMBER * 2 + rb"[ \t\r\n\v\f]"),
    **{kind: re.compile(b"P" + kind + NUMBER * 3) for kind in (b"2", b"3")},
    **{kind: re.compile(b"P" + kind + NUMBER * 3 + rb"[ \t\r\n\v\f]") for kind in (b"5", b"6")},
    **{
        kind: re.compile(b"P" + kind + NUMBER * 2 + SPACE + rb"([-+]?\d[-+.\deE]{0,30})[ \t\r\n\v\f]")
        for kind in (b"f", b"F")
    },
    b"7": re.compile(rb"P7\r?\n((?:[^\n]*\n){1,64}?)ENDHDR\r?\n"),
}
PLAIN, BITS, COLOUR, FLOATS, ARBITRARY = b"123", b"14", b"36F", b"fF", b"7"
MOST_IMAGES = 100_000
MOST_VALUE = 65535


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image's values stand, and how they are written."""

    start: int
    stored: str
    plain: bool
    upwards: bool = False


class Pnm(RasterFormat):
    """The formats of Netpbm."""

    def headers(self, content: memoryview, path: str) -> tuple[Header, ...]:
        """Read the images' headers, one behind the other."""
        return tuple(header for header, _ in _images(content, path))

    def frames(self, content: memoryview, header: Header, path: str) -> Iterator[NDArray[Any]]:
        """Take the values."""
        found = _image_at(content, header.tags["Offset"], path)
        assert found is not None  # it was there when the headers were read
        place = found[1]
        yield _plain(content, header, place) if place.plain else _binary(content, header, place)


def _images(content: memoryview, path: str) -> Iterator[tuple[Header, Place]]:
    at = 0
    for _ in range(MOST_IMAGES):
        found = _image_at(content, at, path)
        if found is None:
            break
        header, place = found
        if place.plain:
            due = prod(header.shape) * (1 if place.stored == "bits" else 2) - 1
            if place.start + due > len(content):
                raise cut_off(path, len(content), "image")
            yield header, place
            return
        end = place.start + _stored_bytes(header, place)
        if end > len(content):
            raise cut_off(path, len(content), "image")
        behind = len(content) - end
        more = behind > 0 and bytes(content[end : end + 1]) == b"P"
        if behind > 0 and not more and bytes(content[end:]).strip():
            header = replace(
                header, warnings=(f"{behind:,} bytes stand behind the image: left out of its pixels",)
            )
        yield header, place
        if not more:
            return
        at = end
    raise SourceError(f"the header of the image at byte {at:,} makes no sense", path, COPY_AGAIN)


def _image_at(content: memoryview, at: int, path: str) -> tuple[Header, Place] | None:
    """The image whose header begins at a place; None where none does."""
    kind = bytes(content[at + 1 : at + 2])
    if bytes(content[at : at + 1]) != b"P" or kind not in HEADS:
        return None
    head = HEADS[kind].match(content, at)
    return None if head is None else _image(kind, head, path)


def _image(kind: bytes, head: re.Match[bytes], path: str) -> tuple[Header, Place]:
    if kind == ARBITRARY:
        width, height, samples, most, tags = _arbitrary(head[1], path)
    else:
        width, height, samples = int(head[1]), int(head[2]), 3 if kind in COLOUR else 1
        most, tags = 1, {}
    shape = (height, width) if samples == 1 else (height, width, samples)
    tags |= {"Format": f"P{kind.decode()}", "Offset": head.start()}
    if kind in FLOATS:
        scale = float(head[3])
        tags["Scale"] = scale
        return Header("float32", shape, tags), Place(head.end(), "<f4" if scale < 0 else ">f4", False, True)
    if kind not in BITS:
        most = most if kind == ARBITRARY else int(head[3])
        tags["MaxValue"] = most
    if not 0 < most <= MOST_VALUE:
        raise SourceError(f"values up to {most} make no sense here", path, COPY_AGAIN)
    if kind in BITS:
        return Header("bool", shape, tags), Place(head.end(), "bits", kind in PLAIN)
    dtype = "uint8" if most < 256 else "uint16"
    return Header(dtype, shape, tags), Place(head.end(), "u1" if most < 256 else ">u2", kind in PLAIN)


def _arbitrary(lines: bytes, path: str) -> tuple[int, int, int, int, dict[str, Any]]:
    """The words of a PAM's header."""
    said = dict(
        line.split(None, 1) for line in lines.splitlines() if line.strip() and not line.startswith(b"#")
    )
    try:
        width, height, depth, most = (int(said[key]) for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    except (KeyError, ValueError):
        raise SourceError("the PAM's header makes no sense", path, COPY_AGAIN) from None
    if not 0 < depth < 1000:
        raise SourceError(f"a PAM of {depth} samples a pixel is not read", path, CONVERT)
    return width, height, depth, most, {"TupleType": said.get(b"TUPLTYPE", b"").decode("latin-1").strip()}


def _stored_bytes(header: Header, place: Place) -> int:
    if place.stored == "bits":
        return -(-header.shape[1] // 8) * header.shape[0]
    return prod(header.shape) * np.dtype(place.stored).itemsize


def _binary(content: memoryview, header: Header, place: Place) -> NDArray[Any]:
    data = content[place.start : place.start + _stored_bytes(header, place)]
    if place.stored == "bits":
        rows = np.frombuffer(data, np.uint8).reshape(header.shape[0], -1)
        return np.unpackbits(rows, axis=1, count=header.shape[1]).astype(bool)
    values = np.frombuffer(data, place.stored).reshape(header.shape)
    _check_most(values, header)
    return (values[::-1] if place.upwards else values).astype(header.dtype)


def _plain(content: memoryview, header: Header, place: Place) -> NDArray[Any]:
    """Values that are written as words; those of a PBM need no space between them."""
    text = re.sub(rb"#[^\r\n]*", b" ", bytes(content[place.start :]))
    if not re.fullmatch(rb"[\d\s]*", text):
        raise ValueError("something that is no number stands among its values")
    words = list(re.sub(rb"\s", b"", text)) if place.stored == "bits" else text.split()
    due = prod(header.shape)
    if len(words) < due:
        raise ValueError(f"{len(words):,} values where {due:,} are due")
    if place.stored == "bits":
        bits = np.array(words[:due], np.uint8) - ord("0")
        if bits.size and int(bits.max()) > 1:
            raise ValueError("a value that is neither 0 nor 1")
        return bits.astype(bool).reshape(header.shape)
    values = np.array([int(word) for word in words[:due]], np.int64)
    _check_most(values, header)
    return values.astype(header.dtype).reshape(header.shape)


def _check_most(values: NDArray[Any], header: Header) -> None:
    most = header.tags.get("MaxValue")
    if most is not None and values.size and int(values.max()) > most:
        raise ValueError(f"a value of {values.max()}, where {most} is said to be the most")
