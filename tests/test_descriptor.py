"""The package's own ``datapackage.json`` is what the `frictionless` library accepts, and tells what the manifest says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import frictionless
import make
import pytest
from conftest import PROJECT

import datapkg

HEAD = """\
version: "1.0.0"
title: Wells of a plate
description: A little screen
homepage: https://example.org/wells
citation: doi:10.1000/182
keywords: [screen, RNAi]
licenses: [{title: Made up}, {name: CC-BY-4.0, path: "https://creativecommons.org/licenses/by/4.0/"}]
contributors: [{title: Ada, givenName: Ada, email: ada@example.org, organization: Lab, roles: [author]}]
sources: [{title: IDR, path: "https://idr.openmicroscopy.org"}]
"""
RESOURCES = """\
resources:
- name: Wells
  title: All wells
  description: One row for each.
  path: wells.csv
  licenses: [{name: CC0-1.0}]
  schema:
    missingValues: ["", "-"]
    primaryKey: Well
    uniqueKeys: [[Well, Count]]
    foreignKeys: [{fields: Gene, reference: {resource: Genes, fields: symbol}}]
    fields:
    - {name: Well, type: string, title: The well, description: Row and column, constraints: {required: true, minLength: 3}}
    - {name: Gene, type: string, categories: [KIF11, PLK1], rdfType: "http://example.org/gene"}
    - {name: Count, type: integer, constraints: {minimum: 0, maximum: 9}, missingValues: ["none"]}
    - {name: Year, type: year}
    - {name: Any, type: any, constraints: {pattern: ".*"}}
- {name: Genes, path: genes.csv, title: Genes}
- {name: frames, path: "*.tif", title: Frames}
"""


def built(folder: Path) -> dict[str, Any]:
    make.text(folder / "wells.csv", "Well,Gene,Count,Year,Any\n005,KIF11,1,2020,1\n042,-,none,2021,x\n")
    make.text(folder / "genes.csv", "symbol,name\nKIF11,kinesin\n")
    make.tiff(folder / "a.tif")
    manifest = make.text(folder / "m.yaml", f"name: wells\n{HEAD}{RESOURCES}")
    make.build(manifest, folder / "p")
    described: dict[str, Any] = json.loads((folder / "p" / "datapackage.json").read_text("utf-8"))
    return described


def mistakes(described: dict[str, Any]) -> list[str]:
    """What the library says, under version 2 and under version 1 of the standard."""
    old = {key: value for key, value in described.items() if key != "$schema"}
    return [
        error.message
        for one in (described, old)
        for error in frictionless.Package.metadata_validate(json.loads(json.dumps(one)))
    ]


def test_frictionless_accepts_it(tmp_path: Path) -> None:
    described = built(tmp_path)
    assert mistakes(described) == []
    package = frictionless.Package(str(tmp_path / "p" / "datapackage.json"))
    assert [resource.name for resource in package.resources] == ["wells", "genes", "frames"]
    assert [resource.title for resource in package.resources] == ["Wells", "Genes", "Frames"]
    assert package.get_resource("wells").schema.get_field("Count").type == "integer"


def test_it_says_what_the_manifest_says(tmp_path: Path) -> None:
    described = built(tmp_path)
    assert (described["version"], described["homepage"]) == ("1.0.0", "https://example.org/wells")
    assert [one["name"] for one in described["licenses"]] == ["Made up", "CC-BY-4.0"]
    assert described["contributors"][0]["givenName"] == "Ada"
    wells, _, frames = described["resources"]
    assert wells["description"] == "All wells\n\nOne row for each."
    assert wells["licenses"] == [{"name": "CC0-1.0"}]
    listed = json.loads((tmp_path / "p" / "versions" / "1.files.json").read_text("utf-8"))["files"]["Wells"]
    assert wells["bytes"] == sum((tmp_path / "p" / path).stat().st_size for _, path, _, _ in listed)
    schema = wells["schema"]
    assert (schema["primaryKey"], schema["missingValues"]) == (["Well"], ["", "-"])
    assert schema["foreignKeys"] == [
        {"fields": ["Gene"], "reference": {"resource": "genes", "fields": ["symbol"]}}
    ]
    assert schema["uniqueKeys"] == [["Well", "Count"]]
    well, gene, count, year, any_ = schema["fields"]
    assert well == {
        "name": "Well",
        "type": "string",
        "title": "The well",
        "description": "Row and column",
        "constraints": {"required": True, "minLength": 3},
    }
    assert gene["categories"] == ["KIF11", "PLK1"]
    assert (count["constraints"], count["missingValues"]) == ({"minimum": 0, "maximum": 9}, ["none"])
    assert (year["type"], any_) == ("year", {"name": "Any", "type": "string"})
    types = {field["name"]: field["type"] for field in frames["schema"]["fields"]}
    assert (types["image_array"], types["shape"], types["filesize_bytes"]) == ("array", "array", "integer")


def test_frictionless_accepts_the_sample_with_its_movies(tmp_path: Path) -> None:
    make.build(PROJECT / "manifests" / "screen.yaml", tmp_path / "p")
    described = json.loads((tmp_path / "p" / "datapackage.json").read_text("utf-8"))
    assert len(described["resources"]) > 5
    assert mistakes(described) == []


@pytest.mark.parametrize(
    "email", ["a@b.org", "ada.l+x@lab.example.co.uk", "none", "a@b", "a..b@c.org", "@x.org"]
)
def test_an_address_that_is_none_is_left_out(tmp_path: Path, email: str) -> None:
    make.text(tmp_path / "t.csv", "a\n1\n")
    head = f'contributors: [{{title: Ada, email: "{email}"}}]\nsources: [{{title: Lab, email: "{email}"}}]\n'
    make.build(make.manifest(tmp_path, "name: t, path: t.csv", head=head), tmp_path / "p")
    described = json.loads((tmp_path / "p" / "datapackage.json").read_text("utf-8"))
    kept = email if email[0] == "a" and email.count(".") and ".." not in email else None
    assert described["contributors"][0].get("email") == described["sources"][0].get("email") == kept
    assert mistakes(described) == []


SPELLED = """\
day,Area,Count,done,when,moment
31/12/2026,"2,5",1.000,yes,2026-01-02T03:04:05,2026-01-02T03:04:05Z
"""


def test_limits_in_the_spelling_of_the_files_are_told_as_values(tmp_path: Path) -> None:
    make.text(tmp_path / "data" / "t.csv", SPELLED)
    fields = [
        '{name: day, type: date, format: "%d/%m/%Y", constraints: {maximum: "31/12/2026"}}',
        '{name: Area, type: number, decimalChar: ",", constraints: {minimum: "1,5", enum: ["2,5"]}}',
        '{name: Count, type: integer, groupChar: ".", constraints: {maximum: "1.000"}}',
        '{name: done, type: boolean, trueValues: ["yes"], falseValues: ["no"], constraints: {enum: ["yes"]}}',
        '{name: when, type: datetime, constraints: {minimum: "2026-01-02 03:04:05"}}',
        '{name: moment, type: datetime, constraints: {minimum: "2026-01-02T04:04:05+01:00"}}',
    ]
    resource = f"name: t, path: t.csv, schema: {{fields: [{', '.join(fields)}]}}"
    make.build(make.manifest(tmp_path / "data", resource), tmp_path / "p")
    described = json.loads((tmp_path / "p" / "datapackage.json").read_text("utf-8"))
    assert mistakes(described) == []
    assert [field["constraints"] for field in described["resources"][0]["schema"]["fields"]] == [
        {"maximum": "2026-12-31"},
        {"minimum": 1.5, "enum": [2.5]},
        {"maximum": 1000},
        {"enum": [True]},
        {"minimum": "2026-01-02T03:04:05"},
        {"minimum": "2026-01-02T03:04:05Z"},
    ]
    datapkg.export(tmp_path / "p", tmp_path / "out", to="frictionless")
    report = frictionless.validate(str(tmp_path / "out" / "datapackage.json"))
    assert report.valid, report.flatten(["type", "message"])
