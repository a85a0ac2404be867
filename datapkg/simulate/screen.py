"""Simulate a whole screen, one well at a time, and write its files.

``images/<plate>/<well>_<frame>_<channel>.tif``, ``ch5/<plate>/<well>_01.ch5``, ``features.csv.gz``, ``platemap.tsv``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs

from ..errors import ExportError
from .cells import TREATMENTS, Treatment, colony, generator
from .ch5 import Movie
from .measure import CHANNELS, FEATURE_GROUPS, Nucleus, measure
from .render import photograph
from .tiff import Place, write_plane

PLATE_ROWS = "ABCDEFGHIJKLMNOP"
PLATE_COLUMNS = 24
MAX_WELLS = len(PLATE_ROWS) * PLATE_COLUMNS
MIN_SIDE = 32

PLATEMAP_COLUMNS = ("Plate", "Well", "Row", "Column", "Gene_Symbol", "siRNA_ID", "Role")
FEATURE_COLUMNS = (
    "ImageNumber",
    "ObjectNumber",
    "Metadata_Plate",
    "Metadata_Well",
    "Metadata_Frame",
    *(f"Image_FileName_{channel}" for channel in CHANNELS),
    "Nuclei_TrackObjects_Label",
    "Nuclei_TrackObjects_ParentObjectNumber",
    "Nuclei_Location_Center_X",
    "Nuclei_Location_Center_Y",
    *(f"Nuclei_AreaShape_BoundingBox{edge}" for edge in ("Minimum_X", "Maximum_X", "Minimum_Y", "Maximum_Y")),
    *FEATURE_GROUPS,
    "Mitocheck_Phenotypic_Class",
)


@dataclass(frozen=True, slots=True)
class Well:
    """One well: its place in the random numbers, its names, and what was put into it."""

    place: tuple[int, int, int]
    plate: str
    row: str
    column: int
    treatment: Treatment

    @property
    def name(self) -> str:
        """The well as microscopes write it, such as ``C06``."""
        return f"{self.row}{self.column:02}"


def screen(
    folder: str | Path,
    *,
    seed: int = 1,
    plates: int = 2,
    wells: int = 2,
    frames: int = 6,
    size: tuple[int, int] = (96, 128),
) -> None:
    """Write a simulated screen of `plates` times `wells` movies into a new folder.

    Parameters
    ----------
    folder
        Where to write; it must be new or empty.
    seed
        Another seed gives other cells.
    wells
        Per plate, at most 384.
    size
        Height and width of an image, in pixels.

    Raises
    ------
    ExportError
        The folder is not empty, or a number makes no sense.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp())
    >>> screen(folder, plates=1, wells=1, frames=2, size=(40, 48))
    >>> sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))[1:4]
    ['features.csv.gz', 'images/LT0001_02/C06_001_H2B.tif', 'images/LT0001_02/C06_001_Tub.tif']
    """
    folder = Path(folder)
    _check(folder, seed, plates, wells, frames, size)
    folder.mkdir(parents=True, exist_ok=True)
    _write_platemap(folder / "platemap.tsv", _wells(seed, plates, wells))
    with open(folder / "features.csv.gz", "wb") as features:
        for number, well in enumerate(_wells(seed, plates, wells)):
            header = [FEATURE_COLUMNS] if number == 0 else []
            rows = _film(folder, well, frames, size, first_image=number * frames + 1)
            _write_member(features, [*header, *rows])


def _wells(seed: int, plates: int, wells: int) -> Iterator[Well]:
    """Every well, plate by plate in the order of names; a stride of 91 from C06 scatters them over the plate."""
    for plate in range(plates):
        spots = sorted((53 + 91 * number) % MAX_WELLS for number in range(wells))
        for number, spot in enumerate(spots):
            yield Well(
                place=(seed, plate, number),
                plate=f"LT{plate + 1:04}_02",
                row=PLATE_ROWS[spot // PLATE_COLUMNS],
                column=spot % PLATE_COLUMNS + 1,
                treatment=TREATMENTS[(plate * wells + number) % len(TREATMENTS)],
            )


def _write_platemap(path: Path, wells: Iterator[Well]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, delimiter="\t", lineterminator="\n")
        rows.writerow(PLATEMAP_COLUMNS)
        for well in wells:
            given = well.treatment
            rows.writerow([well.plate, well.name, well.row, well.column, given.gene, given.sirna, given.role])


def _film(
    folder: Path, well: Well, frames: int, size: tuple[int, int], first_image: int
) -> list[tuple[Any, ...]]:
    """Write a well's images and movie, and return its rows of the feature table."""
    movie = Movie(folder / "ch5" / well.plate / f"{well.name}_01.ch5", well.plate, well.name, frames, size)
    rows = []
    labels: dict[int, int] = {}
    for frame, cells in enumerate(colony(well.treatment, size, frames, well.place)):
        field = photograph(cells, size, well.place, frame)
        nuclei = measure(field, labels)
        labels = {nucleus.cell.track: nucleus.label for nucleus in nuclei}
        movie.add(field, nuclei, generator(*well.place, frame, 3).integers(700, 990, size=len(nuclei)))
        place = Place(well.plate, well.name, frame + 1)
        for channel, plane in zip(CHANNELS, field.pixels, strict=True):
            write_plane(folder / "images", place, channel, plane)
        rows += [_row(place, first_image + frame, nucleus) for nucleus in nuclei]
    movie.close()
    return rows


def _row(place: Place, image: int, nucleus: Nucleus) -> tuple[Any, ...]:
    return (
        image,
        nucleus.label,
        place.plate,
        place.well,
        place.frame,
        *(place.file_name(channel) for channel in CHANNELS),
        nucleus.cell.track + 1,
        nucleus.parent,
        *nucleus.center,
        nucleus.left,
        nucleus.right,
        nucleus.top,
        nucleus.bottom,
        *(nucleus.features[name] for name in FEATURE_GROUPS),
        nucleus.cell.phenotype,
    )


def _write_member(stream: BinaryIO, rows: list[tuple[Any, ...]]) -> None:
    """Append rows as one gzip member: a well is all that memory holds, and members in a row are one gzip file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    if text.tell():
        stream.write(imagecodecs.gzip_encode(text.getvalue().encode(), 9))


def _check(folder: Path, seed: int, plates: int, wells: int, frames: int, size: tuple[int, int]) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ExportError(
            "is in the way: a screen is written into a new or empty folder", str(folder), "remove it"
        )
    for name, number, low, high in (
        ("seed", seed, 0, None),
        ("plates", plates, 1, 9999),
        ("wells", wells, 1, MAX_WELLS),
        ("frames", frames, 1, 999),
        ("height", size[0], MIN_SIDE, None),
        ("width", size[1], MIN_SIDE, None),
    ):
        if number < low or (high is not None and number > high):
            span = f"from {low} to {high}" if high is not None else f"of {low} or more"
            raise ExportError(f"{name} is {number}", "simulate", f"give a whole number {span}")
