"""What `show` and `log` print, as text or JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from .. import versions
from ..reader import Package
from ..report import aligned
from ..table import Table


def package(opened: Package, as_json: bool) -> str:
    """A package's version: its tables, where it is from."""
    tables, taken = [opened[name] for name in opened.tables], opened.record.taken_from
    if as_json:
        return _json(
            {
                "package": opened.uri,
                "name": opened.name,
                "version": opened.version,
                "release": opened.release,
                "created": opened.created.isoformat(),
                "digest": opened.digest,
                "taken_from": asdict(taken) if taken else None,
                "tables": [
                    {"name": t.name, "kind": t.kind, "rows": len(t), "columns": t.columns} for t in tables
                ],
                "warnings": opened.warnings,
            }
        )
    named = f" (release {opened.release})" if opened.release else ""
    rows = [(t.name, t.kind, f"{len(t):,}", str(len(t.columns))) for t in tables]
    return "\n".join(
        [
            f"{opened.uri}: version {opened.version}{named} of {opened.name}, {opened.created:%Y-%m-%d %H:%M:%S} UTC",
            "",
            *aligned([("table", "kind", "rows", "columns"), *rows]),
            "",
            f"digest    {opened.digest}",
            *([f"taken     {taken}"] if taken else []),
            *(f"warning   {warning}" for warning in opened.warnings),
        ]
    )


def table(shown: Table, as_json: bool) -> str:
    """A table's columns: type, missing values, and how the type was decided; then its keys."""
    columns = shown.described()
    if as_json:
        about = {"name": shown.name, "kind": shown.kind, "rows": len(shown), "promises": shown.promises}
        return _json({**about, "columns": columns})
    rows = [(c["name"], c["type"], f"{c['nulls']:,}", c["why"]) for c in columns]
    head = f"{shown.name}: {shown.kind}, {len(shown):,} rows, {len(columns):,} columns, digest {shown.digest}"
    listed = aligned([("column", "type", "missing", "why"), *rows], right=(2,))
    kept = ["", *(f"promised  {promise}" for promise in shown.promises)] if shown.promises else []
    return "\n".join([head, "", *listed, *kept])


def log(opened: Package, as_json: bool) -> str:
    """A package's versions, the newest first."""
    names = versions.named(opened.place)
    records = list(versions.all_records(opened.place))[::-1]
    if as_json:
        entries = [
            {"version": r.version, "release": names.get(r.version), "created": r.created, "digest": r.digest}
            for r in records
        ]
        return _json(entries)
    rows = [
        (
            str(r.version),
            names.get(r.version, "-"),
            r.created[:19].replace("T", " "),
            f"{sum(t.rows for t in r.tables):,}",
            r.digest[:16],
        )
        for r in records
    ]
    return "\n".join(
        aligned([("version", "release", "created (UTC)", "rows", "digest"), *rows], right=(0, 3))
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
