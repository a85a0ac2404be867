"""What pandas asks of groups of cells, and of their order: the first of each group, the most frequent ones, a place.

Cells have no order that means anything; to sort them brings equal ones together, by their keys. What needs numbers is
refused in one sentence, before a pixel is read.
"""

from __future__ import annotations

from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .equality import ComparedByKeys


class GroupedByKeys(ComparedByKeys):
    """An extension array whose groups, ranks and modes are answered from keys, or refused."""

    def _values_for_argsort(self) -> NDArray[np.object_]:
        return np.array(["" if key is None else key for key in self._keys()], object)

    def searchsorted(self, value: Any, side: Any = "left", sorter: Any = None) -> Any:
        """Where cells belong in a sorted column, by their keys; no cell of the column is read."""
        sought = self._cells_of(value)._values_for_argsort()
        found = self._values_for_argsort().searchsorted(sought, side, sorter)
        return found if self._is_sequence(value) else found[0]

    def _mode(self, dropna: bool = True) -> Self:
        codes, cells = self.factorize(use_na_sentinel=dropna)
        counts = np.bincount(codes[codes >= 0], minlength=len(cells))
        return cells.take(np.flatnonzero(counts == counts.max(initial=0)))

    def _groupby_op(
        self,
        *,
        how: str,
        min_count: int,
        ngroups: int,
        ids: NDArray[np.intp],
        skipna: bool = True,
        **_: Any,
    ) -> Self:
        """The first or the last cell of each group; `ids` are the groups of the cells, -1 for none."""
        if how not in ("first", "last"):
            self._refuse(how)
        counted = np.flatnonzero((ids >= 0) & ~self.isna() if skipna else ids >= 0)
        groups, first = np.unique(ids[counted if how == "first" else counted[::-1]], return_index=True)
        places = np.full(ngroups, -1, np.intp)
        places[groups] = (counted if how == "first" else counted[::-1])[first]
        if min_count > 0:
            places[np.bincount(ids[counted], minlength=ngroups) < min_count] = -1
        return self.take(places, allow_fill=True)

    def _groupby_quantile(self, **_: Any) -> NoReturn:
        self._refuse("quantile")

    def _quantile(self, qs: Any, interpolation: str) -> NoReturn:  # noqa: ARG002 - pandas passes them
        self._refuse("quantile")

    def _rank(self, *, axis: Any = 0, **how: Any) -> NDArray[Any]:
        """The places that cells would have in the sorted column."""
        return pd.Series(self._keys(), dtype=object).rank(axis, **how).to_numpy()

    def _refuse(self, how: str) -> NoReturn:
        """Refuse what needs numbers, in the kind of error by which pandas knows that a column has none."""
        raise TypeError(
            f"a lazy column ({self.dtype}) does not support {how} operations; leave it out, such as by "
            "numeric_only=True, or make numbers of its cells first: frame[column].map(numpy.mean)"
        )
