"""The commands that look after a package: verify, release, gc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import (
    Allow,
    Json,
    PackageArg,
    Root,
    SingleWriter,
    VersionOption,
    app,
    folders,
    json_text,
    number_or_name,
)


@app.command()
def verify(
    package: PackageArg,
    deep: Annotated[bool, typer.Option("--deep", help="Compute every digest again from the rows.")] = False,
    version: VersionOption = None,
    digest: Annotated[
        str | None, typer.Option(help="The digest it must have, or its first 12 digits.")
    ] = None,
    sources: Annotated[
        Path | None, typer.Option(help="A manifest: compare with its files, row by row.")
    ] = None,
    root: Root = None,
    allow: Allow = None,
    as_json: Json = False,
) -> None:
    """Check that every version of PACKAGE is as it was written; exit status 1 if not."""
    from ..verifying import verify as verify_package
    from .progress import shown

    named = None if version is None else number_or_name(version)
    with shown() as progress:
        outcome = verify_package(
            package, deep, named, digest, sources, root=root, allow=folders(allow), progress=progress
        )
    typer.echo(json_text(outcome.as_json()) if as_json else str(outcome))
    raise typer.Exit(0 if outcome.ok else 1)


@app.command()
def release(
    package: PackageArg,
    name: Annotated[str, typer.Argument(help="The name, such as 1.0.0.", show_default=False)],
    version: VersionOption = None,
    single_writer: SingleWriter = False,
) -> None:
    """Name a version of PACKAGE (the newest unless --version says which); a name never moves."""
    from ..naming import release as name_version

    named = None if version is None else number_or_name(version)
    number = name_version(package, name, named, single_writer=single_writer)
    typer.echo(f"{package}: version {number} is release {name}")


@app.command()
def gc(
    package: PackageArg,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    keep_last: Annotated[
        int | None, typer.Option(min=1, help="Remove unnamed versions before the last so many.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(help="Remove unnamed versions older than this, such as 90d.")
    ] = None,
    grace: Annotated[
        str, typer.Option(help="Leave alone what a build touched so short ago; a running one may be slow.")
    ] = "24h",
    as_json: Json = False,
) -> None:
    """Reclaim what stopped builds left in PACKAGE and what no version uses; releases always stay."""
    from ..reclaiming import gc as reclaim

    done = reclaim(package, dry_run=dry_run, keep_last=keep_last, older_than=older_than, grace=grace)
    typer.echo(json_text(done.as_json()) if as_json else str(done))
