"""The command that gives a package to others: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import Json, PackageArg, VersionOption, app, json_text, number_or_name

FORMS = (
    "zip, sqlite, parquet, csv, anndata, files, ome-tiff, ome-zarr, "
    "frictionless, croissant, ro-crate, citation or schema-org"
)


@app.command()
def export(
    package: PackageArg,
    dest: Annotated[
        Path, typer.Argument(help="A file or folder that does not exist yet.", show_default=False)
    ],
    to: Annotated[
        str | None, typer.Option("--to", help=f"{FORMS}; default: what DEST's suffix says.", metavar="FORM")
    ] = None,
    version: VersionOption = None,
    tables: Annotated[
        list[str] | None, typer.Option("--tables", help="Only these, separated by commas.", metavar="TABLES")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what an export made before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a version of PACKAGE to DEST in another form: one file, or files that other programs read."""
    from ..exporting import export as export_package
    from .progress import shown

    named = None if version is None else number_or_name(version)
    wanted = [name for text in tables for name in text.split(",")] if tables else None
    with shown() as progress:
        done = export_package(
            package, dest, to=to, version=named, tables=wanted, overwrite=overwrite, progress=progress
        )
    typer.echo(json_text(done.as_json()) if as_json else str(done))
