"""The commands, and what their exit status means: 0 done, 1 a check found something, 2 an error, 130 Ctrl-C."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from ..errors import DatapkgError, LockedError, ManifestError, StoreError
from ..reading import MAX_IMAGE_BYTES
from .sizes import byte_count

app = typer.Typer(
    name="datapkg",
    help="Package tables, microscope images and CellH5 movies as versioned tables that open as pandas DataFrames.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130  # what typer makes of Ctrl-C

ManifestArg = Annotated[Path, typer.Argument(help="The manifest, a YAML file.", show_default=False)]
PackageArg = Annotated[
    str, typer.Argument(help="The package's folder, or s3://bucket/prefix.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Root = Annotated[
    Path | None, typer.Option(help="Take relative paths from here, not from the manifest's root.")
]
SingleWriter = Annotated[
    bool,
    typer.Option("--single-writer", help="Nobody else writes: allow a store that ignores If-None-Match."),
]
Allow = Annotated[
    list[str] | None, typer.Option(help="NAME=FOLDER: where @NAME/... paths lie on this machine.")
]
Rehash = Annotated[
    bool,
    typer.Option(
        "--rehash",
        help="Read every file, the package's too, and ask for every address, whatever is remembered.",
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(help="HOST:PORT of a Ray cluster, auto, or local (start one).", show_default=False),
]
VersionOption = Annotated[str | None, typer.Option("--version", help="A version's number or release name.")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print datapkg's version.")] = False,
) -> None:
    if version:
        from ..installed import version_of

        typer.echo(f"datapkg {version_of('lance-datapkg')}")
        raise typer.Exit


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The folder with your files.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: FOLDER's name + .yaml.")
    ] = None,
) -> None:
    """Look through FOLDER and write a commented manifest that builds."""
    from ..draft import draft, place
    from ..report import count_of

    path = output or Path(f"{folder.resolve().name}.yaml")
    if path.exists():
        raise StoreError("is there already", str(path), "name another file with --output")
    text = draft(folder, path)
    place(path, text)
    _, marker, left_out = text.partition("# Left out:\n")
    excluded = text.count("\n    exclude:")
    if excluded:
        of = count_of(excluded, "resource", "resources")
        typer.echo(f"some files of {of} are left out: see `exclude` in {path}")
    if marker:
        typer.echo("left out:\n" + left_out.replace("# ", "  ").rstrip())
    typer.echo(f"wrote {path}; look it over, then: datapkg check {quote(str(path))}")


@app.command()
def check(manifest: ManifestArg, root: Root = None, allow: Allow = None, as_json: Json = False) -> None:
    """Find every mistake in MANIFEST; nothing is written."""
    from ..checking import check as check_manifest

    try:
        checked = check_manifest(manifest, root=root, allow=folders(allow))
    except ManifestError as error:
        if not error.mistakes:
            raise
        _print_mistakes(error, as_json)
        raise typer.Exit(1) from None
    as_values = {"ok": True, "files": checked.files, "warnings": list(checked.warnings)}
    typer.echo(json_text(as_values) if as_json else str(checked))


@app.command()
def build(
    manifest: ManifestArg,
    package: Annotated[
        str | None, typer.Argument(help="Default: NAME.datapkg here.", show_default=False)
    ] = None,
    locked: Annotated[bool, typer.Option("--locked", help="Hold the build to the manifest's lock.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default one for each CPU.")] = None,
    engine: Annotated[str, typer.Option(help="local (processes), inline (this process) or ray.")] = "local",
    ray_address: RayAddress = None,
    root: Root = None,
    allow: Allow = None,
    allow_removals: Annotated[
        bool, typer.Option(help="Build even if over a tenth of a resource's files are gone.")
    ] = False,
    max_image_bytes: Annotated[
        int,
        typer.Option(
            parser=byte_count, metavar="SIZE", help="Refuse images that decode to more, as in 8GiB."
        ),
    ] = MAX_IMAGE_BYTES,
    rehash: Rehash = False,
    single_writer: SingleWriter = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, as `status` does.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build PACKAGE, or its next version, from MANIFEST."""
    if dry_run:
        return _print_status(manifest, package, root, allow, rehash, as_json)
    from ..builder import build as build_package
    from .progress import shown

    with shown() as progress:
        report = build_package(
            manifest,
            package,
            locked=locked,
            workers=workers,
            engine=engine,
            ray_address=ray_address,
            root=root,
            allow=folders(allow),
            allow_removals=allow_removals,
            rehash=rehash,
            max_image_bytes=max_image_bytes,
            single_writer=single_writer,
            progress=progress,
        )
    typer.echo(json_text(report.as_json()) if as_json else str(report))
    return None


@app.command()
def status(
    manifest: ManifestArg,
    package: Annotated[
        str | None, typer.Argument(help="Default: NAME.datapkg here.", show_default=False)
    ] = None,
    root: Root = None,
    allow: Allow = None,
    rehash: Rehash = False,
    as_json: Json = False,
) -> None:
    """Say what a build of MANIFEST into PACKAGE would do; nothing is written."""
    _print_status(manifest, package, root, allow, rehash, as_json)


@app.command()
def show(
    package: PackageArg,
    table: Annotated[str | None, typer.Argument(help="One table: its columns.", show_default=False)] = None,
    version: VersionOption = None,
    as_json: Json = False,
) -> None:
    """Show what is in PACKAGE, or in one TABLE of it; no row is read."""
    from . import text

    opened = opened_package(package, version)
    typer.echo(text.table(opened[table], as_json) if table else text.package(opened, as_json))


@app.command()
def log(package: PackageArg, as_json: Json = False) -> None:
    """List PACKAGE's versions, the newest first."""
    from . import text

    typer.echo(text.log(opened_package(package, None), as_json))


@app.command()
def checkout(
    package: PackageArg,
    version: Annotated[str, typer.Argument(help="A number or a release name.", show_default=False)],
    dest: Annotated[Path, typer.Argument(help="A folder that does not exist yet.", show_default=False)],
) -> None:
    """Copy one VERSION out of PACKAGE into DEST, a package of its own."""
    from ..copying.extracting import checkout as copy_version

    digest = copy_version(package, number_or_name(version), dest)
    typer.echo(f"{dest}: version {version} of {package}, digest {digest}")


def main() -> None:
    """Run the command line: every deliberate failure is one message, never a traceback."""
    try:
        app()
    except DatapkgError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1 if isinstance(error, LockedError) else 2)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            typer.echo("stopped; earlier versions are as they were, and nothing is half-made", err=True)
        raise


def _print_status(
    manifest: Path,
    package: str | None,
    root: Path | None,
    allow: list[str] | None,
    rehash: bool,
    as_json: bool,
) -> None:
    from ..pending import status as pending

    found = pending(manifest, package, root=root, allow=folders(allow), rehash=rehash)
    typer.echo(json_text(found.as_json()) if as_json else str(found))


def opened_package(package: str, version: str | None) -> Any:
    from ..reader import open_package

    return open_package(package, version=None if version is None else number_or_name(version))


def number_or_name(version: str) -> int | str:
    """A version as it is written on the command line: digits are a number, all else a release."""
    return int(version) if version.isdecimal() else version


def folders(allow: list[str] | None) -> dict[str, Path]:
    """The folders of all ``--allow NAME=FOLDER``."""
    named = {}
    for item in allow or []:
        name, equals, folder = item.partition("=")
        if not equals:
            raise typer.BadParameter(f"{item!r} is not NAME=FOLDER", param_hint="--allow")
        named[name] = Path(folder)
    return named


def json_text(value: Any) -> str:
    """A value as JSON, as all commands print it."""
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


def _print_mistakes(error: ManifestError, as_json: bool) -> None:
    if as_json:
        mistakes = [{"where": m.where, "what": m.what, "fix": m.fix} for m in error.mistakes]
        typer.echo(json_text({"ok": False, "mistakes": mistakes}))
    else:
        typer.echo(str(error), err=True)
