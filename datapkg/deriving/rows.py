"""None, one or many rows for each row that a function was called for: what becomes of its results in a derived table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .calling import Failed
from .outputs import Outputs, WrongValueError, shown


@dataclass(frozen=True, slots=True)
class Made:
    """Columns of what a function gave, and how many rows came of each call."""

    arrays: list[pa.Array]
    counts: NDArray[np.int64]


def rows_of(results: Sequence[Any], outputs: Outputs) -> Made:
    """Make rows of results: nothing, a list of mappings, or a mapping of equally long columns.

    Raises
    ------
    WrongValueError
        A result is none of these, or its names or values are not those that were announced.

    Examples
    --------
    >>> made = rows_of([None, [{"area": 4}], {"area": [1, 2]}], Outputs({"area": "int32"}))
    >>> made.arrays[0].to_pylist(), made.counts.tolist()
    ([4, 1, 2], [0, 1, 2])
    """
    names = list(outputs.types)
    values: list[list[Any]] = [[] for _ in names]
    errors: list[str | None] = []
    counts = np.zeros(len(results), np.int64)
    for at, result in enumerate(results):
        for row in _rows(at, result, names):
            for column, value in zip(values, row, strict=True):
                column.append(value)
            errors.append(result.message if isinstance(result, Failed) else None)
            counts[at] += 1
    try:
        arrays = outputs.arrays(values, errors)
    except WrongValueError as error:
        raise WrongValueError(int(np.searchsorted(counts.cumsum(), error.at, "right")), str(error)) from None
    return Made(arrays, counts)


def _rows(at: int, result: Any, names: Sequence[str]) -> Iterator[Sequence[Any]]:
    if result is None:
        return
    if isinstance(result, Failed):
        yield [None] * len(names)
    elif isinstance(result, Mapping):
        _refuse_other_names(at, result, names)
        columns = [list(result[name]) if hasattr(result[name], "__len__") else None for name in names]
        lengths = {len(column) for column in columns if column is not None}
        if None in columns or len(lengths) > 1:
            raise WrongValueError(
                at, "gave a mapping whose columns are not lists of one length: for one row give [{...}]"
            )
        yield from zip(*(column for column in columns if column is not None), strict=True)
    elif isinstance(result, list | tuple) or hasattr(result, "__next__"):
        for row in result:
            if not isinstance(row, Mapping):
                raise WrongValueError(
                    at, f"gave {shown(row)} for a row, which is no mapping of names to values"
                )
            _refuse_other_names(at, row, names)
            yield [row[name] for name in names]
    else:
        raise WrongValueError(
            at, f"gave {shown(result)}, which is neither a list of rows nor a mapping of columns"
        )


def _refuse_other_names(at: int, row: Mapping[str, Any], names: Sequence[str]) -> None:
    if set(row) != set(names):
        lacking = [name for name in names if name not in row]
        more = [str(name) for name in row if name not in names]
        what = (
            f"without {', '.join(lacking)}"
            if lacking
            else f"with {', '.join(more)}, which output does not name"
        )
        raise WrongValueError(at, f"gave a row {what}")
