"""The command that asks: sql."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import PackageArg, VersionOption, app, opened_package

SHOWN, WIDTH = 40, 60


@app.command()
def sql(
    package: PackageArg,
    query: Annotated[str, typer.Argument(help='Such as "select Well, count(*) from frames group by Well".')],
    version: VersionOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write all rows to this new file: .parquet, .csv or .json."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all rows as JSON, one a line.")] = False,
) -> None:
    """Ask PACKAGE a question in SQL; it only reads. FRAMES@1.0.0 is a table of another version."""
    result = opened_package(package, version).sql(query)
    if output is not None:
        typer.echo(f"wrote {result.write(output):,} rows to {output}")
    elif as_json:
        from ..query.writing import json_rows

        for row in json_rows(result):
            typer.echo(row)
    else:
        rows = result.head(SHOWN + 1)
        typer.echo(rows[:SHOWN].to_string(index=False, max_colwidth=WIDTH))
        if len(rows) > SHOWN:
            typer.echo(f"... and more rows than these {SHOWN}; --output writes all of them")
