"""Single objects of buckets, as sources: listed, and read from any byte on, as long as they are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .bucket import Bucket

PIECE_BYTES = 1 << 20


class ObjectUnchangedError(Exception):
    """An object's state is the known one."""


@dataclass(frozen=True, slots=True)
class ObjectBytes:
    """An object's bytes from `start` on, the size of the whole, and the store's mark of its state."""

    start: int
    total: int
    tag: str
    pieces: Iterator[bytes]


class Objects:
    """The objects of one bucket, reached with what the environment says."""

    def __init__(self, bucket: str) -> None:
        self._bucket = Bucket(bucket)

    def keys(self, folder: str) -> list[str]:
        """The keys below a folder, sorted. Raises StoreError where the bucket cannot be listed."""
        return [entry.name for entry in self._bucket.entries(folder)]

    def open(self, key: str, start: int = 0, tag: str = "", known: str = "") -> ObjectBytes:
        """Open an object where an earlier reading of the same state ended, else at its beginning.

        Raises
        ------
        FileNotFoundError
            There is none.
        ObjectUnchangedError
            Its state is `known`.
        StoreError
            The store refuses, or does not answer.
        """
        import obstore
        from obstore.exceptions import GenericError, NotModifiedError, PreconditionError

        store = self._bucket._store
        with self._bucket._asking(key):
            try:
                if start and tag:
                    options = {"range": {"offset": start}, "if_match": tag}
                    found = obstore.get(store, key, options=options)  # type: ignore[arg-type]
                else:
                    start = 0
                    found = obstore.get(store, key, options={"if_none_match": known} if known else None)
            except NotModifiedError:
                raise ObjectUnchangedError from None
            except (PreconditionError, GenericError) as error:
                if not start or not (
                    isinstance(error, PreconditionError) or self._bucket._gives_no_part(error)
                ):
                    raise
                start, found = 0, obstore.get(store, key)
        meta = found.meta
        return ObjectBytes(start, int(meta["size"]), meta["e_tag"] or "", self._pieces(key, found))

    def _pieces(self, key: str, found: object) -> Iterator[bytes]:
        with self._bucket._asking(key):
            for piece in found.stream(PIECE_BYTES):  # type: ignore[attr-defined]
                yield bytes(piece)
