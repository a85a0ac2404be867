"""A file of this machine in the place of an address: a folder that serves as a mirror, or a file address."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import SourceError
from .answers import Answer, Asked, Pieces, UnmodifiedError

PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class LocalFile:
    """One file; `shown` is how it is called in errors."""

    path: Path
    shown: str

    def ask(self, asked: Asked) -> Answer:
        """Open the file at its beginning, or where an earlier reading of the same state ended."""
        try:
            status = self.path.stat()
            if not self.path.is_file():
                raise SourceError("this is no ordinary file", self.shown, "name a file")
        except OSError as error:
            what = f"the file is not there ({error.strerror})"
            raise SourceError(
                what, self.shown, "put it there, or correct the address or DATAPKG_MIRROR"
            ) from None
        tag = f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"
        if asked.known == tag:
            raise UnmodifiedError
        start = asked.start if asked.tag == tag and asked.start <= status.st_size else 0
        return Answer(start, status.st_size, tag, self._pieces(start))

    def _pieces(self, start: int) -> Pieces:
        try:
            with open(self.path, "rb", buffering=0) as file:
                file.seek(start)
                while piece := file.read(PIECE_BYTES):
                    yield piece
        except OSError as error:
            fix = "check that you may read the file, and its disk"
            raise SourceError(f"cannot be read ({error.strerror})", self.shown, fix) from None
