"""Have values computed by workers, in tasks of rows; what they write can be read at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .. import store
from ..companions import companions
from ..engine import Needs, Note, Run, unheard
from ..errors import DeriveError, WorkerDiedError
from ..manifest.models import Derivation
from ..progress import Counter, Progress
from ..store import Fragment
from .calling import GRACE_S, Origins, Way
from .coming import Coming, Stretch
from .finished import Finished, key_of
from .gathering import Located, Positions, Stored
from .loading import Described, FunctionName
from .outputs import Outputs
from .recipe import Recipe
from .tasks import (
    Computed,
    ComputeTask,
    Inputs,
    Kept,
    WriteTask,
    compute,
    describe,
    marked,
    write,
    write_values,
)

TASKS = 256
"""About so many tasks share the rows: enough for many workers, few enough to cost nothing."""
TASK_BYTES = 16 << 20
AHEAD_FROM = 4 << 20
"""The rows of a task of so many bytes are read in two pieces, the second while the function works on the first."""
BATCH_ROWS = 32
"""What an object of a class gets at once where the entry does not say."""
BATCH_BYTES = 12 << 20
FEW_FILES = 8


@dataclass(frozen=True, slots=True)
class Values:
    """What was computed for some rows: where it can be read, in their order, and how many rows came of each.

    `folder` is None where nothing came of them.
    """

    located: Located
    counts: Positions
    bytes: int


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What an entry needs to be computed: its recipe, its function, and its outputs."""

    entry: Derivation
    recipe: Recipe
    function: FunctionName
    outputs: Outputs
    where: str


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs tasks, who hears of it, and what builds that were stopped have left."""

    run: Run
    progress: Progress
    finished: Finished

    def computed(
        self,
        coming: Coming,
        made: Ingredients,
        stretches: Sequence[Stretch],
        values: str,
        schema: pa.Schema,
        kept: Kept | None = None,
    ) -> Values:
        """Call a function for all rows of some sources.

        Raises
        ------
        DeriveError
            With the row and its source.
        """
        total = sum(one.source.rows for one in stretches)
        entry = made.entry
        calling = way(entry, total > 0 and self.described(made.function, total).batched)
        tasks = list(_tasks(coming, made, stretches, values, schema, kept, calling))
        rows = sum(task.rows for task in tasks)
        label = f"computing {coming.name}.{entry.into or ', '.join(entry.columns)}"
        note = Counter(label, len(tasks), rows, self.progress, "rows")
        fragments, counts = _collected(coming, values, self._results(tasks, entry, note))
        located = staged_values(coming, values, schema, fragments)
        size = sum(file.bytes for one in fragments for file in one.files)
        return Values(located, counts, size)

    def described(self, function: FunctionName, rows: int = 1) -> Described:
        """What a function says itself; no code of a user runs in this process.

        It is asked for as often as there are workers for `rows`, so that each has loaded it when the first rows come.
        """
        found: Described
        found, *_ = self.run(describe, [function] * min(rows, self.run.threads), unheard)
        return found

    def written(self, tasks: Sequence[WriteTask], label: str) -> list[Fragment]:
        """Have values written in another order: here, where they are few, since a worker would load the engine first."""
        rows = sum(task.rows for task in tasks)
        note = Counter(f"storing {label}", len(tasks), rows, self.progress, "rows")
        if len(tasks) <= FEW_FILES and sum(task.rows / task.step for task in tasks) <= 1:
            return [write(task, note) for task in tasks]
        return list(self.run(write, tasks, note))

    def _results(self, tasks: Sequence[ComputeTask], entry: Derivation, note: Note) -> Iterator[Computed]:
        """The results in order: those that a stopped build has left, and the others, which are left for the next."""
        there = self.finished.taken_up(tasks)
        fresh = self._explained([task for task in tasks if task.key not in there], entry, note)
        for task in tasks:
            if task.key in there:
                note(task.name, task.rows)
                yield there.pop(task.key)
            else:
                done = next(fresh)
                self.finished.keep(task, done)
                yield done

    def _explained(self, tasks: Sequence[ComputeTask], entry: Derivation, note: Note) -> Iterator[Any]:
        """The results; the death of a worker is told with the row that it was at."""
        try:
            yield from self.run(compute, tasks, note, Needs(entry.num_cpus, entry.num_gpus))
        except WorkerDiedError as error:
            here = [task for task in tasks if task.name in error.places] or tasks
            raise death(self.run.anywhere(rows_at, here) or [], entry) from None


def rows_at(tasks: Sequence[ComputeTask]) -> list[tuple[ComputeTask, tuple[int, float]]] | None:
    """The tasks that a process which ended has left marks of."""
    return [(task, at) for task in tasks if (at := marked(task)) is not None] or None


def death(rows: Sequence[tuple[ComputeTask, tuple[int, float]]], entry: Derivation) -> DeriveError:
    """Say at which row a process ended, and whether it had been silent for too long; other processes ended with it."""
    limit = math.inf if entry.timeout_s is None else entry.timeout_s + GRACE_S / 2  # what is ended got more
    late = [one for one in rows if one[1][1] >= limit]
    where = " or ".join(task.origins.told(at) for task, (at, _) in (late or rows)[:3])
    if late:
        what = f"gave no answer within {entry.timeout_s:g} s, and its process was ended"
        return DeriveError(
            f"the function {entry.function} {what}", where, "mend the function, or raise timeout_s"
        )
    what = (
        f"the process that ran the function {entry.function} died, perhaps by a crash or for want of memory"
    )
    fix = "try the function on this row alone, or build with fewer --workers"
    return DeriveError(what, where or f"table {entry.table}", fix)


def _collected(coming: Coming, values: str, done: Iterator[Computed]) -> tuple[list[Fragment], Positions]:
    """Everything that was computed as fragments, in order; what was not written by a worker is written here."""
    fragments: list[Fragment] = []
    carried: list[pa.RecordBatch] = []
    counts = [np.empty(0, np.int64)]
    held = 0

    def write_carried() -> None:
        written = write_values(coming.package, coming.attempt, values, carried) if carried else None
        fragments.extend([written] if written is not None else [])
        carried.clear()

    for one in done:
        counts.append(one.counts)
        if isinstance(one.values, pa.RecordBatch):
            carried.append(one.values)
            held += one.values.nbytes
            if held > TASK_BYTES:
                write_carried()
                held = 0
        elif one.values is not None:
            write_carried()
            fragments.append(one.values)
    write_carried()
    return fragments, np.concatenate(counts)


def staged_values(coming: Coming, values: str, schema: pa.Schema, fragments: Sequence[Fragment]) -> Located:
    """Make values readable, one after the other."""
    if not fragments:
        return Located.of([], [])
    staged = store.staged(coming.package, coming.attempt, values, schema, fragments)
    flat = np.array(staged.runs, np.int64).reshape(-1, 3).tolist()
    runs = [(0, fragment, first, rows) for fragment, first, rows in flat]
    return Located.of(runs, [Stored.of(staged.folder, values, staged.pin)])


def way(entry: Derivation, batched: bool) -> Way:
    """How an entry wants its function to be called."""
    rows = entry.batch_size or BATCH_ROWS if batched else 1
    return Way(entry.on_error, entry.seed, entry.timeout_s, rows)


def inputs_of(coming: Coming, names: Sequence[str], kept: Sequence[str], positions: Positions) -> Inputs:
    """What to read of the rows at some positions: the inputs, with what goes with images, and what is kept of a row."""
    images = {name: coming.look(name) for name in names if coming.columns[name].image}
    beside = [one for name, look in images.items() if look is None for one in companions(name).looks]
    wanted = dict.fromkeys([*names, *beside, *kept])
    groups: dict[int, list[str]] = {}
    places: dict[int, Located] = {}
    for name in wanted:
        located = coming.located(name)
        places[id(located)] = located
        groups.setdefault(id(located), []).append(name)
    return Inputs(
        tuple(names),
        images,
        tuple(pa.schema([coming.field(name) for name in group]) for group in groups.values()),
        tuple(
            places[key].asked([(name, coming.columns[name].stored) for name in group], positions)
            for key, group in groups.items()
        ),
    )


def _tasks(
    coming: Coming,
    made: Ingredients,
    stretches: Sequence[Stretch],
    values: str,
    schema: pa.Schema,
    kept: Kept | None,
    calling: Way,
) -> Iterator[ComputeTask]:
    entry = made.entry
    total = sum(one.source.rows for one in stretches)
    width = sum(coming.row_bytes(name) for name in entry.input)
    step = rows_at_once(total, width, calling.batch_rows)
    piece = step if step * width < AHEAD_FROM else whole_batches(math.ceil(step / 2), calling.batch_rows)
    ends = np.cumsum([0, *(one.source.rows for one in stretches)])
    for number, start in enumerate(range(0, total, step)):
        stop = min(start + step, total)
        first, last = int(np.searchsorted(ends, start, "right")) - 1, int(np.searchsorted(ends, stop, "left"))
        parts = []
        for one, begin in zip(stretches[first:last], ends[first:last].tolist(), strict=True):
            skip = max(start - begin, 0)
            parts.append((one, skip, min(stop - begin, one.source.rows) - skip))
        positions = np.concatenate(
            [np.arange(one.first + skip, one.first + skip + rows) for one, skip, rows in parts]
        )
        sources = [(one.source.path, one.source.digest, skip, rows) for one, skip, rows in parts]
        yield ComputeTask(
            package=coming.package,
            attempt=coming.attempt,
            name=f"{values} {number}",
            key=key_of(made.recipe.recipe, str(schema), coming.name, calling.batch_rows, sources),
            values=values,
            function=made.function,
            way=calling,
            inputs=inputs_of(coming, entry.input, () if kept is None else kept.names, positions),
            outputs=made.outputs,
            origins=Origins(coming.name, tuple((one.source.path, skip, rows) for one, skip, rows in parts)),
            rows=stop - start,
            step=piece,
            kept=kept,
        )


def rows_at_once(total: int, width: float, batch: int) -> int:
    """How many rows of `width` bytes a task has: by their bytes and their number, and whole batches."""
    return whole_batches(min(math.ceil(total / TASKS), max(1, TASK_BYTES / max(width, 1))), batch)


def whole_batches(rows: float, batch: int) -> int:
    """At most so many rows in batches that are whole; one batch at least.

    Examples
    --------
    >>> whole_batches(70.5, 32), whole_batches(0.3, 32)
    (64, 32)
    """
    return max(batch, int(rows) // batch * batch)
