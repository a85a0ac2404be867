"""What a function gives, as Arrow columns: types are those that were announced, values are exact or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..arrow_types import arrow_type
from ..companions import companions
from ..digest import logical
from ..encoding import PackedLayout
from ..manifest.types import IMAGE, TypeTree, type_tree
from ..packing import value as packing
from ..pixels import DTYPES, image_digest
from ..sources.base import Column, TableSchema
from .fitting import fitting

SHOWN_CHARACTERS = 60
NUMBERS = frozenset(
    [*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float", "double"]
)


class WrongValueError(ValueError):
    """A value is not what was announced; `at` counts the values that were given."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a function gives for a row: names and types (as text), in order; `error` names the column of messages."""

    types: Mapping[str, str]
    error: str = ""

    def columns(self) -> tuple[Column, ...]:
        """The table's columns that come of it: an image is several."""
        found = [column for name, text in self.types.items() for column in _columns(name, type_tree(text))]
        return (*found, *([Column(self.error, pa.string(), "string")] if self.error else []))

    def schema(self) -> pa.Schema:
        """Their schema."""
        return TableSchema("", "", self.columns()).arrow()

    def arrays(self, values: Sequence[Sequence[Any]], errors: Sequence[str | None]) -> list[pa.Array]:
        """The columns' values: `values` holds those of each output, None for a missing one.

        Raises
        ------
        WrongValueError
            One is not of its type.
        """
        found = [
            array
            for text, column in zip(self.types.values(), values, strict=True)
            for array in _arrays(type_tree(text), column)
        ]
        return [*found, *([pa.array(errors, pa.string())] if self.error else [])]


def _columns(name: str, tree: TypeTree) -> list[Column]:
    if tree.name != IMAGE:
        kind = arrow_type(tree)
        return [Column(name, kind, logical(kind))]
    layout, beside = PackedLayout(), companions(name)
    return [
        Column(name, layout.arrow_type(), IMAGE, layout),
        Column(beside.digest, pa.string(), "string"),
        Column(beside.dtype, pa.string(), "string"),
        Column(beside.shape, pa.list_(pa.int32()), "list<int32>"),
    ]


def _arrays(tree: TypeTree, values: Sequence[Any]) -> list[pa.Array]:
    if tree.name == IMAGE:
        images = [None if value is None else _image(at, value) for at, value in enumerate(values)]
        return [
            pa.array([None if one is None else packing.pack(one) for one in images], pa.large_binary()),
            pa.array([None if one is None else image_digest(one) for one in images], pa.string()),
            pa.array([None if one is None else one.dtype.name for one in images], pa.string()),
            pa.array([None if one is None else one.shape for one in images], pa.list_(pa.int32())),
        ]
    kind = arrow_type(tree)
    plain = []
    for at, value in enumerate(values):
        try:
            plain.append(fitting(kind, value))
        except (TypeError, ValueError, OverflowError):
            raise WrongValueError(at, f"gave {shown(value)}, which is no {logical(kind)}") from None
    try:
        return [_numbers(plain, kind) if str(kind) in NUMBERS else pa.array(plain, kind)]
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise WrongValueError(_refused(plain, kind), f"gave what is no {logical(kind)} ({error})") from None


def _numbers(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Numbers as a column, without Arrow's own conversion, which imports pandas to know its missing values."""
    missing = np.array([value is None for value in values], bool)
    numbers = np.array([0 if value is None else value for value in values], kind.to_pandas_dtype())
    valid = None if not missing.any() else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(kind, len(numbers), [valid, pa.py_buffer(numbers)])


def _refused(values: Sequence[Any], kind: pa.DataType) -> int:
    """Which of the values Arrow does not take."""
    for at, value in enumerate(values):
        try:
            pa.array([value], kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return at
    return 0


def _image(at: int, value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        raise WrongValueError(at, f"gave {shown(value)}, which is no image (a NumPy array)")
    if value.ndim == 0 or value.dtype.name not in DTYPES:
        what = f"gave an array of {value.dtype.name} with {value.ndim} axes"
        raise WrongValueError(at, f"{what}, which is no image: numbers or bool, with an axis at least")
    return value


def shown(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype.name}, shape {value.shape}"
    if value is None:
        return "nothing"
    text = repr(value)
    return f"{text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + '...'} ({type(value).__name__})"
