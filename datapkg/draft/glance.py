"""Look at the beginning of a file, or at a TIFF's headers wherever they stand, without reading the rest."""

from __future__ import annotations

import mmap
import re
from collections.abc import Sequence

from .. import sources
from ..errors import DatapkgError, SourceError
from ..manifest import Resource
from ..reading import Reading, SourceFile
from ..sources.base import Scan

LEFT = r"(?:exclude (?:it|the file)|leave (?:it|the file) out(?: with `exclude`)?)"
LEAVE_OUT = re.compile(rf"^{LEFT}(?:, or |$)|(?:,? or |; ){LEFT}$")
"""What need not be said of a file that the draft leaves out."""


class Glance(Reading):
    """A reading that takes no hash and need not come to the file's end: nothing is built from it."""

    def content(self) -> memoryview:
        """The whole file, of which only what is looked at is read from the disk."""
        try:
            return memoryview(mmap.mmap(self._raw.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):  # some network drives cannot map a file
            return super().content()

    def member(self, file: SourceFile) -> memoryview:
        """The whole of another file, looked at in the same way."""
        with Glance(file) as reading:
            return reading.content()

    def close(self) -> None:
        """Close the file where it is."""
        self._raw.close()


def scan(file: SourceFile, resource: Resource) -> Scan | str:
    """What a build's first look at a file gives, or why the build would refuse the file."""
    try:
        with Glance(file) as reading:
            return sources.get(resource.type).scan(reading, resource)
    except SourceError as error:
        return refusal(error)


def refusal(error: DatapkgError) -> str:
    """An error as a comment's words: what is wrong, and how to mend it."""
    fix = LEAVE_OUT.sub("", error.fix)
    return one_line(f"{error.what}; {fix}" if fix else error.what)


def spread(files: Sequence[SourceFile], most: int) -> list[SourceFile]:
    """At most so many of the files, from the first to the last.

    Examples
    --------
    >>> spread(list(range(10)), 4)
    [0, 3, 6, 9]
    """
    if len(files) <= most:
        return list(files)
    return [files[at * (len(files) - 1) // (most - 1)] for at in range(most)]


def one_line(text: str, most: int = 200) -> str:
    r"""Text as it may stand in a comment.

    Examples
    --------
    >>> one_line("a\nb\tc")
    'a b c'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 4] + " ..."
