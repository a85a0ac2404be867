"""What OME-XML says of the images in a TIFF: pixel sizes, channels, times, and where the planes stand.

Only what a table needs is taken; the XML itself is kept whole beside it. A size that is not written stays unknown,
and a unit that is no length (``pixel``, ``reference frame``) makes no size. Nothing outside the file is fetched:
XML that declares entities, the way to make a few bytes explode or to read other files, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from ...errors import SourceError
from .units import length_um, time_s

MEND_XML = "write the file again, or mend its OME-XML with `tiffcomment`, or exclude it"


@dataclass(frozen=True, slots=True)
class Block:
    """Planes that stand one behind the other: the XML's TiffData.

    `first` is (t, c, z) of the first of them, `page` where that stands, `count` how many there are; None: as many as
    the file has. `file` and `uuid` say in which file, and are empty where the XML does not say.
    """

    first: tuple[int, int, int]
    page: int
    count: int | None
    file: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class OmeImage:
    """One image of the XML, by the XML's own words."""

    attributes: Mapping[str, str]
    pixels: Mapping[str, str]
    channels: tuple[Mapping[str, str], ...] = ()
    acquisition_date: str | None = None
    planes: Mapping[tuple[int, int, int], Mapping[str, str]] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    def pixel_size_um(self, axis: str) -> float | None:
        """The size of a pixel along X, Y or Z; None where it is not written.

        Examples
        --------
        >>> OmeImage({}, {"PhysicalSizeX": "325", "PhysicalSizeXUnit": "nm"}).pixel_size_um("X")
        0.325
        """
        unit = self.pixels.get(f"PhysicalSize{axis}Unit", "µm")  # the schema's default
        return length_um(self.pixels.get(f"PhysicalSize{axis}"), unit)

    @property
    def time_increment_s(self) -> float | None:
        """Seconds from one time point to the next."""
        return time_s(self.pixels.get("TimeIncrement"), self.pixels.get("TimeIncrementUnit", "s"))

    @property
    def channel_names(self) -> tuple[str | None, ...] | None:
        """The channels' names in order, None for one without; None where no channel has one."""
        names = tuple(channel.get("Name") or None for channel in self.channels)
        return names if any(names) else None

    def facts(self) -> dict[str, Any]:
        """The image in JSON's terms, without its planes."""
        return {**self.attributes, "Pixels": dict(self.pixels), "Channels": [dict(c) for c in self.channels]}


def parse_xml(text: str, path: str) -> ElementTree.Element:
    """Parse XML that declares no entities."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SourceError(
            "the XML in the TIFF declares entities, which image metadata never needs",
            path,
            "remove the DOCTYPE from the file's OME-XML, or exclude the file",
        )
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - entities were refused above
    except ElementTree.ParseError as error:
        what = f"the XML in the TIFF is broken ({error})"
        raise SourceError(what, path, MEND_XML) from None


def images_of(root: ElementTree.Element, path: str) -> tuple[OmeImage, ...]:
    """The images of the XML that have planes, in order.

    Raises
    ------
    SourceError
        A number of the XML is none.
    """
    try:
        return tuple(_image(element) for element in image_elements(root))
    except ValueError as error:
        raise SourceError(f"the TIFF's OME-XML is broken ({error})", path, MEND_XML) from None


def image_elements(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The elements of the images that have planes, in order."""
    elements = [image for image in root if name_of(image) == "Image"]
    return [e for e in elements if any(name_of(d) == "TiffData" for p in e for d in p)]


def name_of(element: ElementTree.Element) -> str:
    """An element's name without its namespace, which differs between versions of the schema."""
    return element.tag.rpartition("}")[2]


def child_of(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    """The first child of that name."""
    return next((child for child in element if name_of(child) == name), None)


def _image(element: ElementTree.Element) -> OmeImage:
    pixels = child_of(element, "Pixels")
    date = child_of(element, "AcquisitionDate")
    inside = [] if pixels is None else list(pixels)
    return OmeImage(
        dict(element.attrib),
        {} if pixels is None else dict(pixels.attrib),
        tuple(dict(channel.attrib) for channel in inside if name_of(channel) == "Channel"),
        None if date is None else date.text,
        {_place(plane, "The"): dict(plane.attrib) for plane in inside if name_of(plane) == "Plane"},
        tuple(_block(data) for data in inside if name_of(data) == "TiffData"),
    )


def _block(data: ElementTree.Element) -> Block:
    count = data.attrib.get("PlaneCount", data.attrib.get("NumPlanes", "1" if "IFD" in data.attrib else None))
    uuid = child_of(data, "UUID")
    return Block(
        _place(data, "First"),
        int(data.attrib.get("IFD", "0")),
        None if count is None or int(count) == 0 else int(count),
        "" if uuid is None else uuid.attrib.get("FileName", ""),
        "" if uuid is None else (uuid.text or "").strip(),
    )


def _place(element: ElementTree.Element, prefix: str) -> tuple[int, int, int]:
    t, c, z = (int(element.attrib.get(prefix + axis, "0")) for axis in "TCZ")
    return t, c, z
