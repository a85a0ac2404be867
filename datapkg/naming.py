"""Give a version a release name: `datapkg release`. A name is given once and never moves."""

from __future__ import annotations

import json
from pathlib import Path

from . import versions
from .durable import replace
from .errors import StoreError, VersionError
from .store import storage_errors


def release(package: str | Path, name: str, version: int | str | None = None) -> int:
    """Name a version, so that it is found by that name and kept by `gc`.

    Parameters
    ----------
    name
        1 to 64 letters, digits and ``._+-``, not digits only; unique without case.
    version
        A number or a release name; default the newest.

    Returns
    -------
    The version's number.

    Raises
    ------
    VersionError
        The name is another version's, or is none; or there is no such version.
    """
    if "://" in str(package):
        raise StoreError("only packages in folders can be written yet", str(package), "name a local folder")
    place = str(Path(package).expanduser().absolute())
    number = versions.resolve(place, version)
    if not versions.RELEASE.match(f"{name}.json"):
        raise VersionError(
            f"{name!r} is no name for a release",
            str(package),
            "take 1 to 64 letters, digits and ._+-, beginning with a letter or digit, and not digits only",
        )
    versions.read_record(place, number)  # a damaged version gets no name
    if not versions.name_release(place, name, number):
        _refuse_other(place, name, number)
    if number not in versions.numbers(place):
        fix = "the next `datapkg gc` brings it back, because it has a name now; look with `datapkg log`"
        raise VersionError(f"version {number} was being removed meanwhile", str(package), fix)
    _describe(place, name, number)
    return number


def _refuse_other(package: str, name: str, number: int) -> None:
    """A name that is taken is well if it is this version's already."""
    taken = next(known for known in versions.release_names(package) if known.casefold() == name.casefold())
    owner = versions.release(package, taken)
    if (taken, owner) == (name, number):
        return
    what = f"the name {taken} is taken by version {owner}"
    raise VersionError(what, package, "names never move and differ in more than case: choose another one")


def _describe(package: str, name: str, number: int) -> None:
    """Let the package's descriptor show the name, where it describes this version by its number."""
    path = Path(package) / "datapackage.json"
    try:
        described = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return  # a courtesy: the next build makes it again
    if isinstance(described, dict) and described.get("version") == str(number):
        with storage_errors(str(path)):
            replace(path, json.dumps(described | {"version": name}, indent=1, ensure_ascii=False).encode())
