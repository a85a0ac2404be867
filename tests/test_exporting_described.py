"""Exports with a description: the programs that read such descriptions open them, and find what the package holds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import frictionless
import mlcroissant
import pandas as pd
import pytest
from conftest import PROJECT
from rocrate.rocrate import ROCrate

import datapkg
from datapkg.errors import ExportError

TEXTS = ["platemap", "features"]


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample package."""
    target = tmp_path_factory.mktemp("screen") / "screen.datapkg"
    datapkg.build(PROJECT / "manifests" / "screen.yaml", target, engine="inline")
    return target


def test_frictionless_validates_every_cell(screen: Path, tmp_path: Path) -> None:
    done = datapkg.export(screen, tmp_path / "out", to="frictionless")
    assert any("image_array" in note for note in done.notes)
    report = frictionless.validate(str(tmp_path / "out" / "datapackage.json"))
    assert report.valid, report.flatten(["type", "message"])[:5]
    package = frictionless.Package(str(tmp_path / "out" / "datapackage.json"))
    rows = package.get_resource("features").read_rows()
    frame = datapkg.open(screen)["features"].to_pandas()
    assert len(rows) == len(frame)
    assert [row["ObjectNumber"] for row in rows] == frame["ObjectNumber"].to_list()
    described = json.loads((tmp_path / "out" / "datapackage.json").read_text("utf-8"))
    assert described["version"] == "1.0.0"
    for resource in described["resources"]:
        content = (tmp_path / "out" / resource["path"]).read_bytes()
        assert resource["bytes"] == len(content)
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib's word to mlcroissant
@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pandas' word to mlcroissant
def test_croissant_loads_the_rows(screen: Path, tmp_path: Path) -> None:
    datapkg.export(screen, tmp_path / "out", to="croissant", tables=TEXTS)
    dataset = mlcroissant.Dataset(jsonld=tmp_path / "out" / "croissant.json")
    assert not dataset.metadata.issues.errors
    rows = pd.DataFrame(dataset.records("features"))
    frame = datapkg.open(screen)["features"].to_pandas()
    assert len(rows) == len(frame)
    assert rows["features/ObjectNumber"].to_list() == frame["ObjectNumber"].to_list()
    assert dataset.metadata.version == "1.0.0"
    assert sorted(path.name for path in (tmp_path / "out").glob("*.parquet")) == [
        "features.parquet",
        "platemap.parquet",
    ]


def test_a_crate_holds_its_files(screen: Path, tmp_path: Path) -> None:
    datapkg.export(screen, tmp_path / "out", to="ro-crate", tables=TEXTS)
    crate = ROCrate(tmp_path / "out")
    file = crate.dereference("features.parquet")
    content = (tmp_path / "out" / "features.parquet").read_bytes()
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert crate.root_dataset["version"] == "1.0.0"


def test_one_file_says_how_to_cite(screen: Path, tmp_path: Path) -> None:
    datapkg.export(screen, tmp_path / "CITATION.cff")
    assert "type: dataset" in (tmp_path / "CITATION.cff").read_text("utf-8")
    datapkg.export(screen, tmp_path / "screen.jsonld")
    value = json.loads((tmp_path / "screen.jsonld").read_text("utf-8"))
    assert (value["@type"], value["version"]) == ("Dataset", "1.0.0")


def test_what_is_missing_in_the_manifest_is_told_before_anything_is_written(
    package: Path, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="`licenses:` is missing"):
        datapkg.export(package, tmp_path / "crate", to="ro-crate")
    with pytest.raises(ExportError, match="`contributors:` is missing"):
        datapkg.export(package, tmp_path / "CITATION.cff")
    assert not list(tmp_path.glob("*crate*")) and not (tmp_path / "CITATION.cff").exists()
