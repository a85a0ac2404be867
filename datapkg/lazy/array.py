"""The pandas extension array of lazy columns.

It holds no cell, but where each one stands: the number of its origin, and the position there; -1 is a missing cell.
To slice, filter, sort, join, copy and pickle moves these numbers. Cells are read by `load`, or one by one as they
are touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import no_default, take
from pandas.api.indexers import check_array_indexer
from pandas.api.types import is_integer, is_list_like, is_object_dtype, pandas_dtype

from ..errors import SchemaError
from .callers import ONE_BY_ONE, Purpose, asked_by, purpose
from .cells import HeldCells, Kind, Origin, as_cell, is_missing, kind_of
from .dtype import LazyDtype
from .memory import refuse_too_much
from .moving import StandIn
from .printing import shown
from .stored import StoredColumn
from .writing import Written


class LazyArray(Written):
    """Cells of one kind, read when they are touched.

    Parameters
    ----------
    kind
        What the cells are: ``image``, ``bytes`` or ``text``.
    origins
        Where cells come from. Slices share the list, which only grows.
    of, at
        For each cell the number of its origin, and its position there; -1 is a missing cell.
    """

    _readonly: bool  # pandas sets it on arrays that it hands out of a frame

    def __init__(
        self, kind: Kind, origins: list[Origin], of: NDArray[np.int32], at: NDArray[np.int64]
    ) -> None:
        self._dtype, self._origins, self._of, self._at = LazyDtype(kind), origins, of, at

    @property
    def dtype(self) -> LazyDtype:
        """``datapkg[image]``, ``datapkg[bytes]`` or ``datapkg[text]``."""
        return self._dtype

    @property
    def nbytes(self) -> int:
        """What it takes in memory, without cells."""
        return self._of.nbytes + self._at.nbytes

    def __len__(self) -> int:
        return len(self._at)

    def load(self) -> NDArray[np.object_]:
        """Read all cells, in few large requests.

        Returns
        -------
        One-dimensional array of objects: read-only arrays of their own dtype and shape, bytes or texts; None where a
        cell is missing. It can stand in a frame: ``frame["image_array"] = frame["image_array"].array.load()``.

        Raises
        ------
        DamageError
            The package is damaged.
        StoreError
            The package is not at its place any more.
        SchemaError
            The cells take more memory than there is.
        """
        parts = list(self._by_origin())
        refuse_too_much([(origin, self._at[here]) for origin, here in parts])
        cells = np.empty(len(self), object)
        for origin, here in parts:
            for place, cell in zip(here.tolist(), origin.load(self._at[here]), strict=True):
                cells[place] = cell
        return cells

    def labels(self) -> NDArray[np.object_]:
        """What is printed for the cells, such as ``uint16 1024x1344``; None for missing ones. No pixel is read."""
        return self._asked(lambda origin, at: origin.labels(at))

    def stored(self) -> Iterator[tuple[StoredColumn, NDArray[np.intp], NDArray[np.int64]]]:
        """The stored columns that cells come from: each with the places of its cells here, and their rows there."""
        for origin, here in self._by_origin():
            if isinstance(origin, StoredColumn):
                yield origin, here, self._at[here]

    def stack(self) -> NDArray[Any]:
        """Read all images into one array, with one axis more, the first; memory is needed for this array alone.

        Raises
        ------
        SchemaError
            The cells are no images, one is missing, or they differ in dtype or shape.
        """
        what, stacked = "the cells are no images of one dtype and shape", np.empty((0,))
        if self._dtype.cell == "image":
            for place, image in enumerate(self):
                if not place:
                    stacked = np.empty(
                        (len(self), *getattr(image, "shape", ())), getattr(image, "dtype", None)
                    )
                if image is None or (image.dtype, image.shape) != (stacked.dtype, stacked.shape[1:]):
                    what = f"cell {place} is {'missing' if image is None else f'{image.dtype} {image.shape}'}"
                    break
                stacked[place] = image
            else:
                return stacked
        raise SchemaError(what, "stack", "take images of one dtype and shape, or read them with load()")

    def __iter__(self) -> Iterator[Any]:
        """Yield the cells, reading a batch at a time."""
        wanted_for = purpose()
        if wanted_for == "print":
            yield from self.labels()
            return
        self._refuse_place(wanted_for)
        start = 0
        while start < len(self):
            step = min((origin.step for origin, _ in self[start : start + 1]._by_origin()), default=len(self))
            yield from self[start : start + step].load()
            start += step

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, tuple):
            item = next((one for one in item if one is not Ellipsis), slice(None))
        item = slice(None) if item is Ellipsis else check_array_indexer(self, item)
        if is_integer(item):
            place = np.array([item], np.intp)  # one that is out of bounds is an error
            one = type(self)(self._dtype.cell, self._origins, self._of[place], self._at[place])
            if asked_by("asof"):
                self._refuse("asof")
            wanted_for = purpose() if asked_by(*ONE_BY_ONE) else None
            return StandIn(one) if wanted_for == "move" else (one.labels() if wanted_for else one.load())[0]
        found = type(self)(self._dtype.cell, self._origins, self._of[item], self._at[item])
        found._readonly = self._readonly and isinstance(item, slice)
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._readonly:
            raise ValueError("Cannot modify read-only array")
        key = check_array_indexer(self, key)
        cells = self._cells_of(value)
        shift = len(self._origins)
        self._origins += cells._origins
        single = len(cells) == 1 and not self._is_sequence(value)
        self._of[key] = cells._of[0] + shift if single else cells._of + shift
        self._at[key] = cells._at[0] if single else cells._at

    def isna(self) -> NDArray[np.bool_]:
        """Which cells are missing; no cell is read."""
        missing = self._at < 0
        for origin, here in self._by_origin():
            missing[here] = origin.missing(self._at[here])
        return missing

    def copy(self) -> LazyArray:
        """The same cells; to put others in changes the copy alone. No cell is read."""
        return type(self)(self._dtype.cell, list(self._origins), self._of.copy(), self._at.copy())

    def view(self, dtype: Any = None) -> Any:
        """The same cells, shared."""
        return self[:] if dtype is None else super().view(dtype)

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> LazyArray:
        """Cells in another order, or several times; no cell is read."""
        indices = np.asarray(indices, np.intp)
        at: Any = take(self._at, indices, allow_fill=allow_fill, fill_value=-1)
        of: Any = take(self._of, indices, allow_fill=allow_fill, fill_value=0)
        found = type(self)(self._dtype.cell, list(self._origins), of, at)
        if allow_fill and not is_missing(fill_value):
            found[indices == -1] = fill_value
        return found

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[LazyArray]) -> LazyArray:
        origins: dict[Origin, int] = {}
        of = []
        for part in to_concat:
            numbers = [origins.setdefault(origin, len(origins)) for origin in part._origins]
            of.append(np.array([*numbers, 0], np.int32)[part._of])
        at = np.concatenate([part._at for part in to_concat])
        return cls(to_concat[0]._dtype.cell, list(origins), np.concatenate(of), at)

    @classmethod
    def _from_sequence(cls, scalars: Iterable[Any], *, dtype: Any = None, copy: bool = False) -> LazyArray:
        if isinstance(scalars, pd.Series | pd.Index):
            scalars = scalars.array
        if isinstance(scalars, LazyArray) and dtype in (None, scalars.dtype):
            return scalars.copy() if copy else scalars
        cells = [None if is_missing(one) else one for one in scalars]
        if cells and isinstance(cells[0], StandIn):
            return cls._concat_same_type([one.cell for one in cells if one is not None])
        kind: Kind | None = next(filter(None, map(kind_of, cells)), None)
        if dtype is not None:
            found = pandas_dtype(dtype)
            kind = found.cell if isinstance(found, LazyDtype) else None
        wrong = [one for one in cells if one is not None and kind_of(one) != kind]
        if wrong or kind is None:
            told = type(wrong[0]).__name__ if wrong else "None alone"
            raise TypeError(f"a column of {kind or 'images, bytes or text'} cannot hold {told}")
        present = tuple(as_cell(one, copy) for one in cells if one is not None)
        at = np.full(len(cells), -1, np.int64)
        at[[place for place, one in enumerate(cells) if one is not None]] = np.arange(len(present))
        return cls(kind, [HeldCells(kind, present)], np.zeros(len(cells), np.int32), at)

    @classmethod
    def _from_sequence_of_strings(cls, strings: Any, *, dtype: Any, copy: bool = False) -> LazyArray:
        return cls._from_sequence(strings, dtype=dtype, copy=copy)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The cells as another dtype, ``object`` for what they are; the same dtype reads nothing."""
        dtype = pandas_dtype(dtype)
        if dtype == self._dtype:
            return self.copy() if copy else self
        wanted_for = purpose()
        self._refuse_place(wanted_for)
        if self._dtype.cell != "text" and not is_object_dtype(dtype):
            self._refuse_dtype(dtype)
        return super().astype(dtype, copy)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("the cells are read into a new array: copy=False is not possible")
        if asked_by("write"):  # pandas 3.0, for the JSON of a Series
            return self._values_for_json()
        if (answer := self._without_cells(purpose())) is not None:
            return answer
        cells = self.load()
        return cells if dtype in (None, np.dtype(object)) else np.array(cells.tolist(), dtype)

    def to_numpy(
        self,
        dtype: Any = None,
        copy: bool = False,  # noqa: ARG002 - it always is one
        na_value: Any = no_default,
    ) -> NDArray[Any]:
        """The cells, read into a new array of objects; texts also as what pandas makes of them."""
        if dtype is not None and self._dtype.cell != "text" and not is_object_dtype(dtype):
            self._refuse_dtype(pandas_dtype(dtype))
        return super().to_numpy(dtype, copy=True, na_value=na_value)

    def fillna(self, value: Any, limit: int | None = None, copy: bool = True) -> LazyArray:
        """Put a cell, or one for each cell, where cells are missing."""
        if isinstance(value, dict):
            raise TypeError("ExtensionArray.fillna does not support filling with a dict")
        missing = np.flatnonzero(self.isna())[:limit]
        filled = self.copy() if copy else self
        try:
            cells = self._cells_of(value)
        except TypeError as error:
            raise TypeError(
                f"{error}; fill other columns by their names: frame.fillna({{column: value}})"
            ) from None
        if len(cells) != len(self) and self._is_sequence(value):
            raise ValueError(f"Length of 'value' does not match. Got ({len(cells)})  expected {len(self)}")
        filled[missing] = cells[missing] if self._is_sequence(value) else value
        return filled

    def map(self, mapper: Any, na_action: Any = None) -> Any:
        """Give each cell to a function, reading a batch at a time."""
        if not callable(mapper):
            return super().map(mapper, na_action)
        found = np.empty(len(self), object)
        for place, cell in enumerate(self):
            found[place] = cell if cell is None and na_action == "ignore" else mapper(cell)
        cast: Callable[[Any], Any] = self._cast_pointwise_result
        return cast(found)

    def __repr__(self) -> str:
        return shown(type(self).__name__, lambda part: self[part].labels(), len(self), str(self.dtype))

    def _formatter(self, boxed: bool = False) -> Callable[[Any], str | None]:  # noqa: ARG002 - pandas passes it
        return str

    def __getstate__(self) -> dict[str, Any]:
        """Without the origins that no cell needs, and without their other cells."""
        state = dict(self.__dict__)
        of, at = np.zeros_like(self._of), self._at.copy()
        origins: list[Origin] = []
        for origin, here in self._by_origin():
            kept, at[here] = origin.kept(self._at[here])
            of[here] = len(origins)
            origins.append(kept)
        return {**state, "_origins": origins, "_of": of, "_at": at}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _by_origin(self) -> Iterator[tuple[Origin, NDArray[np.intp]]]:
        """The origins that cells come from, and the places of these cells."""
        present = np.flatnonzero(self._at >= 0)
        numbers = self._of[present]
        for number in np.unique(numbers).tolist():
            yield self._origins[number], present[numbers == number]

    def _keys(self) -> NDArray[np.object_]:
        return self._asked(lambda origin, at: origin.keys(at))

    def _asked(self, question: Callable[[Origin, NDArray[np.int64]], Sequence[Any]]) -> NDArray[np.object_]:
        answers = np.empty(len(self), object)
        for origin, here in self._by_origin():
            answers[here] = np.array([*question(origin, self._at[here]), None], object)[:-1]
        return answers

    def _without_cells(self, wanted_for: Purpose | None) -> NDArray[np.object_] | None:
        """What stands for the cells where their labels or keys do; None where the cells are wanted."""
        if wanted_for == "print":
            return self.labels()
        if wanted_for == "quantile":
            self._refuse(wanted_for)
        if wanted_for == "move":
            return np.array([StandIn(self[place : place + 1]) for place in range(len(self))], object)
        by_keys = wanted_for == "compare" or (wanted_for == "look up" and self._dtype.cell == "image")
        return self._keys() if by_keys else None  # a file, or a text, can itself be looked up

    def _of_its_kind(self, values: Any) -> Any:
        if isinstance(values, LazyArray):
            return values if values.dtype == self._dtype else []
        return [one for one in values if is_missing(one) or kind_of(one) == self._dtype.cell]

    def _is_sequence(self, value: object) -> bool:
        """Whether a value is several cells: an array of numbers is one image."""
        if isinstance(value, np.ndarray):
            return value.ndim == 1 and (value.dtype == object or self._dtype.cell != "image")
        return isinstance(value, LazyArray) or (is_list_like(value) and not isinstance(value, bytes | str))

    def _cells_of(self, value: Any) -> LazyArray:
        """One value, or several, as an array of this kind. Raises TypeError for what it cannot hold."""
        return self._from_sequence(value if self._is_sequence(value) else [value], dtype=self._dtype)
