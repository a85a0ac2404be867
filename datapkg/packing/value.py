"""One packed image: bytes that say themselves what they hold.

A value is a head (format, seal, codec, dtype, shape) and the codec's payload; `docs/packed.md` has the table. The seal
is a hash of everything else. It is compared before a decoder sees the payload: storage has no checksums of its
own, and a decoder may crash on damaged bytes, or give other pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from struct import Struct
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from ..errors import DamageError, SchemaError, VersionError
from .choice import Encoding, compressed, smallest, undifferenced
from .codecs import CODECS, NARROW, RAW
from .narrow import widened

FORMAT = 1
MAGIC = b"dpk%d" % FORMAT
SEAL_BYTES = 8
SEALED = len(MAGIC) + SEAL_BYTES
HEAD = Struct("<B2sBI")
KINDS = ("b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
FIX = "copy the package again from a whole one, or build with --rehash"


@dataclass(frozen=True, slots=True)
class Head:
    """What a value holds: how it is encoded, its image's dtype and shape, and where the payload starts."""

    encoding: Encoding
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int

    @property
    def pixel_bytes(self) -> int:
        """What the image takes in memory."""
        return prod(self.shape) * self.dtype.itemsize


def pack(image: NDArray[Any], encoding: Encoding | None = None) -> bytes:
    """Compress an image without loss.

    Parameters
    ----------
    encoding
        Which codec; by default the one that makes it smallest.

    Raises
    ------
    SchemaError
        Its dtype is none of pixels.

    Examples
    --------
    >>> value = pack(np.zeros((512, 512), "u2"))
    >>> len(value) < 70
    True
    >>> unpack(value).shape
    (512, 512)
    """
    little = np.ascontiguousarray(image, image.dtype.newbyteorder("<")).reshape(-1)
    kind = little.dtype.str[1:]
    if kind not in KINDS:
        raise SchemaError(
            f"pixels of type {image.dtype.name} cannot be stored", fix="convert them to numbers"
        )
    shape: Sequence[int] = image.shape
    if kind == "b1":  # eight to a byte
        little = np.packbits(little)
        shape = little.shape
    if not little.size:
        encoding, payload = Encoding(RAW), b""
    elif encoding is None:
        encoding, payload = smallest(little, shape or (1,))
    else:
        payload = compressed(little, encoding)
    head = HEAD.pack(encoding.codec, kind.encode(), image.ndim, encoding.step)
    body = head + np.array(image.shape, "<u4").tobytes() + payload
    return MAGIC + _seal(MAGIC, body) + body


def head(value: bytes | memoryview) -> Head:
    """Read what a value holds. Nothing but the head's own form is checked.

    Raises
    ------
    DamageError
        It is no packed image.
    VersionError
        A newer datapkg packed it.
    """
    value = memoryview(value).cast("B")  # Arrow's buffers show signed bytes
    if len(value) < SEALED + HEAD.size or value[:3] != MAGIC[:3]:
        raise DamageError("this is no packed image", fix=FIX)
    codec, kind, rank, step = HEAD.unpack_from(value, SEALED)
    if value[: len(MAGIC)] != MAGIC or codec not in CODECS or kind.decode("latin-1") not in KINDS:
        raise VersionError("a newer datapkg packed this image", fix="update datapkg")
    lengths = SEALED + HEAD.size
    start = lengths + 4 * rank
    if len(value) < start:
        raise DamageError("this is no packed image", fix=FIX)
    shape = tuple(np.frombuffer(value[lengths:start], "<u4").tolist())
    return Head(Encoding(codec, step), np.dtype("<" + kind.decode()), shape, start)


def unpack(value: bytes | memoryview, expected: tuple[str, Sequence[int]] | None = None) -> NDArray[Any]:
    """Bring an image back: read-only, in its own dtype and shape.

    Parameters
    ----------
    expected
        The (dtype, shape) that it must have; nothing is decoded where it has another.

    Raises
    ------
    DamageError
        The value is not as it was written, or not what is expected.
    VersionError
        A newer datapkg packed it.
    """
    value = memoryview(value).cast("B")  # Arrow's buffers show signed bytes
    if value[len(MAGIC) : SEALED] != _seal(value[: len(MAGIC)], value[SEALED:]):
        raise DamageError("the packed pixels are not as they were written", fix=FIX)
    found = head(value)
    if expected is not None and (found.dtype.name, found.shape) != (expected[0], tuple(expected[1])):
        what = f"the packed image is {found.dtype.name} {found.shape}, where its row says {expected[0]} {tuple(expected[1])}"
        raise DamageError(what, fix=FIX)
    try:
        image = _pixels(found, value[found.start :]).reshape(found.shape)
    except (ValueError, RuntimeError, OverflowError, MemoryError) as error:
        raise DamageError(f"the packed pixels cannot be decoded: {error}", fix=FIX) from None
    image = image.astype(image.dtype.newbyteorder("="), copy=False)
    image.flags.writeable = False
    return image


def _pixels(found: Head, payload: memoryview) -> NDArray[Any]:
    dtype, count = found.dtype, prod(found.shape)
    if found.encoding.codec == NARROW:
        told = payload[: 2 * dtype.itemsize]
        if dtype.kind not in "ui" or len(told) < 2 * dtype.itemsize:
            raise ValueError(f"no {dtype} is made of bytes so")
        pixels = widened(_numbers(found.encoding, payload[len(told) :], np.dtype("u1"), count), told)
    elif dtype.kind == "b":
        pixels = _numbers(found.encoding, payload, np.dtype("u1"), -(-count // 8))
        pixels = np.unpackbits(pixels, count=count)
    else:
        pixels = _numbers(found.encoding, payload, dtype, count)
    return pixels.view(dtype)


def _numbers(encoding: Encoding, payload: memoryview, stored: np.dtype[Any], count: int) -> NDArray[Any]:
    codec, step = CODECS[encoding.codec], encoding.step
    if not step:
        return codec.decode(payload, stored, count)
    if stored.kind not in "ui" or count % step:
        raise ValueError(f"{count} values of {stored} have no differences of step {step}")
    return undifferenced(codec.decode(payload, np.dtype(f"<i{stored.itemsize}"), count), step)


def _seal(magic: bytes | memoryview, body: bytes | memoryview) -> bytes:
    return bytes(blake3(magic).update(body).digest(length=SEAL_BYTES))
