"""What the formats beside TIFF have in common: headers that are checked first, pixels decoded once.

Their libraries are forgiving: they paint grey over what is missing. So each format makes sure that the file's own
structure goes to its end before anything is decoded, and what is decoded must be what the header says.

An animation is one image with an axis T, as a stack of pages of a TIFF is one; with `rows: plane` each frame is a
row, decoded by itself. Frames are those that a viewer shows, put together from what the file stores of each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
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
BY_PLANE = "store its frames as rows of their own with `rows: plane`, or exclude the file"
AXES = {2: "YX", 3: "YXS"}
CENTIMETRE = 3  # the code of TIFF's unit, whose rule of what is a specimen's pixel size holds here too

PerCm = tuple[tuple[int, int], tuple[int, int]]
"""Points a centimetre across and down, as fractions."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an image's header says; `pixels_per_cm` is (x, y) as fractions, None where it has no unit.

    `shape` is that of one frame; `frames` is how many there are, 0 where the image is still. `tags` is what else the
    file says, by the format's own names, `frame_tags` what it says of each frame; `frame_axis` is I where frames are
    pages whose meaning the file does not tell. `channels` are the names of planes that stand one behind the other:
    such an image has the axis C before Y and X.
    """

    dtype: str
    shape: tuple[int, ...]
    tags: Mapping[str, Any]
    pixels_per_cm: PerCm | None = None
    orientation: int | None = None
    warnings: tuple[str, ...] = field(default=())
    frames: int = 0
    frame_tags: tuple[Mapping[str, Any], ...] = ()
    channels: tuple[str, ...] = ()
    frame_axis: str = "T"

    @property
    def axes(self) -> str:
        """The axes of one frame."""
        return "CYX" if self.channels else AXES[len(self.shape)]

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """The shape of all frames together."""
        return (self.frames, *self.shape) if self.frames else self.shape

    def facts(self, frame: int | None = None) -> ImageFacts:
        """The image as a row tells it, or one of its frames."""
        found: dict[str, Any] = {} if self.orientation is None else {"orientation": self.orientation}
        x, y = self.pixels_per_cm or (None, None)
        said = from_resolution({282: x, 283: y, 296: CENTIMETRE})
        if frame is None or not self.frames:
            shape, axes = self.whole_shape, (self.frame_axis if self.frames else "") + self.axes
            frames: dict[str, Any] = {"frames": self.frame_tags} if self.frame_tags else {}
        else:
            shape, axes = self.shape, self.axes
            frames = {"frame": self.frame_tags[frame]} if self.frame_tags else {}
        text = as_text({**found, "tags": self.tags, **frames})
        return ImageFacts(self.dtype, shape, axes, said.x_um, said.y_um, None, self.channels or None, text)


class RasterFormat(ABC):
    """A format whose files hold one image, or several."""

    @abstractmethod
    def headers(self, content: memoryview, path: str) -> tuple[Header, ...]:
        """Read what is not pixels. Raises SourceError where the file is not whole, or of a kind that is not read."""

    @abstractmethod
    def frames(self, content: memoryview, header: Header, path: str) -> Iterator[NDArray[Any]]:
        """Decode the frames of an image one after the other; a still image is one."""

    def counted(self, content: memoryview, header: Header, path: str) -> Header:  # noqa: ARG002
        """Count the frames of an image whose header does not; it is called once a frame is known to fit."""
        return header

    def look(self, file: ImageFile) -> Look:
        """Check the headers."""
        seen: Counter[tuple[str, tuple[int, ...]]] = Counter()
        warnings: dict[str, None] = {}
        for header in self._checked(file):
            by_plane = file.rows == "plane"
            shape = header.shape if by_plane else header.whole_shape
            seen[header.dtype, shape] += max(1, header.frames) if by_plane else 1
            warnings |= dict.fromkeys(header.warnings)
        return Look(seen, tuple(warnings))

    def rows(self, file: ImageFile) -> Iterator[Row]:
        """Decode the images, or their frames, in order."""
        page = 0
        for series, header in enumerate(self._checked(file)):
            if file.rows == "plane":
                for number, pixels in enumerate(self._decoded(file, header)):
                    t = number if header.frame_axis == "T" else 0
                    yield Row(header.facts(number), pixels, (series, page + number, t, 0, 0))
            else:
                yield Row(header.facts(), self._whole(file, header), (series, page))
            page += max(1, header.frames)

    def _whole(self, file: ImageFile, header: Header) -> NDArray[Any]:
        decoded = self._decoded(file, header)
        if not header.frames:
            return next(decoded)
        pixels = np.empty(header.whole_shape, header.dtype)
        for number, one in enumerate(decoded):
            pixels[number] = one
        return pixels

    def _decoded(self, file: ImageFile, header: Header) -> Iterator[NDArray[Any]]:
        """The frames, each held against the header, and as many as it says."""
        count, due = 0, max(1, header.frames)
        frames = self.frames(file.content, header, file.path)
        while True:
            try:
                pixels = next(frames, None)
            except NONSENSE as error:
                raise _undecoded(error, file.path) from error
            if pixels is None:
                break
            count += 1
            if (pixels.dtype.name, pixels.shape) != (header.dtype, header.shape):
                what = f"its pixels make {pixels.dtype} {pixels.shape}, but its header says {header.dtype} {header.shape}"
                raise SourceError(what, file.path, CONVERT)
            yield np.ascontiguousarray(pixels)
        if count != due:
            raise SourceError(f"it has {count} frames, but its header says {due}", file.path, COPY_AGAIN)

    def _checked(self, file: ImageFile) -> tuple[Header, ...]:
        try:
            headers = self.headers(file.content, file.path)
        except NONSENSE as error:
            raise SourceError("the image's header makes no sense", file.path, COPY_AGAIN) from error
        return tuple(self._fitting(file, header) for header in headers)

    def _fitting(self, file: ImageFile, header: Header) -> Header:
        """Make sure that an image has pixels, and no more than memory should hold."""
        if 0 in header.shape:
            size = " x ".join(str(n) for n in header.shape)
            raise SourceError(f"an image of {size} pixels: it has no pixels", file.path, "exclude the file")
        check_size(header.dtype, header.shape, file.max_bytes, file.path)
        try:
            header = self.counted(file.content, header, file.path)
        except NONSENSE as error:
            raise _undecoded(error, file.path) from error
        if header.frames and file.rows == "image":
            check_size(header.dtype, header.whole_shape, file.max_bytes, file.path, BY_PLANE)
        return header


def _undecoded(error: Exception, path: str) -> SourceError:
    what = f"the image cannot be decoded ({str(error).strip() or type(error).__name__})"
    return SourceError(what, path, COPY_AGAIN)


class StillFormat(RasterFormat):
    """A format whose files hold one image that does not move."""

    @abstractmethod
    def header(self, content: memoryview, path: str) -> Header:
        """Read what is not pixels."""

    @abstractmethod
    def pixels(self, content: memoryview, header: Header) -> NDArray[Any]:
        """Decode the pixels."""

    def headers(self, content: memoryview, path: str) -> tuple[Header, ...]:
        """The one image's header."""
        return (self.header(content, path),)

    def frames(self, content: memoryview, header: Header, path: str) -> Iterator[NDArray[Any]]:  # noqa: ARG002
        """The one image."""
        yield self.pixels(content, header)


def cut_off(path: str, at: int, kind: str) -> SourceError:
    """The error for a file that ends too early."""
    return SourceError(f"the {kind} is cut off: it ends after {at:,} bytes", path, COPY_AGAIN)


def dpi_per_cm(across: float, down: float) -> PerCm | None:
    """Points a centimetre from points an inch that are floats; None where they make no sense.

    Examples
    --------
    >>> dpi_per_cm(254.0, 25.4)
    ((100, 1), (10, 1))
    """
    if not (1e-6 < across < 1e9 and 1e-6 < down < 1e9):
        return None
    x, y = (
        (Fraction(dpi) * 50 / 127).limit_denominator(1 << 20).as_integer_ratio() for dpi in (across, down)
    )
    return x, y


def trailing(content: memoryview, end: int) -> tuple[str, ...]:
    """A warning where something stands behind the image."""
    behind = len(content) - end
    if behind <= 0 or not any(content[end:]):
        return ()
    return (f"{behind:,} bytes stand behind the image: left out of its pixels",)
