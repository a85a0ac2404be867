"""Which encoding makes an image smallest without slowing its reading: tried on a sample of its own pixels.

An encoding is a codec and a `step`. Where `step` is not zero, the flat pixels are replaced by their differences from
the pixel `step` before: 1 is the left neighbour, the number of samples is the left neighbour of an RGB pixel, the
length of a row is the neighbour above. Differences are taken modulo the pixel's width, so that nothing is lost. Wide
pixels that a byte each can hold (`narrow`) become bytes first.

The encodings are tried in the order of their decoders' speed, and a slower one must save enough to be worth it. The
choice depends on the pixels alone: the same image gives the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .codecs import CODECS, NARROW, NEARLY_NOTHING, PCODEC, RAW, ZSTD
from .narrow import narrowed

SAMPLE_VALUES = 1 << 16
CACHED_BYTES = 1 << 20
"""Of an image that the processor's cache holds, rows are summed up in fewer calls: 3.2 GB/s against 1.7 row by row."""
STRIPES = 8
MOST_SAMPLES = 4
"""A last axis of up to so many values behind two others holds a pixel's samples, as in RGB."""
WORTH = 0.97
WORTH_PCODEC_8_BIT = 0.9
"""A slower encoding may take this share of the best so far; pcodec decodes 8-bit pixels at half of Zstandard's speed."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's number, and how far before it the pixel stands that each pixel is a difference from; 0: none."""

    codec: int
    step: int = 0


def candidates(dtype: np.dtype[Any], shape: Sequence[int], narrow: bool = False) -> Iterator[Encoding]:
    """The encodings to try, the fastest to decode first; `narrow` says whether a byte can hold each pixel.

    Examples
    --------
    >>> [(CODECS[e.codec].name, e.step) for e in candidates(np.dtype("u1"), (512, 640, 3))]
    [('zstd', 0), ('zstd', 3), ('zstd', 1920), ('pcodec', 0)]
    >>> [(CODECS[e.codec].name, e.step) for e in candidates(np.dtype("u2"), (512, 640))]
    [('zstd', 0), ('pcodec', 0)]
    >>> [(CODECS[e.codec].name, e.step) for e in candidates(np.dtype("u2"), (512, 640), narrow=True)]
    [('narrow', 0), ('narrow', 1), ('narrow', 640), ('pcodec', 0)]
    """
    samples = shape[-1] if len(shape) > 2 and shape[-1] <= MOST_SAMPLES else 1
    row = samples * shape[-2 if samples > 1 else -1]
    codec = NARROW if narrow else ZSTD
    yield Encoding(codec)
    if narrow or dtype.itemsize == 1:
        yield from (Encoding(codec, step) for step in dict.fromkeys((samples, row)) if step < prod(shape))
    yield Encoding(PCODEC)
    if dtype.kind in "ui" and dtype.itemsize > 1 and samples > 1:
        yield Encoding(PCODEC, samples)


def smallest(pixels: NDArray[Any], shape: Sequence[int]) -> tuple[Encoding, bytes]:
    """Compress the flat pixels of an image of `shape` with the encoding that suits them.

    Examples
    --------
    >>> encoding, payload = smallest(np.zeros(10_000, "<u2"), (100, 100))
    >>> CODECS[encoding.codec].name, len(payload) < 30
    ('narrow', True)
    """
    tried = candidates(pixels.dtype, shape, narrowed(pixels) is not None)
    best, payload = _best(_sample(pixels, shape[-1]), list(tried))
    if pixels.size > SAMPLE_VALUES:
        payload = compressed(pixels, best)
    if len(payload) >= pixels.nbytes:
        best, payload = Encoding(RAW), compressed(pixels, Encoding(RAW))
    return best, payload


def compressed(pixels: NDArray[Any], encoding: Encoding) -> bytes:
    """Compress flat pixels with one encoding. Raises ValueError where they are not narrow, and it takes such alone."""
    told = b""
    if encoding.codec == NARROW:
        found = narrowed(pixels)
        if found is None:
            raise ValueError("a byte does not hold each of these pixels")
        told, pixels = found
    if encoding.step:
        pixels = differences(pixels, encoding.step)
    return told + CODECS[encoding.codec].encode(pixels)


def differences(pixels: NDArray[Any], step: int) -> NDArray[Any]:
    """Replace each value by its difference from the one `step` before, modulo its width, as a signed number.

    Examples
    --------
    >>> differences(np.array([5, 7, 6, 6], "<u1"), 1).tolist()
    [5, 2, -1, 0]
    """
    whole = pixels.view(f"<u{pixels.itemsize}")
    found = whole.copy()
    np.subtract(whole[step:], whole[:-step], out=found[step:])
    return found.view(f"<i{pixels.itemsize}")


def undifferenced(found: NDArray[Any], step: int) -> NDArray[Any]:
    """Undo `differences`; the result is unsigned.

    Examples
    --------
    >>> undifferenced(np.array([5, 2, -1, 0], "<i1"), 1).tolist()
    [5, 7, 6, 6]
    """
    rows = found.view(f"<u{found.itemsize}").reshape(-1, step)
    if step <= MOST_SAMPLES:
        import imagecodecs

        summed: NDArray[Any] = imagecodecs.delta_decode(rows, axis=0)
        return summed.reshape(-1)
    pixels = rows.copy()
    if pixels.nbytes <= CACHED_BYTES:
        done = 1
        while done < len(pixels):  # sums of 2, 4, 8 ... rows: more additions, but in few and long calls
            pixels[done:] += pixels[:-done]
            done *= 2
        return pixels.reshape(-1)
    above = pixels[0]
    for row in pixels[1:]:
        np.add(above, row, out=row)
        above = row
    return pixels.reshape(-1)


def _best(pixels: NDArray[Any], tried: Sequence[Encoding]) -> tuple[Encoding, bytes]:
    best, payload = tried[0], compressed(pixels, tried[0])
    for encoding in tried[1:]:
        if len(payload) < NEARLY_NOTHING * pixels.nbytes:
            break
        slow = encoding.codec == PCODEC and pixels.itemsize == 1
        other = compressed(pixels, encoding)
        if len(other) < (WORTH_PCODEC_8_BIT if slow else WORTH) * len(payload):
            best, payload = encoding, other
    return best, payload


def _sample(pixels: NDArray[Any], row: int) -> NDArray[Any]:
    """All pixels of a small image; of a large one whole rows, from places that are spread over it."""
    if pixels.size <= SAMPLE_VALUES:
        return pixels
    length = max(1, SAMPLE_VALUES // STRIPES // row) * row
    starts = np.linspace(0, pixels.size - length, STRIPES).astype(np.int64) // row * row
    return np.concatenate([pixels[start : start + length] for start in starts])
