"""Compare two versions, of one package or of two: schema, rows, cells, images, sources.

Nothing is read of tables, sources and images whose digests are equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import versions
from ..errors import VersionError
from ..reader import Package
from .result import Diff
from .sources import Sources, changed_files
from .tables import table_diff

if TYPE_CHECKING:
    from ..table import Table

__all__ = ["Diff", "diff", "last_release"]


def diff(
    package: Package, old: int | str | Package | None = None, new: int | str | Package | None = None
) -> Diff:
    """Compare two versions.

    Parameters
    ----------
    package
        Where numbers and release names are looked up.
    old, new
        A number, a release name, or an opened package, also another one. By default `new` is `package` itself, and
        `old` the last release before it.

    Raises
    ------
    VersionError
        There is no such version.
    DamageError
        A file that has to be read is missing or damaged.
    """
    after = package if new is None else _opened(package, new)
    before = last_release(package, after.version) if old is None else _opened(package, old)
    sources = Sources(before), Sources(after)
    names = [*before.tables, *(name for name in after.tables if name not in before)]
    differences = tuple(table_diff(_table(before, name), _table(after, name), sources) for name in names)
    same = before.record.sources.digest == after.record.sources.digest
    return Diff(before, after, differences, () if same else tuple(changed_files(*sources)))


def last_release(package: Package, before: int | None = None) -> Package:
    """Open the newest version that has a release name, of those before a number.

    Raises
    ------
    VersionError
        No such version has one.
    """
    number = versions.last_release(package.place, before)
    if number is None:
        which = "no version" if before is None else f"no version before {before}"
        raise VersionError(
            f"{which} has a release name",
            package.uri,
            "say which version to compare with: `datapkg log` lists them",
        )
    return package.checkout(number)


def _table(package: Package, name: str) -> Table | None:
    return package[name] if name in package.tables else None


def _opened(package: Package, version: int | str | Package) -> Package:
    return version if isinstance(version, Package) else package.checkout(version)
