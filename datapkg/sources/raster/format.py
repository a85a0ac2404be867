"""What the formats of one image a file have in common: a header that is checked first, pixels decoded once.

Their libraries are forgiving: they paint grey over what is missing. So each format makes sure that the file's own
structure goes to its end before anything is decoded, and what is decoded must be what the header says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from ..image_columns import ImageFacts
from ..images.format import ImageFile, Look, Row
from ..limit import check_size
from ..tiff.calibration import from_resolution
from ..tiff.file import NONSENSE
from ..tiff.metadata import as_text

COPY_AGAIN = "copy the file again from where it came from, or exclude it"
CONVERT = "save it as PNG or TIFF, or exclude it"
AXES = {2: "YX", 3: "YXS"}
CENTIMETRE = 3  # the code of TIFF's unit, whose rule of what is a specimen's pixel size holds here too


@dataclass(frozen=True, slots=True)
class Header:
    """What an image's header says; `pixels_per_cm` is (x, y) as fractions, None where it has no unit.

    `tags` is what else the file says, by the format's own names.
    """

    dtype: str
    shape: tuple[int, ...]
    tags: Mapping[str, Any]
    pixels_per_cm: tuple[tuple[int, int], tuple[int, int]] | None = None
    orientation: int | None = None
    warnings: tuple[str, ...] = field(default=())

    def facts(self) -> ImageFacts:
        """The image as a row tells it."""
        found: dict[str, Any] = {} if self.orientation is None else {"orientation": self.orientation}
        x, y = self.pixels_per_cm or (None, None)
        said = from_resolution({282: x, 283: y, 296: CENTIMETRE})
        text = as_text({**found, "tags": self.tags})
        return ImageFacts(
            self.dtype, self.shape, AXES[len(self.shape)], said.x_um, said.y_um, None, None, text
        )


class RasterFormat(ABC):
    """A format whose files hold one image each."""

    @abstractmethod
    def header(self, content: memoryview, path: str) -> Header:
        """Read what is not pixels. Raises SourceError where the file is not whole, or of a kind that is not read."""

    @abstractmethod
    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:
        """Decode the pixels."""

    def look(self, file: ImageFile) -> Look:
        """Check the header."""
        header = self._checked(file)
        return Look(Counter({(header.dtype, header.shape): 1}), header.warnings)

    def rows(self, file: ImageFile) -> Iterator[Row]:
        """Decode the one image."""
        header = self._checked(file)
        try:
            pixels = self.pixels(file.content, header)
        except NONSENSE as error:
            what = f"the image cannot be decoded ({str(error).strip() or type(error).__name__})"
            raise SourceError(what, file.path, COPY_AGAIN) from error
        if (pixels.dtype.name, pixels.shape) != (header.dtype, header.shape):
            what = f"its pixels make {pixels.dtype} {pixels.shape}, but its header says {header.dtype} {header.shape}"
            raise SourceError(what, file.path, CONVERT)
        yield Row(header.facts(), np.ascontiguousarray(pixels), (0,) * (2 if file.rows == "image" else 5))

    def _checked(self, file: ImageFile) -> Header:
        try:
            header = self.header(file.content, file.path)
        except NONSENSE as error:
            raise SourceError("the image's header makes no sense", file.path, COPY_AGAIN) from error
        if 0 in header.shape:
            size = " x ".join(str(n) for n in header.shape)
            raise SourceError(f"an image of {size} pixels: it has no pixels", file.path, "exclude the file")
        check_size(header.dtype, header.shape, file.max_bytes, file.path)
        return header


def cut_off(path: str, at: int, kind: str) -> SourceError:
    """The error for a file that ends too early."""
    return SourceError(f"the {kind} is cut off: it ends after {at:,} bytes", path, COPY_AGAIN)


def trailing(content: memoryview, end: int) -> tuple[str, ...]:
    """A warning where something stands behind the image."""
    behind = len(content) - end
    if behind <= 0 or not any(content[end:]):
        return ()
    return (f"{behind:,} bytes stand behind the image: left out of its pixels",)
