"""An object of a bucket in the place of an address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import SourceError, StoreError
from ..places.objects import Objects, ObjectUnchangedError
from .answers import Answer, Asked, Pieces, UnmodifiedError
from .patience import InterruptedTransferError


@dataclass(frozen=True)
class BucketFile:
    """One object; `shown` is how it is called in errors."""

    objects: Objects
    key: str
    shown: str

    def ask(self, asked: Asked) -> Answer:
        """Ask for the object, or the rest of it."""
        try:
            found = self.objects.open(self.key, asked.start, asked.tag, asked.known)
        except ObjectUnchangedError:
            raise UnmodifiedError from None
        except FileNotFoundError:
            fix = "find where it is now, and correct the address; DATAPKG_MIRROR can name a copy"
            raise SourceError("there is no such object in the bucket", self.shown, fix) from None
        except StoreError as error:
            raise SourceError(error.what, self.shown, error.fix) from None
        return Answer(found.start, found.total, found.tag, self._pieces(found.pieces))

    def _pieces(self, pieces: Iterator[bytes]) -> Pieces:
        try:
            yield from pieces
        except (StoreError, FileNotFoundError) as error:
            what = error.what if isinstance(error, StoreError) else "the object is gone"
            raise InterruptedTransferError(what) from None
