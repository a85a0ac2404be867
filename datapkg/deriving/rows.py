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
class Spread:
    """What functions gave, spread over rows: the values of each output, messages, and how many rows came of each call."""

    values: list[list[Any]]
    errors: list[str | None]
    counts: NDArray[np.int64]

    def arrays(self, outputs: Outputs) -> list[pa.Array]:
        """As Arrow columns.

        Raises
        ------
        WrongValueError
            A value is not of its type; `at` is the call that gave it.
        """
        try:
            return outputs.arrays(self.values, self.errors)
        except WrongValueError as error:
            raise WrongValueError(
                int(np.searchsorted(self.counts.cumsum(), error.at, "right")), str(error)
            ) from None


def one_row_each(results: Sequence[Any], names: Sequence[str]) -> Spread:
    """One row for each result: a value, or where there are several outputs a sequence or a mapping of them.

    Examples
    --------
    >>> one_row_each([(1, 2), {"low": 3, "high": 4}, None], ["low", "high"]).values
    [[1, 3, None], [2, 4, None]]
    """
    values: list[list[Any]] = [[] for _ in names]
    errors: list[str | None] = []
    for at, result in enumerate(results):
        failed = isinstance(result, Failed)
        errors.append(result.message if failed else None)
        for column, value in zip(
            values, [None] * len(names) if failed else _values(at, result, names), strict=True
        ):
            column.append(value)
    return Spread(values, errors, np.ones(len(results), np.int64))


def any_rows_each(results: Sequence[Any], names: Sequence[str]) -> Spread:
    """None, one or many rows for each result: nothing, a list of mappings, or a mapping of equally long columns.

    Raises
    ------
    WrongValueError
        A result is none of these, or its names are not those that were announced.

    Examples
    --------
    >>> spread = any_rows_each([None, [{"area": 4}], {"area": [1, 2]}], ["area"])
    >>> spread.values, spread.counts.tolist()
    ([[4, 1, 2]], [0, 1, 2])
    """
    values: list[list[Any]] = [[] for _ in names]
    errors: list[str | None] = []
    counts = np.zeros(len(results), np.int64)
    for at, result in enumerate(results):
        for row in _rows(at, result, names):
            for column, value in zip(values, row, strict=True):
                column.append(value)
            errors.append(result.message if isinstance(result, Failed) else None)
            counts[at] += 1
    return Spread(values, errors, counts)


def _values(at: int, result: Any, names: Sequence[str]) -> Sequence[Any]:
    if len(names) == 1:
        return [result]
    if result is None:
        return [None] * len(names)
    if isinstance(result, Mapping) and set(result) == set(names):
        return [result[name] for name in names]
    if isinstance(result, list | tuple) and len(result) == len(names):
        return result
    raise WrongValueError(
        at, f"gave {shown(result)} where {len(names)} values are wanted: {', '.join(names)}"
    )


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
    elif isinstance(result, list | tuple):
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
