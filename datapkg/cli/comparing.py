"""The commands that compare: diff, and ci, which compares with the last release."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import Allow, Json, ManifestArg, PackageArg, Root, app, folders, json_text, opened_package

if TYPE_CHECKING:
    from ..differ import Diff


class Format(StrEnum):
    """How a comparison is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"


@app.command()
def diff(
    package: PackageArg,
    old: Annotated[
        str | None,
        typer.Argument(help="A number or a release name. Default: the last release.", show_default=False),
    ] = None,
    new: Annotated[str | None, typer.Argument(help="Default: the newest.", show_default=False)] = None,
    other: Annotated[
        str | None, typer.Option(help="NEW is a version of this package.", metavar="PACKAGE")
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="As text, as JSON, or for a pull request.")
    ] = Format.text,
    as_json: Json = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 if anything differs.")] = False,
    images: Annotated[
        Path | None,
        typer.Option(help="Draw changed images here: before, after, difference.", metavar="FOLDER"),
    ] = None,
) -> None:
    """Show what differs between two versions of PACKAGE: columns, rows, cells, images, source files."""
    if as_json and form is Format.markdown:
        raise typer.BadParameter("--json and --format markdown cannot both be given", param_hint="--format")
    found = _found(package, old, new, other)
    if as_json or form is Format.json:
        typer.echo(json_text(found.as_json()))
    else:
        typer.echo(found.as_markdown() if form is Format.markdown else str(found))
    if images is not None:
        drawn = len(found.draw(images))
        plain = form is Format.text and not as_json
        typer.echo(f"drew {drawn:,} {'image' if drawn == 1 else 'images'} into {images}", err=not plain)
    if exit_code and not found.ok:
        raise typer.Exit(1)


def _found(package: str, old: str | None, new: str | None, other: str | None) -> Diff:
    from ..differ import diff as compare
    from ..differ import last_release

    after = opened_package(other or package, new)
    if old is not None:
        return compare(after, opened_package(package, old))
    return compare(after, last_release(opened_package(package, None)) if other else None)


@app.command()
def ci(
    manifest: ManifestArg,
    package: Annotated[
        str | None,
        typer.Argument(help="Build here; default: a folder that is removed at the end.", show_default=False),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="A published package: show what differs from its last release.", metavar="PACKAGE"),
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(help="Add the report to this file, as Markdown.", metavar="FILE"),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one for each CPU.")] = None,
    root: Root = None,
    allow: Allow = None,
    as_json: Json = False,
) -> None:
    """Check MANIFEST, build it held to its lock, verify the package, and compare it with the last release."""
    from ..proving import ci as prove
    from .progress import shown

    with shown() as progress:
        report = prove(
            manifest,
            package,
            against=against,
            root=root,
            allow=folders(allow),
            workers=workers,
            progress=progress,
        )
    typer.echo(json_text(report.as_json()) if as_json else str(report))
    if summary is not None:
        _add(summary, report.as_markdown())
    raise typer.Exit(report.status)


def _add(path: Path, text: str) -> None:
    """Add text at the end of a file, as a workflow's summary is written."""
    from ..errors import ExportError

    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ExportError(
            f"the summary cannot be written ({error.strerror})",
            str(path),
            "name a file in a folder that is there",
        ) from None
