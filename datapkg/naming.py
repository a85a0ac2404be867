"""Give a version a release name: `datapkg release`. A name is given once and never moves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import versions
from .descriptor import DESCRIPTOR
from .errors import VersionError
from .places import Place, place
from .store import storage_errors


def release(
    package: str | Path | Place,
    name: str,
    version: int | str | None = None,
    *,
    storage_options: Mapping[str, Any] | None = None,
    single_writer: bool = False,
) -> int:
    """Name a version, so that it is found by that name and kept by `gc`.

    Parameters
    ----------
    name
        1 to 64 letters, digits and ``._+-``, not digits only; unique without case.
    version
        A number or a release name; default the newest.
    storage_options, single_writer
        As for `datapkg.build`.

    Returns
    -------
    The version's number.

    Raises
    ------
    VersionError
        The name is another version's, or is none; or there is no such version.
    """
    lies = place(package, storage_options, single_writer=single_writer)
    number = versions.resolve(lies, version)
    if not versions.RELEASE.match(f"{name}.json"):
        raise VersionError(
            f"{name!r} is no name for a release",
            str(package),
            "take 1 to 64 letters, digits and ._+-, beginning with a letter or digit, and not digits only",
        )
    versions.read_record(lies, number)  # a damaged version gets no name
    lies.refuse_careless()
    if not versions.name_release(lies, name, number):
        _refuse_other(lies, name, number)
    if number not in versions.numbers(lies):
        fix = "the next `datapkg gc` brings it back, because it has a name now; look with `datapkg log`"
        raise VersionError(f"version {number} was being removed meanwhile", str(package), fix)
    _describe(lies, name, number)
    return number


def _refuse_other(package: Place, name: str, number: int) -> None:
    """A name that is taken is well if it is this version's already."""
    taken = next(known for known in versions.release_names(package) if known.casefold() == name.casefold())
    owner = versions.release(package, taken)
    if (taken, owner) == (name, number):
        return
    what = f"the name {taken} is taken by version {owner}"
    raise VersionError(what, package.uri, "names never move and differ in more than case: choose another one")


def _describe(package: Place, name: str, number: int) -> None:
    """Let the package's descriptor show the name, where it describes this version by its number."""
    try:
        described = json.loads(package.read(DESCRIPTOR))
    except (OSError, ValueError):
        return  # a courtesy: the next build makes it again
    if isinstance(described, dict) and described.get("version") == str(number):
        with storage_errors(package.at(DESCRIPTOR)):
            package.put(
                DESCRIPTOR, json.dumps(described | {"version": name}, indent=1, ensure_ascii=False).encode()
            )
