"""Read a table in the state that a version pinned: never the newest, which may be another client's."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..errors import DamageError, StoreError
from ..filters import ConditionError
from ..records import Pin
from .files import file_blake3, plain, store_error, table_uri

if TYPE_CHECKING:
    import lance
    import numpy as np
    from numpy.typing import NDArray


class PinnedTable:
    """One table in the state that a version pinned. Nothing is opened before the first row is asked for."""

    def __init__(self, package: str, table: str, pin: Pin) -> None:
        self.package, self.table, self.pin = package, table, pin

    @cached_property
    def lance(self) -> lance.LanceDataset:
        """The pinned Lance dataset.

        Raises
        ------
        DamageError
            The state is gone, or its manifest is another one: a number alone could name another table's state.
        """
        import lance

        manifest = Path(self.package) / self.pin.manifest
        if not manifest.is_file() or file_blake3(manifest) != self.pin.blake3:
            what = f"its state number {self.pin.lance_version} is not there any more"
            raise _damage(what, self.package, self.table)
        with _reading(self.package, self.table):
            return lance.dataset(table_uri(self.package, self.table), version=self.pin.lance_version)

    def batches(
        self,
        columns: Sequence[str],
        where: str | None = None,
        *,
        batch_bytes: int | None,
        limit: int | None = None,
        addresses: bool = True,
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows in physical order, with `addresses` each with its own in the column ``_rowaddr``.

        Batches hold about `batch_bytes`; None leaves that to the engine, which is quicker where rows are wide and small.
        """
        dataset = self.lance
        bounds: dict[str, Any] = {}
        if batch_bytes is not None:
            bounds = {"batch_size_bytes": batch_bytes, "batch_readahead": 2, "fragment_readahead": 1}
        with _reading(self.package, self.table), _conditions(where):
            yield from dataset.scanner(
                # to name all columns costs the engine their number squared: 16 s for 20,000
                columns=None if list(columns) == dataset.schema.names else list(columns),
                filter=where,
                limit=limit,
                with_row_address=addresses,
                scan_in_order=True,
                **bounds,
            ).to_batches()

    def take(self, addresses: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Read the rows at `addresses` in one request, in the order given."""
        with _reading(self.package, self.table):
            return self.lance._take_rows(pa.array(addresses, pa.uint64()), columns=list(columns))


@contextmanager
def _conditions(where: str | None) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if where is None:
            raise
        raise ConditionError(str(error)) from None


@contextmanager
def _reading(package: str, table: str) -> Iterator[None]:
    """What the engine cannot read of a pinned table is damage: it could when the version was made."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno in (
            errno.EACCES,
            errno.EPERM,
            errno.EMFILE,
            errno.ENFILE,
        ):
            raise store_error(error, f"table {table} of {package}") from None
        raise _damage(_unreadable(error), package, table) from None
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":  # the engine panics over some damaged bytes
            raise
        raise _damage(_unreadable(error), package, table) from None


def _unreadable(error: BaseException) -> str:
    return f"a file of it is missing or damaged ({plain(str(error))})"


def _damage(what: str, package: str, table: str) -> DamageError | StoreError:
    if not Path(package).is_dir():
        fix = "open it at its new place, and read the rows again"
        return StoreError("the package is not there any more", package, fix)
    return DamageError(
        what,
        f"table {table} of {package}",
        "copy the package again from a whole one, or build it again",
    )
