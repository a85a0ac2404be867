"""The package's ``datapackage.json``: a Frictionless descriptor of its newest version, so that others find their way.

It is a courtesy: nothing of ours reads it, and every build makes it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .durable import replace
from .manifest import Manifest
from .records import Record, TableRecord
from .store import storage_errors

FIELD_TYPES = {
    "string": "string",
    "int64": "integer",
    "uint64": "integer",
    "int32": "integer",
    "double": "number",
}
FIELD_TYPES |= {"float32": "number", "bool": "boolean", "date32[day]": "date"}


def descriptor(manifest: Manifest, record: Record, release: str | None) -> dict[str, Any]:
    """Describe a version in Frictionless's words (Data Package v2)."""
    about = manifest.model_dump(
        mode="json",
        include={"title", "description", "licenses", "contributors", "sources", "keywords", "homepage"},
    )
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": manifest.name,
        **{key: _without_nulls(value) for key, value in about.items() if value},
        "version": release or str(record.version),
        "created": record.created,
        "resources": [_resource(table) for table in record.tables],
    }


def write_descriptor(package: str, manifest: Manifest, record: Record, release: str | None) -> None:
    """Write the descriptor into the package, where it is not there as it should be."""
    path = Path(package) / "datapackage.json"
    content = json.dumps(descriptor(manifest, record, release), indent=1, ensure_ascii=False).encode()
    with storage_errors(str(path)):
        if not path.is_file() or path.read_bytes() != content:
            replace(path, content)


def _resource(table: TableRecord) -> dict[str, Any]:
    fields = [{"name": c.name, "type": FIELD_TYPES.get(c.type, "any")} for c in table.columns]
    return {
        "name": table.name.lower(),
        "title": table.name,
        "path": f"{table.name}.lance",
        "format": "lance",
        "schema": {"fields": fields},
    }


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item not in (None, [], ())}
    return value
