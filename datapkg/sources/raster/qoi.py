"""QOI: 8 bits, colour with or without transparency, lossless."""

from __future__ import annotations

import struct
from typing import Any

from numpy.typing import NDArray

from ...errors import SourceError
from .format import COPY_AGAIN, Header, StillFormat, cut_off, trailing
from .refill import decoded_whole

END = bytes(7) + b"\1"
FILLING = b"\xfe\x01\x02\x03\xfe\xf1\xf2\xf3"
"""Two pixels of different colours: one of them at least is none that a decoder would make up."""


class Qoi(StillFormat):
    """The format of QOI files."""

    def header(self, content: memoryview, path: str) -> Header:
        """Read the header, and find the end mark."""
        if len(content) < 22:
            raise cut_off(path, len(content), "QOI")
        width, height, samples, space = struct.unpack_from(">IIBB", content, 4)
        if samples not in (3, 4) or space > 1:
            raise SourceError("the QOI's header makes no sense", path, COPY_AGAIN)
        end = _end(content)
        if end < 0:
            raise cut_off(path, len(content), "QOI")
        tags = {"ColorSpace": ("sRGB", "linear")[space]}
        return Header("uint8", (height, width, samples), tags, warnings=trailing(content, end))

    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:  # noqa: ARG002
        """Decode the pixels."""
        from imagecodecs import qoi_decode

        data = bytes(content[: _end(content) - len(END)])
        return decoded_whole(qoi_decode, data + END, data + FILLING + END)


def _end(content: memoryview) -> int:
    at = bytes(content).rfind(END)
    return -1 if at < 14 else at + len(END)
