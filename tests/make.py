"""Small real files and manifests for tests, made by plain libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

import datapkg
from datapkg.report import Report

PROJECT = Path(__file__).resolve().parents[1]


def image(seed: int = 1, shape: tuple[int, ...] = (6, 8), dtype: str = "uint16") -> NDArray[Any]:
    """An image that differs with its seed."""
    return np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)


def tiff(path: Path, pixels: NDArray[Any] | None = None, **options: Any) -> Path:
    """A TIFF file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, image() if pixels is None else pixels, **options)
    return path


def text(path: Path, content: str) -> Path:
    """A text file, in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8", newline="")
    return path


def manifest(folder: Path, *resources: str, head: str = "") -> Path:
    """A manifest of the given resources, each as one line of flow YAML."""
    lines = "\n".join(f"  - {{{resource}}}" for resource in resources)
    return text(folder / "manifest.yaml", f"name: little\n{head}resources:\n{lines}\n")


def folder(tmp_path: Path) -> Path:
    """A little data set: a table of wells and two plates of images, with its manifest."""
    data = tmp_path / "data"
    text(data / "wells.csv", "Well,Gene,Count,Area\n005,KIF11,1,0.5\n042,,2,1.5\n")
    for seed, name in enumerate(["p1/A01_1.tif", "p1/A02_1.tif", "p2/A01_1.tif"]):
        tiff(data / "images" / name, image(seed))
    return manifest(
        data,
        "name: wells, path: wells.csv",
        'name: frames, path: "images/**/*.tif", pattern: "{Plate}/{Well}_{Site:d}.tif"',
        head='version: "1.0.0"\n',
    )


def build(manifest: Path, package: Path | str, **options: Any) -> Report:
    """Build in this process, which is quick."""
    return datapkg.build(manifest, package, **{"engine": "inline", **options})


def tasks_of_one_file(patch: pytest.MonkeyPatch) -> None:
    """Have builds cut even few files into tasks."""
    for limit in ("TASK_FILES", "LEAST_TASK_FILES"):
        patch.setattr(f"datapkg.ingest.{limit}", 1)


def tree(folder: Path) -> Mapping[str, bytes]:
    """Every file under a folder, to see whether anything was touched."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def csv_rows(path: Path, delimiter: str = ",") -> Sequence[Sequence[str]]:
    """A text table's cells, as Python's own reader gives them."""
    import csv

    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))
