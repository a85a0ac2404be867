"""What a package must hold, said again in plain Python: a table of wells, many tables of profiles, a folder of images."""

from __future__ import annotations

import copy
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import make
import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

import datapkg

Rows = list[dict[str, str]]
MISSING_IN_NUMBERS = ("", "NA", "NaN")
GENE = re.compile(r"\d+[eE]\d+")
"""A column of nothing but such as 1E5 is text."""
PIXELS = ("", ", keep: bytes", ", keep: array", ", keep: array, array: packed")


@dataclass
class Sources:
    """Files and a manifest, as a user has them."""

    wells: Rows = field(
        default_factory=lambda: [{"Well": "005", "Gene": "KIF11"}, {"Well": "042", "Gene": ""}]
    )
    profiles: dict[str, Rows] = field(default_factory=dict)
    images: dict[str, NDArray[Any]] = field(default_factory=dict)
    keyed: bool = False
    value_type: str = ""
    pixels: str = ""
    excluded: str = ""
    with_wells: bool = True
    listed_backwards: bool = False
    title: str = "a"
    release: str = ""

    def copy(self) -> Sources:
        """As it is now."""
        return copy.deepcopy(self)

    def manifest(self) -> str:
        """The manifest's text."""
        fields = f"fields: [{{name: Value, type: {self.value_type}}}]" if self.value_type else ""
        key = "primaryKey: [Well]" if self.keyed else ""
        schema = ", ".join(part for part in (fields, key) if part)
        head = f"name: little\ntitle: {self.title}\n{self.release and f'version: {self.release!r}'}\nresources:\n"
        wells = "  - {name: wells, path: wells.csv}\n" if self.with_wells else ""
        globs = ["profiles/[!a-m]*.csv", "profiles/[a-m]*.csv"]
        paths = ", ".join(f'"{glob}"' for glob in (reversed(globs) if self.listed_backwards else globs))
        exclude = f', exclude: ["**/{self.excluded}"]' if self.excluded else ""
        profiles = f"  - {{name: profiles, path: [{paths}], optional: true, schema: {{{schema}}}{exclude}}}\n"
        frames = (
            f'  - {{name: frames, path: "images/**/*.tif", pattern: "{{Plate}}/{{Well}}.tif"{self.pixels}}}\n'
        )
        return head + wells + profiles + frames

    def taken(self) -> dict[str, Rows]:
        """The tables of profiles that the manifest does not exclude, in its order."""
        names = sorted(self.profiles, key=lambda name: name.encode())
        return {name: self.profiles[name] for name in names if name != self.excluded}

    def is_refused(self) -> str:
        """Why a build must refuse this: keys that stand twice, a declared type that a value has not, no file."""
        rows = [row for rows in self.taken().values() for row in rows]
        if not self.taken():
            return "leaves out"
        if self.value_type == "integer" and not all(
            _is(int, row["Value"]) or row["Value"] in MISSING_IN_NUMBERS for row in rows
        ):
            return "Value"
        keys = Counter(row["Well"] for row in rows)
        if self.keyed and (max(keys.values(), default=0) > 1 or "" in keys):
            return "profiles"
        return ""

    def tables(self) -> dict[str, pd.DataFrame]:
        """What the package must hold."""
        held = {"wells": pd.DataFrame(self.wells)} if self.with_wells else {}
        rows = [
            {"source_path": f"profiles/{name}", "source_row": at, **row}
            for name, rows in self.taken().items()
            for at, row in enumerate(rows)
        ]
        profiles = pd.DataFrame(rows, columns=["source_path", "source_row", "Well", "Value"])
        profiles["Value"] = decided(list(profiles["Value"]), self.value_type)
        held["profiles"] = profiles
        for name in ("wells", "profiles"):
            for column in {"Well", "Gene"} & set(held.get(name, ())):
                held[name][column] = pd.Series([cell or None for cell in held[name][column]], dtype=object)
        paths = sorted(self.images, key=lambda path: path.encode())
        held["frames"] = pd.DataFrame(
            {
                "path": [f"images/{path}" for path in paths],
                "Plate": [path.split("/")[0] for path in paths],
                "Well": [path.split("/")[1].removesuffix(".tif") for path in paths],
                "shape": [list(self.images[path].shape) for path in paths],
                "dtype": [str(self.images[path].dtype) for path in paths],
            }
        )
        return held


def decided(cells: list[str], declared: str = "") -> pd.Series:
    """A column's values: numbers or true and false if all cells are such, else text."""
    values: list[Any] = [None if cell in MISSING_IN_NUMBERS else cell for cell in cells]
    if declared != "string":
        there = [cell for cell in values if cell is not None]
        if not there and any(cells) and not declared:  # nothing says that these are numbers
            return pd.Series([cell or None for cell in cells], dtype=object)
        for kind in (int, float):
            if all(_is(kind, cell) for cell in there) and not all(GENE.fullmatch(cell) for cell in there):
                return pd.Series([None if c is None else kind(c) for c in values], dtype=object)
        if all(cell in ("true", "false") for cell in there):
            return pd.Series([None if c is None else c == "true" for c in values], dtype=object)
    return pd.Series([cell or None for cell in cells], dtype=object)


def _is(kind: type, cell: str) -> bool:
    if re.match(r"-?0\d", cell):
        return False
    try:
        kind(cell)
    except ValueError:
        return False
    return True


def written(sources: Sources, root: Path) -> Path:
    """Write the files that differ from those that are there, remove others; the manifest's place."""
    wanted: dict[str, Any] = {"wells.csv": _csv(sources.wells)}
    wanted |= {f"profiles/{name}": _csv(rows) for name, rows in sources.profiles.items()}
    wanted |= {f"images/{path}": pixels for path, pixels in sources.images.items()}
    for path in [path for path in root.rglob("*") if path.is_file() and path.suffix in (".csv", ".tif")]:
        if path.relative_to(root).as_posix() not in wanted:
            path.unlink()
    for name, content in wanted.items():
        path = root / name
        if isinstance(content, str):
            if not path.exists() or path.read_text("utf-8") != content:
                make.text(path, content)
        elif not path.exists() or not _same(tifffile.imread(path), content):
            make.tiff(path, content, photometric="minisblack")
    return make.text(root / "manifest.yaml", sources.manifest())


def _csv(rows: Rows) -> str:
    names = sorted(rows[0], reverse=True)
    return "\n".join([",".join(names), *(",".join(row[name] for name in names) for row in rows)]) + "\n"


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return (one.shape, one.dtype) == (other.shape, other.dtype) and one.tobytes() == other.tobytes()


def agrees(package: datapkg.Package, sources: Sources) -> str:
    """How a version differs from what it must hold; nothing if it does not."""
    tables = sources.tables()
    if set(package.tables) != set(tables):
        return f"tables {package.tables}, not {list(tables)}"
    for name, wanted in tables.items():
        found = package[name].to_pandas(columns=list(wanted.columns))
        for column in wanted.columns:
            have, want = _plain(found[column]), _plain(wanted[column])
            if have != want:
                return f"{name}.{column}: {have}, not {want}"
    return _pixels_agree(package["frames"], sources)


def _pixels_agree(frames: datapkg.Table, sources: Sources) -> str:
    paths = sorted(sources.images, key=lambda path: path.encode())
    for path, image in zip(paths, frames.images(range(len(frames))), strict=True):
        if not _same(image, sources.images[path]):
            return f"{path}: {image.dtype} {image.shape}, not {sources.images[path].dtype} and its shape and pixels"
    return ""


def _plain(column: pd.Series) -> list[Any]:
    """Values with their plain types, missing ones as None: 1, 1.0, True and "1" are four."""
    found: list[Any] = []
    for value in column.tolist():
        if isinstance(value, np.ndarray | list):
            found.append([int(part) for part in value])
        elif value is None or value is pd.NA or value != value:
            found.append(None)
        else:
            found.append((type(value).__name__, value))
    return found
