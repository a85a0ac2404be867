"""Images one by one with what is known of them, for formats that have a file for each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..access import FILE_COLUMN
from ..errors import ExportError
from ..report import count_of
from ..table import Table
from .job import Job
from .pictures import image_columns, loaded
from .target import path_below

SIZES = {axis: f"pixel_size_{axis.lower()}_um" for axis in "XYZ"}
OF_ALL = {
    *("path", "file_name", "filesize_bytes", "sha256", "dtype", "shape", "axes", "series", "page"),
    *(f"size_{axis}" for axis in "xyzct"),
    *("channel_names", "metadata", FILE_COLUMN, *SIZES.values()),
}
"""What every table of images has; the other columns tell an image from others."""


@dataclass(frozen=True, slots=True)
class Described:
    """An image: a name for it (a path without a suffix), its pixels and axes, and what is known of it.

    `pixel_sizes_um` has the axes whose size is known; `channel_names` has no name where none is; `said` are the other
    columns of its row that have a value.
    """

    name: str
    where: str
    pixels: NDArray[Any]
    axes: str
    pixel_sizes_um: Mapping[str, float]
    channel_names: tuple[str | None, ...]
    said: Mapping[str, str]


def tables_of_images(job: Job) -> list[str]:
    """The tables of a job whose images have axes.

    Raises
    ------
    ExportError
        There is none, or one that was named has no images.
    """
    found = [name for name in job.tables if _has_images(job.package[name])]
    lacking = [name for name in job.tables if name not in found]
    if not found or (job.asked and lacking):
        what = f"table {lacking[0]} has no images" if lacking else "there is no table"
        raise ExportError(what, job.package.uri, "name tables of images with --tables")
    for name in found:
        first, *others = image_columns(job.package[name])
        if others:
            job.note(f"table {name}: only {first} is exported, not {', '.join(others)}")
    return found


def described(job: Job, table: Table) -> Iterator[Described]:
    """The images of a table, in order."""
    column = image_columns(table)[0]
    beside = [one.name for one in table.record.columns if not one.image and one.type != "binary"]
    names = _names(table)
    images = loaded(table, column, np.arange(len(table)))
    missing: list[int] = []
    for batch in table.to_batches(beside):
        for row in batch.to_pylist():
            at, image = next(images)
            where = f"table {table.name}, row {at}"
            if image is None:
                missing.append(at)
                continue
            yield _described(row, image, names[at], where)
            job.tell(table, at + 1)
    if missing:
        rows = count_of(len(missing), "row has", "rows have")
        job.note(f"table {table.name}: {rows} no image, first row {missing[0]}, and left out")


def target(folder: Path, table: Table, name: str, suffix: str) -> Path:
    """Where an image goes; the folder for it is made."""
    path = folder / table.name / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _has_images(table: Table) -> bool:
    return bool(image_columns(table)) and {"axes", "path"} <= set(table.columns)


def _described(row: Mapping[str, Any], image: NDArray[Any], name: str, where: str) -> Described:
    axes = row["axes"] or ""
    if len(axes) != image.ndim or not axes.endswith(("YX", "YXS")):
        fix = "name other tables with --tables, or choose another form, such as --to parquet"
        raise ExportError(f"an image with the axes {axes!r} has no plane of Y and X at its end", where, fix)
    return Described(
        name,
        where,
        image,
        axes,
        {axis: row[column] for axis, column in SIZES.items() if row.get(column) is not None},
        tuple(row.get("channel_names") or ()),
        {key: str(value) for key, value in row.items() if key not in OF_ALL and value is not None},
    )


def _names(table: Table) -> Sequence[str]:
    """A name for each image: the path of its file without suffix, and a number where a file has several."""
    paths = table.to_arrow(["path"]).column("path").to_pylist()
    stems = [_stem(path, at, table.name) for at, path in enumerate(paths)]
    counts, seen, found = Counter(stem.lower() for stem in stems), Counter[str](), []
    for stem in stems:
        key = stem.lower()
        width = len(str(counts[key] - 1))
        found.append(stem if counts[key] == 1 else f"{stem}_{seen[key]:0{width}d}")
        seen[key] += 1
    twice = [name for name, count in Counter(name.lower() for name in found).items() if count > 1]
    if twice:
        raise ExportError(f"two images would be named {twice[0]!r}", f"table {table.name}", "rename a file")
    return found


def _stem(path: str, at: int, table: str) -> str:
    named = PurePosixPath(path_below(path, f"table {table}, row {at}"))
    stem = named.name.partition(".")[0] or named.name
    return str(named.with_name(stem))
