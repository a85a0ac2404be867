"""Try a function on rows of a stored table: its results come back, and nothing is written.

By default the function runs in this process, so that one which was just typed into a notebook works too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pydantic_core import PydanticCustomError

from .. import engine
from ..companions import companions
from ..encoding import unpacked
from ..engine import Note, unheard
from ..errors import DeriveError, WorkerDiedError
from ..manifest.types import IMAGE
from ..manifest.values import output as checked_output
from .calling import Origins, Way, rest
from .code import code_of
from .coming import SMALL_BYTES
from .computing import BATCH_ROWS, rows_at_once
from .loading import FunctionName, Loaded, described, loaded, name_of, ready
from .outputs import Outputs
from .tasks import Calls, cells

if TYPE_CHECKING:
    from ..table import Table

Output = str | Sequence[str] | Mapping[str, str]
Function = Callable[..., Any] | str
Answers = tuple[list[pa.Array], NDArray[np.int64]]
HERE = "__main__"


@dataclass(frozen=True, slots=True)
class MapTask:
    """Rows that a function is to be called for, as they were read."""

    columns: Mapping[str, pa.Array]
    inputs: Sequence[str]
    images: frozenset[str]
    function: FunctionName | Loaded
    way: Way
    origins: Origins
    outputs: Outputs
    many: bool


def map_rows(
    table: Table,
    function: Function,
    output: Output | None,
    names: Sequence[str],
    args: Mapping[str, Any],
    where: str | None,
    limit: int | None,
    way: Way,
    workers: int | None,
) -> pd.DataFrame:
    """Call a function for rows of a table; see `datapkg.Table.map`."""
    call, own = _function(function, args, workers is not None)
    types = _types(own if output is None else output, table.name)
    many = isinstance(own if output is None else output, Mapping)
    outputs = Outputs(types, "error" if way.on_error == "null" else "")
    inputs = table.rows.refuse_unknown(names)
    at = table.rows.matching(where, limit)
    tasks = _tasks(table, inputs, at, call, way, outputs, many)
    with engine.get("inline" if workers is None else "local").session(workers) as run:
        try:
            answers = list(run(mapped, tasks, unheard))
        except WorkerDiedError as error:
            raise _death(error, call.name, way) from None
    return _frame(outputs, at, answers)


def mapped(task: MapTask, note: Note) -> Answers:
    """Call a function for the rows of a task."""
    rows = task.origins.told(0, len(next(iter(task.columns.values()))))
    note(rows, 0)
    call = loaded(task.function) if isinstance(task.function, FunctionName) else task.function
    values = [cells(task.columns, name, name in task.images) for name in task.inputs]
    try:
        answers = Calls([values], task.way, task.origins, task.outputs, task.many).answers(call, _begun)
    finally:
        rest()
    note(rows, 1)
    return answers


def way_of(batch_size: int | None, on_error: str, seed: int, timeout_s: float | None) -> Way:
    """How to call a function; the number of rows counts for objects of classes alone."""
    return Way(on_error, seed, timeout_s, batch_size or BATCH_ROWS)


def _death(error: WorkerDiedError, name: str, way: Way) -> DeriveError:
    """Say which rows a process was at when it ended."""
    late = "" if way.timeout_s is None else f", or gave no answer within {way.timeout_s:g} s"
    what = f"the process that ran the function {name} died, perhaps by a crash or for want of memory{late}"
    fix = "try the function on these rows alone, with limit and where"
    return DeriveError(what, " or ".join(error.places) or "the first rows", fix)


def _function(function: Function, args: Mapping[str, Any], away: bool) -> tuple[FunctionName | Loaded, Any]:
    """What to call, by its name where that is `away` in another process; and what it says of its output."""
    if not away and not isinstance(function, str):
        name_here = getattr(function, "__qualname__", type(function).__name__)
        return ready(function, args, name_here), getattr(function, "output", None)
    name = function if isinstance(function, str) else name_of(function)
    if name.startswith(f"{HERE}:"):
        fix = "put it into a .py file and import it from there, or leave workers out"
        raise DeriveError("stands in the program itself, which workers do not run", f"function {name}", fix)
    folder = Path.cwd()
    there = FunctionName.of(name, folder, args, code_of(name, folder).digest)
    return there if away else loaded(there), described(there).output


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


def _tasks(
    table: Table,
    inputs: Sequence[str],
    at: NDArray[np.int64],
    function: FunctionName | Loaded,
    way: Way,
    outputs: Outputs,
    many: bool,
) -> Iterator[MapTask]:
    """The rows in tasks, read when it is their turn."""
    images = frozenset(column.name for column in table.record.columns if column.image)
    beside = [one for name in inputs if name in images for one in companions(name).looks]
    asked = list(dict.fromkeys([*inputs, *beside]))
    step = rows_at_once(len(at), sum(_row_bytes(table, name) for name in inputs), way.batch_rows)
    sources = _Sources(table)
    for start in range(0, len(at), step):
        positions = at[start : start + step]
        batches = [batch for _, batch in table.rows.take(positions, asked, rows=step)]
        read = pa.Table.from_batches(batches).combine_chunks()
        columns = {name: read.column(name).combine_chunks() for name in asked}
        origins = Origins(table.name, tuple(sources.of(positions)))
        yield MapTask(columns, inputs, images, function, way, origins, outputs, many)


def _row_bytes(table: Table, column: str) -> float:
    rows = max(len(table), 1)
    held = table.record.image_bytes
    return held.get(unpacked(column), held.get(column, SMALL_BYTES * rows)) / rows


class _Sources:
    """The sources of a table's rows."""

    def __init__(self, table: Table) -> None:
        listed = table.package["_sources"].to_arrow(["table", "path", "rows"]).to_pylist()
        self._rows = [row for row in listed if row["table"] == table.name]
        self._ends = np.cumsum([row["rows"] for row in self._rows])

    def of(self, positions: NDArray[np.int64]) -> Iterator[tuple[str, int, int]]:
        """The source of each row, and its row there: a seed is the same as in a build."""
        for position in positions.tolist():
            number = int(np.searchsorted(self._ends, position, "right"))
            row = self._rows[number]
            yield row["path"], position - int(self._ends[number]) + row["rows"], 1


def _frame(outputs: Outputs, at: NDArray[np.int64], answers: Sequence[Answers]) -> pd.DataFrame:
    """What was given as a frame, whose index is the row that it was given for."""
    schema = outputs.schema()
    batches = [pa.RecordBatch.from_arrays(arrays, schema=schema) for arrays, _ in answers]
    found = pa.Table.from_batches(batches, schema)
    columns = {name: found.column(name).combine_chunks() for name in schema.names}
    frame = {
        name: pd.Series(_objects(cells(columns, name, True)))
        if text == IMAGE
        else found.column(name).to_pandas()
        for name, text in outputs.types.items()
    }
    if outputs.error:
        frame[outputs.error] = found.column(outputs.error).to_pandas()
    counts = np.concatenate([np.empty(0, np.int64), *(counts for _, counts in answers)])
    return pd.DataFrame(frame).set_axis(pd.Index(np.repeat(at, counts)), axis=0)


def _objects(values: Sequence[Any]) -> NDArray[np.object_]:
    found = np.empty(len(values), object)
    for at, value in enumerate(values):
        found[at] = value
    return found


def _begun(at: int) -> None:
    """No row is marked: a process that ends is told with the rows of its task."""
