"""Which cells of a lazy column are equal: asked of their keys, such as an image's digest, so that no pixel is read."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray


class ComparedByKeys(ExtensionArray):
    """An extension array whose cells have keys; what pandas asks of equal cells is answered from these."""

    __array_priority__ = 1000  # an ndarray that is compared with it leaves the answer to it
    __hash__ = None  # type: ignore[assignment]

    @abstractmethod
    def _keys(self) -> NDArray[np.object_]:
        """What equal cells have in common; None for a missing cell."""

    @abstractmethod
    def _cells_of(self, value: Any) -> Self:
        """One value, or several, as such an array. Raises TypeError for what it cannot hold."""

    @abstractmethod
    def _of_its_kind(self, values: Any) -> Any:
        """Those of several values that such an array can hold."""

    @abstractmethod
    def _is_sequence(self, value: object) -> bool:
        """Whether a value is several cells."""

    def _values_for_factorize(self) -> tuple[NDArray[np.object_], None]:
        return self._keys(), None

    def factorize(self, use_na_sentinel: bool = True) -> tuple[NDArray[np.intp], Self]:
        """Number the cells so that equal ones have one number; pixels are compared by their digests."""
        codes, _ = pd.factorize(self._keys(), use_na_sentinel=use_na_sentinel)
        numbers, first = np.unique(codes, return_index=True)
        return codes, self.take(first[numbers >= 0])

    def unique(self) -> Self:
        """The different cells, in the order of their first appearance."""
        return self.factorize(use_na_sentinel=False)[1]

    def duplicated(self, keep: Any = "first") -> NDArray[np.bool_]:
        """Which cells are equal to another one."""
        return pd.Series(self._keys()).duplicated(keep).to_numpy()

    def isin(self, values: Any) -> NDArray[np.bool_]:
        """Which cells are among `values`; no cell is equal to what the column cannot hold."""
        listed = pd.Series(self._cells_of(self._of_its_kind(values))._keys(), dtype=object)
        return pd.Series(self._keys(), dtype=object).isin(listed).to_numpy()

    def value_counts(self, dropna: bool = True) -> pd.Series[Any]:
        """How often each different cell is there."""
        codes, cells = self.factorize(use_na_sentinel=dropna)
        counts = np.bincount(codes[codes >= 0], minlength=len(cells))
        return pd.Series(counts, index=pd.Index(cells), name="count", dtype="int64")

    def __eq__(self, other: object) -> Any:
        """Which cells are equal: images by dtype, shape and pixels, told by their digests. No missing cell is."""
        if isinstance(other, pd.Series | pd.Index | pd.DataFrame):
            return NotImplemented
        if self._is_sequence(other) and len(other) != len(self):  # type: ignore[arg-type]
            raise ValueError("Lengths must match to compare")
        try:
            theirs = self._cells_of(other)._keys()
        except TypeError:
            return np.zeros(len(self), bool)
        mine = self._keys()
        return np.array([one is not None for one in mine], bool) & np.asarray(mine == theirs, bool)

    def __ne__(self, other: object) -> Any:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else ~equal
