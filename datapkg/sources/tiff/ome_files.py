"""Which file holds which plane: what an OME-TIFF's XML says of itself and of its siblings.

The XML of one file may describe images whose planes stand in others. Three cases are told apart. Every plane stands
in this file, be it under an older name: the file is whole. Every image stands wholly in one file, as where each
position of a plate is a file of its own and each file's XML describes all of them, or wholly in each of several: then
this file is whole too, and its images are those that stand in it. Else planes of one image are spread over files:
these are a set.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree

from ...addresses import named
from ...errors import SourceError
from .ome import MEND_XML, Block, OmeImage, child_of, name_of, parse_xml
from .ome_index import Names, OmeIndex, index_of, planes_of

FORGET = "`tiffcomment` shows and mends what it says; or exclude the file"


@dataclass(frozen=True, slots=True)
class Ome:
    """A file's OME-XML, and its images.

    `mended` is the XML that tells of this file alone, where the XML itself names files. `spread` says that planes of
    the images stand in other files too: `names` has each block's file as the XML names it, `own` what of these is this
    one; an empty name is this one too.
    """

    text: str
    images: tuple[OmeImage, ...]
    mended: str | None = None
    spread: bool = False
    names: Names = ()
    own: str = ""

    @property
    def files(self) -> Names:
        """Each block's file, empty for this one."""
        return tuple(tuple("" if name == self.own else name for name in names) for names in self.names)


def read_ome(text: str, path: str, pages: int, uuid: str | None = None) -> Ome:
    """Read the OME-XML of a file of so many pages.

    Parameters
    ----------
    uuid
        What the file is called in XML that stands in another file.

    Raises
    ------
    SourceError
        It is broken or hostile, or contradicts itself.
    """
    index, own = index_of(text, path)
    own = uuid or own
    exact = index.folded.get(named(path).rpartition("/")[2].casefold(), frozenset())
    if len(exact) == 1 and index.all_named and len(index.folded) > 1:
        return _among_others(index, text, path, pages, next(iter(exact)))
    images, root = index.images, index.root
    is_own = _own_blocks(index, path, own, pages)
    files = tuple(tuple("" if is_own(b) else _named(b, path) for b in image.blocks) for image in images)
    if not any(name for names in files for name in names):
        has_names = any(block_uuid != own for name, block_uuid in index.named if block_uuid or name)
        return Ome(text, images, _own_xml(root, files, [True] * len(images)) if has_names or uuid else None)
    here = [_is_here(image, names, pages) for image, names in zip(images, files, strict=True)]
    if any(here) and all(whole or len(set(names)) == 1 for whole, names in zip(here, files, strict=True)):
        mine = tuple(image for image, whole in zip(images, here, strict=True) if whole)
        return Ome(text, mine, _own_xml(root, files, here))
    _refuse_unclear(index, pages, path)
    return Ome(text, images, None, True, files)


def _among_others(index: OmeIndex, text: str, path: str, pages: int, name: str) -> Ome:
    """What the XML tells of a file that it names, where it names a file for every block: no time is lost on the others."""
    whole = index.whole_in(name, pages)
    spread = sum(len(set(index.names[number])) > 1 for number in whole)
    if whole and spread == index.spread_images:
        mine = tuple(index.images[number] for number in whole)
        return Ome(text, mine, _xml_of(index, whole, name))
    _refuse_unclear(index, pages, path)
    return Ome(text, index.images, None, True, index.names, name)


def _xml_of(index: OmeIndex, numbers: list[int], name: str) -> str:
    """The XML with nothing but these images, and of them the planes in one file."""
    root = ElementTree.Element(index.root.tag)
    said_of_axes = [child for child in index.root if name_of(child) == "StructuredAnnotations"]
    root.extend(
        copy.deepcopy(one) for one in [*(index.elements[number] for number in numbers), *said_of_axes]
    )
    files = tuple(tuple("" if one == name else one for one in index.names[number]) for number in numbers)
    return _own_xml(root, files, [True] * len(numbers))


def companion_of(text: str, path: str) -> tuple[str, str] | None:
    """The file that holds a file's OME-XML in its stead, and what that XML calls this file; None: it has its own."""
    if "BinaryOnly" not in text:
        return None
    binary_only = child_of(parse_xml(text, path), "BinaryOnly")
    if binary_only is None:
        return None
    name, uuid = binary_only.attrib.get("MetadataFile", ""), binary_only.attrib.get("UUID", "")
    if not name or not uuid:
        raise SourceError("its OME-XML does not name the file that describes it", path, MEND_XML)
    return name, uuid


def _own_blocks(index: OmeIndex, path: str, own: str | None, pages: int) -> Callable[[Block], bool]:
    """Tell whether a block stands in this file, by its name or UUID."""
    file_name = named(path).rpartition("/")[2].casefold()
    names = {(name, uuid) for name, uuid in index.named if name or uuid}
    blocks = [block for image in index.images for block in image.blocks]
    exact = {name for name, _ in names if name.casefold() == file_name}
    moved = {name for name, _ in names if _base(name) == file_name}
    called = {name for name, uuid in names if uuid == own}
    mine = exact or (moved if len(moved) == 1 else set()) or (called if len(called) == 1 else set())
    if not mine and len(names) == 1 and own is None and sum(b.count or pages for b in blocks) == pages:
        mine = {name for name, _ in names}  # renamed: every plane is here, only the name is an older one

    def is_own(block: Block) -> bool:
        if not block.file:
            return not block.uuid or block.uuid == own or ("" in mine and len(names) == 1)
        return block.file in mine

    return is_own


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2].casefold()


def _named(block: Block, path: str) -> str:
    if not block.file:
        what = f"its OME-XML puts planes into a file that it does not name ({block.uuid})"
        raise SourceError(what, path, MEND_XML)
    return block.file


def _is_here(image: OmeImage, names: tuple[str, ...], pages: int) -> bool:
    """Whether all planes of an image stand in this file, be it that they stand in others too."""
    own = [block.count or pages for block, name in zip(image.blocks, names, strict=True) if not name]
    if len(own) == len(names):
        return True
    planes = planes_of(image)
    return planes is not None and 0 < planes <= sum(own)


def _refuse_unclear(index: OmeIndex, pages: int, path: str) -> None:
    """Some exports write a whole image into each file, and XML into all of them that spreads it over all."""
    planes = index.planes
    if pages < planes:
        return
    here = named(path).rpartition("/")[2].casefold()
    others = sorted({name for name, _ in index.named if name and name.casefold() != here})
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    raise SourceError(
        f"one file of a multi-file OME-TIFF: planes of its images stand in {', '.join(others[:3])}{more}; but it has "
        f"{pages} pages itself, enough for all {planes}, so it is unclear which are meant",
        path,
        f"write the set as one OME-TIFF, for example with `bfconvert`, or remove the other names; {FORGET}",
    )


def _own_xml(root: ElementTree.Element, files: Names, here: list[bool]) -> str:
    """The XML with nothing but the images and planes that stand in this file, and no name of a file."""
    root = copy.deepcopy(root)
    number = 0
    for image in [element for element in root if name_of(element) == "Image"]:
        data = [(p, d) for p in image for d in p if name_of(d) == "TiffData"]
        if not data:
            continue
        if not here[number]:
            root.remove(image)
        for (pixels, one), name in zip(data, files[number], strict=True):
            if name:
                pixels.remove(one)
            for uuid in [child for child in one if name_of(child) == "UUID"]:
                one.remove(uuid)
        number += 1
    return ElementTree.tostring(root, encoding="unicode")
