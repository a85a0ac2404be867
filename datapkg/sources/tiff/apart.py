"""A TIFF's bytes without its pixels, which were read to where they are to stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Apart:
    """What stands before and behind the pixels of a file of `size` bytes.

    Examples
    --------
    >>> around = Apart(b"abc", b"xyz", 10)
    >>> len(around), around[1:3], around[8:10]
    (10, b'bc', b'yz')
    """

    before: bytes
    behind: bytes
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> bytes:
        """A part; none of the pixels' bytes. Raises LookupError where they are asked for."""
        start, stop = part.start or 0, min(part.stop, self.size)
        first = self.size - len(self.behind)
        if stop <= len(self.before):
            return self.before[start:stop]
        if start < first:
            raise LookupError("pixels are not at hand here")
        return self.behind[start - first : stop - first]
