"""A Frictionless ``datapackage.json`` or ``datapackage.yaml``: its own defaults, and keys that we have no use for.

A descriptor that others wrote must build unchanged. So what it says beyond our words is reported instead of
refused, and what it leaves out means what Frictionless says, not what our manifests say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from .names import PACKAGE_NAME, RELEASE_NAME, package_name, table_name

FILE_NAMES = ("datapackage.json", "datapackage.yaml", "datapackage.yml")
PACKAGE = "datapackage"
"""The package's name where a descriptor has none, which Frictionless allows."""
KEPT_AS_TEXT = ("object", "array", "list", "geopoint", "geojson", "duration")
TABULAR = re.compile(r"(text/)?(csv|tsv|tab-separated-values)|tabular-data-resource", re.IGNORECASE)


def is_descriptor(path: PurePath) -> bool:
    """Whether a file's name says that it is a Frictionless descriptor."""
    return path.name in FILE_NAMES


def adapt(data: dict[str, Any], raw: dict[str, Any]) -> list[str]:
    """Bring a descriptor's `data` into our manifest's words, in place.

    Parameters
    ----------
    data
        The keys that we know.
    raw
        All keys, since some that we do not keep still say what a resource is.

    Returns
    -------
    Warnings: what was changed or is not used.
    """
    warnings = list(_head(data))
    resources = data.get("resources")
    if not isinstance(resources, list):
        return warnings
    renamed: dict[str, str] = {}
    for at, resource in enumerate(resources):
        if isinstance(resource, dict):
            warnings += _resource(resource, raw["resources"][at], renamed)
    for resource in resources:
        for reference in _references(resource):
            if reference.get("resource") in renamed:
                reference["resource"] = renamed[reference["resource"]]
    return warnings


def _head(data: dict[str, Any]) -> Iterator[str]:
    name = data.setdefault("name", PACKAGE)
    if isinstance(name, str) and not PACKAGE_NAME.fullmatch(name):
        data["name"] = package_name(name)
        yield f"the package's name {name!r} becomes {data['name']!r}"
    version = data.get("version")
    if isinstance(version, str) and (not RELEASE_NAME.fullmatch(version) or version.isdigit()):
        del data["version"]
        yield f"the version {version!r} cannot name a release, so a build makes a version without a name"


def _resource(resource: dict[str, Any], raw: dict[str, Any], renamed: dict[str, str]) -> Iterator[str]:
    name = resource.get("name")
    if isinstance(name, str) and name and table_name(name) != name:
        resource["name"] = renamed[name] = table_name(name)
        yield f"the resource {name!r} becomes the table {renamed[name]!r}"
    if any(TABULAR.fullmatch(str(raw.get(key))) for key in ("profile", "format", "mediatype")):
        resource.setdefault("type", "table")
    given = resource.get("hash")
    if isinstance(given, str) and not given.lower().startswith("sha256:"):
        del resource["hash"]
        yield f"the hash of {name!r} is no sha256, and is not checked"
    schema = resource.get("schema")
    fields = schema.get("fields") if isinstance(schema, dict) else None
    for field in fields if isinstance(fields, list) else []:
        if isinstance(field, dict) and field.get("type") in KEPT_AS_TEXT:
            yield f"the column {field.get('name')!r} of {name!r} has type {field['type']!r}, and is kept as text"
            field["type"] = "string"
            field.pop("format", None)


def fill_defaults(data: dict[str, Any]) -> None:
    """What Frictionless means where a tabular resource says nothing: only empty cells are missing, and a schema
    names every column of the file in the file's order."""
    resources = data.get("resources")
    for resource in resources if isinstance(resources, list) else []:
        if not isinstance(resource, dict) or resource.get("type") != "table":
            continue
        schema = resource.setdefault("schema", {})
        if isinstance(schema, dict):
            schema.setdefault("missingValues", [""])
            if schema.get("fields"):
                schema.setdefault("fieldsMatch", "exact")


def _references(resource: Any) -> Iterator[dict[str, Any]]:
    schema = resource.get("schema") if isinstance(resource, dict) else None
    keys = schema.get("foreignKeys") if isinstance(schema, dict) else None
    for key in keys if isinstance(keys, list) else []:
        reference = key.get("reference") if isinstance(key, dict) else None
        if isinstance(reference, dict):
            yield reference
