"""Multi-file OME-TIFF: images whose planes stand in several files are one source, and give rows once.

The first of the files by path, among those that the resource matches, leads: it gives the rows. The others are its
members and give none, so that each plane is counted once. Members that the resource does not match are read all the
same. A file that is missing is an error, never a black plane.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from ...addresses import named
from ...errors import SourceError
from ..beside import member_path
from ..image_columns import ImageFacts
from ..images.format import ImageFile, Look, Row
from ..limit import check_size
from .calibration import from_ome
from .file import decoding
from .metadata import as_text, ome_members, page_tags
from .ome_files import Ome
from .ome_index import Names, uuid_of
from .set_planes import Plane, SetFiles, SpreadImage, each_plane, spread_image, whole_image

BY_PLANE = "store its planes as rows of their own with `rows: plane`, or exclude the set"


def lead_of(ome: Ome, file: ImageFile) -> str:
    """The path of the file that gives the rows of a set.

    Raises
    ------
    SourceError
        A file of the set is missing, or lies outside of the root.
    """
    folder = named(file.path).rpartition("/")[0]
    own = {file.path, member_path(file.path, ome.own)} if ome.own else {file.path}
    try:
        paths = _paths(folder, ome.names)
    except SourceError:
        paths = tuple(member_path(file.path, name) for names in ome.files for name in names if name)
    lead = next((path for path in paths if path not in own and file.members.matched(path)), file.path)
    lead = min(lead, file.path, key=str.encode)
    for path in [lead] if lead != file.path else paths:  # the lead looks for all of them: once is enough
        if path not in own:
            file.members.check(path)
    return lead


@lru_cache(maxsize=4)
def _paths(folder: str, names: Names) -> tuple[str, ...]:
    """The files that blocks are in, by the folder of one of them."""
    beside = f"{folder}/" if folder else ""
    found = {member_path(beside + "a", name) for those in names for name in those if name}
    return tuple(sorted(found, key=str.encode))


def check_set(ome: Ome, file: ImageFile) -> Look:
    """Look at the headers of all files of the set that `file` leads."""
    seen: Counter[tuple[str, tuple[int, ...]]] = Counter()
    used: dict[str, set[int]] = {}
    warnings: dict[str, None] = {}
    with SetFiles(file) as files:
        for image in _images(ome, files):
            _check_size(image, file)
            for plane in sorted(image.planes, key=lambda one: one.path):
                files.page(plane, image)
                used.setdefault(plane.path, set()).add(plane.page)
                warnings |= dict.fromkeys(files.tiff(plane.path).heard.warnings)
            shape = image.plane_shape if file.rows == "plane" else image.shape
            seen[image.dtype.name, shape] += len(image.planes) if file.rows == "plane" else 1
        for path, uuid in _uuids(ome, file).items():
            said = uuid_of(files.tiff(path).file.pages.first.description)
            if path in used and said not in (None, uuid):
                warnings[
                    f"{path} has another UUID than its set's metadata say: is it of the same export?"
                ] = None
        for path in sorted(used):
            left = sorted(set(range(len(files.tiff(path).skeleton.pages))) - used[path])
            if left:
                warnings[f"its metadata put no image on page {left[0] + 1} of {path}: left out"] = None
    return Look(seen, tuple(warnings))


def read_set_rows(ome: Ome, file: ImageFile) -> Iterator[Row]:
    """Decode the rows of the set that `file` leads, in order, one at a time."""
    with SetFiles(file) as files:
        for number, image in enumerate(_images(ome, files)):
            _check_size(image, file)
            if file.rows == "image":
                pixels = whole_image(image, files)
                first = image.planes[0]
                metadata = _metadata(ome, image, files, first, (None, number == 0))
                facts = _facts(image, pixels, image.axes, metadata)
                yield Row(facts, pixels, (number, first.page))
                continue
            for count, (plane, pixels) in enumerate(zip(image.planes, each_plane(image, files), strict=True)):
                at = (plane.t, plane.c, plane.z)
                metadata = _metadata(ome, image, files, plane, (at, number == count == 0))
                facts = _facts(image, pixels, image.plane_axes, metadata, plane.c)
                yield Row(facts, pixels, (number, plane.page, *at))


def _uuids(ome: Ome, file: ImageFile) -> dict[str, str]:
    """What the XML calls each of the other files."""
    return {
        member_path(file.path, name): block.uuid
        for image, names in zip(ome.images, ome.files, strict=True)
        for block, name in zip(image.blocks, names, strict=True)
        if name and block.uuid
    }


def _images(ome: Ome, files: SetFiles) -> Iterator[SpreadImage]:
    for image, names in zip(ome.images, ome.files, strict=True):
        yield spread_image(image, names, files)


def _check_size(image: SpreadImage, file: ImageFile) -> None:
    shape = image.decoded_shape(file.rows == "plane")
    fix = BY_PLANE if file.rows == "image" else "exclude the set"
    check_size(image.dtype.name, shape, file.max_bytes, file.path, fix)


def _facts(
    image: SpreadImage, pixels: NDArray[Any], axes: str, metadata: str, channel: int | None = None
) -> ImageFacts:
    said = from_ome(image.image)
    names = said.channel_names
    if names is not None and channel is not None:
        names = (names[channel],) if channel < len(names) else None
    return ImageFacts(pixels.dtype.name, pixels.shape, axes, said.x_um, said.y_um, said.z_um, names, metadata)


def _metadata(
    ome: Ome,
    image: SpreadImage,
    files: SetFiles,
    plane: Plane,
    which: tuple[tuple[int, int, int] | None, bool],
) -> str:
    place, first = which
    found = ome_members(ome.text if first else None, image.image, from_ome(image.image), place)
    if place is None:
        found["files"] = sorted({one.path for one in image.planes}, key=str.encode)
    else:
        found["file"] = plane.path
    tiff = files.tiff(plane.path)
    with decoding(plane.path):
        page = tiff.file.pages.get(plane.page).aspage()
        if page.subifds:
            outer = image.shape[: len(image.shape) - len(image.plane_shape)]
            smaller = [level.aspage().shape for level in page.pages or ()]
            found["levels"] = [[*outer, *shape] for shape in (image.plane_shape, *smaller)]
        found["tags"] = page_tags(tiff, page)
    return as_text(found)
