"""Read a table in the state that a version pinned: never the newest, which may be another client's."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from blake3 import blake3

from ..errors import DamageError, StoreError
from ..filters import ConditionError
from ..places import Folder, Place, plain, refusal
from ..records import Pin
from .files import table_uri

if TYPE_CHECKING:
    import lance
    import numpy as np
    from numpy.typing import NDArray

FOOTER = struct.Struct("<QHH4s")
"""The last bytes of a manifest file: where the state begins, the format's numbers, and the engine's mark."""
LENGTH = struct.Struct("<I")
MARK = b"LANC"


METADATA_BYTES = 64 << 20
"""What the engine may keep of files that it has read: it counts a large value that stands alone in its page as such."""
PASS_ROWS = 1 << 17
"""A pass over more rows of a package on this machine is made in parts; elsewhere each part would wait for its first bytes."""
AHEAD_BATCHES = 4
"""How many batches the engine reads ahead of whoever takes them; its own measure is 2 GB."""


class PinnedTable:
    """One table in the state that a version pinned. Nothing is opened before the first row is asked for.

    `instead` says what else to open, for errors: it is asked only where the table is damaged.
    """

    def __init__(self, package: Place, table: str, pin: Pin, instead: Callable[[], str] = str) -> None:
        self.package, self.table, self.pin, self._instead = package, table, pin, instead

    @cached_property
    def lance(self) -> lance.LanceDataset:
        """The pinned Lance dataset.

        Raises
        ------
        DamageError
            The state is gone, or its manifest is another one: a number alone could name another table's state.
        """
        import lance

        with self._reading():
            try:
                content = self.package.read(self.pin.manifest)
            except FileNotFoundError:
                content = b""
            if blake3(content).hexdigest() != self.pin.blake3:
                what = f"its state number {self.pin.lance_version} is not there any more"
                raise self._damage(what)
            return lance.LanceDataset(
                table_uri(self.package, self.table),
                self.pin.lance_version,
                storage_options=self.package.options,
                metadata_cache_size_bytes=METADATA_BYTES,
                serialized_manifest=state(content),
            )

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns as they are stored."""
        return self.lance.schema

    def batches(
        self,
        columns: Sequence[str],
        where: Any = None,
        *,
        batch_bytes: int | None,
        limit: int | None = None,
        addresses: bool = True,
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows in physical order, with `addresses` each with its own in the column ``_rowaddr``.

        Batches hold about `batch_bytes`; None leaves that to the engine, which is quicker where rows are wide and small.
        """
        with self._reading(), _conditions(where):
            whole = where is not None or batch_bytes is None or not isinstance(self.package, Folder)
            for offset, rows in [(0, limit)] if whole else cut(self.lance.count_rows(), limit):
                scanner = self._scanner(
                    columns,
                    batch_bytes,
                    filter=where,
                    offset=offset or None,
                    limit=rows,
                    with_row_address=addresses,
                )
                yield from scanner.to_batches()

    def span(
        self, fragment: int, offset: int, rows: int, columns: Sequence[str], *, batch_bytes: int | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield so many rows of one fragment from its row `offset` (deleted ones do not count), with ``_rowaddr``."""
        with self._reading():
            within: Any = self.lance.get_fragment(fragment)
            for start, count in cut(rows, rows):
                scanner = self._scanner(
                    columns,
                    batch_bytes,
                    fragments=[within],
                    offset=offset + start or None,
                    limit=count,
                    with_row_address=True,
                )
                yield from scanner.to_batches()

    def _scanner(self, columns: Sequence[str], batch_bytes: int | None, **what: Any) -> Any:
        dataset, names = self.lance, list(columns)
        if batch_bytes is not None:
            what |= {
                "batch_size_bytes": batch_bytes,
                "batch_readahead": 2,
                "fragment_readahead": 1,
                "io_buffer_size": AHEAD_BATCHES * batch_bytes,
            }
        return dataset.scanner(
            # to name all columns costs the engine their number squared: 16 s for 20,000
            columns=None if names == self.schema.names else names,
            scan_in_order=True,
            **what,
        )

    def provider(self) -> Any:
        """The table for DataFusion."""
        import lance

        return lance.FFILanceTableProvider(self.lance)

    def take(self, addresses: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Read the rows at `addresses` in one request, in the order given."""
        with self._reading():
            return self.lance._take_rows(pa.array(addresses, pa.uint64()), columns=list(columns))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What the engine cannot read of a pinned table is damage: it could when the version was made."""
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            refused = refusal(error, f"table {self.table} of {self.package.uri}")
            raise refused or self._damage(_unreadable(error)) from None
        except BaseException as error:
            if type(error).__module__ != "pyo3_runtime":  # the engine panics over some damaged bytes
                raise
            raise self._damage(_unreadable(error)) from None

    def _damage(self, what: str) -> DamageError | StoreError:
        return damage(what, self.package, self.table, self._instead)


def state(manifest: bytes) -> bytes | None:
    """The state that a manifest file describes, as the engine takes it: so it opens the very bytes that were hashed.

    None where they are not laid out as known: the engine reads the file itself then.

    Examples
    --------
    >>> state(LENGTH.pack(5) + b"state" + FOOTER.pack(0, 0, 2, MARK))
    b'state'
    """
    end = len(manifest) - FOOTER.size
    if end < LENGTH.size:
        return None
    start, _, _, mark = FOOTER.unpack_from(manifest, end)
    if mark != MARK or start + LENGTH.size > end:
        return None
    found = manifest[start + LENGTH.size : end]
    return found if LENGTH.unpack_from(manifest, start)[0] == len(found) else None


def cut(rows: int, limit: int | None = None) -> Iterator[tuple[int, int | None]]:
    """Where passes over so many rows begin, and the rows of each; None where one pass takes all.

    What a pass of the engine holds grows with its rows: 0.2 GB for 2 million of 23 small columns.

    Examples
    --------
    >>> list(cut(1000)), list(cut(300_000)), list(cut(300_000, 10))
    ([(0, None)], [(0, 131072), (131072, 131072), (262144, 37856)], [(0, 10)])
    """
    most = rows if limit is None else min(limit, rows)
    if most <= PASS_ROWS:
        yield 0, limit
    else:
        yield from ((start, min(PASS_ROWS, most - start)) for start in range(0, most, PASS_ROWS))


def fragment_sizes(pinned: PinnedTable) -> Iterator[tuple[int, int, int]]:
    """Of each fragment its number, its bytes on the disk, and the rows that were written into it."""
    for fragment in pinned.lance.get_fragments():
        metadata: Any = fragment.metadata
        names = [f"{pinned.table}.lance/data/{file.path}" for file in metadata.files]
        size = sum(pinned.package.sizes(names).values())
        yield fragment.fragment_id, size, metadata.physical_rows


@contextmanager
def _conditions(where: Any) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if where is None:
            raise
        raise ConditionError(str(error)) from None


def _unreadable(error: BaseException) -> str:
    return f"a file of it is missing or damaged ({plain(str(error))})"


def read_parts(
    package: Place,
    table: str,
    path: str,
    parts: Sequence[tuple[int, memoryview]],
    instead: Callable[[], str] = str,
) -> None:
    """Fill each part with the bytes of a table's file from its offset on; what cannot be read is told as `damage` tells it."""
    try:
        package.read_into(path, parts)
    except (OSError, EOFError) as error:
        raise _told(error, package, table, instead) from None


def map_file(
    package: Place, table: str, path: str, size: int, instead: Callable[[], str] = str
) -> memoryview | None:
    """A table's file as a memory map, if its place has such; a file that is shorter than it was is damage."""
    try:
        mapped = package.mapped(path)
        if mapped is not None and len(mapped) < size:
            raise EOFError(path)
        return mapped
    except (OSError, EOFError) as error:
        raise _told(error, package, table, instead) from None


def _told(error: OSError | EOFError, package: Place, table: str, instead: Callable[[], str]) -> Exception:
    refused = refusal(error, f"table {table} of {package.uri}")
    return refused or damage("a file of it is missing or damaged", package, table, instead)


def damage(
    what: str, package: Place, table: str, instead: Callable[[], str] = str
) -> DamageError | StoreError:
    """What is wrong with a table that cannot be read any more: harmed, or moved away with its package.

    `instead` says what else to open.
    """
    if not package.exists():
        fix = "open it at its new place, and read the rows again"
        return StoreError("the package is not there any more", package.uri, fix)
    fix = f"copy the package again from a whole one, or build with --rehash{instead()}"
    return DamageError(what, f"table {table} of {package.uri}", fix)
