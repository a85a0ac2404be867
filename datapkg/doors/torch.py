"""A table as a map-style dataset, which is all that torch asks for: this module needs no torch.

The dataset is pickled as the package's place, version and digest, with the rows that it means. A worker process opens
the very same version when it is first asked for a row. Lance does not survive a fork, so a forked worker is told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..lazy import lazy_columns
from ..opened import OpenVersion

Item = dict[str, Any]


class TorchRows:
    """Rows as dicts of their values, by column; images are NumPy arrays that may be written to.

    Give it to a `torch.utils.data.DataLoader`, with ``multiprocessing_context="spawn"`` where it has workers.
    """

    def __init__(
        self,
        opened: OpenVersion,
        table: str,
        columns: Sequence[str],
        rows: NDArray[np.int64] | None,
        transform: Callable[[Item], Any] | None,
    ) -> None:
        self.opened, self.table, self.columns, self.transform = opened, table, list(columns), transform
        self._rows, self._count = rows, opened.table(table).rows if rows is None else len(rows)
        self._process = os.getpid()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The rows at several places, read together; torch hands over the places of a batch.

        Raises
        ------
        IndexError
            There is no such row; Python's loops end by it.
        StoreError
            The process was forked from the one that opened the package.
        """
        if self._process != os.getpid():
            what = "this process was forked from the one that opened the package, and cannot read it"
            fix = 'DataLoader(..., multiprocessing_context="spawn")'
            raise StoreError(what, f"table {self.table} of {self.opened.place.uri}", fix)
        asked = np.asarray(indices, np.int64)
        places = np.where(asked < 0, asked + len(self), asked)
        if ((places < 0) | (places >= len(self))).any():
            raise IndexError(f"table {self.table}: rows are 0 to {len(self) - 1}")
        values = self._values(places if self._rows is None else self._rows[places])
        items = [dict(zip(self.columns, row, strict=True)) for row in zip(*values, strict=True)]
        return items if self.transform is None else [self.transform(item) for item in items]

    def __repr__(self) -> str:
        return f"{len(self):,} rows of {self.table}: {', '.join(self.columns)}"

    def _values(self, at: NDArray[np.int64]) -> list[list[Any]]:
        kinds = lazy_columns(self.opened.table(self.table))
        images = [name for name in self.columns if kinds.get(name) == "image"]
        plain = [name for name in self.columns if name not in images]
        found: dict[str, list[Any]] = {
            name: [
                None if image is None else image.copy()
                for image in self.opened.images(self.table, name).load(at)
            ]
            for name in images
        }
        if plain:
            table = self.opened.rows(self.table).pick(at, plain)
            found |= {name: table.column(name).to_pylist() for name in plain}
        return [found[name] for name in self.columns]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_process"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _process=os.getpid())
