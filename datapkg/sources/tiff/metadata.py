"""The `metadata` column of TIFFs: what the file says, as JSON text, with nothing interpreted away.

The members of the JSON object, each there only where the file has it:

- `ome_xml`: the raw OME-XML, on a file's first row; `ome`: the attributes of this image in it, and in `plane` those
  of the row's plane
- `files`, of a plane `file`: where the planes stand, if they are spread over several files
- `acquisition_date`, `time_increment_s`: taken from what the microscope's software wrote
- `name`, `levels`: the image's name; the shapes of a pyramid's resolutions, the full one first
- `tags`: the TIFF tags of its first page by name, ImageJ's description among them; `pages`: the tags of further pages
  that differ from those

JSON has no bytes, fractions or NaN: bytes that are no text are ``{"base64": ...}``, a fraction is [numerator,
denominator], NaN and the infinities are text. What is too long to be worth its place says so: ``{"left_out": ...}``.
"""

from __future__ import annotations

import base64
import enum
import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from tifffile import TiffFrame, TiffPage, TiffPageSeries

from .calibration import Calibration
from .file import OpenTiff, decoding
from .ome import OmeImage

# Where strips and tiles stand in the file is of no use without the file, and grows with it.
PLACES = frozenset({"StripOffsets", "StripByteCounts", "TileOffsets", "TileByteCounts", "SubIFDs"})
FEW, MANY, LONG_BYTES = 16, 200_000, 1 << 16
DESCRIPTION = 270


def metadata_text(
    tiff: OpenTiff,
    series: TiffPageSeries,
    image: OmeImage | None,
    said: Calibration,
    *,
    first: bool,
    page: TiffPage | TiffFrame | None = None,
    place: tuple[int, int, int] | None = None,
) -> str:
    """Write one row's metadata.

    Parameters
    ----------
    first
        Whether this is the file's first row, which holds the raw OME-XML.
    page, place
        For a row that is one plane: its page, and its t, c and z.
    """
    found = ome_members(tiff.ome.text if tiff.ome is not None and first else None, image, said, place)
    if series.name:
        found["name"] = series.name
    elif series.kind == "lsm" and series.keyframe.is_reduced:
        found["name"] = "Thumbnail"
    if series.is_pyramidal:
        found["levels"] = [list(level.shape) for level in series.levels]
    with decoding(tiff.path):
        if place is None:
            found |= _series_tags(tiff, series)
        else:
            found["tags"] = page_tags(tiff, (series.keyframe if page is None else page).aspage())
    return as_text(found)


def ome_members(
    xml: str | None, image: OmeImage | None, said: Calibration, place: tuple[int, int, int] | None
) -> dict[str, Any]:
    """What the microscope's software wrote: the members from `ome_xml` to `time_increment_s`."""
    found: dict[str, Any] = {} if xml is None else {"ome_xml": xml}
    if image is not None:
        found["ome"] = image.facts()
        if place is not None and place in image.planes:
            found["ome"]["plane"] = image.planes[place]
    for name in ("acquisition_date", "time_increment_s"):
        if getattr(said, name) is not None:
            found[name] = getattr(said, name)
    return found


def as_text(found: Mapping[str, Any]) -> str:
    """Write metadata as JSON."""
    text = json.dumps(as_json(found), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate has no UTF-8


def as_json(value: Any) -> Any:
    """Put a value into JSON's terms.

    Examples
    --------
    >>> as_json({"XResolution": (72, 1), "nodata": float("nan"), "icc": b"\\x00\\xff"})
    {'XResolution': [72, 1], 'nodata': 'NaN', 'icc': {'base64': 'AP8='}}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return (
            value if math.isfinite(value) else {"nan": "NaN", "inf": "Infinity"}.get(repr(value), "-Infinity")
        )
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    if isinstance(value, Mapping):
        return {str(key): as_json(member) for key, member in value.items()}
    if isinstance(value, np.ndarray):
        return _left_out(value.size, "numbers") if value.size > MANY else as_json(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return _left_out(len(value), "values") if len(value) > MANY else [as_json(member) for member in value]
    return value.isoformat() if isinstance(value, date) else str(value)


def _series_tags(tiff: OpenTiff, series: TiffPageSeries) -> dict[str, Any]:
    """The tags of an image's first page, and of its further pages what differs."""
    tags = page_tags(tiff, series.keyframe)
    pages = []
    for page in series._pages:
        if page is None or page is series.keyframe or (isinstance(page, TiffFrame) and page.is_virtual):
            continue
        own = page_tags(tiff, page.aspage())
        different = {
            name: value for name, value in own.items() if value != tags.get(name) and name not in PLACES
        }
        if different:
            pages.append({"page": page.index, **different})
    return {"tags": tags, "pages": pages} if pages else {"tags": tags}


def page_tags(tiff: OpenTiff, page: TiffPage) -> dict[str, Any]:
    """A page's tags by name."""
    tags: dict[str, Any] = {}
    known = None if tiff.ome is None else tiff.ome.text
    for tag in page.tags:
        if tag.code == DESCRIPTION and (tag.value == known or (known is None and page.is_ome)):
            continue  # the OME-XML, which has a member of its own
        value = as_json(tag.value)
        if tag.name in PLACES and isinstance(value, list) and len(value) > FEW:
            value = _left_out(len(value), "numbers") | {"first": value[0], "last": value[-1]}
        if tag.name in tags:  # some programs write two descriptions
            value = [*as_list(tags[tag.name]), value]
        tags[tag.name] = value
    return tags


def as_list(value: Any) -> list[Any]:
    """A value as a list of one, a list as it is."""
    return value if isinstance(value, list) else [value]


def _left_out(count: int, what: str) -> dict[str, Any]:
    return {"left_out": f"{count} {what}"}


def _bytes(value: bytes) -> Any:
    text = value.rstrip(b"\0")
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        decoded = "\0"
    if decoded.isprintable() or all(c.isprintable() or c in "\t\r\n" for c in decoded):
        return decoded
    if len(value) > LONG_BYTES:
        return _left_out(len(value), "bytes")
    return {"base64": base64.b64encode(value).decode()}
