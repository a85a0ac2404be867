"""The one tree of errors: every deliberate failure says what, where, and how to mend it.

::

    DatapkgError
    ├── ManifestError   the manifest is wrong: edit the YAML
    ├── SourceError     a source file is wrong or unreadable: mend or exclude the file
    ├── SchemaError     the values do not fit one table: declare a type, or split the resource
    ├── StoreError      the package folder cannot be read or written
    ├── VersionError    no such version, release or table, or another builder won
    ├── DeriveError     a derived column's function failed
    ├── ExportError     the target of an export is in the way or cannot hold the data
    └── DamageError     stored bytes are not what was written

``code`` is stable: add, never rename.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

NAMES_SHOWN = 12
DIFFERENCES_SHOWN = 20


class DatapkgError(Exception):
    """Base of every deliberate failure."""

    code: ClassVar[str] = "datapkg"

    def __init__(self, what: str, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(what, where, fix)  # positional on purpose: keyword-only args break unpickling

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  fix: {self.fix}" if self.fix else head


class ManifestError(DatapkgError):
    """The manifest has mistakes; `mistakes` holds each as its own error."""

    code = "manifest"

    def __init__(
        self, what: str, where: str = "", fix: str = "", mistakes: tuple[DatapkgError, ...] = ()
    ) -> None:
        super().__init__(what, where, fix)
        self.mistakes = mistakes
        self.args = (what, where, fix, mistakes)

    def __str__(self) -> str:
        if not self.mistakes:
            return super().__str__()
        return "\n".join([self.what, *(str(mistake) for mistake in self.mistakes)])


class SourceError(DatapkgError):
    """A source file is missing, unreadable, broken, or changed while it was read."""

    code = "source"


class WorkerDiedError(SourceError):
    """A worker process ended without an answer; `places` are those that it had said to be at."""

    def __init__(self, what: str, where: str = "", fix: str = "", places: tuple[str, ...] = ()) -> None:
        super().__init__(what, where, fix)
        self.places = places
        self.args = (what, where, fix, places)


class SchemaError(DatapkgError):
    """Values do not fit one table: types, shapes, keys or names clash."""

    code = "schema"


class StoreError(DatapkgError):
    """The package's folder cannot be read or written."""

    code = "store"


class VersionError(DatapkgError):
    """There is no such version or release, or another build took it first."""

    code = "version"


class NoTableError(VersionError, KeyError):
    """A version has no table of this name; a KeyError too, as of any mapping."""


class LockedError(VersionError):
    """A build is not what its lock says; `differences` holds each as a line."""

    def __init__(self, what: str, where: str = "", fix: str = "", differences: tuple[str, ...] = ()) -> None:
        super().__init__(what, where, fix)
        self.differences = differences
        self.args = (what, where, fix, differences)

    def __str__(self) -> str:
        more = len(self.differences) - DIFFERENCES_SHOWN
        lines = [
            f"{self.where}: {self.what}",
            *(f"  {line}" for line in self.differences[:DIFFERENCES_SHOWN]),
        ]
        lines += [f"  ... and {more} more"] if more > 0 else []
        return "\n".join([*lines, f"  fix: {self.fix}"])


class DeriveError(DatapkgError):
    """A derived column's function cannot be found, fails, or gives the wrong thing."""

    code = "derive"


class ExportError(DatapkgError):
    """An export's target is in the way, or cannot hold the data."""

    code = "export"


class DamageError(DatapkgError):
    """Stored bytes are not what was written."""

    code = "damage"


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which of `valid` names is meant, as the end of a fix.

    Examples
    --------
    >>> nearest("resuorces", ["name", "resources"])
    "did you mean 'resources'?"
    >>> nearest("xyz", ["name", "resources"])
    'choose one of: name, resources'
    """
    names = list(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if not close:
        folded = {n.casefold(): n for n in names}
        close = [folded[m] for m in get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)]
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(names[:NAMES_SHOWN]) + (
        f" ... ({len(names)} in all)" if len(names) > NAMES_SHOWN else ""
    )
    return f"choose one of: {shown}" if names else ""
