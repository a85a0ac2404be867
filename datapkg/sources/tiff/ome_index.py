"""The XML that all files of a set share, read once: which files its images name, and what stands in each.

Every file of a multi-file OME-TIFF bears the XML of the whole set, with nothing of its own but its UUID. To read it
again for each file would take a time that grows with the square of their number.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from xml.etree import ElementTree

from ...errors import SourceError
from .ome import OmeImage, image_elements, images_of, parse_xml

Names = tuple[tuple[str, ...], ...]
"""The files that images name, one for each block of planes."""
FEW = 4
ROOT_UUID = re.compile(r"""<(?:[\w.-]+:)?(?:OME|BinaryOnly)\b[^>]*?\sUUID\s*=\s*(?:"([^"]*)"|'([^']*)')""")


@dataclass(frozen=True)
class OmeIndex:
    """Parsed XML; whatever takes long is worked out when it is first asked for, and kept."""

    root: ElementTree.Element
    images: tuple[OmeImage, ...]

    @cached_property
    def names(self) -> Names:
        """Each block's file, as the XML names it."""
        return tuple(tuple(block.file for block in image.blocks) for image in self.images)

    @cached_property
    def elements(self) -> tuple[ElementTree.Element, ...]:
        """The images' elements."""
        return tuple(image_elements(self.root))

    @cached_property
    def all_named(self) -> bool:
        """Whether every block says which file it stands in."""
        return all(name for names in self.names for name in names)

    @cached_property
    def folded(self) -> dict[str, frozenset[str]]:
        """The names by their lower case."""
        found: dict[str, set[str]] = {}
        for names in self.names:
            for name in names:
                found.setdefault(name.casefold(), set()).add(name)
        return {name: frozenset(those) for name, those in found.items()}

    @cached_property
    def images_in(self) -> dict[str, dict[int, int | None]]:
        """By file, the numbers of the images with planes in it, and how many planes; None: as many as it has pages."""
        found: dict[str, dict[int, int | None]] = {}
        for number, image in enumerate(self.images):
            for block in image.blocks:
                planes = found.setdefault(block.file, {})
                before = planes.get(number, 0)
                planes[number] = None if block.count is None or before is None else before + block.count
        return found

    @cached_property
    def spread_images(self) -> int:
        """How many images name more than one file."""
        return sum(len(set(names)) > 1 for names in self.names)

    @cached_property
    def planes(self) -> int:
        """How many planes the blocks have together, at the least."""
        return sum(block.count or 1 for image in self.images for block in image.blocks)

    @cached_property
    def named(self) -> Counter[tuple[str, str]]:
        """The names and UUIDs of blocks."""
        return Counter((block.file, block.uuid) for image in self.images for block in image.blocks)

    def whole_in(self, name: str, pages: int) -> list[int]:
        """The images all of whose planes stand in a file of that name, be it that they stand in others too."""
        found = []
        for number, planes in self.images_in[name].items():
            alone = len(set(self.names[number])) == 1
            due = planes_of(self.images[number])
            if alone or (due is not None and 0 < due <= (pages if planes is None else planes)):
                found.append(number)
        return found


def planes_of(image: OmeImage) -> int | None:
    """How many planes an image has by its sizes; None where they are not written."""
    try:
        samples = int(image.channels[0].get("SamplesPerPixel", "1")) if image.channels else 1
        return prod(int(image.pixels[f"Size{axis}"]) for axis in "ZCT") // max(samples, 1)
    except (KeyError, ValueError):
        return None


def index_of(text: str, path: str) -> tuple[OmeIndex, str | None]:
    """The XML of a file, read once for all that share it, and what the file is called in it.

    Raises
    ------
    SourceError
        It is broken or hostile.
    """
    said = ROOT_UUID.search(text)
    start, end = (0, 0) if said is None else said.span(1 if said[1] is not None else 2)
    try:
        return _index(text[:start] + text[end:]), text[start:end] or None
    except SourceError as error:
        raise SourceError(error.what, path, error.fix) from None


def uuid_of(text: str) -> str | None:
    """What a file calls itself, where it says so."""
    said = ROOT_UUID.search(text)
    return None if said is None else said[1] or said[2] or None


@lru_cache(maxsize=FEW)
def _index(text: str) -> OmeIndex:
    root = parse_xml(text, "")
    return OmeIndex(root, images_of(root, ""))
