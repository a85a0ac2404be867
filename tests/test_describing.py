"""Descriptions of a package: each passes the validator of its own project, and says what the manifest and the files say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import make
import mlcroissant
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT
from jsonschema import Draft7Validator, FormatChecker
from rocrate.rocrate import ROCrate
from ruamel.yaml import YAML

import datapkg
from datapkg.describing.about import About, DescribedFile, about
from datapkg.describing.citation import LICENCES, citation
from datapkg.describing.croissant import croissant
from datapkg.describing.ro_crate import NAME, ro_crate
from datapkg.describing.schema_org import schema_org
from datapkg.errors import ExportError

CFF = json.loads((Path(__file__).parent / "data" / "citation" / "schema-1.2.0.json").read_text("utf-8"))
HEAD = """version: "1.0.0"
title: "Wells: a <test> & more"
description: Two wells.
licenses: [{name: CC-BY-4.0, path: "https://creativecommons.org/licenses/by/4.0/"}]
contributors:
  - {title: Ana Öz, givenName: Ana, familyName: Öz, path: "https://orcid.org/0000-0002-1825-0097", roles: [author], organization: Lab}
  - {title: The Other Lab, roles: [funder], email: lab@example.org}
sources: [{title: origin, path: "https://example.org/data"}]
citation: "https://doi.org/10.5281/zenodo.1234567"
keywords: [wells, test]
homepage: "https://example.org"
"""


@pytest.fixture
def opened(tmp_path: Path) -> datapkg.Package:
    make.text(
        tmp_path / "data" / "wells.csv",
        "Well,Count,Area,Cells.Ok,Note/1\n005,1,0.5,true,9007199254740993\n042,,2,false,\n",
    )
    manifest = make.manifest(
        tmp_path / "data",
        "name: wells, path: wells.csv, title: The wells, schema: {primaryKey: [Well], fields: ["
        "{name: Well, type: string, description: Where it is}]}",
        head=HEAD,
    )
    make.build(manifest, tmp_path / "p")
    return datapkg.open(tmp_path / "p")


@pytest.fixture
def exported(opened: datapkg.Package, tmp_path: Path) -> tuple[Path, list[DescribedFile]]:
    """A folder with the table as Parquet."""
    folder = tmp_path / "exported"
    folder.mkdir()
    pq.write_table(opened["wells"].to_arrow(), folder / "wells.parquet")
    content = (folder / "wells.parquet").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    media = "application/vnd.apache.parquet"
    return folder, [DescribedFile("wells.parquet", len(content), sha256, media, "wells")]


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib's word to mlcroissant
@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pandas' word to mlcroissant
def test_mlcroissant_validates_and_loads_the_rows(
    opened: datapkg.Package,
    exported: tuple[Path, list[DescribedFile]],
    recwarn: pytest.WarningsRecorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder, files = exported
    value = croissant(about(opened), files)
    (folder / "croissant.json").write_text(json.dumps(value), "utf-8")
    dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    assert not dataset.metadata.issues.errors
    assert not dataset.metadata.issues.warnings
    rows = [{key.split("/", 1)[1]: one for key, one in row.items()} for row in dataset.records("wells")]
    assert [row["Well"] for row in rows] == [b"005", b"042"]
    assert [row["Area"] for row in rows] == [0.5, 2.0]
    assert value["distribution"][0]["sha256"] == files[0].sha256
    assert value["version"] == "1.0.0"
    assert value["creator"][0]["@id"] == "https://orcid.org/0000-0002-1825-0097"
    (columns,) = value["recordSet"]
    assert [field["source"]["extract"]["column"] for field in columns["field"]] == opened["wells"].columns
    assert columns["key"] == [{"@id": "wells/Well"}]


def test_rocrate_reads_the_crate(opened: datapkg.Package, exported: tuple[Path, list[DescribedFile]]) -> None:
    folder, files = exported
    (folder / NAME).write_text(json.dumps(ro_crate(about(opened), files)), "utf-8")
    crate = ROCrate(folder)
    assert crate.name == "Wells: a <test> & more"
    assert [one.id for one in crate.root_dataset["license"]] == [
        "https://creativecommons.org/licenses/by/4.0/"
    ]
    assert [one.id for one in crate.root_dataset["author"]] == ["https://orcid.org/0000-0002-1825-0097"]
    assert [one["name"] for one in crate.root_dataset["contributor"]] == ["The Other Lab"]
    file = crate.dereference("wells.parquet")
    assert file.type == "File"
    assert file["sha256"] == files[0].sha256
    assert crate.root_dataset["version"] == "1.0.0"
    assert crate.root_dataset["identifier"] == f"blake3:{opened.digest}"


def test_every_reference_of_a_crate_leads_to_an_entity(
    opened: datapkg.Package, exported: tuple[Path, list[DescribedFile]]
) -> None:
    graph = ro_crate(about(opened), exported[1])["@graph"]
    ids = [entity["@id"] for entity in graph]
    assert len(ids) == len(set(ids))
    for entity in graph:
        for value in entity.values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and "://w3id" not in one["@id"]:
                    assert one["@id"] in ids


def valid_citation(described: About) -> dict[str, Any]:
    """The citation, held to the format's own schema."""
    text = citation(described)
    value = YAML(typ="safe").load(text)
    Draft7Validator(CFF, format_checker=FormatChecker()).validate(value)
    found: dict[str, Any] = value
    return found


def test_a_citation_passes_the_published_schema(opened: datapkg.Package) -> None:
    value = valid_citation(about(opened))
    assert value["title"] == "Wells: a <test> & more"
    assert value["authors"] == [
        {
            "family-names": "Öz",
            "given-names": "Ana",
            "affiliation": "Lab",
            "orcid": "https://orcid.org/0000-0002-1825-0097",
        }
    ]
    assert (value["doi"], value["license"], value["version"]) == (
        "10.5281/zenodo.1234567",
        "CC-BY-4.0",
        "1.0.0",
    )
    assert value["identifiers"][0]["value"] == f"blake3:{opened.digest}"


def test_the_known_licences_are_those_of_the_schema() -> None:
    assert set(CFF["definitions"]["license-enum"]["enum"]) >= LICENCES


def test_a_licence_of_another_name_is_cited_by_its_address(tmp_path: Path) -> None:
    licence = '{name: other-open, path: "https://example.org/l"}'
    head = f"licenses: [{licence}]\ncontributors: [{{title: A Lab}}]\ncitation: Lab 2026\n"
    value = valid_citation(about(package(tmp_path, head)))
    assert value["license-url"] == "https://example.org/l"
    assert value["authors"] == [{"name": "A Lab"}]
    assert "Lab 2026" in value["message"]
    assert value["version"] == "1"


def package(tmp_path: Path, head: str) -> datapkg.Package:
    """A package whose manifest begins so."""
    make.text(tmp_path / "data" / "wells.csv", "Well\nA01\n")
    make.build(make.manifest(tmp_path / "data", "name: wells, path: wells.csv", head=head), tmp_path / "p")
    return datapkg.open(tmp_path / "p")


def test_what_a_format_must_have_is_asked_for(tmp_path: Path) -> None:
    described = about(package(tmp_path, ""))
    with pytest.raises(ExportError, match="`contributors:` is missing"):
        citation(described)
    with pytest.raises(ExportError, match="`licenses:` is missing"):
        ro_crate(described, [])
    assert "license" not in schema_org(described)


def test_schema_org_says_who_what_and_how_to_prove_it(
    opened: datapkg.Package, exported: tuple[Path, list[DescribedFile]]
) -> None:
    value = schema_org(about(opened), exported[1])
    assert value["@type"] == "Dataset"
    assert value["citation"] == "https://doi.org/10.5281/zenodo.1234567"
    assert value["isBasedOn"] == ["https://example.org/data"]
    assert value["distribution"][0]["sha256"] == exported[1][0].sha256
    assert value["contributor"][0]["@type"] == "Organization"
    assert json.loads(json.dumps(value)) == value


def test_the_sample_screen_is_described(tmp_path: Path) -> None:
    datapkg.build(PROJECT / "manifests" / "screen.yaml", tmp_path / "p", engine="inline")
    described = about(datapkg.open(tmp_path / "p"))
    assert valid_citation(described)["license"] == "CC0-1.0"
    sets = croissant(described, [DescribedFile("f.parquet", 1, "0" * 64, "x", "features")])["recordSet"]
    assert [one["@id"] for one in sets] == ["features"]
    nested = croissant(described, [DescribedFile("m.parquet", 1, "0" * 64, "x", "movies_objects")])
    assert "contour" in nested["recordSet"][0]["description"]


ODD = """version: "2026-11"
title: "Odd: things"
licenses: [{title: My own licence}, {name: our own}, {name: CC-BY-4.0}, {title: the same, name: CC-BY-4.0}]
contributors:
  - {title: Ana, path: "http://orcid.org/0000-0002-1825-0097/", email: "a@b", roles: [author]}
  - {title: Ana Öz, path: "https://orcid.org/0000-0002-1825-0097", roles: [author]}
  - {title: Ana, path: "https://orcid.org/0000-0002-1825-0097", roles: [funder]}
  - {title: Bo, roles: [author]}
  - {title: Bo, roles: [Author, editor]}
  - {email: nobody, roles: [funder]}
  - {roles: [author]}
citation: "10.1002/(SICI)1097-0258(19980815/30)17:15/16<1661::AID-SIM968>3.0.CO;2-2"
keywords: ["", wells, wells]
homepage: "https://example.org/ü b"
"""


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib's word to mlcroissant
@pytest.mark.filterwarnings("ignore:The inplace keyword")  # pandas' word to mlcroissant
def test_odd_manifests_make_valid_descriptions(tmp_path: Path) -> None:
    described = about(package(tmp_path, ODD))
    cited = valid_citation(described)
    assert cited["authors"] == [
        {"name": "Ana", "orcid": "https://orcid.org/0000-0002-1825-0097"},
        {"name": "Bo"},
    ]
    assert cited["identifiers"][1]["value"].startswith("https://doi.org/10.1002/(SICI)1097-0258(19980815/30)")
    assert (cited["keywords"], cited["url"]) == (["wells"], "https://example.org/%C3%BC%20b")
    graph = ro_crate(described, [])["@graph"]
    ids = [entity["@id"] for entity in graph]
    assert len(ids) == len(set(ids))
    assert not any(" " in one for one in ids)
    assert [one["name"] for one in graph if one["@id"].startswith("#licence")] == [
        "My own licence",
        "our own",
    ]
    (tmp_path / NAME).write_text(json.dumps(ro_crate(described, [])), "utf-8")
    assert len(ROCrate(tmp_path).root_dataset["license"]) == 3
    value = croissant(described, [])
    assert value["version"] == "2026-11"
    (tmp_path / "c.json").write_text(json.dumps(value), "utf-8")
    assert not mlcroissant.Dataset(jsonld=tmp_path / "c.json").metadata.issues.errors


def test_contributors_without_a_name_are_nobody_to_cite(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="`contributors:` is missing"):
        citation(about(package(tmp_path, "contributors: [{roles: [author]}]\n")))


def test_columns_without_a_value_are_columns_of_croissant(opened: datapkg.Package, tmp_path: Path) -> None:
    files = [DescribedFile("w.parquet", 1, "0" * 64, "x", "wells")]
    make.text(tmp_path / "data" / "wells.csv", "Well,Nothing\nA01,\n")
    make.build(make.manifest(tmp_path / "data", "name: wells, path: wells.csv"), tmp_path / "q")
    (columns,) = croissant(about(datapkg.open(tmp_path / "q")), files)["recordSet"]
    assert [one["name"] for one in columns["field"]] == ["Well", "Nothing"]
    assert "description" not in columns
