"""Frictionless descriptors as manifests: what they leave out, older spellings, and what is told of them."""

from __future__ import annotations

import json
from pathlib import Path

import make
import pytest
from make_frictionless import descriptor

import datapkg
from datapkg.errors import ManifestError
from datapkg.manifest.load import load

DESCRIPTOR = {
    "profile": "tabular-data-package",
    "name": "Gapminder World",
    "version": "3",
    "views": [],
    "resources": [
        {
            "name": "data/gdp 2020",
            "path": "gdp.csv",
            "profile": "tabular-data-resource",
            "views": [],
            "mediatype": "text/csv",
            "hash": "0123456789abcdef0123456789abcdef",
            "schema": {
                "fields": [
                    {"name": "country", "type": "string"},
                    {"name": "place", "type": "geopoint", "format": "array"},
                ],
                "primaryKey": "country",
            },
        },
        {"name": "people", "path": "people.dat", "format": "csv"},
    ],
}


def test_a_frictionless_descriptor_keeps_its_own_defaults(tmp_path: Path) -> None:
    loaded = load(make.text(tmp_path / "datapackage.json", json.dumps(DESCRIPTOR, indent="\t")))
    gdp, people = loaded.manifest.resources
    assert loaded.manifest.name == "gapminder-world"
    assert loaded.manifest.version is None
    assert gdp.name.startswith("data_gdp_2020_")
    assert (gdp.table_schema.fields_match, gdp.table_schema.missing_values) == ("exact", ("",))
    assert [field.type for field in gdp.table_schema.fields] == ["string", "string"]
    assert (people.type, people.table_schema.missing_values) == ("table", ("",))
    assert gdp.hash == "md5:0123456789abcdef0123456789abcdef"
    assert len(loaded.warnings) == 5
    assert any("'views' is not used" in warning and "and 1 more" in warning for warning in loaded.warnings)


def test_the_same_keys_are_mistakes_in_a_manifest_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="unknown key 'profile'"):
        load(make.text(tmp_path / "manifest.yaml", json.dumps(DESCRIPTOR)))


def test_what_cannot_be_checked_is_told(tmp_path: Path) -> None:
    path = descriptor(
        tmp_path,
        {"name": "a", "path": "wells.csv", "hash": "crc32:01234567"},
        {"name": "b", "path": ["wells.csv", "more.csv"], "hash": "0" * 32, "bytes": 9},
    )
    told = " ".join(load(path).warnings)
    assert "hash of 'a' is not checked: 'crc32'" in told
    assert "hash of 'b' is not checked" in told and "bytes of 'b' is not checked" in told


@pytest.mark.parametrize("name", ["datapackage.yaml", "datapackage.yml"])
def test_a_descriptor_may_be_yaml(tmp_path: Path, name: str) -> None:
    descriptor(tmp_path)
    path = make.text(
        tmp_path / name,
        "name: wells\ncontributors:\n- {title: Ada, role: author}\nresources:\n- path: wells.csv\n  schema: wells.json\n"
        "  profile: tabular-data-resource\n- data:\n  - [a]\n  - [1]\n",
    )
    assert load(path).manifest.contributors[0].roles == ("author",)
    make.build(path, tmp_path / "p")
    assert datapkg.open(tmp_path / "p").tables == ["wells", "data"]


def test_a_schema_beside_the_descriptor_is_recorded_and_its_mistakes_are_told(tmp_path: Path) -> None:
    path = descriptor(tmp_path, {"name": "t", "path": "wells.csv", "schema": "wells.json"})
    loaded = load(path)
    assert "wells.json" not in loaded.text
    assert [field.type for field in loaded.manifest.resources[0].table_schema.fields] == [
        "integer",
        "string",
        "number",
    ]
    make.text(tmp_path / "wells.json", '{"fields": [}')
    with pytest.raises(ManifestError, match=r"wells.json:1:13"):
        load(path)


BESIDE = [
    {"name": "report", "path": "report.pdf"},
    {"name": "notes", "path": ["a.docx", "b.docx"], "mediatype": "application/msword"},
    {"name": "readme", "path": "readme.txt", "type": "text", "mediatype": "text/plain"},
    {"name": "map", "data": {"type": "FeatureCollection", "features": []}, "format": "geojson"},
]


def test_what_is_no_table_is_left_out_and_told(tmp_path: Path) -> None:
    make.text(tmp_path / "wells.csv", "Well,N\n005,1\n")
    make.text(tmp_path / "readme.txt", "Hello, you\n")
    path = descriptor(tmp_path, BESIDE[0], {"name": "wells", "path": "wells.csv"}, *BESIDE[1:])
    loaded = load(path)
    assert [resource.name for resource in loaded.manifest.resources] == ["wells"]
    report = make.build(path, tmp_path / "p")
    told = [warning for warning in report.warnings if "is not built" in warning]
    assert [warning.split("'")[1] for warning in told] == ["report", "notes", "readme", "map"]
    assert "(report.pdf) is not built: it is no table, image or movie" in told[0]
    assert datapkg.open(tmp_path / "p").tables == ["wells"]


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (BESIDE[0], "cannot be told from its suffix"),
        ({"name": "far", "path": "ftp://example.org/a.csv"}, "ftp:// addresses are not opened"),
        ({"name": "odd", "path": "a.xyz", "schema": {"fields": [{"name": "a"}]}}, "cannot be told"),
    ],
)
def test_what_remains_or_may_be_a_table_is_a_mistake(
    tmp_path: Path, resource: dict[str, object], said: str
) -> None:
    tables = [] if resource is BESIDE[0] else [{"name": "wells", "path": "wells.csv"}]
    with pytest.raises(ManifestError, match=said):
        load(descriptor(tmp_path, resource, *tables))


def test_mistakes_behind_what_is_left_out_have_their_places(tmp_path: Path) -> None:
    path = make.text(
        tmp_path / "datapackage.json",
        '{"resources": [{"name": "r", "path": "r.pdf"},\n{"name": "w", "path": "../w.csv"}]}',
    )
    with pytest.raises(ManifestError) as caught:
        load(path)
    assert f"{path}:2:23" in str(caught.value)
