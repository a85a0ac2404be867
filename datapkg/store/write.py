"""Write tables: fragments into a staging folder of the attempt, then one Lance version that holds exactly them.

A failed or killed build leaves nothing inside a table. `commit` moves the fragments in, commits, and pins the new
state by a tag.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..durable import begin_writing
from ..errors import DamageError, StoreError, VersionError
from ..places import Folder, Place, refusal, storage_errors
from ..records import Pin
from .files import Fragment, StoredFile, hashed, table_uri
from .layers import Layer, numbers_of, whole_schema, with_layers
from .names import stored_schema
from .pages import WrittenColumns

if TYPE_CHECKING:
    import lance

TAG = "attempt-"
MARK = "datapkg attempt "
STORAGE_VERSION = "2.2"
COMMIT_TRIES = 10
EARLY_BYTES = 4 << 20
"""After so many bytes of rows the disk begins with what was written of them."""
MOST_ROWS, MOST_BYTES = (1 << 32) - 1, 1 << 62
"""Of a file: what is given is one fragment. The engine counts rows in 32 bits."""
WAITING_BYTES, LEAST_WAITING_BYTES, MOST_WAITING_BYTES = 128 << 20, 1 << 20, 8 << 20
"""What may wait in memory until it makes a page: of all columns, and of each one at least and at most."""


@dataclass(frozen=True, slots=True)
class Committed:
    """One Lance version of one table: its pin, its files, and its fragments as (id, rows) in physical order."""

    pin: Pin
    files: tuple[StoredFile, ...]
    fragments: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows that can be read but are in no version: where they lie, their state, their order as flat runs."""

    folder: Place
    pin: Pin
    runs: tuple[int, ...]


def write_fragment(
    package: Place, attempt: str, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
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
    columns = WrittenColumns(schema)
    schema = stored_schema(schema)
    raised: list[BaseException] = []
    rows = 0

    def renamed() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        try:
            for batch in batches:
                if batch.num_rows:
                    rows += batch.num_rows
                    columns.watch(batch)
                    batch = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
                    yield batch
                del batch  # a large image is in memory once
        except BaseException as error:
            raised.append(error)  # the engine turns it into text: the caller gets it back as it was
            raise

    source = renamed()
    first = list(islice(source, 1))
    if not first:
        return None
    staging = package.staging(attempt)
    with staging.desk() as desk:
        coming = _early(desk.local(f"{table}.lance"), _chain(first, source))
        reader = pa.RecordBatchReader.from_batches(schema, coming)
        try:
            written, files = _written(desk, table, reader)
        except StoreError:
            if raised:
                raise raised[0] from None
            raise
        (file,) = written.files
        pixels, placed = columns.pages(desk.local(files[0].path), file, schema)
        if desk is not staging:
            staging.move_in(desk, [(file.path, file.path) for file in files])
    return Fragment(json.dumps(written.to_json()), rows, files, pixels, placed)


def _written(desk: Folder, table: str, rows: pa.RecordBatchReader) -> tuple[Any, tuple[StoredFile, ...]]:
    """Write rows below a folder: the engine's description of the fragment, and its files."""
    from lance.fragment import write_fragments

    folder = desk.local(f"{table}.lance")
    alone = folder / uuid.uuid4().hex  # the engine makes no table where another is: rows may be staged
    with storage_errors(f"table {table}"):
        (written,) = write_fragments(
            rows,
            str(alone),
            mode="create",
            max_rows_per_file=MOST_ROWS,
            max_bytes_per_file=MOST_BYTES,
            data_cache_bytes=waiting_bytes(len(rows.schema)),
            data_storage_version=STORAGE_VERSION,
        )
    data = Folder(folder / "data")
    data.path.mkdir(exist_ok=True)
    for file in written.files:
        _refuse_cut(table, alone / "data" / file.path, file.file_size_bytes)
        (alone / "data" / file.path).rename(data.local(file.path))
    shutil.rmtree(alone)
    files = tuple(
        hashed("data", data, file.path, f"{table}.lance/data/{file.path}") for file in written.files
    )
    return written, files


def waiting_bytes(columns: int) -> int:
    """How many bytes of rows the engine may hold back until they make pages; each column has the same share.

    The engine's own measure is `MOST_WAITING_BYTES` for each column: a million rows of 24 small columns wait in 200 MB.

    Examples
    --------
    >>> [waiting_bytes(columns) >> 20 for columns in (1, 4, 24, 3000)]
    [8, 32, 128, 3000]
    """
    least, most = columns * LEAST_WAITING_BYTES, columns * MOST_WAITING_BYTES
    return min(max(WAITING_BYTES, least), most)


def _refuse_cut(table: str, path: Path, wanted: int | None) -> None:
    """The engine does not say when the last piece of a file could not be written (pylance 14.0.2)."""
    size = path.stat().st_size
    if size != wanted:
        raise StoreError(
            f"the disk is full, or a file would grow over the allowed size: {size} of {wanted} bytes were written",
            f"table {table}",
            "free some space, or raise the limit (ulimit -f)",
        )


def commit(
    package: Place,
    attempt: str,
    table: str,
    schema: pa.Schema,
    fragments: Sequence[Fragment],
    layers: Sequence[Layer] = (),
) -> Committed:
    """Make one Lance version of `table` that holds exactly these fragments, in this order, and pin it.

    `layers` have a file for each of them.

    Raises
    ------
    StoreError
        What was committed is not what was planned.
    """
    import lance
    from lance.schema import LanceSchema

    move_in(package, attempt, fragments, layers)
    whole = whole_schema(schema, layers)
    numbers = numbers_of(LanceSchema.from_pyarrow(whole))
    plan = [
        with_layers(fragment_of(fragment.metadata), -1 - at, layers, numbers)
        for at, fragment in enumerate(fragments)
    ]
    tag = f"{TAG}{attempt}"
    with storage_errors(f"table {table}"):
        dataset = _overwrite(package, attempt, table, lance.LanceOperation.Overwrite(whole, plan))
        found = [(f.fragment_id, f.metadata) for f in dataset.get_fragments()]
        _check(table, plan, [metadata for _, metadata in found])
        _check_numbers(table, numbers, dataset)
        described = pin_newest(package, table, tag, dataset.version)
    return Committed(
        Pin(dataset.version, described.path, described.blake3, tag),
        (described, *(file for fragment in all_of(fragments, layers) for file in fragment.files)),
        tuple((i, metadata.physical_rows) for i, metadata in found),
    )


def staged(
    package: Place, attempt: str, table: str, schema: pa.Schema, fragments: Sequence[Fragment]
) -> Staged:
    """Make the rows that an attempt has written readable before they are committed, in the fragments' order.

    Nothing outside of the staging folder is touched: a build that stops here leaves no trace.
    """
    import lance

    folder = package.staging(attempt)
    plan = [fragment_of(fragment.metadata) for fragment in fragments]
    with storage_errors(f"table {table}"):
        whole = lance.LanceOperation.Overwrite(stored_schema(schema), plan)
        dataset = _overwrite(folder, attempt, table, whole)
        manifest = manifest_name(table, dataset.version)
        described = hashed("manifest", folder, manifest, manifest)
    runs = [n for f in dataset.get_fragments() for n in (f.fragment_id, 0, f.metadata.physical_rows)]
    return Staged(folder, Pin(dataset.version, described.path, described.blake3, ""), tuple(runs))


def all_of(fragments: Sequence[Fragment], layers: Sequence[Layer]) -> list[Fragment]:
    """Everything that was written for a table."""
    return [*fragments, *(one for layer in layers for one in layer.files.values())]


def move_in(
    package: Place, attempt: str, fragments: Sequence[Fragment], layers: Sequence[Layer] = ()
) -> None:
    """Move staged fragments, and what was written beside some, into their table."""
    files = [file.path for fragment in all_of(fragments, layers) for file in fragment.files]
    package.move_in(package.staging(attempt), [(path, path) for path in files])


def manifest_name(table: str, version: int) -> str:
    """Where the engine describes a state of a table."""
    return f"{table}.lance/_versions/{2**64 - 1 - version}.manifest"


def pin_newest(package: Place, table: str, tag: str, version: int) -> StoredFile:
    """Tag a state that was just committed, bring it to the disk, and describe its manifest."""
    manifest = manifest_name(table, version)
    described = hashed("manifest", package, manifest, manifest)
    write_pin(package, table, tag, version, described.bytes)
    return described


def write_pin(package: Place, table: str, tag: str, version: int, manifest_bytes: int) -> None:
    """Tag a state of a table, so that the engine's clean-up spares it.

    The engine's own call writes the tag of a package below ``Müller/`` into ``M%C3%BCller/`` (pylance 14.0.2).
    """
    package.put_if_absent(tag_path(table, tag), pin_content(version, manifest_bytes, datetime.now(UTC)))


def pin_content(version: int, manifest_bytes: int, made: datetime) -> bytes:
    """What stands in a tag, as the engine writes it."""
    moment = made.astimezone(UTC).isoformat().replace("+00:00", "Z")
    content: dict[str, Any] = {
        "branch": None,
        "version": version,
        "createdAt": moment,
        "updatedAt": moment,
        "manifestSize": manifest_bytes,
        "metadata": {},
    }
    return json.dumps(content).encode()


def tag_path(table: str, tag: str) -> str:
    """Where the tag lies that keeps a state of a table."""
    return f"{table}.lance/_refs/tags/{tag}.json"


def pins(package: Place, table: str) -> list[str]:
    """The tags by which builds have pinned states of a table."""
    tags = f"{table}.lance/_refs/tags"
    return [
        f"{tags}/{name}" for name in package.names(tags) if name.startswith(TAG) and name.endswith(".json")
    ]


def built(package: Place, table: str) -> bool:
    """Whether a build has made a state of a table: it is pinned, or it says so, where the build was stopped before.

    False for a table that cannot be read: nobody knows whose it is.
    """
    if pins(package, table):
        return True
    from lance.dataset import LANCE_COMMIT_MESSAGE_KEY

    with storage_errors(f"table {table}"), suppress(DamageError):
        dataset = newest(package, table)
        made = dataset.get_transactions(len(dataset.versions()))
        said = ((one.transaction_properties or {}).get(LANCE_COMMIT_MESSAGE_KEY, "") for one in made if one)
        return any(message.startswith(MARK) for message in said)
    return False


def set_aside(package: Place, table: str, version: int) -> int:
    """Count the states of a table after `version` that no build has pinned: other programs made them."""
    dataset = newest(package, table)
    with storage_errors(f"table {table}"):
        if dataset.version <= version:
            return 0
        pinned = {json.loads(package.read(tag))["version"] for tag in pins(package, table)}
        return sum(
            1 for state in dataset.versions() if state["version"] > version and state["version"] not in pinned
        )


def _early(folder: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches; while later ones are made, the disk writes what is in the folder's open files of earlier ones."""
    waiting = 0
    for batch in batches:
        if waiting >= EARLY_BYTES:
            begin_writing(folder)
            waiting = 0
        waiting += batch.nbytes
        yield batch
        del batch  # a large image is in memory once


def _chain(first: list[pa.RecordBatch], rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first.pop()
    yield from rest


def fragment_of(metadata: str) -> Any:
    """The engine's own description of a fragment."""
    from lance.fragment import FragmentMetadata

    return FragmentMetadata.from_json(metadata)


def _overwrite(package: Place, attempt: str, table: str, operation: Any) -> lance.LanceDataset:
    import lance

    uri = table_uri(package, table)
    for _ in range(COMMIT_TRIES):
        try:
            return lance.LanceDataset.commit(
                uri, operation, storage_options=package.options, commit_message=f"{MARK}{attempt}"
            )
        except (
            OSError
        ) as error:  # another builder's commit came between: ours replaces the whole table anyway
            if not re.search("conflict|already exists", str(error)):
                if package.names(f"{table}.lance/_versions"):  # a table that has no state yet is not damaged
                    newest(package, table)
                raise
    raise VersionError(
        "other builds keep writing to the package", uri, "wait until they are done, and build again"
    )


def newest(package: Place, table: str) -> lance.LanceDataset:
    """The newest state of a table, whoever made it; the engine adds a state only where it can read that one."""
    import lance

    uri = table_uri(package, table)
    try:
        return lance.dataset(uri, storage_options=package.options)
    except (OSError, ValueError) as error:
        raise refusal(error, uri) or DamageError(
            "its newest state is damaged, so that nothing can be added to it",
            uri,
            "copy the package again from a whole one, or build into another folder",
        ) from None


def _check(table: str, plan: Sequence[Any], found: Sequence[Any]) -> None:
    want = [([file.path for file in f.files], f.physical_rows, None) for f in plan]
    have = [([file.path for file in f.files], f.physical_rows, f.deletion_file) for f in found]
    if want != have:
        raise StoreError(
            f"{len(found)} pieces were stored where {len(plan)} were written",
            f"table {table}",
            "make sure that nothing else writes to the package, and build again",
        )


def _check_numbers(table: str, numbers: Mapping[str, Sequence[int]], dataset: lance.LanceDataset) -> None:
    """A file beside the rows would be read as another column if the engine counted columns in another way."""
    if numbers_of(dataset.lance_schema) != numbers:
        raise StoreError("its columns were numbered in an unknown way", f"table {table}", "report this")
