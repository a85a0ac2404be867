"""Frictionless descriptors build unchanged, and give the rows that the `frictionless` library reads from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import frictionless
import make
import pytest
from make_frictionless import VERSION_2, WELLS, WELLS_SCHEMA, descriptor

import datapkg
from datapkg.errors import DatapkgError, SourceError


def read(folder: Path, *resources: Mapping[str, Any], **head: Any) -> datapkg.Package:
    """Build a package of a descriptor, and open it."""
    make.build(descriptor(folder, *resources, **head), folder / "p")
    return datapkg.open(folder / "p")


def cells(table: datapkg.Table) -> list[dict[str, Any]]:
    """A table's rows, without the columns that say which file they are from."""
    rows = table.to_arrow().to_pylist()
    return [{key: row[key] for key in row if not key.startswith("source_")} for row in rows]


TYPED = {"schema": WELLS_SCHEMA}
TEXTS = {"schema": {"fields": [{"name": "id", "type": "string"}, {"name": "name", "type": "string"}]}}
DATES = [
    {"name": "day", "type": "date", "format": "%d/%m/%Y"},
    {"name": "at", "type": "datetime"},
    {"name": "on", "type": "time"},
    {"name": "year", "type": "year"},
    {"name": "ok", "type": "boolean", "trueValues": ["yes"], "falseValues": ["no"]},
]
ALIKE: dict[str, dict[str, Any]] = {
    "a file": {"path": "wells.csv", **TYPED},
    "a schema in a file": {"path": "wells.csv", "schema": "wells.json"},
    "a list of files in its own order": {"path": ["wells.csv", "more.csv"], **TYPED},
    "without a header": {"path": "headless.csv", "dialect": {"header": False}, **TYPED},
    "version 1 of the dialect": {
        "path": "semicolon.csv",
        "dialect": {
            "csvddfVersion": 1.2,
            "delimiter": ";",
            "quoteChar": "'",
            "doubleQuote": True,
            "lineTerminator": "\n",
            "skipInitialSpace": False,
            "header": True,
            "caseSensitiveHeader": True,
        },
        "schema": {
            "fields": [*WELLS_SCHEMA["fields"][:2], {"name": "size", "type": "number", "decimalChar": ","}]
        },
    },
    "a dialect in a file": {"path": "semicolon.csv", "dialect": "dialect.yaml"},
    "the framework's dialect": {
        "path": "semicolon.csv",
        "dialect": {"csv": {"delimiter": ";", "quoteChar": "'"}},
    },
    "comments": {"path": "commented.csv", "dialect": {"commentChar": "#"}, **TEXTS},
    "two header rows": {"path": "two_rows.csv", "dialect": {"headerRows": [1, 2], "headerJoin": "_"}},
    "spaces behind delimiters": {"path": "spaced.csv", "dialect": {"skipInitialSpace": True}, **TEXTS},
    "tabs": {"path": "tabbed.dat", "format": "tsv", **TEXTS},
    "another encoding": {"path": "latin.csv", "encoding": "cp1252", **TEXTS},
    "dates": {"path": "dates.csv", "schema": {"fields": DATES}},
    "missing values": {"path": "missing.csv", "schema": {**WELLS_SCHEMA, "missingValues": ["-", "NA", "x"]}},
    "missing values with labels": {
        "path": "missing.csv",
        "schema": {
            **WELLS_SCHEMA,
            "missingValues": [{"value": v, "label": f"is {v}"} for v in ("-", "NA", "x")],
        },
    },
    "missing values of a field": {
        "path": "missing.csv",
        "schema": {
            "fields": [
                {**field, "missingValues": [gone]}
                for field, gone in zip(WELLS_SCHEMA["fields"], "-Nx", strict=True)
            ]
        },
    },
    "a list of one file": {"path": ["wells.csv"], "hash": hashlib.md5(WELLS.encode()).hexdigest(), **TYPED},
    "rows as lists": {"data": [["id", "name", "size"], [1, "005", 0.5], ["2", None, None]], **TYPED},
    "rows as mappings": {"data": [{"size": 1.5, "id": 1, "name": "a"}, {"id": 2}], **TYPED},
    "rows without types": {"data": [["id", "ok", "gene"], [1, True, "a"], [2, None, "b"]]},
    "categories": {
        "path": "levels.csv",
        "schema": {
            "fields": [
                {"name": "level", "type": "string", "categories": ["low", "high"], "categoriesOrdered": True}
            ]
        },
    },
}


@pytest.mark.parametrize("case", ALIKE)
def test_the_rows_are_those_that_frictionless_reads(tmp_path: Path, case: str) -> None:
    version = {"$schema": VERSION_2} if "labels" in case else {}
    ours = cells(read(tmp_path, {"name": "t", **ALIKE[case]}, **version)["t"])
    theirs = frictionless.Package(str(tmp_path / "datapackage.json")).get_resource("t").read_rows()
    assert ours == [row.to_dict() for row in theirs]
    assert ours


def test_a_list_keeps_its_order_and_a_new_order_is_noticed(tmp_path: Path) -> None:
    first = read(tmp_path, {"name": "t", "path": ["wells.csv", "more.csv"]})
    assert [row["id"] for row in cells(first["t"])] == [1, 2, 3]
    again = read(tmp_path, {"name": "t", "path": ["more.csv", "wells.csv"]})
    assert [row["id"] for row in cells(again["t"])] == [3, 1, 2]
    assert again["t"].to_pandas()["source_path"].tolist() == ["more.csv", "wells.csv", "wells.csv"]


@pytest.mark.parametrize(
    "head", [{"missingValues": ["NA"]}, {"missingValues": [{"value": "NA", "label": "not asked"}]}]
)
def test_missing_values_of_the_package_count_for_its_tables(tmp_path: Path, head: dict[str, Any]) -> None:
    package = read(
        tmp_path,
        {"name": "a", "path": "wells.csv"},
        {"name": "b", "path": "wells.csv", "missingValues": [""]},
        **head,
    )
    assert [row["name"] for row in cells(package["a"])] == ["KIF11", None]
    assert [row["name"] for row in cells(package["b"])] == ["KIF11", "NA"]


def test_a_header_in_another_case_fits_where_case_means_nothing(tmp_path: Path) -> None:
    table = read(
        tmp_path, {"name": "t", "path": "upper.csv", "dialect": {"caseSensitiveHeader": False}, **TYPED}
    )["t"]
    assert cells(table) == [{"id": 1, "name": "a", "size": 2.0}]


def test_types_that_are_not_kept_stay_text_and_are_told_of(tmp_path: Path) -> None:
    types = {"where": "geopoint", "what": "object", "how": "duration"}
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    path = descriptor(tmp_path, {"name": "t", "path": "shapes.csv", "schema": {"fields": fields}})
    report = make.build(path, tmp_path / "p")
    assert [kind for kind in types.values() if any(f"has type {kind!r}" in w for w in report.warnings)] == [
        *types.values()
    ]
    assert cells(datapkg.open(tmp_path / "p")["t"]) == [{"where": "1,2", "what": '{"a": 1}', "how": "P1D"}]


def test_a_resource_without_a_name_gets_one_from_its_file(tmp_path: Path) -> None:
    package = read(
        tmp_path,
        {"path": "wells.csv"},
        {"path": "wells.csv"},
        {"data": [{"a": 1}]},
        {"name": "wells3", "path": "wells.csv"},
    )
    assert package.tables == ["wells", "wells2", "data", "wells3"]


def test_inline_rows_keep_the_types_of_json(tmp_path: Path) -> None:
    rows = [
        ["number", "text", "truth", "mixed", "nested", "large", "none", "word", "beyond"],
        [1, "1", True, 1, [1, "é"], 2**63, None, 1, 1],
        [2.5, "02", False, "x", {"a": None}, 1, None, "NA", 0.5],
    ]
    path = descriptor(tmp_path, {"name": "t", "data": rows})
    make.text(path, path.read_text("utf-8").replace("0.5]]", "1e400]]"))
    make.build(path, tmp_path / "p")
    table = datapkg.open(tmp_path / "p")["t"].to_arrow()
    assert {field.name: str(field.type) for field in table.schema} == {
        "number": "double", "text": "string", "truth": "bool", "mixed": "string", "nested": "string",
        "large": "uint64", "none": "null", "word": "string", "beyond": "string",
    }  # fmt: skip
    assert table.to_pylist()[0] == {
        "number": 1.0, "text": "1", "truth": True, "mixed": "1", "nested": '[1, "é"]',
        "large": 2**63, "none": None, "word": "1", "beyond": "1",
    }  # fmt: skip


def test_inline_text_is_a_csv_file(tmp_path: Path) -> None:
    package = read(tmp_path, {"name": "t", "data": WELLS, "format": "csv", **TYPED})
    assert cells(package["t"])[0] == {"id": 1, "name": "KIF11", "size": 0.5}


def test_inline_rows_without_a_header_or_without_rows(tmp_path: Path) -> None:
    package = read(
        tmp_path,
        {"name": "headless", "data": [[1, "a", 2]], "dialect": {"header": False}, **TYPED},
        {"name": "numbered", "data": [[1, "a"]], "dialect": {"header": False}},
        {"name": "empty", "data": [], **TYPED},
    )
    assert cells(package["headless"]) == [{"id": 1, "name": "a", "size": 2.0}]
    assert cells(package["numbered"]) == [{"field1": 1, "field2": "a"}]
    assert (len(package["empty"]), package["empty"].columns) == (0, ["id", "name", "size"])


def test_a_manifest_of_ours_may_hold_rows_too(tmp_path: Path) -> None:
    manifest = make.manifest(tmp_path, "name: t, data: [[Well, Count], [A01, 1], [005, 2]]")
    make.build(manifest, tmp_path / "p")
    assert cells(datapkg.open(tmp_path / "p")["t"]) == [
        {"Well": "A01", "Count": 1},
        {"Well": "5", "Count": 2},
    ]


def test_inline_rows_have_a_source_that_is_found_unchanged(tmp_path: Path) -> None:
    rows = [{"b": 1, "a": "é"}]
    path = descriptor(tmp_path, {"name": "t", "data": rows}, {"name": "u", "path": "wells.csv"})
    first = make.build(path, tmp_path / "p")
    again = make.build(path, tmp_path / "p")
    assert (again.created, again.sources.unchanged) == (False, 2)
    canonical = '[{"b":1,"a":"é"}]'.encode()
    sources = datapkg.open(tmp_path / "p").sources().to_dict("records")
    held = [sources[0][key] for key in ("path", "bytes", "sha256", "rows")]
    assert held == [
        "datapackage.json#/resources/0/data",
        len(canonical),
        hashlib.sha256(canonical).hexdigest(),
        1,
    ]
    moved = descriptor(tmp_path, {"name": "u", "path": "wells.csv"}, {"name": "t", "data": rows})
    assert make.build(moved, tmp_path / "p").digest == first.digest
    changed = descriptor(
        tmp_path, {"name": "u", "path": "wells.csv"}, {"name": "t", "data": [{"b": 2, "a": "é"}]}
    )
    assert make.build(changed, tmp_path / "p").digest != first.digest


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"data": [["a", "b"], [1]]}, r"datapackage.json#/resources/0/data:2: the row has 1 cells"),
        ({"data": [["a", "a"], [1, 2]]}, r"/data:1: the header names columns twice: `a`"),
        ({"data": []}, "is empty"),
        ({"data": [["a"]], "dialect": {"headerRows": [2]}}, "no header or comment rows"),
        ({"data": [["id", "name", "size"], [1, 5, 2]], **TYPED}, r"`name` that is no string, first `5`"),
        ({"data": [{"id": 1, "more": 2}], **TYPED}, "`more` besides"),
    ],
)
def test_inline_rows_that_are_no_table_are_refused(
    tmp_path: Path, resource: dict[str, Any], said: str
) -> None:
    with pytest.raises(DatapkgError, match=said):
        read(tmp_path, {"name": "t", **resource})


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sha512", ""])
def test_hash_and_bytes_are_checked_whatever_their_kind(tmp_path: Path, kind: str) -> None:
    digits = hashlib.new(kind or "md5", WELLS.encode()).hexdigest()
    right = f"{kind}:{digits}" if kind else digits
    wells = {"name": "t", "path": "wells.csv", "bytes": len(WELLS)}
    package = read(tmp_path, {**wells, "hash": right})
    assert package.version == 1
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    with pytest.raises(SourceError, match=f"wells.csv: is not the file .* {kind or 'md5'}:{digits}"):
        read(tmp_path, {**wells, "hash": wrong})
    with pytest.raises(SourceError, match="manifest says 3"):
        read(tmp_path, {**wells, "bytes": 3})


def test_what_the_framework_writes_down_is_checked(tmp_path: Path) -> None:
    path = descriptor(tmp_path)
    described = frictionless.describe(
        str(tmp_path / "wells.csv"), type="resource", stats=True
    ).to_descriptor()
    described["path"] = "wells.csv"
    resource = {**described, "name": "t"}
    assert "hash" in resource
    descriptor(tmp_path, resource)
    report = make.build(path, tmp_path / "p")
    assert report.warnings == ("fields and rows of 't' are not checked",)
    descriptor(tmp_path, {**resource, "hash": None, "stats": {"sha256": "0" * 64}})
    with pytest.raises(SourceError, match="is not the file that the manifest means"):
        make.build(path, tmp_path / "q")
