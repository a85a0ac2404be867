"""A data set that grows, edits of it, and what a package that grew must be: the same as one that is built at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import make
import numpy as np
import pandas as pd

import datapkg
from datapkg import locking, versions
from datapkg.places import Folder

Edit = Callable[[Path], Any]


def plates(tmp_path: Path) -> Path:
    """Twelve plates as text tables and as images, in manifest order by their names."""
    folder = tmp_path / "data"
    for number in range(12):
        rows = "".join(f"{number:02}-{row},{number * 10 + row},0.5\n" for row in range(3))
        make.text(folder / "tables" / f"p{number:02}.csv", "Well,Count,Area\n" + rows)
        make.tiff(folder / "images" / f"p{number:02}" / "A01.tif", make.image(number))
    return folder


def plates_manifest(data: Path) -> Path:
    return make.manifest(
        data,
        'name: wells, path: "tables/*.csv", source: true',
        'name: frames, path: "images/*/*.tif", pattern: "{Plate}/{Well}.tif"',
    )


def csv(name: str, content: str) -> Edit:
    return lambda data: make.text(data / "tables" / name, content)


def tif(name: str, *given: Any, **how: Any) -> Edit:
    return lambda data: make.tiff(data / "images" / name / "A01.tif", make.image(*given, **how))


def gone(pattern: str) -> Edit:
    return lambda data: [path.unlink() for path in data.glob(pattern)]


def moved(old: str, new: str) -> Edit:
    return lambda data: (data / old).rename(data / new)


def same_as_clean(manifest: Path, package: Path, clean: Path) -> None:
    """Hold a package that grew against one that is built at once: everything but names and places on the disk."""
    make.build(manifest, clean)
    grown, fresh = (
        versions.read_record(Folder(p), versions.numbers(Folder(p))[-1]) for p in (package, clean)
    )
    assert grown.digest == fresh.digest
    bare = [[asdict(replace(t, pin=None)) for t in (*r.tables, r.sources)] for r in (grown, fresh)]
    assert bare[0] == bare[1]
    assert (grown.warnings, grown.facts) == (fresh.warnings, fresh.facts)
    locks = [locking.lock_of_version(Folder(p), r) for p, r in ((package, grown), (clean, fresh))]
    assert locks[0] == locks[1]
    one, other = datapkg.open(package), datapkg.open(clean)
    for name in one.tables:
        assert len(one[name]) == len(other[name])
        for a, b in zip(
            one[name].to_pandas(images="array").to_dict("records"),
            other[name].to_pandas(images="array").to_dict("records"),
            strict=True,
        ):
            pd.testing.assert_series_equal(pd.Series(plain(a)), pd.Series(plain(b)))
    assert one.verify(deep=True).ok
    assert one.diff(other).ok


def plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
        for name, value in row.items()
    }


def data_files(package: Path) -> dict[str, set[str]]:
    record = versions.read_record(Folder(package), versions.numbers(Folder(package))[-1])
    listed = versions.read_files(Folder(package), record).files
    return {name: {path for role, path, _, _ in files if role == "data"} for name, files in listed.items()}
