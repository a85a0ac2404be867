"""The package's ``datapackage.json``: a Frictionless descriptor of its newest version, so that others find their way.

It is a courtesy: nothing of ours reads it, and every build makes it again. It passes the metadata validation of the
`frictionless` library, which wants lower-case names (the true one is in `title`); the data themselves are no CSV.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from . import versions
from .manifest import Manifest, Resource
from .manifest.models import FieldModel, TableSchemaModel
from .places import Place
from .records import ColumnRecord, FilesList, Record, TableRecord
from .store import storage_errors

DESCRIPTOR = "datapackage.json"
FIELD_TYPES = {
    "string": "string", "bool": "boolean", "null": "any", "binary": "string",
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"), "integer"),
    **dict.fromkeys(("float16", "float32", "double"), "number"),
}  # fmt: skip
BEGINNINGS = {
    "date": "date", "timestamp": "datetime", "time": "time", "decimal": "number", "list": "array",
    "struct": "object", "image": "array",
}  # fmt: skip
EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
DECLARED = {"year": "integer", "yearmonth": "string"}
"""Declared types that say more than what is stored, with that."""
BOUNDS = ("required", "unique", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
SPELLED = ("enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
CONSTRAINTS = {
    "string": ("required", "unique", "enum", "pattern", "minLength", "maxLength"),
    "boolean": ("required", "unique", "enum"),
    **dict.fromkeys(("integer", "number", "date", "datetime", "time", "year", "yearmonth"), BOUNDS),
}
"""What Frictionless lets a field of a type promise."""


def descriptor(manifest: Manifest, record: Record, files: FilesList, release: str | None) -> dict[str, Any]:
    """Describe a version in Frictionless's words (Data Package v2)."""
    about = _said(manifest, {"title", "description", "contributors", "keywords", "homepage"})
    _reachable(about.get("contributors", ()))
    resources = {resource.name: resource for resource in manifest.resources}
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": manifest.name,
        **about,
        **_rights(manifest),
        **({"citation": manifest.citation} if manifest.citation else {}),
        "version": release or str(record.version),
        "created": record.created,
        "digest": f"blake3:{record.digest}",
        "resources": [
            _resource(table, resources.get(table.resource), files.files[table.name])
            for table in record.tables
        ],
    }


def descriptor_content(manifest: Manifest, record: Record, files: FilesList, release: str | None) -> bytes:
    """The descriptor as it stands in a package."""
    described = descriptor(manifest, record, files, release)
    return json.dumps(described, indent=1, ensure_ascii=False).encode()


def write_descriptor(package: Place, manifest: Manifest, record: Record, release: str | None) -> None:
    """Write the descriptor into the package, where it is not there as it should be."""
    content = descriptor_content(manifest, record, versions.read_files(package, record), release)
    with storage_errors(package.at(DESCRIPTOR)):
        try:
            same = package.read(DESCRIPTOR) == content
        except FileNotFoundError:
            same = False
        if not same:
            package.put(DESCRIPTOR, content)


def _resource(table: TableRecord, resource: Resource | None, files: list[list[Any]]) -> dict[str, Any]:
    """Describe a table; one that was derived is of no resource."""
    name = table.name.lower()
    if resource is None or table.name != resource.name:
        titled, told = table.name, []
    else:
        titled = resource.title if resource.title and name == table.name else table.name
        told = [text for text in (resource.title, resource.description) if text and text != titled]
    return {
        "name": name,
        "title": titled,
        **({"description": "\n\n".join(told)} if told else {}),
        "path": f"{table.name}.lance",
        "format": "lance",
        "bytes": sum(int(size) for _, _, size, _ in files),
        "digest": f"blake3:{table.digest}",
        **(_rights(resource) if resource is not None else {}),
        "schema": _schema(table, resource if table.kind == "table" else None),
    }


def _schema(table: TableRecord, resource: Resource | None) -> dict[str, Any]:
    schema = resource.table_schema if resource is not None else TableSchemaModel()
    declared = {field.name: field for field in schema.fields}
    names = {column.name for column in table.columns}
    keys = _said(schema, {"primary_key", "unique_keys", "foreign_keys", "missing_values"})
    foreign = [key for key in keys.pop("foreignKeys", ()) if names.issuperset(key["fields"])]
    for key in foreign:
        key["reference"]["resource"] = key["reference"].get("resource", "").lower()
    unique = [key for key in keys.pop("uniqueKeys", ()) if names.issuperset(key)]
    if not names.issuperset(keys.get("primaryKey", ())):
        del keys["primaryKey"]
    return {
        "fields": [_field(column, declared.get(column.name), resource) for column in table.columns],
        **keys,
        **({"uniqueKeys": unique} if unique else {}),
        **({"foreignKeys": foreign} if foreign else {}),
    }


def _field(column: ColumnRecord, field: FieldModel | None, resource: Resource | None) -> dict[str, Any]:
    kind = FIELD_TYPES.get(column.type) or _beginning(column.type)
    if field is None or resource is None:
        return {"name": column.name, "type": kind}
    typed = field.type not in (None, "any")
    if typed and DECLARED.get(str(field.type)) == kind:
        kind = str(field.type)
    said = _said(field, {"title", "description", "missing_values", "rdf_type"})
    if typed and kind in ("string", "integer"):
        said |= _said(field, {"categories", "categories_ordered"})
    limits = _said(field.constraints, set(type(field.constraints).model_fields)) if typed else {}
    limits = {key: limit for key, limit in limits.items() if key in CONSTRAINTS.get(kind, ())}
    limits |= _as_values({key: limits[key] for key in SPELLED if key in limits}, column, resource)
    return {"name": column.name, "type": kind, **said, **({"constraints": limits} if limits else {})}


def _as_values(limits: dict[str, Any], column: ColumnRecord, resource: Resource) -> dict[str, Any]:
    """Limits that the manifest spells as its files do (``31/12/2026``, ``2,5``) as the values that they mean."""
    from .sources.text.columns import column_rules

    rules, zone = column_rules(resource, column.name), "Z" if "UTC" in column.type else ""

    def stated(limit: Any) -> list[Any]:
        values = rules.stated(limit if isinstance(limit, list) else [limit])
        return [one.isoformat() + zone if hasattr(one, "isoformat") else one for one in values]

    return {key: stated(limit) if key == "enum" else stated(limit)[0] for key, limit in limits.items()}


def _beginning(logical: str) -> str:
    return next((kind for start, kind in BEGINNINGS.items() if logical.startswith(start)), "any")


def _rights(said: Manifest | Resource) -> dict[str, Any]:
    """Licences and sources; Frictionless wants a licence's name or path where we take a title alone."""
    rights = _said(said, {"licenses", "sources"})
    _reachable(rights.get("sources", ()))
    for license_ in rights.get("licenses", ()):
        if "name" not in license_ and "path" not in license_:
            license_["name"] = license_.get("title", "other")
    return rights


def _reachable(people: Iterable[dict[str, Any]]) -> None:
    """Leave out e-mail addresses that are none, which Frictionless refuses; the recorded manifest keeps them."""
    for one in people:
        if "email" in one and not EMAIL.fullmatch(one["email"]):
            del one["email"]


def _said(model: Any, keys: set[str]) -> dict[str, Any]:
    """What a part of the manifest says, in Frictionless's spelling."""
    said: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=keys)
    return said
