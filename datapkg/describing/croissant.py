"""Croissant 1.1: a data set's files, tables and columns in JSON-LD, which machine-learning libraries load by.

Each table is a record set over its Parquet file. What the format has no word for, structs and lists of them, is named in
the table's description and stands in the Parquet file alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from .about import About, DescribedColumn, DescribedFile, DescribedTable
from .schema_org import facts, file_facts, person

SPECIFICATION = "http://mlcommons.org/croissant/1.1"
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
} | {
    word: f"cr:{word}"
    for word in (
        "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
        "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
        "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
        "source", "subField", "transform",
    )
}  # fmt: skip
PLAIN = {
    "string": "sc:Text", "null": "sc:Text", "binary": "sc:Text", "bool": "sc:Boolean", "double": "cr:Float64", "float": "cr:Float32",
    "float64": "cr:Float64", "float32": "cr:Float32", "float16": "cr:Float16",
    **{f"{sign}int{bits}": f"cr:{'U' if sign else ''}Int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip
BEGINNINGS = {"date": "sc:Date", "timestamp": "sc:DateTime", "time": "sc:Time", "decimal": "sc:Float"}
LIST = re.compile(r"^(?:large_)?list<(?:\w+: )?(.+?)>$")
PARQUET = {"application/vnd.apache.parquet": "application/x-parquet"}
"""Croissant's own word for Parquet, by the registered one."""
SHORT_VERSION = re.compile(r"^\d+(\.\d+)?$")
"""What lacks a part of the three that Croissant wants."""


def croissant(about: About, files: Sequence[DescribedFile]) -> dict[str, Any]:
    """Describe Parquet files of tables, one file a table.

    Parameters
    ----------
    about
        The package; its `tables` are those that were exported.
    files
        What was exported; `table` says which file holds which table.
    """
    said = facts(about)
    cited = said.pop("citation", None)
    named = {file.table: file for file in files if file.table is not None}
    value = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": SPECIFICATION,
        **said,
        "version": _version(about.version),
        "citeAs": cited,
        "creator": [person(one) for one in about.authors],
        "contributor": [person(one) for one in about.others],
        "distribution": [_file(file) for file in files],
        "recordSet": [_record_set(table, named[table.name]) for table in about.tables if table.name in named],
    }
    return {key: one for key, one in value.items() if one not in (None, [], "")}


def _version(version: str) -> str:
    """A version in three parts, where it is made of numbers; other names stay what they are.

    Examples
    --------
    >>> _version("3"), _version("1.2"), _version("1.0.0-rc.1"), _version("2026-11")
    ('3.0.0', '1.2.0', '1.0.0-rc.1', '2026-11')
    """
    return version + ".0" * (2 - version.count(".")) if SHORT_VERSION.match(version) else version


def _file(file: DescribedFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": quote(file.path),
        "contentUrl": quote(file.path),
        **file_facts(file),
        "encodingFormat": PARQUET.get(file.media_type, file.media_type),
    }


def _record_set(table: DescribedTable, file: DescribedFile) -> dict[str, Any]:
    fields = [(column, _type(column.type)) for column in table.columns]
    left_out = [column.name for column, found in fields if found is None]
    texts = [table.description]
    if left_out:
        texts.append(f"Nested columns, in the Parquet file alone: {', '.join(left_out)}.")
    value = {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": "\n\n".join(text for text in texts if text),
        "key": [{"@id": _id(table, name)} for name in table.primary_key],
        "field": [_field(table, column, found, file) for column, found in fields if found is not None],
    }
    return {key: one for key, one in value.items() if one not in ("", [])}


def _field(
    table: DescribedTable, column: DescribedColumn, found: dict[str, Any], file: DescribedFile
) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": _id(table, column.name),
        "name": column.name,
        **({"description": column.description} if column.description else {}),
        **found,
        "source": {"fileObject": {"@id": quote(file.path)}, "extract": {"column": column.name}},
    }


def _id(table: DescribedTable, column: str) -> str:
    return f"{table.name}/{quote(column, safe='')}"


def _type(logical: str) -> dict[str, Any] | None:
    """A column's type in Croissant's words; None where it has none."""
    axes = 0
    while listed := LIST.match(logical):
        logical, axes = listed[1], axes + 1
    kind = PLAIN.get(logical) or next(
        (kind for start, kind in BEGINNINGS.items() if logical.startswith(start)), None
    )
    if kind is None:
        return None
    shape = {"isArray": True, "arrayShape": ",".join(["-1"] * axes)} if axes else {}
    return {"dataType": kind, **shape}
