"""The notebooks run on the sample screen, show pictures that are not blank, and their two forms are one."""

from __future__ import annotations

import base64
import io
import os
import shutil
from pathlib import Path
from typing import Any

import jupytext
import make
import nbformat
import numpy as np
import pytest
from make_pictures import pictures
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = make.PROJECT / "notebooks"
PAIRS = sorted(NOTEBOOKS.glob("*.py"))
LIMIT_S = 300
SHOWN = {
    "1_build_and_open": (4 + 6 + 4, 2),
    "2_images_and_databases": (4, 0),
    "3_time_travel_and_diff": (2, 1),
    "4_a_movie": (6 + 6 + 4 + 4, 1),
    "5_compute": (0, 2),
}
"""Thumbnails and plots in each."""


def cells(notebook: Any) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_every_notebook_is_tried() -> None:
    assert [path.stem for path in PAIRS] == list(SHOWN)


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_both_forms_are_one_and_hold_no_output(path: Path) -> None:
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    assert cells(notebook) == cells(jupytext.read(path)), "run `jupytext --sync notebooks/*.py`"
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_it_runs_and_shows_its_pictures(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    shutil.copytree(make.PROJECT / "manifests", tmp_path / "manifests")
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "TMPDIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(make.PROJECT), os.environ.get("PYTHONPATH", "")]))
    notebook = jupytext.read(path)
    folder = {"metadata": {"path": str(tmp_path / "notebooks")}}
    NotebookClient(notebook, timeout=LIMIT_S, kernel_name="python3", resources=folder).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    data = [output.data for output in outputs if "data" in output]
    thumbnails = [picture for one in data for picture in pictures(one.get("text/html", ""))]
    plots = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(one["image/png"]))).convert("L"))
        for one in data
        if "image/png" in one
    ]
    assert (len(thumbnails), len(plots)) == SHOWN[path.stem]
    assert min(picture.std() for picture in [*thumbnails, *plots]) > 15
