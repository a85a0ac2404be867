"""What OME-XML says of the images in a TIFF: pixel sizes, channels, times, and the files that hold the planes.

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
class OmeImage:
    """One image of the XML, by the XML's own words."""

    attributes: Mapping[str, str]
    pixels: Mapping[str, str]
    channels: tuple[Mapping[str, str], ...] = ()
    acquisition_date: str | None = None
    planes: Mapping[tuple[int, int, int], Mapping[str, str]] = field(default_factory=dict)

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


@dataclass(frozen=True, slots=True)
class Ome:
    """A file's OME-XML, and its images that have planes.

    `mended` is the XML without the names of files, where the one file that it names is this one under an older name.
    """

    text: str
    images: tuple[OmeImage, ...]
    mended: str | None = None


def read_ome(text: str, path: str, pages: int) -> Ome:
    """Read the OME-XML of a file of so many pages.

    Raises
    ------
    SourceError
        It is broken or hostile, or the file is one of a set: the planes of its images stand in other files too.
    """
    root = parse_xml(text, path)
    binary_only = _child(root, "BinaryOnly")
    if binary_only is not None:
        companion = binary_only.attrib.get("MetadataFile", "another file")
        raise _one_of_a_set(f"what its planes are stands in {companion}", path)
    elements = [image for image in root if _name(image) == "Image"]
    try:
        holders, planes = _holders(root, pages)
        with_planes = [e for e in elements if any(_name(d) == "TiffData" for p in e for d in p)]
        images = tuple(_image(e) for e in with_planes)
    except ValueError as error:
        raise SourceError(f"the TIFF's OME-XML is broken ({error})", path, MEND_XML) from None
    own, file_name = root.attrib.get("UUID"), path.rpartition("/")[2]
    others = {uuid: name for uuid, name in holders.items() if uuid != own}
    if not others:
        return Ome(text, images)
    # a file that was renamed, or saved again under a new UUID: every plane is here, only the name is an older one
    same_name = {name.casefold() for name in others.values()} == {file_name.casefold()}
    if len(holders) == 1 and (same_name or (own is None and planes == pages)):
        return Ome(text, images, _without_file_names(root))
    listed = sorted(name or uuid for uuid, name in others.items())
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    raise _one_of_a_set(f"planes of its images stand in {', '.join(listed[:3])}{more}", path)


def _holders(root: ElementTree.Element, pages: int) -> tuple[dict[str, str], int]:
    """The files that hold planes, as name by UUID, and how many planes the XML places."""
    holders: dict[str, str] = {}
    planes = 0
    for data in root.iter():
        if _name(data) == "TiffData":
            default = "1" if "IFD" in data.attrib else str(pages)
            planes += int(data.attrib.get("PlaneCount", data.attrib.get("NumPlanes", default)))
            uuid = _child(data, "UUID")
            if uuid is not None:
                holders[(uuid.text or "").strip()] = uuid.attrib.get("FileName", "").rpartition("/")[2]
    return holders, planes


def _without_file_names(root: ElementTree.Element) -> str:
    for data in root.iter():
        if _name(data) == "TiffData":
            for uuid in [child for child in data if _name(child) == "UUID"]:
                data.remove(uuid)
    return ElementTree.tostring(root, encoding="unicode")


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


def _one_of_a_set(why: str, path: str) -> SourceError:
    return SourceError(
        f"one file of a multi-file OME-TIFF: {why}; sets of files cannot be read yet",
        path,
        "write the set as one OME-TIFF, for example with `bfconvert`, or exclude its files",
    )


def _image(element: ElementTree.Element) -> OmeImage:
    pixels = _child(element, "Pixels")
    date = _child(element, "AcquisitionDate")
    inside = [] if pixels is None else list(pixels)
    planes = {_place(plane): dict(plane.attrib) for plane in inside if _name(plane) == "Plane"}
    return OmeImage(
        dict(element.attrib),
        {} if pixels is None else dict(pixels.attrib),
        tuple(dict(channel.attrib) for channel in inside if _name(channel) == "Channel"),
        None if date is None else date.text,
        planes,
    )


def _place(plane: ElementTree.Element) -> tuple[int, int, int]:
    t, c, z = (int(plane.attrib.get(name, "0")) for name in ("TheT", "TheC", "TheZ"))
    return t, c, z


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((child for child in element if _name(child) == name), None)
