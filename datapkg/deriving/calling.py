"""Call a function for rows: one after the other, or a batch at once; with seeds, a limit of time, and a place for errors."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3

from ..engine import in_worker
from ..errors import DeriveError
from .loading import Loaded, told
from .outputs import shown

GRACE_S = 2.0
"""What a function that does not come back to Python gets beyond its time before its process is ended."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What stands for the value of a row whose function failed, where that is no end."""

    message: str


@dataclass(frozen=True, slots=True)
class Origins:
    """Where rows come from: for each of several stretches the source's path, the row in it, and the number of rows."""

    table: str
    stretches: tuple[tuple[str, int, int], ...]

    def of(self, at: int) -> tuple[str, int]:
        """Path, and row in the source."""
        for path, first, rows in self.stretches:
            if at < rows:
                return path, first + at
            at -= rows
        raise IndexError(at)

    def told(self, at: int, stop: int | None = None) -> str:
        """A row, or some up to `stop`, in words."""
        path, row = self.of(at)
        if stop is None or stop == at + 1:
            return f"table {self.table}, row {row} of {path}"
        last_path, last = self.of(stop - 1)
        if last_path == path:
            return f"table {self.table}, rows {row} to {last} of {path}"
        return f"table {self.table}, rows {row} of {path} to {last} of {last_path}"


@dataclass(frozen=True, slots=True)
class Way:
    """How to call: what becomes of errors, the seed, seconds for a call, rows for a call of a class's object."""

    on_error: str = "fail"
    seed: int = 0
    timeout_s: float | None = None
    batch_rows: int = 1


class _LateError(BaseException):
    """The time is over; no function that catches its errors catches this."""


class Caller:
    """Calls one function for rows; `begin` hears of each row before its turn."""

    def __init__(self, function: Loaded, way: Way, begin: Callable[[int], None]) -> None:
        self._function, self._way, self._begin = function, way, begin

    def __call__(self, inputs: Sequence[Sequence[Any]], origins: Origins, first: int = 0) -> list[Any]:
        """The results of all rows, in order.

        Parameters
        ----------
        inputs
            The values of each input column.
        origins, first
            Where rows come from, and which of them is the first one here.

        Raises
        ------
        DeriveError
            A row failed, and `on_error` is ``fail``.
        """
        count = len(inputs[0])
        if not self._function.batched:
            rows = zip(*inputs, strict=True)
            return [self._one(values, at, origins) for at, values in enumerate(rows, first)]
        step = self._way.batch_rows
        return [
            result
            for start in range(0, count, step)
            for result in self._batch(
                [column[start : start + step] for column in inputs], first + start, origins
            )
        ]

    def _one(self, values: Sequence[Any], at: int, origins: Origins) -> Any:
        self._begin(at)
        chance = self._chance(origins, at)
        try:
            with self._limited():
                return _whole(self._function.call(*values, **self._function.args, **chance))
        except (Exception, _LateError, SystemExit) as error:  # noqa: BLE001 - a function may raise anything
            return self._failed(error, origins.told(at))

    def _batch(self, inputs: Sequence[Sequence[Any]], start: int, origins: Origins) -> list[Any]:
        stop = start + len(inputs[0])
        self._begin(start)
        seeds = [self._chance(origins, at) for at in range(start, stop)]
        chance = {name: [one[name] for one in seeds] for name in seeds[0]}
        try:
            with self._limited():
                given = _whole(self._function.call(*(list(column) for column in inputs), **chance))
                results = [_whole(one) for one in given] if isinstance(given, Iterable) else None
        except (Exception, _LateError, SystemExit) as error:  # noqa: BLE001 - a function may raise anything
            if stop - start == 1 or (isinstance(error, _LateError) and self._way.on_error == "fail"):
                return [self._failed(error, origins.told(start, stop))]
            # one by one, to find the rows that it fails for
            alone = ([[value] for value in row] for row in zip(*inputs, strict=True))
            found = [one for at, row in enumerate(alone, start) for one in self._batch(row, at, origins)]
            return found if self._way.on_error == "null" else [self._failed(error, origins.told(start, stop))]
        if results is None:
            raise self._error(f"gave {shown(given)} for a list", origins.told(start, stop))
        if len(results) != stop - start:
            what = f"gave {len(results)} results for {stop - start} inputs"
            raise self._error(what, origins.told(start, stop))
        return results

    def _chance(self, origins: Origins, at: int) -> dict[str, Any]:
        """A number that depends on the row alone, so that it is the same however rows are spread over workers."""
        if not self._function.chance:
            return {}
        path, row = origins.of(at)
        text = f"{self._way.seed}\0{path}\0{row}".encode()
        seed = int.from_bytes(blake3(text).digest(8), "little") >> 32
        return {
            self._function.chance: np.random.default_rng(seed) if self._function.chance == "rng" else seed
        }

    def _failed(self, error: BaseException, where: str) -> Failed:
        if isinstance(error, _LateError):
            what = f"gave no answer within {self._way.timeout_s:g} s"
        else:
            what = f"raised {told(error)}{self._line(error)}"
        if self._way.on_error == "null":
            return Failed(what)
        raise self._error(what, where)

    def _error(self, what: str, where: str) -> DeriveError:
        fix = (
            'mend the function; to go on without such rows, write on_error: null (in Python, on_error="null")'
        )
        return DeriveError(f"the function {self._function.name} {what}", where, fix)

    def _line(self, error: BaseException) -> str:
        """The line of the function's own file that failed."""
        frames = [
            one for one in traceback.extract_tb(error.__traceback__) if one.filename == self._function.file
        ]
        return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""

    @contextmanager
    def _limited(self) -> Iterator[None]:
        timeout_s = self._way.timeout_s
        if (
            timeout_s is None
            or not hasattr(signal, "SIGALRM")
            or threading.current_thread() is not threading.main_thread()
        ):
            yield
            return
        before = signal.signal(signal.SIGALRM, _late)
        _watchdog.arm(timeout_s)
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def _whole(result: Any) -> Any:
    """What a generator yields, as a list: it may fail, or hang, as the function itself may."""
    return list(result) if isinstance(result, Iterator) else result


def _late(number: int, frame: object) -> None:  # noqa: ARG001 - as signal wants it
    raise _LateError


class _Watchdog:
    """Ends a worker's process where C code never comes back to Python; never the process of a user."""

    def __init__(self) -> None:
        self._armed = float("-inf")
        self._nowhere: Any = None

    def arm(self, timeout_s: float) -> None:
        """Begin again to count; at most once a second, since each time starts a thread."""
        if not in_worker() or time.monotonic() - self._armed < 1:
            return
        self._armed = time.monotonic()
        self._nowhere = self._nowhere or open(os.devnull, "w")  # noqa: SIM115 - it is needed to the end
        faulthandler.dump_traceback_later(timeout_s + 1 + GRACE_S, exit=True, file=self._nowhere)

    def rest(self) -> None:
        """No call is running."""
        self._armed = float("-inf")
        if self._nowhere is not None:
            faulthandler.cancel_dump_traceback_later()


_watchdog = _Watchdog()
rest = _watchdog.rest
