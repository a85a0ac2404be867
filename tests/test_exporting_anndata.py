"""AnnData files hold a table of features exactly, in the form that AnnData's own description gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import make
import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT
from typer.testing import CliRunner

import datapkg
from datapkg.cli import app
from datapkg.errors import ExportError

PROFILES = """Metadata_Plate,Metadata_Well,ImageNumber,Gene,Cells_Area,Cells_Count,Nuclei_Texture,Cells_Id,Control,Metadata_Dose
P1,005,1,KIF11,1.5,10,0.1,9007199254740993,true,1.5
P1,042,2,,2.5,,nan,2,false,
P2,005,3,1E5,-3.25,30,1e-300,3,,2
"""


SLASH = "\N{DIVISION SLASH}"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    make.text(tmp_path / "profiles.csv", PROFILES)
    make.text(tmp_path / "map.csv", "Well,Row\n005,1\n")
    resources = ["name: profiles, path: profiles.csv", "name: map, path: map.csv, schema: {primaryKey: Well}"]
    make.build(make.manifest(tmp_path, *resources), tmp_path / "p")
    return tmp_path / "p"


def column(node: h5py.Group | h5py.Dataset) -> pd.Series[Any]:
    """A column of a frame, as AnnData's description of its files says (0.12)."""
    kind = node.attrs["encoding-type"]
    if kind == "string-array":
        return pd.Series(node.asstr()[:], dtype="str")
    if kind == "categorical":
        codes, categories = node["codes"][:], node["categories"].asstr()[:]
        return pd.Series([None if code < 0 else categories[code] for code in codes], dtype="str")
    if kind in ("nullable-integer", "nullable-boolean"):
        values, gone = node["values"][:], node["mask"][:]
        return pd.Series([pd.NA if lost else value for value, lost in zip(values, gone, strict=True)])
    assert (kind, node.attrs["encoding-version"]) == ("array", "0.2.0")
    return pd.Series(node[:])


def frame(group: h5py.Group) -> pd.DataFrame:
    assert (group.attrs["encoding-type"], group.attrs["encoding-version"]) == ("dataframe", "0.2.0")
    found = pd.DataFrame(
        {name: column(group[name.replace("/", SLASH)]) for name in group.attrs["column-order"]}
    )
    found.index = pd.Index(group[group.attrs["_index"]].asstr()[:], dtype="str")
    return found


def test_numbers_are_features_and_what_names_rows_stands_beside_them(package: Path, tmp_path: Path) -> None:
    done = datapkg.export(package, tmp_path / "x.h5ad", tables=["profiles"])
    assert done.notes == ("2 missing numbers of profiles are NaN",)
    with h5py.File(tmp_path / "x.h5ad") as file:
        assert (file.attrs["encoding-type"], file.attrs["encoding-version"]) == ("anndata", "0.1.0")
        assert set(file) == {"X", "obs", "var", "uns", "layers", "obsm", "varm", "obsp", "varp"}
        var, obs, matrix = frame(file["var"]), frame(file["obs"]), file["X"][:]
        said = {name: value.asstr()[()] for name, value in file["uns/datapkg"].items()}
    assert list(var.index) == ["Cells_Area", "Cells_Count", "Nuclei_Texture"]
    expected = [[1.5, 10, 0.1], [2.5, np.nan, np.nan], [-3.25, 30, 1e-300]]
    assert np.array_equal(matrix, np.array(expected), equal_nan=True)
    assert list(obs.index) == ["0", "1", "2"]
    assert obs["Metadata_Well"].tolist() == ["005", "042", "005"]
    assert obs["Gene"].fillna("-").tolist() == ["KIF11", "-", "1E5"]
    assert obs["Cells_Id"].tolist() == [9007199254740993, 2, 3]  # a double cannot hold it
    assert obs["ImageNumber"].tolist() == [1, 2, 3]
    assert obs["Control"].isna().tolist() == [False, False, True]
    assert obs["Metadata_Dose"].fillna(-1).tolist() == [1.5, -1, 2]
    opened = datapkg.open(package)
    assert said["digest"] == opened["profiles"].digest
    assert {*var.index, *obs.columns} == set(opened["profiles"].columns)


def test_a_folder_holds_every_table_of_features(tmp_path: Path) -> None:
    make.build(PROJECT / "manifests" / "screen.yaml", tmp_path / "p")
    done = datapkg.export(tmp_path / "p", tmp_path / "out", to="anndata")
    assert done.tables == ("features", "movies_features_primary__primary")
    opened = datapkg.open(tmp_path / "p")
    for name in done.tables:
        table = opened[name].to_pandas()
        with h5py.File(tmp_path / "out" / f"{name}.h5ad") as file:
            var, obs, matrix = frame(file["var"]), frame(file["obs"]), file["X"][:]
        features = table[list(var.index)].to_numpy("float64", na_value=np.nan)
        assert np.array_equal(matrix, features, equal_nan=True)
        for beside in obs:
            assert obs[beside].tolist() == table[beside].tolist()
    assert any("no tables of features" in note for note in done.notes)


def test_other_tables_are_refused(package: Path, tmp_path: Path) -> None:
    make.text(tmp_path / "f" / "plain.csv", "a,b\n1,2\n")
    make.build(make.manifest(tmp_path / "f", "name: plain, path: plain.csv"), tmp_path / "q")
    with pytest.raises(ExportError, match="is none of features"):
        datapkg.export(tmp_path / "q", tmp_path / "x.h5ad")
    outcome = CliRunner().invoke(app, ["export", str(package), str(tmp_path / "x.h5ad")])
    assert isinstance(outcome.exception, ExportError) and "--tables" in outcome.exception.fix
    keyed = datapkg.export(
        package, tmp_path / "map.h5ad", tables=["map"]
    )  # its key says it, where it is asked for
    assert keyed.tables == ("map",)
    assert not (tmp_path / "x.h5ad").exists()


def test_an_empty_table_and_odd_names_are_held(tmp_path: Path) -> None:
    make.text(tmp_path / "a.csv", "Metadata_Well,Metadata_x/y,area,a/b\n")
    make.text(tmp_path / "b.csv", "Metadata_Well,Metadata_x/y,area,a/b\nA01,é,1,2\n")
    resources = [
        "name: none, path: a.csv, schema: {fields: [{name: area, type: number}]}",
        "name: one, path: b.csv",
    ]
    make.build(make.manifest(tmp_path, *resources), tmp_path / "p")
    datapkg.export(tmp_path / "p", tmp_path / "out", to="anndata")
    with h5py.File(tmp_path / "out" / "none.h5ad") as file:
        assert file["X"].shape == (0, 1) and len(frame(file["obs"])) == 0
    with h5py.File(tmp_path / "out" / "one.h5ad") as file:
        assert frame(file["var"]).index.tolist() == ["area", "a/b"]
        assert frame(file["obs"])[f"Metadata_x{SLASH}y"].tolist() == ["é"]
