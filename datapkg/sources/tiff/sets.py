"""Multi-file OME-TIFF: images whose planes stand in several files are one source, and give rows once.

The first of the files by path, among those that the resource matches, leads: it gives the rows. The others are its
members and give none, so that each plane is counted once. Members that the resource does not match are read all the
same. A file that is missing is an error, never a black plane.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from ..image_columns import ImageFacts
from ..images.format import ImageFile, Look, Row
from ..images.members import member_path
from ..limit import check_size
from .calibration import from_ome
from .file import decoding
from .metadata import as_text, ome_members, page_tags
from .ome_files import Ome, own_uuid
from .set_planes import Plane, SetFiles, SpreadImage, each_plane, spread_image, whole_image

BY_PLANE = "store its planes as rows of their own with `rows: plane`, or exclude the set"


def lead_of(ome: Ome, file: ImageFile) -> str:
    """The path of the file that gives the rows of a set.

    Raises
    ------
    SourceError
        A file of the set is missing, or lies outside of the root.
    """
    paths = {member_path(file.path, name) for names in ome.files for name in names if name}
    for path in sorted(paths):
        file.members.check(path)
    return min([file.path, *filter(file.members.matched, paths)], key=str.encode)


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
            said = own_uuid(files.tiff(path).file.pages.first.description, path)
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
    paths = sorted({one.path for one in image.planes}, key=str.encode)
    found |= {"files": paths} if place is None else {"file": plane.path}
    tiff = files.tiff(plane.path)
    with decoding(plane.path):
        found["tags"] = page_tags(tiff, tiff.file.pages.get(plane.page).aspage())
    return as_text(found)
