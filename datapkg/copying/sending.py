"""Send packages to other places, and fetch them: `datapkg push` and `datapkg pull`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import versions
from ..errors import StoreError
from ..places import Place, place
from ..progress import Progress, silent
from ..reader import open_package
from .carrying import carry
from .histories import History
from .outcome import Copied
from .taking import take


def push(
    package: str | Path | Place,
    url: str | Path | Place,
    *,
    storage_options: Mapping[str, Any] | None = None,
    package_options: Mapping[str, Any] | None = None,
    single_writer: bool = False,
    progress: Progress = silent,
) -> Copied:
    """Copy a package, all of its versions and release names, to another place; what is there already stays.

    Only what is missing is copied, each file held to its hash, and the record of a version last: so a push that was
    stopped goes on where it was, and what can be seen there is always whole.

    Parameters
    ----------
    package
        A folder or an address.
    url
        Where to: an address in an object store (``s3://``, ``gs://``, ``az://``), or a folder.
    storage_options, package_options
        What it takes to reach the stores of `url` and of `package`, as for `datapkg.open`.
    single_writer
        As for `datapkg.build`.
    progress
        Told of what is copied.

    Returns
    -------
    What was copied.

    Raises
    ------
    StoreError
        There is another package at `url`, or something else; or it cannot be written.
    VersionError
        Both have versions of one number that differ: nothing is copied.
    DamageError
        A file of the package is not what was written: no version that needs it is made.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import datapkg, make
    >>> folder = Path(mkdtemp())
    >>> report = datapkg.build(make.folder(folder), folder / "p", engine="inline")
    >>> datapkg.push(folder / "p", folder / "other").versions, datapkg.push(folder / "p", folder / "other").versions
    ((1,), ())
    """
    started = time.monotonic()
    source = place(package, package_options)
    target = place(url, storage_options, single_writer=single_writer)
    target.refuse_read_only()
    return _copied(source, target, None, progress, started)


def pull(
    url: str | Path | Place,
    dest: str | Path | Place,
    *,
    version: int | str | None = None,
    tables: Sequence[str] | None = None,
    where: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
    dest_options: Mapping[str, Any] | None = None,
    single_writer: bool = False,
    progress: Progress = silent,
) -> Copied:
    """Copy a package from another place: all of it, one version, or the tables and rows that you need.

    Parameters
    ----------
    url
        Where from: an address in an object store, a public ``https://`` address, or a folder.
    dest
        Where to: a folder or an address. A package that is there already is brought up to date.
    version
        Copy this one alone, by number or release name: a package of its own, as `datapkg.checkout` makes it.
    tables, where
        Take some of the tables of a version (default the newest), or the rows that fulfil a condition in SQL: a new
        package, whose one version has a digest of its own and says what it was taken from. See `docs/copies.md`.
    storage_options, dest_options
        What it takes to reach the stores of `url` and of `dest`, as for `datapkg.open`.
    single_writer
        As for `datapkg.build`.
    progress
        Told of what is copied.

    Returns
    -------
    What was copied.

    Raises
    ------
    StoreError
        There is no package at `url`, or something else at `dest`.
    VersionError
        There is no such version; or both have versions of one number that differ.
    DamageError
        A file is not what was written.
    """
    started = time.monotonic()
    source = place(url, storage_options)
    target = place(dest, dest_options, single_writer=single_writer)
    target.refuse_read_only()
    number = None if version is None else versions.resolve(source, version)
    if tables is not None or where is not None:
        package = open_package(source, version=number)
        chosen = None if tables is None else list(tables)
        record, done = take(package, target, chosen, where, progress)
        return Copied.of(record, source, target, done, started)
    return _copied(source, target, number, progress, started)


def _copied(source: Place, target: Place, only: int | None, progress: Progress, started: float) -> Copied:
    newest = versions.read_record(source, versions.resolve(source) if only is None else only)
    if only is None:
        history = History.of(source)
    else:
        history = History.of_version(source, newest)
        _refuse_more(target, only)
    return Copied.of(newest, source, target, carry(history, target, progress), started)


def _refuse_more(target: Place, only: int) -> None:
    """One version is a package of its own: it is not put into another."""
    there = versions.numbers(target)
    if set(there) - {only}:
        told = ", ".join(map(str, there))
        fix = "choose another place, or leave out --version to copy all that is missing"
        raise StoreError(f"holds a package already (versions: {told})", target.uri, fix)
