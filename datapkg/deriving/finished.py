"""What tasks of builds that were stopped had computed already, for the next build that would compute the same.

Each finished task leaves a note, named by all that decides its values, in a staging folder of its own that outlives the
attempt; large values lie beside it as a second name of the file that the attempt reads. It is a courtesy: what is
missing or damaged is computed. The folder goes when a version is out, or with `datapkg gc`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from blake3 import blake3

from ..durable import sealed, unsealed
from ..errors import DatapkgError
from ..places import FINISHED, Place
from ..store import Fragment, StoredFile
from .tasks import Computed, ComputeTask, write_values

HELD_BYTES = 64 << 20
"""What may be held in memory of values that were too few to be written by a worker."""
DATA_FILE = re.compile(r"[A-Za-z0-9_-]+\.lance")


@dataclass(frozen=True, slots=True)
class Finished:
    """The results of tasks, by their keys; `known` are those that were there when the attempt began."""

    package: Place
    attempt: str
    place: Place
    known: frozenset[str]

    @classmethod
    def of(cls, package: Place, attempt: str) -> Finished:
        """What stopped builds of a package have left."""
        place = package.staging(FINISHED)
        return cls(package, attempt, place, frozenset(place.names()))

    def keep(self, task: ComputeTask, done: Computed) -> None:
        """Leave a task's result for a build that comes after this one was stopped."""
        said: dict[str, Any] = {"counts": done.counts.tolist(), "values": None, "fragment": None}
        with suppress(OSError, DatapkgError):
            if isinstance(done.values, Fragment):
                names = [(file.path, _file(task.key, at)) for at, file in enumerate(done.values.files)]
                self.place.move_in(self.package.staging(self.attempt), names, keep=True)
                files = [[file.role, file.path, file.bytes, file.blake3] for file in done.values.files]
                said["fragment"] = [done.values.metadata, done.values.rows, files]
            elif done.values is not None:
                said["values"] = _packed(done.values)
            self.place.put(_note(task.key), sealed(said), lasting=False)

    def taken_up(self, tasks: Sequence[ComputeTask]) -> dict[str, Computed]:
        """The results that are there of some tasks, by their keys."""
        found = {}
        held = 0
        for task in tasks:
            done = self._found(task) if _note(task.key) in self.known else None
            if done is None:
                continue
            if isinstance(done.values, pa.RecordBatch):
                held += done.values.nbytes
                if held > HELD_BYTES:
                    written = write_values(self.package, self.attempt, task.values, [done.values])
                    done = replace(done, values=written)
            found[task.key] = done
        return found

    def _found(self, task: ComputeTask) -> Computed | None:
        with suppress(OSError, DatapkgError, ValueError, KeyError, TypeError, pa.ArrowException):
            said = unsealed(self.place.read(_note(task.key)), self.place.at(_note(task.key)))
            counts = np.array(said["counts"], np.int64)
            if said["fragment"] is not None:
                fragment = self._linked(task, *said["fragment"])
                return None if fragment is None else Computed(fragment, counts)
            return Computed(None if said["values"] is None else _unpacked(said["values"]), counts)
        return None

    def _linked(
        self, task: ComputeTask, metadata: str, rows: int, listed: Sequence[Sequence[Any]]
    ) -> Fragment | None:
        """A fragment among what this attempt has staged; None if a file of it is not as it was written."""
        files = []
        for role, path, size, digest in listed:
            name = PurePosixPath(path).name
            if not DATA_FILE.fullmatch(name):
                return None
            files.append(StoredFile(role, f"{task.values}.lance/data/{name}", size, digest))
        names = [(_file(task.key, at), file.path) for at, file in enumerate(files)]
        staging = self.package.staging(self.attempt)
        staging.move_in(self.place, names, keep=True)
        if any(staging.blake3(file.path) != file.blake3 for file in files):
            staging.remove([file.path for file in files])
            return None
        return Fragment(metadata, rows, tuple(files))


def key_of(*said: Any) -> str:
    """The name of a result: the BLAKE3 of all that decides it."""
    text = json.dumps(["datapkg-finished-1", *said], separators=(",", ":"), ensure_ascii=False)
    return str(blake3(text.encode()).hexdigest())


def _note(key: str) -> str:
    return f"{key}.json"


def _file(key: str, at: int) -> str:
    return f"{key}.{at}.lance"


def _packed(batch: pa.RecordBatch) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return base64.b64encode(sink.getvalue()).decode()


def _unpacked(text: str) -> pa.RecordBatch:
    with pa.ipc.open_stream(base64.b64decode(text)) as stream:
        return stream.read_next_batch()
