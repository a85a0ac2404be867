"""A version of a package in another form: one file, or files that other programs read.

Each form is a module that writes what it is given a place for; what all of them share is here and in `target`: which
version and tables, that a target appears whole or not at all, and that nothing is overwritten unasked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import ExportError, nearest
from ..places import Place
from ..progress import Progress, silent
from ..reader import open_package
from .job import Exported, Job
from .target import growing

__all__ = ["FORMATS", "Exported", "export"]


@dataclass(frozen=True, slots=True)
class Form:
    """One form: the module that writes it, the suffixes that name it, and whether it is a folder.

    A form whose `folder` is None is one file for one table if the target has its suffix, and a folder otherwise.
    `whole` says that it always holds all tables.
    """

    module: str
    suffixes: tuple[str, ...] = ()
    folder: bool | None = False
    whole: bool = False


FORMATS = {
    "zip": Form("zipped", (".zip",), whole=True),
    "sqlite": Form("sqlite", (".db", ".sqlite", ".sqlite3")),
    "parquet": Form("parquet", (".parquet",), folder=None),
    "csv": Form("text", (".csv", ".tsv"), folder=None),
    "anndata": Form("anndata", (".h5ad",), folder=None),
    "files": Form("files", folder=True),
    "ome-tiff": Form("ome_tiff", folder=True),
    "ome-zarr": Form("ome_zarr", folder=True),
    "frictionless": Form("frictionless", folder=True),
    "croissant": Form("croissant", folder=True),
    "ro-crate": Form("ro_crate", folder=True),
    "citation": Form("citation", (".cff",), whole=True),
    "schema-org": Form("schema_org", (".jsonld",), whole=True),
}
"""All forms by name; modules are loaded when they are used."""


def export(
    package: str | Path | Place,
    dest: str | Path,
    *,
    to: str | None = None,
    version: int | str | None = None,
    tables: Sequence[str] | None = None,
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Exported:
    """Write one version of a package in another form. Its files are compared with their hashes on the way.

    Parameters
    ----------
    package
        Its folder, its address, or a ``.datapkg.zip``.
    dest
        A file or a folder that does not exist yet. It appears when it is whole.
    to
        The form, one of `FORMATS`; by default what the suffix of `dest` says.
    version
        A number or a release name; default the newest.
    tables
        Their names; default all that the form can hold.
    overwrite
        Put it in the place of a file, or of a folder that an export made.
    storage_options
        As for `datapkg.open`.
    progress
        Told of each step.

    Returns
    -------
    What was written; its `notes` say what the form cannot hold, and what became of it.

    Raises
    ------
    ExportError
        The target is there already, or cannot be written; or the form cannot hold the data.
    DamageError
        The package is not as it was written.
    """
    path = Path(dest).expanduser().absolute()
    name, form = _form(path, to)
    opened = open_package(package, version=version, storage_options=storage_options)
    chosen = _tables(opened.tables, tables, form, name)
    if path == Path(opened.uri) or Path(opened.uri) in path.parents:
        raise ExportError("lies inside of the package", str(path), "choose a place outside of it")
    single = form.folder is None and path.suffix.lower() in form.suffixes
    job = Job(opened, name, path, chosen, single=single, asked=tables is not None, progress=progress)
    folder = form.folder if form.folder is not None else not single
    write = import_module(f".{form.module}", __name__).write
    with growing(path, folder=folder, overwrite=overwrite) as whole:
        write(job, whole)
        if folder:
            job.leave_marker(whole)
    return job.done()


def _form(path: Path, to: str | None) -> tuple[str, Form]:
    if to is not None:
        if to not in FORMATS:
            raise ExportError(f"there is no form {to!r}", str(path), nearest(to, FORMATS))
        return to, FORMATS[to]
    for name, form in FORMATS.items():
        if form.suffixes and path.name.lower().endswith(form.suffixes):
            return name, form
    suffix = path.suffix or "no suffix"
    raise ExportError(
        f"{suffix} does not say which form is meant", str(path), f"say --to {', '.join(FORMATS)}"
    )


def _tables(known: Sequence[str], asked: Sequence[str] | None, form: Form, name: str) -> tuple[str, ...]:
    if asked is None:
        return tuple(known)
    if form.whole:
        raise ExportError(f"a {name} holds a whole version, with all of its tables", fix="leave out --tables")
    if isinstance(asked, str):
        raise ExportError(f"tables is the text {asked!r}", fix=f"write tables=[{asked!r}]")
    for one in asked:
        if one not in known:
            raise ExportError(f"there is no table {one!r}", fix=nearest(one, known))
    return tuple(one for one in known if one in asked)
