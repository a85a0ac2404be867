"""The commands that copy packages: push, pull."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import Json, PackageArg, SingleWriter, VersionOption, app, json_text, number_or_name
from .progress import shown


@app.command()
def push(
    package: PackageArg,
    url: Annotated[str, typer.Argument(help="s3://bucket/prefix, or a folder.", show_default=False)],
    single_writer: SingleWriter = False,
    as_json: Json = False,
) -> None:
    """Copy PACKAGE, all of its versions, to URL; only what is missing there is copied."""
    from ..copying.sending import push as push_package

    with shown() as progress:
        done = push_package(package, url, single_writer=single_writer, progress=progress)
    typer.echo(json_text(done.as_json()) if as_json else str(done))


@app.command()
def pull(
    url: Annotated[
        str, typer.Argument(help="s3://bucket/prefix, https://..., or a folder.", show_default=False)
    ],
    dest: Annotated[str, typer.Argument(help="A folder, or s3://bucket/prefix.", show_default=False)],
    version: VersionOption = None,
    tables: Annotated[
        list[str] | None,
        typer.Option(help="Only this table; give it once for each.", show_default=False),
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Only rows like these, such as \"Plate = 'p1'\".", show_default=False)
    ] = None,
    single_writer: SingleWriter = False,
    as_json: Json = False,
) -> None:
    """Copy the package at URL to DEST: all of it, one version, or some tables and rows of one."""
    from ..copying.sending import pull as pull_package

    named = None if version is None else number_or_name(version)
    chosen = [name for one in tables or () for name in one.split(",")] or None
    with shown() as progress:
        done = pull_package(
            url,
            dest,
            version=named,
            tables=chosen,
            where=where,
            single_writer=single_writer,
            progress=progress,
        )
    typer.echo(json_text(done.as_json()) if as_json else str(done))
