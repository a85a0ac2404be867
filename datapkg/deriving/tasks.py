"""What workers do: compute the values of some rows, and lay values beside the fragments whose rows they belong to.

Both are functions of one task, the same on every engine. A task's rows are chosen by bytes and by number, never by the
number of workers, so that what a function sees together does not depend on it.
"""

from __future__ import annotations

import mmap
import struct
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..companions import companions
from ..encoding import decoded
from ..engine import Note
from ..errors import DeriveError
from ..places import Folder, Place
from ..store import Fragment, write_fragment
from .ahead import read_ahead, spans
from .calling import Caller, Origins, Way, rest
from .gathering import Asked, Look, gather
from .loading import Described, FunctionName, Loaded, described, loaded
from .outputs import Outputs, WrongValueError
from .rows import any_rows_each, one_row_each

AT = struct.Struct("<qd")
CARRIED_BYTES = 1 << 20
"""A file costs more than to send so much to the process that asked."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a function reads of each row: columns with their types, and which of them hold images.

    Images that are known to be all alike come with their dtype and shape.
    """

    names: tuple[str, ...]
    images: Mapping[str, Look | None]
    schemas: tuple[pa.Schema, ...]
    asked: tuple[Asked, ...]

    def read(self, start: int, stop: int) -> dict[str, pa.Array]:
        """The columns of some rows, by name."""
        return {
            name: column
            for asked, schema in zip(self.asked, self.schemas, strict=True)
            for name, column in zip(schema.names, gather(asked, schema, start, stop).columns, strict=True)
        }

    def values(self, columns: dict[str, pa.Array]) -> list[Sequence[Any]]:
        """Each input's values as a function takes them: images are arrays of their own type and shape."""
        return [cells(columns, name, name in self.images, self.images.get(name)) for name in self.names]


def cells(columns: Mapping[str, pa.Array], name: str, image: bool, look: Look | None = None) -> Sequence[Any]:
    """A column's values as a function takes them: images are arrays of their own dtype and shape, or of those that all have."""
    if not image:
        plain: Sequence[Any] = columns[name].to_pylist()
        return plain
    if look is not None:
        return decoded(columns[name], [look[0]] * len(columns[name]), [look[1]] * len(columns[name]))
    dtypes, shapes = (columns[beside].to_pylist() for beside in companions(name).looks)
    return decoded(columns[name], dtypes, shapes)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a row of a derived table keeps of the row that it is from: columns, by their names there."""

    names: tuple[str, ...]
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class ComputeTask:
    """Rows whose values are to be computed, and where these are written to.

    `name` is unique in a build; `key` names what decides the values, in any build. `step` rows are read at once.
    """

    package: Place
    attempt: str
    name: str
    key: str
    values: str
    function: FunctionName
    way: Way
    inputs: Inputs
    outputs: Outputs
    origins: Origins
    rows: int
    step: int
    kept: Kept | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """What a function is called with, and what it is to give; `many` says that a row may give none or several.

    `pieces` are the values of each input for some rows after the other.
    """

    pieces: Iterable[Sequence[Sequence[Any]]]
    way: Way
    origins: Origins
    outputs: Outputs
    many: bool

    def answers(
        self, function: Loaded, begin: Callable[[int], None]
    ) -> tuple[list[pa.Array], NDArray[np.int64]]:
        """The columns of what it gives, and how many rows came of each row.

        Raises
        ------
        DeriveError
            It fails for a row, or gives what was not announced.
        """
        caller = Caller(function, self.way, begin)
        results: list[Any] = []
        for values in self.pieces:
            results += caller(values, self.origins, len(results))
        try:
            spread = (any_rows_each if self.many else one_row_each)(results, list(self.outputs.types))
            return spread.arrays(self.outputs), spread.counts
        except WrongValueError as error:
            fix = "mend the function, or correct its output"
            where = self.origins.told(error.at)
            raise DeriveError(f"the function {function.name} {error}", where, fix) from None


@dataclass(frozen=True, slots=True)
class Computed:
    """The values of a task, written or, where they are few bytes, as they are; and how many rows came of each input row."""

    values: Fragment | pa.RecordBatch | None
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WriteTask:
    """Values to be written as one fragment, in the order in which they are asked for."""

    package: Place
    attempt: str
    table: str
    schema: pa.Schema
    asked: Asked
    rows: int
    step: int


def describe(function: FunctionName, note: Note) -> Described:
    """What a function says itself; looking at it shows whether it is there."""
    note(function.name, 0)
    found = described(function)
    note(function.name, 1)
    return found


def compute(task: ComputeTask, note: Note) -> Computed:
    """Call a function for the rows of a task, and store what it gives if that is much."""
    note(task.name, 0)
    function = loaded(task.function)
    keys: list[list[pa.Array]] = []

    def pieces() -> Iterator[Sequence[Sequence[Any]]]:
        for columns in read_ahead(task.inputs.read, spans(task.rows, task.step)):
            keys.append([columns[name] for name in task.kept.names] if task.kept is not None else [])
            yield task.inputs.values(columns)

    try:
        with _mark(task) as begin:
            calls = Calls(pieces(), task.way, task.origins, task.outputs, task.kept is not None)
            arrays, counts = calls.answers(function, begin)
    finally:
        rest()
    schema = task.outputs.schema() if task.kept is None else task.kept.schema
    if task.kept is not None:
        arrays = [
            *_kept(task, [pa.concat_arrays(parts) for parts in zip(*keys, strict=True)], counts),
            *arrays,
        ]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    values = (
        batch
        if batch.nbytes < CARRIED_BYTES
        else write_values(task.package, task.attempt, task.values, [batch])
    )
    note(task.name, task.rows)
    return Computed(values, counts)


def write_values(
    package: Place, attempt: str, values: str, batches: Sequence[pa.RecordBatch]
) -> Fragment | None:
    """Store values until all of a table's are there."""
    return write_fragment(package, attempt, values, batches[0].schema, batches)


def write(task: WriteTask, note: Note) -> Fragment:
    """Write values in another order than they were computed in."""
    note(task.table, 0)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, task.rows, task.step):
            yield gather(task.asked, task.schema, start, min(start + task.step, task.rows))

    fragment = write_fragment(task.package, task.attempt, task.table, task.schema, batches())
    assert fragment is not None
    note(task.table, task.rows)
    return fragment


def _kept(task: ComputeTask, keys: Sequence[pa.Array], counts: NDArray[np.int64]) -> list[pa.Array]:
    """Of each new row the source and the row that it is from, and the columns that name it."""
    index = np.repeat(np.arange(task.rows), counts)
    rows = [np.arange(first, first + count) for _, first, count in task.origins.stretches]
    paths = np.repeat(
        [path for path, _, _ in task.origins.stretches], [count for _, _, count in task.origins.stretches]
    )
    taken = pa.array(index)
    return [
        pa.array(paths[index], pa.string()),
        pa.array(np.concatenate(rows)[index], pa.int64()),
        *(column.take(taken) for column in keys),
    ]


class _mark:  # noqa: N801 - reads as what it is, `with mark(task)`
    """Say before each row which one it is, in a file that outlives this process."""

    def __init__(self, task: ComputeTask) -> None:
        self._path = mark_path(task)

    def __enter__(self) -> Any:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "w+b") as file:
            file.write(AT.pack(0, time.time()))
            file.flush()
            self._map = mmap.mmap(file.fileno(), AT.size)
        return lambda at: AT.pack_into(self._map, 0, at, time.time())

    def __exit__(self, *error: object) -> None:
        self._map.close()
        self._path.unlink(missing_ok=True)


def mark_path(task: ComputeTask) -> Path:
    """Where a worker says which row of a task it is at: in the staging folder, or where that is in a bucket on its machine."""
    staging = task.package.staging(task.attempt)
    if isinstance(staging, Folder):
        return staging.local(f"_marks/{task.name}")
    return Path(tempfile.gettempdir(), f"datapkg-{task.attempt} {task.name}")


def marked(task: ComputeTask) -> tuple[int, float] | None:
    """The row that a task was at when its process ended, and how long ago that began; None if it was at none."""
    try:
        row, begun = AT.unpack(mark_path(task).read_bytes())
    except (OSError, struct.error):
        return None
    mark_path(task).unlink(missing_ok=True)
    return row, time.time() - begun
