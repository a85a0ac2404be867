"""One version of a package, opened: what its tables, its frames and their lazy columns share.

It is named by the package's place, the version's number and its digest. That is all that is pickled: a frame sent to
another process opens the package there when it first needs it, and finds the very same version or says why not.
Credentials of an object store are never pickled, since a pickled frame may be given to others: they come from the
environment or the profile where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np

from . import versions
from .access import FILE_COLUMN, RowAccess
from .errors import DamageError, VersionError
from .facts import RowFacts
from .file_places import FilePlaces
from .loading import DecodedImages, Direct, StoredImages
from .placed import placed_images
from .places import Place, place
from .records import ColumnRecord, FilesList, Record, TableRecord
from .verified import VerifiedRows

SOURCES = "_sources"
NO_SECRETS = frozenset(
    [
        *("aws_endpoint", "aws_region", "allow_http", "skip_signature", "aws_skip_signature"),
        *("virtual_hosted_style_request", "aws_virtual_hosted_style_request"),
        *("account_name", "azure_storage_account_name"),
    ]
)
"""What may be pickled of the options of an object store."""


class OpenVersion:
    """The tables of one version, each opened once; nothing is read before it is asked for."""

    def __init__(
        self, lies: Place, version: int, digest: str, verify: bool = False, record: Record | None = None
    ) -> None:
        self.place, self.version, self.digest, self.verify = lies, version, digest, verify
        self._rows: dict[str, RowAccess] = {}
        self._facts: dict[str, RowFacts] = {}
        self._images: dict[tuple[str, str], StoredImages | DecodedImages] = {}
        self._members: dict[str, dict[str, int]] = {}
        if record is not None:
            self.record = record

    @cached_property
    def record(self) -> Record:
        """The version's record.

        Raises
        ------
        StoreError
            There is no package at its place any more.
        VersionError
            The version is gone, or another one has its number now.
        """
        record = versions.read_record(self.place, versions.resolve(self.place, self.version))
        if record.digest != self.digest:
            what = f"version {self.version} is not the one that this was read from"
            raise VersionError(what, self.place.uri, "open the package again and read the rows anew")
        return record

    @cached_property
    def files(self) -> FilesList:
        """The files of this version, and the order of its rows. Raises DamageError where their list is damaged."""
        try:
            return versions.read_files(self.place, self.record)
        except DamageError as error:
            raise versions.advised(error, self.place, self.version) from None

    @cached_property
    def stored_bytes(self) -> dict[str, int]:
        """What each table's files take; nothing where the list of the files is missing or damaged."""
        try:
            return {name: sum(int(one[2]) for one in files) for name, files in self.files.files.items()}
        except DamageError:
            return {}

    def table(self, name: str) -> TableRecord:
        """What the version's record says of a table."""
        return self.record.sources if name == SOURCES else self.record.table(name)

    def rows(self, name: str) -> RowAccess:
        """A table's rows; checked as they are read where the package was opened so."""
        if name not in self._rows:
            of = self.place, self.table(name), self.files
            self._rows[name] = VerifiedRows(*of) if self.verify else RowAccess(*of, direct=True)
        return self._rows[name]

    def facts(self, name: str) -> RowFacts:
        """What is known of a table's rows."""
        if name not in self._facts:
            self._facts[name] = RowFacts(self.rows(name))
        return self._facts[name]

    def images(self, name: str, column: str) -> StoredImages | DecodedImages:
        """The images of a table's column; of a column that is not stored, those of its files."""
        if (name, column) not in self._images:
            stored = [one for one in self.table(name).columns if one.image and one.name == column]
            rows, facts = self.rows(name), self.facts(name)
            if stored:
                self._images[name, column] = StoredImages(
                    rows, facts, stored[0], self._direct(name, stored[0])
                )
            else:
                told = FilePlaces(self.place, self.files, name, FILE_COLUMN, rows.order)
                member, alone = partial(self._member, name), not self._has_members(name)
                self._images[name, column] = DecodedImages(rows, facts, told, member, alone)
        return self._images[name, column]

    def _direct(self, table: str, column: ColumnRecord) -> Direct | None:
        """Where a column's images can be read from their file; a verified read goes by the rows and their digests."""
        if self.verify:
            return None
        instead = partial(versions.whole_instead, self.place, self.version)
        of = self.place, self.files, table, column.stored
        return placed_images(*of, self.rows(table).order, instead)

    def _has_members(self, table: str) -> bool:
        """Whether files are kept beside the table's own."""
        return f"{table}_files" in {one.name for one in self.record.tables}

    def _member(self, table: str, path: str) -> memoryview:
        """A file that was kept beside the table's own, since an image is spread over both."""
        name = f"{table}_files"
        if not self._has_members(table):
            raise DamageError(f"{path} is not kept with it", f"table {table}", "build the package again")
        if name not in self._members:
            (paths,) = self.facts(name).get(np.arange(self.table(name).rows), ["path"])
            self._members[name] = {path: row for row, path in reversed([*enumerate(paths.tolist())])}
        row = self._members[name].get(path)
        if row is None:
            raise DamageError(f"{path} is not in it", f"table {name}", "build the package again")
        ((_, batch),) = self.rows(name).take(np.array([row]), [FILE_COLUMN])
        return memoryview(batch.column(FILE_COLUMN)[0].as_buffer())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpenVersion) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Callable[..., OpenVersion], tuple[Any, ...]]:
        told = {name: value for name, value in (self.place.options or {}).items() if name in NO_SECRETS}
        return unpickled, (*self._key(), told)

    def __deepcopy__(self, memo: object) -> OpenVersion:
        return self

    def _key(self) -> tuple[str, int, str, bool]:
        return self.place.uri, self.version, self.digest, self.verify


def unpickled(uri: str, version: int, digest: str, verify: bool, options: Mapping[str, str]) -> OpenVersion:
    """A version by its name; nothing is read."""
    return OpenVersion(place(uri, options), version, digest, verify)
