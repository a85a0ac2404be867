"""The source files that a package keeps, bit for bit, under the paths that they had."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from ..access import FILE_COLUMN
from ..errors import ExportError
from ..loading import missing_files
from ..opened import SOURCES
from ..table import Table
from .job import Job
from .pictures import each_file
from .target import PATHS_FIX, path_below


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
    rows = np.flatnonzero(~missing_files(table.rows, nulls))
    paths = table.to_arrow(["path"]).column("path")
    for done, (at, content) in enumerate(each_file(table, rows)):
        path = paths[at].as_py()
        where = f"table {table.name}, row {at}"
        target = folder / path_below(path, where)
        free = _free(target, content) if path in written else target
        if free is not None:
            _write(free, content, path, where)
            written.add(path)
            if free != target:
                job.note(f"{where}: another file has the path {path}, so it is {free.relative_to(folder)}")
        if done % 100 == 0:
            job.tell(table, at)


def _free(target: Path, content: bytes) -> Path | None:
    """The first name with a number that is free; None where the file is there already."""
    for number in count():
        path = target.with_name(f"{target.stem}_{number}{target.suffix}") if number else target
        if not path.exists():
            return path
        if path.read_bytes() == content:
            return None
    raise AssertionError("numbers have no end")


def _write(target: Path, content: bytes, path: str, where: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as file:
            file.write(content)
    except (FileExistsError, NotADirectoryError):
        what = f"the path {path!r} is that of another file or folder"
        raise ExportError(what, where, PATHS_FIX) from None


def _tell_of_others(job: Job, written: set[str]) -> None:
    sources = job.package[SOURCES].to_arrow(["path"]).column("path").unique()
    lost = [path for path in sources.to_pylist() if path not in written]
    if lost:
        job.note(f"{len(lost):,} source files are not kept in the package, first {lost[0]}")
