"""Run tasks on a Ray cluster: Ray spreads them over its machines, and tries a task again whose process died.

Every machine sees the files, the manifest's folder and the staging folder at the same paths, as on a shared disk:
workers write there what the process that asked commits. A cluster that does not is refused before anything is read.
"""

from __future__ import annotations

import os
import pickle
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..cache import cache_folder
from ..errors import ManifestError, StoreError
from . import ONE_CPU, Needs, Note, Run, begin_worker, death

try:
    import ray
except ImportError:
    fix = "pip install 'lance-datapkg[ray]'"
    raise ManifestError("the engine 'ray' needs Ray, which is not installed", "--engine ray", fix) from None
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

POLL_S = 0.2
AHEAD = 2  # tasks for each worker, so that none waits for its next
KEPT = 4  # and results that may wait for an earlier one
RETRIES = 1
STOP_S = 10.0
REACH_S = 60.0
KNOCK_S = 10.0
HERE, ANY = "local", "auto"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Ray at an address: ``HOST:PORT``, ``auto`` (the one that Ray finds), ``local`` (one that is started)."""

    address: str = ANY

    @contextmanager
    def session(self, workers: int | None = None, staging: Path | None = None) -> Iterator[Run]:
        """Give a `Run` with at most `workers` tasks at a time (default: as many as the cluster has CPUs).

        A program that is connected to Ray already stays so. A worker that dies gets its task again; when it dies
        over it every time, a WorkerDiedError names the files that were being read.

        Raises
        ------
        ManifestError
            The cluster cannot be reached.
        StoreError
            One of its machines does not see the staging folder.
        """
        connected = bool(ray.is_initialized())
        if not connected:
            self._connect(workers)
        try:
            if staging is not None:
                _refuse_apart(staging)
            folder = tempfile.TemporaryDirectory() if staging is None else nullcontext(str(staging))
            with folder as there:
                yield _Tasks(workers, Path(there, "_places"))
        finally:
            if not connected:
                ray.shutdown()

    def _connect(self, workers: int | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))  # else it tries for ever
        said: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address == HERE:
            said |= {"num_cpus": workers, "include_dashboard": False}
        fix = (
            "start Ray on this machine (ray start --head), give its --ray-address HOST:PORT, or choose local"
        )
        where = f"--ray-address {self.address}"
        host, _, port = self.address.rpartition(":")
        if self.address not in (HERE, ANY) and ("/" in host or not host or not port.isdecimal()):
            raise ManifestError("is no address of a cluster that can be joined", where, fix)
        try:
            if port.isdecimal():  # Ray itself tries for minutes
                socket.create_connection((host, int(port)), KNOCK_S).close()
            ray.init(address=self.address, **said)
        except (ConnectionError, RuntimeError, ValueError, OSError, exceptions.RayError) as error:
            line = next(iter(str(error).strip().splitlines()), type(error).__name__)
            if "Authentication" in str(error.__cause__):
                line, fix = (
                    "the cluster wants another token",
                    "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to its own",
                )
            raise ManifestError(f"Ray cannot be reached: {line}", where, fix) from None


@dataclass(slots=True)
class _Flight:
    """Tasks that were handed to Ray: those that run, and all whose result was not taken yet, in order."""

    running: dict[Any, Path] = field(default_factory=dict)
    waiting: deque[Any] = field(default_factory=deque)
    results: dict[Any, Any] = field(default_factory=dict)

    def end(self) -> None:
        """Stop what runs; nothing is written any more when this returns."""
        left = list(self.running)
        for one in left:
            ray.cancel(one, force=True)
        if left:
            ray.wait(left, num_returns=len(left), timeout=STOP_S)


class _Tasks:
    def __init__(self, workers: int | None, places: Path) -> None:
        cpus = max(1, int(_resources().get("CPU", 1)))
        self.workers = min(workers, cpus) if workers else cpus
        self._most = self.workers * (1 if self.workers < cpus else AHEAD)
        self._places, self._number = places, 0
        places.mkdir(exist_ok=True)

    def __call__(
        self,
        function: Callable[[Any, Note], Any],
        tasks: Sequence[Any],
        progress: Note,
        needs: Needs = ONE_CPU,
    ) -> Iterator[Any]:
        _refuse_needs(needs)
        call = ray.remote(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            max_calls=0,  # a model that is loaded stays, also on a GPU
            max_retries=RETRIES,
        )(_call)
        rest = iter(tasks)
        flight = _Flight()
        try:
            while True:
                while self._room(flight) and (task := next(rest, None)) is not None:
                    place = self._place()
                    one = call.remote(function, task, str(place), str(cache_folder().absolute()))
                    flight.running[one] = place
                    flight.waiting.append(one)
                if not flight.waiting:
                    return
                while flight.waiting and flight.waiting[0] in flight.results:
                    yield _value(flight.results.pop(flight.waiting.popleft()))
                if flight.running:
                    self._land(flight, progress)
        finally:
            flight.end()

    def _room(self, flight: _Flight) -> bool:
        return len(flight.running) < self._most and len(flight.waiting) < self._most * KEPT

    def _place(self) -> Path:
        self._number += 1
        return self._places / str(self._number)

    def _land(self, flight: _Flight, progress: Note) -> None:
        """Take what has come; a failure is kept until it is its turn."""
        done, _ = ray.wait(list(flight.running), num_returns=1, timeout=POLL_S)
        for one in done:
            place = flight.running.pop(one)
            try:
                result, notes = pickle.loads(ray.get(one))  # noqa: S301 - it is from our own worker
            except exceptions.RayTaskError as error:
                flight.results[one] = _Failure(error.cause if error.cause is not None else error)
            except exceptions.RayError as error:
                flight.results[one] = _Failure(_told(error, place))
            else:
                flight.results[one] = result
                for path, size in notes:
                    progress(path, size)


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


def _value(result: Any) -> Any:
    if isinstance(result, _Failure):
        raise result.error from None
    return result


def _told(error: Exception, place: Path) -> Exception:
    """What Ray says of a task without a result, in words of the files that it was at."""
    lost = (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError)
    if isinstance(error, (*lost, exceptions.ObjectLostError)):
        with suppress(OSError):
            return death([place.read_bytes().decode()])
        return death([])
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return ManifestError(f"Ray could not run a task: {line}", "--engine ray", "see Ray's own logs")


def _call(function: Callable[[Any, Note], Any], task: Any, place: str, cache: str) -> bytes:
    """Run a task; the file `place` says at what it is, also when this process has died.

    The result is packed here: what Ray unpacks is memory of its store, which may not be written to.
    """
    begin_worker()
    os.environ["DATAPKG_CACHE"] = cache  # what is staged for a bucket lies there
    notes: list[tuple[str, int]] = []
    with open(place, "wb", buffering=0) as file:

        def note(path: str, done: int) -> None:
            notes.append((path, done))
            if not done:
                file.seek(0)
                file.write(path.encode())
                file.truncate()

        result = function(task, note)
    Path(place).unlink(missing_ok=True)
    return pickle.dumps((result, notes), protocol=pickle.HIGHEST_PROTOCOL)


def _sees(folder: str) -> bool:
    return Path(folder).is_dir()


def _alive() -> list[dict[str, Any]]:
    nodes: Any = ray.nodes
    return [node for node in nodes() if node["Alive"]]


def _resources() -> dict[str, float]:
    resources: Any = ray.cluster_resources
    return dict(resources())


def _refuse_apart(staging: Path) -> None:
    """Refuse a cluster of which a machine does not see what the others write, or has no datapkg."""
    look = ray.remote(num_cpus=0, max_retries=RETRIES)(_sees)
    for node in _alive():
        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        where = f"machine {node['NodeManagerHostname']} of the Ray cluster"
        try:
            seen = ray.get(look.options(scheduling_strategy=strategy).remote(str(staging)), timeout=REACH_S)
        except (exceptions.RayError, TimeoutError) as error:
            line = str(error).strip().splitlines()[-1]
            fix = "install the same lance-datapkg on all of its machines"
            raise ManifestError(f"cannot run datapkg: {line}", where, fix) from None
        if not seen:
            fix = "put the package on a disk that all machines share; for a bucket, let DATAPKG_CACHE name such a folder"
            raise StoreError(f"does not see {staging}, which workers write to", where, fix)


def _refuse_needs(needs: Needs) -> None:
    """Ray would wait for ever for a machine that is not there."""
    for name, wanted in (("CPU", needs.cpus), ("GPU", needs.gpus)):
        most = max((float(node["Resources"].get(name, 0)) for node in _alive()), default=0.0)
        if wanted > most:
            what = f"a function needs {wanted:g} {name}s, and no machine of the Ray cluster has more than {most:g}"
            raise ManifestError(what, f"num_{name.lower()}s", "ask for less, or add such a machine")
