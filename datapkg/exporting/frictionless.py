"""Tables as CSV files in a Frictionless data package, which its own tools validate to the last cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..descriptor import DESCRIPTOR, descriptor
from ..manifest.normal import parse_recorded
from . import text
from .beside import sha256, write_json
from .job import Job


def write(job: Job, path: Path) -> None:
    """Write a CSV file for each table, then the descriptor."""
    entries = {entry["name"]: entry for entry in text.write_tables(job, path)}
    record = job.package.record
    manifest = parse_recorded(record.manifest, record.manifest_digest)
    value = descriptor(manifest, record, job.package.opened.files, job.package.release)
    by_path = {f"{name}.lance": entry for name, entry in entries.items()}
    value["resources"] = [
        _resource(resource, by_path[resource["path"]], path)
        for resource in value["resources"]
        if resource["path"] in by_path
    ]
    write_json(path / DESCRIPTOR, value)


def _resource(resource: dict[str, Any], entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A resource of the package's own descriptor, for the CSV file of its table."""
    file = folder / entry["path"]
    written = {field["name"] for field in entry["schema"]["fields"]}
    fields = [field for field in resource["schema"]["fields"] if field["name"] in written]
    for field in fields:
        field.pop("missingValues", None)  # whatever stood in the source, nothing stands for it here
    schema = {**entry["schema"], "fields": fields}
    for key in schema.get("foreignKeys", ()):
        key["reference"]["resource"] = key["reference"].get("resource", "").lower()
    return {
        **resource,
        "path": entry["path"],
        "type": "table",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": file.stat().st_size,
        "hash": f"sha256:{sha256(file)}",
        "schema": schema,
    }
