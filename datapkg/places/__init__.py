"""Where packages lie: one place for each address."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import StoreError
from ..progress import Progress, silent
from .address import SCHEMES, WEB
from .base import FINISHED, RECORD, STAGING, VERSIONS, Entry, Place
from .failures import plain, refusal, storage_errors
from .folder import CHUNK_BYTES, Folder
from .zipped import Zipped, is_zip

__all__ = [
    "CHUNK_BYTES",
    "FINISHED",
    "RECORD",
    "STAGING",
    "VERSIONS",
    "Entry",
    "Folder",
    "Place",
    "Zipped",
    "place",
    "plain",
    "refusal",
    "storage_errors",
]


def place(
    package: str | Path | Place,
    storage_options: Mapping[str, Any] | None = None,
    *,
    single_writer: bool = False,
    progress: Progress = silent,
) -> Place:
    """The place that an address means.

    Parameters
    ----------
    package
        A folder, a zip file, an address in an object store (``s3://``, ``gs://`` or ``az://``), or a public web
        address.
    storage_options
        What it takes to reach the store, in the words of Lance's `storage_options`, such as ``aws_endpoint``; what is
        not given comes from the environment (``AWS_...``) or the profile.
    single_writer
        Nobody else writes to the package, so that a store may be used that cannot keep two builders apart.
    progress
        Told of what is uploaded.

    Raises
    ------
    StoreError
        It is no address of a package.

    Examples
    --------
    >>> place("nf1.datapkg"), place("s3://screens/nf1")
    (Folder('/.../nf1.datapkg'), Bucket('s3://screens/nf1'))
    """
    if isinstance(package, Place):
        return package
    if not isinstance(package, str | PathLike):
        fix = "give the folder or the address of a package as text"
        raise StoreError(f"a {type(package).__name__} is no address of a package", repr(package), fix)
    scheme, separator, _ = str(package).partition("://")
    if not separator or scheme == "file":
        local = Path(unquote(urlsplit(str(package)).path) if separator else package)
        return Zipped(local) if is_zip(local) else Folder(local)
    if scheme in SCHEMES:
        from .bucket import Bucket

        return Bucket(str(package), storage_options, single_writer, progress)
    if scheme in WEB:
        from .web import Web

        return Web(str(package), storage_options)
    fix = "name a folder, or an address that begins with s3://, gs://, az:// or https://"
    raise StoreError(f"{scheme}:// is no place for a package", str(package).partition("?")[0], fix)
