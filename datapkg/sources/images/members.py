"""The other files that an image file names: found beside it and inside the root, or in the package's own table.

Some formats spread one image over several files. A file is found by the name that another gives it, relative to
that file's folder. Nothing outside of the root is read, wherever a name or a link points to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ...errors import SourceError
from ...reading import Reading, SourceFile, local_path
from ..beside import TOGETHER, bring, outside


class Members(Protocol):
    """The files beside one file, by their paths as tables show them."""

    def matched(self, path: str) -> bool:
        """Whether a path is one of the resource's own files."""
        ...

    def check(self, path: str) -> None:
        """Make sure that a file is there and may be read. Raises SourceError naming it where not."""
        ...

    def content(self, path: str) -> memoryview:
        """The whole of a file. Raises SourceError naming it where it is missing or outside of the root."""
        ...


class FolderMembers:
    """Files beside a file that is being read; `used` holds those whose content was asked for, by path."""

    def __init__(self, reading: Reading, matched: Callable[[str], bool]) -> None:
        self._reading, self._matched = reading, matched
        self.used: dict[str, SourceFile] = {}

    def matched(self, path: str) -> bool:
        """Whether the resource's own paths match it."""
        return self._matched(path)

    def check(self, path: str) -> None:
        """Find a file inside of the root."""
        self._found(path)

    def content(self, path: str) -> memoryview:
        """Read a file inside of the root; it is hashed on the way."""
        found = self._found(path)
        self.used[path] = found
        return self._reading.member(found)

    def _found(self, path: str) -> SourceFile:
        lead = self._reading.file
        local = local_path(lead.root, path)
        if not Path(os.path.realpath(local)).is_relative_to(os.path.realpath(lead.root)):
            raise outside(lead.path, path)
        try:
            size = local.stat().st_size
        except OSError:
            what = f"{path}, which holds a part of its images, is missing"
            raise SourceError(what, lead.path, f"{bring(path)}, or exclude the set's files") from None
        return SourceFile(path, local, lead.root, size)


class StoredMembers:
    """Files that were kept with the rows of a package; `fetch` gives one by its path."""

    def __init__(self, fetch: Callable[[str], memoryview]) -> None:
        self._fetch = fetch

    def matched(self, path: str) -> bool:
        """No other file leads: rows were stored for the file that is being decoded."""
        del path
        return False

    def check(self, path: str) -> None:
        """What was stored was there."""

    def content(self, path: str) -> memoryview:
        """Read a stored file."""
        return self._fetch(path).cast("B")


class NoMembers:
    """A file that is read alone."""

    def matched(self, path: str) -> bool:
        """Nothing stands beside it."""
        del path
        return False

    def check(self, path: str) -> None:
        """Refuse: there is no other file."""
        raise SourceError(f"{path} is not at hand", path, TOGETHER)

    def content(self, path: str) -> memoryview:
        """Refuse: there is no other file."""
        raise SourceError(f"{path} is not at hand", path, TOGETHER)
