"""A Frictionless ``datapackage.json`` or ``datapackage.yaml``: its own defaults, older spellings, and keys without use.

A descriptor that others wrote must build unchanged. So what it says beyond our words is reported instead of
refused, and what it leaves out means what Frictionless says, not what our manifests say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from .document import Node
from .kinds import SUFFIXES, kind_of
from .models import Dialect
from .names import PACKAGE_NAME, RELEASE_NAME, package_name, suggested_table_name, table_name
from .shape import keys_of
from .values import HASH_DIGITS

FILE_NAMES = ("datapackage.json", "datapackage.yaml", "datapackage.yml")
PACKAGE = "datapackage"
"""The package's name where a descriptor has none, which Frictionless allows."""
KEPT_AS_TEXT = ("object", "array", "list", "geopoint", "geojson", "duration")
TABULAR = re.compile(r"(text/)?(csv|tsv|tab-separated-values)|tabular-data-resource", re.IGNORECASE)
TABBED = re.compile(r"(text/)?(tsv|tab-separated-values)", re.IGNORECASE)
KINDS = set(SUFFIXES.values())
UNDERSTOOD = {
    "Manifest": ("$schema", "profile", "missingValues"),
    "Resource": ("$schema", "profile", "format", "mediatype", "missingValues", "scheme", "stats", "fields"),
    "TableSchemaModel": ("$schema",),
    "Dialect": ("$schema", "csv", "csvddfVersion", "caseSensitiveHeader"),
    "Contributor": ("role",),
}
"""Keys by model that are no words of ours, but whose meaning is taken."""


def is_descriptor(path: PurePath) -> bool:
    """Whether a file's name says that it is a Frictionless descriptor."""
    return path.name in FILE_NAMES


def leave_out(document: Node) -> list[str]:
    """Take resources that are no table, image or movie out of a descriptor, and say so; one at least stays."""
    listed = document.get("resources")
    nodes = listed.items() if listed is not None else []
    others = [node for node in nodes if _is_other(node.plain())]
    if listed is None or len(others) == len(nodes):
        return []
    listed.content = [node for node in nodes if node not in others]
    return [
        f"the resource {_told(node.plain())} is not built: it is no table, image or movie" for node in others
    ]


def _is_other(said: Any) -> bool:
    """Whether a resource is surely nothing that we build; what looks like a table is held to be one."""
    if not isinstance(said, dict) or said.get("type") in KINDS or "schema" in said or "dialect" in said:
        return False
    if any(TABULAR.fullmatch(str(said.get(key))) for key in ("profile", "format", "mediatype")):
        return False
    if "data" in said:
        return isinstance(said["data"], dict)
    paths = said.get("path")
    listed = [paths] if isinstance(paths, str) else paths
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        return False
    kinds = {kind_of(one) for one in listed}
    no_table = isinstance(said.get("type"), str) or str(said.get("mediatype")) == "text/plain"
    return bool(listed) and (kinds == {None} or (no_table and kinds <= {None, "table"}))


def _told(said: Any) -> str:
    paths = said.get("path", "")
    path = paths[0] if isinstance(paths, list) and paths else paths
    return f"{said.get('name', path)!r}" + (f" ({path})" if path else "")


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
    warnings = list(_head(data, raw))
    renamed: dict[str, str] = {}
    pairs = list(_pairs(data, raw, "resources"))
    taken = {str(resource.get("name")).casefold() for resource, _ in pairs}
    for resource, said in pairs:
        warnings += _named(resource, renamed, taken)
        _typed(resource, said)
        warnings += _hashed(resource, said)
        warnings += _fields(resource)
        _dialect(resource, said)
    for resource, _ in pairs:
        for reference in _references(resource):
            if reference.get("resource") in renamed:
                reference["resource"] = renamed[reference["resource"]]
    return warnings


def fill_defaults(data: dict[str, Any], raw: dict[str, Any]) -> None:
    """What Frictionless means where a tabular resource says nothing: only empty cells are missing, and a schema
    names every column of the file in the file's order."""
    for resource, said in _pairs(data, raw, "resources"):
        if resource.get("type") != "table":
            continue
        schema = resource.setdefault("schema", {})
        if isinstance(schema, dict):
            missing = said.get("missingValues", raw.get("missingValues"))
            schema.setdefault("missingValues", [""] if missing is None else missing)
            if schema.get("fields"):
                schema.setdefault("fieldsMatch", "exact")


def _pairs(
    data: dict[str, Any], raw: dict[str, Any], key: str
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The mappings of a list, each with all that the descriptor says in it."""
    listed = data.get(key)
    for entry, said in zip(listed, raw[key], strict=True) if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(said, dict):
            yield entry, said


def _head(data: dict[str, Any], raw: dict[str, Any]) -> Iterator[str]:
    name = data.setdefault("name", PACKAGE)
    if isinstance(name, str) and not PACKAGE_NAME.fullmatch(name):
        data["name"] = package_name(name)
        yield f"the package's name {name!r} becomes {data['name']!r}"
    version = data.get("version")
    if isinstance(version, str) and (not RELEASE_NAME.fullmatch(version) or version.isdigit()):
        del data["version"]
        yield f"the version {version!r} cannot name a release, so a build makes a version without a name"
    for contributor, said in _pairs(data, raw, "contributors"):
        if isinstance(said.get("role"), str):
            contributor.setdefault("roles", [said["role"]])


def _named(resource: dict[str, Any], renamed: dict[str, str], taken: set[str]) -> Iterator[str]:
    """A name that a table may have; one is made of the path where there is none."""
    name = resource.get("name")
    if name in (None, ""):
        paths = resource.get("path")
        first = paths[0] if isinstance(paths, list) and paths else paths
        stem = PurePath(first).name.split(".")[0] if isinstance(first, str) else "data"
        made, number = suggested_table_name(stem), 1
        while made.casefold() in taken:
            number += 1
            made = f"{suggested_table_name(stem)}{number}"
        taken.add(made.casefold())
        resource["name"] = made
        yield f"a resource without a name becomes the table {made!r}"
    elif isinstance(name, str) and table_name(name) != name:
        resource["name"] = renamed[name] = table_name(name)
        yield f"the resource {name!r} becomes the table {renamed[name]!r}"


def _typed(resource: dict[str, Any], said: dict[str, Any]) -> None:
    """Frictionless has types of its own, such as `file`; what counts is whether it is a table."""
    if resource.get("type") not in KINDS:
        resource.pop("type", None)
    if any(TABULAR.fullmatch(str(said.get(key))) for key in ("profile", "format", "mediatype")):
        resource.setdefault("type", "table")


def _hashed(resource: dict[str, Any], said: dict[str, Any]) -> Iterator[str]:
    """A hash that does not say its kind is an md5; `stats` is where the framework writes hash and size."""
    stats = said["stats"] if isinstance(said.get("stats"), dict) else {}
    for kind in ("sha256", "md5"):
        if isinstance(stats.get(kind), str):
            resource.setdefault("hash", f"{kind}:{stats[kind]}")
    if isinstance(stats.get("bytes"), int):
        resource.setdefault("bytes", stats["bytes"])
    paths = resource.get("path")
    one_file = "data" not in resource and (not isinstance(paths, list) or len(paths) == 1)
    for key in ("hash", "bytes"):
        if key in resource and not one_file:
            del resource[key]
            yield f"{key} of {resource['name']!r} is not checked, since it does not describe one file"
    counted = [key for key in ("fields", "rows") if isinstance(said.get(key, stats.get(key)), int)]
    if isinstance(resource.get("rows"), int):  # with us, what is a row of an image table
        del resource["rows"]
    if counted:
        yield f"{' and '.join(counted)} of {resource['name']!r} {'are' if counted[1:] else 'is'} not checked"
    given = resource.get("hash")
    if not isinstance(given, str):
        return
    kind, colon, digits = given.strip().lower().rpartition(":")
    kind = kind.replace("-", "")  # sha-256
    if not colon:
        kind = next((kind for kind, length in HASH_DIGITS.items() if length == len(digits)), "md5")
    if kind in HASH_DIGITS:
        resource["hash"] = f"{kind}:{digits}"
    else:
        del resource["hash"]
        yield f"the hash of {resource['name']!r} is not checked: {kind!r} is no hash that is known here"


def _fields(resource: dict[str, Any]) -> Iterator[str]:
    schema = resource.get("schema")
    if not isinstance(schema, dict):
        return
    match = schema.get("fieldsMatch")
    if isinstance(match, list) and len(match) == 1:  # as the first JSON schema of version 2 had it
        schema["fieldsMatch"] = match[0]
    fields = schema.get("fields")
    for field in fields if isinstance(fields, list) else []:
        if not isinstance(field, dict):
            continue
        if isinstance(field.get("format"), str):
            field["format"] = field["format"].removeprefix("fmt:")
        if field.get("type") in KEPT_AS_TEXT:
            name = f"the column {field.get('name')!r} of {resource.get('name')!r}"
            yield f"{name} has type {field['type']!r}, and is kept as text"
            field["type"] = "string"
            field.pop("format", None)


def _dialect(resource: dict[str, Any], said: dict[str, Any]) -> None:
    """The spellings of version 1, and of the framework, which keeps the keys for CSV one level below."""
    written = said.get("dialect")
    dialect = resource.get("dialect")
    if isinstance(written, dict) and isinstance(dialect, dict):
        nested = written.get("csv")
        for key, value in nested.items() if isinstance(nested, dict) else ():
            if value is not None and key in keys_of(Dialect):
                dialect.setdefault(key, value)
        if isinstance(written.get("caseSensitiveHeader"), bool):
            dialect.setdefault("headerCase", written["caseSensitiveHeader"])
    if any(TABBED.fullmatch(str(said.get(key))) for key in ("format", "mediatype")):
        tabbed = resource.setdefault("dialect", {})
        if isinstance(tabbed, dict):
            tabbed.setdefault("delimiter", "\t")


def _references(resource: Any) -> Iterator[dict[str, Any]]:
    schema = resource.get("schema") if isinstance(resource, dict) else None
    keys = schema.get("foreignKeys") if isinstance(schema, dict) else None
    for key in keys if isinstance(keys, list) else []:
        reference = key.get("reference") if isinstance(key, dict) else None
        if isinstance(reference, dict):
            yield reference
