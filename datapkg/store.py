"""The storage engine, behind one door: the only module that knows Lance.

Rows are written as fragments into a staging folder of the attempt, so that a failed or killed build leaves nothing
inside a table. `commit` moves them in, makes one Lance version that holds exactly them, and pins it by a tag.
Reading always names a Lance version: never the newest, which may be another client's or a killed build's.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from blake3 import blake3

from .errors import DamageError, StoreError, VersionError
from .filters import refusal

if TYPE_CHECKING:
    import lance
    import numpy as np
    from numpy.typing import NDArray

STAGING = ".building-"
STORAGE_VERSION = "2.2"
HASH_CHUNK_BYTES = 1 << 22
COMMIT_TRIES = 10
RESERVED = re.compile(r"^_row")
UNSAFE = re.compile(r"[.`%]")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a table: path relative to the package, size, BLAKE3."""

    path: str
    bytes: int
    blake3: str


@dataclass(frozen=True, slots=True)
class Fragment:
    """Rows written, but not yet part of any version: `metadata` is the engine's own description (JSON)."""

    metadata: str
    rows: int
    files: tuple[StoredFile, ...]


@dataclass(frozen=True, slots=True)
class Committed:
    """One Lance version of one table: its files, and its fragments as (id, rows) in physical order."""

    version: int
    files: tuple[StoredFile, ...]
    fragments: tuple[tuple[int, int], ...]


def stored_name(name: str) -> str:
    """Encode a column name that Lance cannot hold.

    Examples
    --------
    >>> stored_name("Cells.Area"), stored_name("_rowid"), stored_name("Well"), stored_name("100%")
    ('Cells%2EArea', '%5Frowid', 'Well', '100%25')
    """
    if not name:
        return "%"
    encoded = UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)
    return "%5F" + encoded[1:] if RESERVED.match(encoded) else encoded


def table_uri(package: str, table: str) -> str:
    """Where a table of a package lies."""
    return f"{package}/{table}.lance"


def write_fragment(
    package: str, attempt: str, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Fragment | None:
    """Write rows as one fragment into the attempt's staging folder.

    Parameters
    ----------
    schema, batches
        Under true names; the store encodes them.

    Returns
    -------
    None where there was no row. Whatever `batches` raises is raised as it is.
    """
    from lance.fragment import LanceFragment

    schema = _stored_schema(schema)
    raised: list[BaseException] = []
    rows = 0

    def renamed() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        try:
            for batch in batches:
                if batch.num_rows:
                    rows += batch.num_rows
                    batch = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
                    yield batch
                del batch
        except BaseException as error:
            raised.append(error)  # the engine turns it into text: the caller gets it back as it was
            raise

    source = renamed()
    first = list(islice(source, 1))
    if not first:
        return None
    folder = Path(package) / f"{STAGING}{attempt}" / f"{table}.lance"
    reader = pa.RecordBatchReader.from_batches(schema, _chain(first, source))
    try:
        with storage_errors(f"table {table}"):
            written = LanceFragment.create(str(folder), reader, data_storage_version=STORAGE_VERSION)
    except StoreError:
        if raised:
            raise raised[0] from None
        raise
    files = tuple(
        _hashed(folder / "data" / file.path, f"{table}.lance/data/{file.path}") for file in written.files
    )
    return Fragment(_json_of(written), rows, files)


def commit(
    package: str, attempt: str, table: str, schema: pa.Schema, fragments: Sequence[Fragment]
) -> Committed:
    """Make one Lance version of `table` that holds exactly these fragments, in this order, and pin it.

    Raises
    ------
    StoreError
        What was committed is not what was planned.
    """
    import lance

    folder = Path(table_uri(package, table))
    staged = Path(package) / f"{STAGING}{attempt}" / f"{table}.lance" / "data"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for fragment in fragments:
        for file in fragment.files:
            (staged / Path(file.path).name).replace(Path(package) / file.path)
    sync_folder(folder / "data")
    plan = [_fragment_of(fragment.metadata) for fragment in fragments]
    with storage_errors(f"table {table}"):
        dataset = _overwrite(str(folder), lance.LanceOperation.Overwrite(_stored_schema(schema), plan))
        dataset.tags.create(f"attempt-{attempt}", dataset.version)
        found = [(f.fragment_id, f.metadata) for f in dataset.get_fragments()]
    _check(table, plan, [metadata for _, metadata in found])
    manifest = folder / "_versions" / f"{2**64 - 1 - dataset.version}.manifest"
    if not manifest.is_file():
        manifest = folder / "_versions" / f"{dataset.version}.manifest"
    for path in (manifest, folder / "_versions", folder):
        sync_file(path) if path.is_file() else sync_folder(path)
    described = _hashed(manifest, f"{table}.lance/_versions/{manifest.name}")
    files = tuple(file for fragment in fragments for file in fragment.files)
    return Committed(
        dataset.version, (described, *files), tuple((i, metadata.physical_rows) for i, metadata in found)
    )


def newest_version(package: str, table: str) -> int:
    """The engine's newest version of a table, whoever made it; 0 where there is none."""
    import lance

    if not (Path(table_uri(package, table)) / "_versions").is_dir():
        return 0
    with storage_errors(f"table {table}"):
        return int(lance.dataset(table_uri(package, table)).version)


def clear_staging(package: str, attempt: str) -> None:
    """Remove what an attempt wrote and did not commit."""
    shutil.rmtree(Path(package) / f"{STAGING}{attempt}", ignore_errors=True)


class PinnedTable:
    """One table at one Lance version. Nothing is opened before the first row is asked for."""

    def __init__(self, package: str, table: str, version: int) -> None:
        self.package, self.table, self.version = package, table, version

    @cached_property
    def lance(self) -> lance.LanceDataset:
        """The pinned Lance dataset."""
        import lance

        with storage_errors(f"table {self.table}"):
            try:
                return lance.dataset(table_uri(self.package, self.table), version=self.version)
            except ValueError as error:
                if "not found" not in str(error).lower():
                    raise
                raise DamageError(
                    f"its state number {self.version} is not there any more",
                    f"table {self.table} of {self.package}",
                    "copy the package again from a whole one, or build it again",
                ) from None

    def batches(
        self,
        columns: Sequence[str],
        where: str | None = None,
        *,
        batch_bytes: int,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows in physical order, each with its address in the column ``_rowaddr``."""
        dataset = self.lance
        with storage_errors(f"table {self.table}"), _conditions(self.table, where, dataset):
            yield from dataset.scanner(
                columns=list(columns),
                filter=where,
                limit=limit,
                batch_size_bytes=batch_bytes,
                batch_readahead=2,
                fragment_readahead=1,
                with_row_address=True,
                scan_in_order=True,
            ).to_batches()

    def take(self, addresses: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Read the rows at `addresses` in one request, in the order given."""
        with storage_errors(f"table {self.table}"):
            return self.lance._take_rows(pa.array(addresses, pa.uint64()), columns=list(columns))


@contextmanager
def _conditions(table: str, where: str | None, dataset: lance.LanceDataset) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if where is None:
            raise
        raise refusal(str(error), table, dataset.schema.names) from None


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Turn the engine's and the system's failures into errors that a user can act on."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise store_error(error, where) from None


def store_error(error: BaseException, where: str) -> StoreError:
    """Say what went wrong with storage, without the engine's own stack."""
    text = str(error)
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "os error 28" in text:
        return StoreError("the disk is full", where, "free some space, or build on another disk")
    if number == errno.EFBIG or "File too large" in text or "os error 27" in text:
        return StoreError("a file would grow over the allowed size", where, "raise the limit (ulimit -f)")
    if (
        number in (errno.EACCES, errno.EPERM, errno.EROFS)
        or "ermission denied" in text
        or "Read-only" in text
    ):
        return StoreError(
            "may not be written or read", where, "check the permissions, or choose another place"
        )
    return StoreError(f"storage failed: {re.sub(r', /[^ ]*/rust/[^ ]*', '', text)}", where, "check the disk")


def sync_file(path: Path) -> None:
    """Force a file's bytes to the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Force a folder's names to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_blake3(path: Path) -> str:
    """Hash a file with plain reads: a memory map would count as this process's memory."""
    digest = blake3()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
    return str(digest.hexdigest())


def _stored_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([_stored_field(field) for field in schema])


def _stored_field(field: pa.Field) -> pa.Field:
    stored = pa.field(stored_name(field.name), field.type)
    if pa.types.is_large_binary(field.type):
        # image files are compressed already; trying again costs ten times the CPU (guides: 0.33 against 3.4 s/GB)
        return stored.with_metadata({"lance-encoding:compression": "none"})
    return stored


def _chain(first: list[pa.RecordBatch], rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first.pop()
    yield from rest


def _hashed(path: Path, name: str) -> StoredFile:
    with storage_errors(name):
        sync_file(path)
        return StoredFile(name, path.stat().st_size, file_blake3(path))


def _json_of(metadata: Any) -> str:
    import json

    return json.dumps(metadata.to_json())


def _fragment_of(metadata: str) -> Any:
    from lance.fragment import FragmentMetadata

    return FragmentMetadata.from_json(metadata)


def _overwrite(uri: str, operation: Any) -> lance.LanceDataset:
    import lance

    for _ in range(COMMIT_TRIES):
        try:
            return lance.LanceDataset.commit(uri, operation)
        except (
            OSError
        ) as error:  # another builder's commit came between: ours replaces the whole table anyway
            if not re.search("conflict|already exists", str(error)):
                raise
    raise VersionError(
        "other builds keep writing to the package", uri, "wait until they are done, and build again"
    )


def _check(table: str, plan: Sequence[Any], found: Sequence[Any]) -> None:
    want = [([file.path for file in f.files], f.physical_rows, None) for f in plan]
    have = [([file.path for file in f.files], f.physical_rows, f.deletion_file) for f in found]
    if want != have:
        raise StoreError(
            f"{len(found)} pieces were stored where {len(plan)} were written",
            f"table {table}",
            "make sure that nothing else writes to the package, and build again",
        )
