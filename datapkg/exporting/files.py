"""The source files that a package keeps, bit for bit, under the paths that they had."""

from __future__ import annotations

from pathlib import Path

from ..access import FILE_COLUMN
from ..addresses import as_file_path
from ..errors import ExportError
from ..loading import missing_files
from ..opened import SOURCES
from ..table import Table
from .job import Job
from .pictures import each_file


def write(job: Job, path: Path) -> None:
    """Write every kept file of the tables of a job; say of the others that they are not kept."""
    keeping = [name for name in job.tables if {FILE_COLUMN, "path"} <= set(job.package[name].columns)]
    lacking = [name for name in job.tables if name not in keeping]
    if not keeping or (job.asked and lacking):
        what = f"table {lacking[0]} keeps no files" if lacking else "there is no table"
        fix = "only images that were built with `keep: bytes` are there as files; choose another form for the rest"
        raise ExportError(what, job.package.uri, fix)
    written: set[str] = set()
    for table in job.each(keeping):
        _write_files(job, table, path, written)
    _tell_of_others(job, written)


def _write_files(job: Job, table: Table, folder: Path, written: set[str]) -> None:
    import numpy as np

    nulls = next(one.nulls for one in table.record.columns if one.name == FILE_COLUMN)
    rows = np.flatnonzero(~missing_files(table.rows, table.opened.facts(table.name), nulls))
    paths = table.to_arrow(["path"]).column("path")
    for done, (at, content) in enumerate(each_file(table, rows)):
        path = str(paths[at].as_py())
        below = as_file_path(path)
        if {"", ".", ".."}.intersection(below.split("/")):
            raise ExportError(f"the path {path!r} leads out of a folder", f"table {table.name}, row {at}")
        if path not in written:
            target = folder / below
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as file:
                file.write(content)
            written.add(path)
        if done % 100 == 0:
            job.tell(table, at)


def _tell_of_others(job: Job, written: set[str]) -> None:
    sources = job.package[SOURCES].to_arrow(["path"]).column("path").unique()
    lost = [path for path in sources.to_pylist() if path not in written]
    if lost:
        job.note(f"{len(lost):,} source files are not kept in the package, first {lost[0]}")
