"""The place that an export goes to: it is written beside it under another name, and gets its own when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..addresses import as_file_path
from ..durable import move_if_absent, sync_file, sync_folder
from ..errors import ExportError
from ..places.failures import store_error
from .job import MARKER, Job

TAKEN = "is there already"
PATHS_FIX = "choose another form, such as --to sqlite or --to parquet; or mend the paths and build again"


@contextmanager
def growing(dest: Path, *, folder: bool, overwrite: bool) -> Iterator[Path]:
    """Give a place beside `dest` to write to; when the block ends well, what is there gets the name `dest`.

    Whatever stops the block, nothing of it is left; a target that is to be overwritten stays until then.

    Raises
    ------
    ExportError
        `dest` is there and may not be overwritten, or cannot be written.
    """
    _refuse_taken(dest, folder, overwrite)
    whole = dest.with_name(f".{dest.name}-{os.urandom(4).hex()}")
    try:
        with write_errors(dest):
            dest.parent.mkdir(parents=True, exist_ok=True)
            if folder:
                whole.mkdir()
            yield whole
            _settle(whole)
            if folder:
                _place_folder(whole, dest, overwrite)
            elif overwrite:
                whole.replace(dest)
            elif not move_if_absent(whole, dest):
                raise _taken(dest, folder)
            sync_folder(dest.parent)
    finally:
        if folder:
            shutil.rmtree(whole, ignore_errors=True)
        else:
            whole.unlink(missing_ok=True)


def only_table(job: Job) -> None:
    """Make sure that a job is of one table. Raises ExportError where it is not."""
    if len(job.tables) != 1:
        what = f"a {job.dest.suffix} file holds one table, and there are {len(job.tables)}"
        fix = f"name it with --tables, such as {job.tables[0]}; or name a folder, with --to {job.form}"
        raise ExportError(what, str(job.dest), fix)


def table_file(folder: Path, table: str, suffix: str) -> Path:
    """The file of a table in the folder of an export."""
    return folder / f"{table}{suffix}"


def path_below(path: str, where: str) -> str:
    """A source's path as one of a file below a folder.

    Raises
    ------
    ExportError
        It is none, as paths that stand in a database may be; `where` names the row.

    Examples
    --------
    >>> path_below("s3://bucket/plate1/a.tif", "here")
    'bucket/plate1/a.tif'
    """
    below = as_file_path(path)
    if {"", ".", ".."}.intersection(below.split("/")) or "\0" in below:
        raise ExportError(f"the path {path!r} is none of a file below a folder", where, PATHS_FIX)
    return below


@contextmanager
def write_errors(dest: Path) -> Iterator[None]:
    """Tell of what the system refuses in words of the target."""
    try:
        yield
    except OSError as error:
        told = store_error(error, str(dest))
        raise ExportError(told.what, told.where, told.fix) from None


def _settle(whole: Path) -> None:
    if whole.is_file():
        sync_file(whole)
        return
    for parent, _, files in os.walk(whole):
        for file in files:
            sync_file(Path(parent, file))
        sync_folder(Path(parent))


def _place_folder(whole: Path, dest: Path, overwrite: bool) -> None:
    if not dest.exists():
        whole.rename(dest)  # a folder that came meanwhile makes this fail, unless it is empty
        return
    _refuse_taken(dest, True, overwrite)
    aside = dest.with_name(f"{whole.name}-old")
    dest.rename(aside)
    try:
        whole.rename(dest)
    except OSError:
        aside.rename(dest)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _refuse_taken(dest: Path, folder: bool, overwrite: bool) -> None:
    if not os.path.lexists(dest):
        return
    if not overwrite:
        raise _taken(dest, folder)
    if folder and not (dest / MARKER).is_file():
        what = "is there already, and no export made it"
        raise ExportError(what, str(dest), "remove it yourself, or choose another place")
    if not folder and not dest.is_file():
        raise ExportError("is no file", str(dest), "choose another place")


def _taken(dest: Path, folder: bool) -> ExportError:
    kind = "folder" if folder else "file"
    return ExportError(TAKEN, str(dest), f"name another {kind}, or say --overwrite")
