"""Try a function on rows of a stored table: its results come back, and nothing is written.

The function runs in this process, so that one which was just typed into a notebook works too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pydantic_core import PydanticCustomError

from ..companions import companions
from ..encoding import decoded
from ..errors import DeriveError
from ..manifest.types import IMAGE
from ..manifest.values import output as checked_output
from ..records import TableRecord
from .calling import Caller, Origins, Way
from .computing import BATCH_ROWS
from .loading import FunctionName, Loaded, described, loaded, ready
from .outputs import Outputs, WrongValueError
from .recipe import code_of
from .rows import any_rows_each, one_row_each

if TYPE_CHECKING:
    from ..table import Table

Output = str | Sequence[str] | Mapping[str, str]


def map_rows(
    table: Table,
    function: Callable[..., Any] | str,
    output: Output | None,
    names: Sequence[str],
    args: Mapping[str, Any],
    where: str | None,
    limit: int | None,
    way: Way,
) -> pd.DataFrame:
    """Call a function for rows of a table; see `datapkg.Table.map`."""
    call, own = _function(function, args)
    types, spread_out = _types(own if output is None else output, table.name), one_row_each
    if isinstance(output if output is not None else own, Mapping):
        spread_out = any_rows_each
    outputs = Outputs(types, "error" if way.on_error == "null" else "")
    at, values = _read(table, table.rows.refuse_unknown(names), where, limit)
    origins = Origins(table.name, tuple(_stretches(table, at)))
    results = Caller(call, way, _unheard)(values, origins)
    try:
        spread = spread_out(results, list(types))
        arrays = dict(zip(outputs.schema().names, spread.arrays(outputs), strict=True))
    except WrongValueError as error:
        what = f"the function {call.name} {error}"
        raise DeriveError(what, origins.told(error.at), "mend the function, or correct output") from None
    frame = {name: arrays[name].to_pandas() for name in (*types, *([outputs.error] if outputs.error else []))}
    for name, cells in zip(types, spread.values, strict=True):
        if types[name] == IMAGE:
            frame[name] = pd.Series(_objects(cells))
    return pd.DataFrame(frame).set_axis(pd.Index(np.repeat(at, spread.counts)), axis=0)


def way_of(batch_size: int | None, on_error: str, seed: int) -> Way:
    """How to call a function; the number of rows counts for objects of classes alone."""
    return Way(on_error, seed, None, batch_size or BATCH_ROWS)


def _function(function: Callable[..., Any] | str, args: Mapping[str, Any]) -> tuple[Loaded, Any]:
    """What to call, and what it says of its output."""
    if isinstance(function, str):
        folder = Path.cwd()
        name = FunctionName.of(function, folder, args, code_of(function, folder).digest)
        return loaded(name), described(name).output
    name_of = getattr(function, "__qualname__", type(function).__name__)
    return ready(function, args, name_of), getattr(function, "output", None)


def _types(output: Output | None, table: str) -> dict[str, str]:
    if output is None:
        fix = "give output='image', or a type such as output='float32'"
        raise DeriveError("what the function gives is not known", f"table {table}", fix)
    try:
        checked = checked_output(list(output) if isinstance(output, tuple) else output)
    except PydanticCustomError as error:
        context = error.context or {}
        raise DeriveError(str(context["what"]), f"table {table}", str(context["fix"])) from None
    if isinstance(checked, str):
        return {"value": checked}
    return (
        dict(checked)
        if isinstance(checked, dict)
        else {f"value{at}": text for at, text in enumerate(checked)}
    )


def _read(
    table: Table, names: Sequence[str], where: str | None, limit: int | None
) -> tuple[NDArray[np.int64], list[list[Any]]]:
    """The positions of the rows, and each input's values as a function takes them."""
    images = _images(table.record)
    beside = [one for name in names if name in images for one in companions(name).names[1:]]
    asked = list(dict.fromkeys([*names, *beside]))
    at = [np.empty(0, np.int64)]
    values: list[list[Any]] = [[] for _ in names]
    for positions, batch in table.rows.read(asked, where, limit):
        at.append(positions)
        for name, column in zip(names, values, strict=True):
            column += _values(batch, name) if name in images else batch.column(name).to_pylist()
    return np.concatenate(at), values


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    dtypes, shapes = (batch.column(one).to_pylist() for one in companions(name).names[1:])
    return decoded(batch.column(name), dtypes, shapes)


def _images(record: TableRecord) -> set[str]:
    return {column.name for column in record.columns if column.image}


def _stretches(table: Table, at: NDArray[np.int64]) -> Iterator[tuple[str, int, int]]:
    """The source of each row, and its row there: a seed is the same as in a build."""
    sources = [
        row
        for row in table.package["_sources"].to_arrow(["table", "path", "rows"]).to_pylist()
        if row["table"] == table.name
    ]
    ends = np.cumsum([row["rows"] for row in sources])
    for position in at.tolist():
        number = int(np.searchsorted(ends, position, "right"))
        row = sources[number]
        yield row["path"], position - int(ends[number]) + row["rows"], 1


def _objects(cells: Sequence[Any]) -> NDArray[np.object_]:
    found = np.empty(len(cells), object)
    for at, cell in enumerate(cells):
        found[at] = cell
    return found


def _unheard(at: int) -> None:
    """Nobody watches this process."""
