"""Run tasks on a Ray cluster: Ray spreads them over its machines, and tries a task again whose process died.

Every machine sees the files and the manifest's folder at the same paths, as on a shared disk. Nothing else is taken for
granted: a worker has its own temporary and current folder, and the package may lie where this machine's disk is not.
"""

from __future__ import annotations

import os
import pickle
import socket
import tempfile
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ManifestError
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
GRACE_S = 2.0
STOP_S = 10.0
REACH_S = 60.0
KNOCK_S = 10.0
HERE, ANY = "local", "auto"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Ray at an address: ``HOST:PORT``, ``auto`` (the one that Ray finds), ``local`` (one that is started)."""

    address: str = ANY

    @contextmanager
    def session(self, workers: int | None = None, *, bare: bool = False) -> Iterator[Run]:  # noqa: ARG002 - Ray's workers serve many builds
        """Give a `Run` with at most `workers` tasks at a time (default: as many as the cluster has CPUs).

        A program that is connected to Ray already stays so. A worker that dies gets its task again; when it dies
        over it every time, a WorkerDiedError names the files that were being read.

        Raises
        ------
        ManifestError
            The cluster cannot be reached, or is not the one that this program is connected to.
        """
        connected = bool(ray.is_initialized())
        if connected:
            self._refuse_another()
        else:
            self._connect(workers)
        try:
            yield _Tasks(workers)
        finally:
            if not connected:
                ray.shutdown()

    def _refuse_another(self) -> None:
        """A process can be in one cluster only."""
        there = str(ray.get_runtime_context().gcs_address)
        if self.address != ANY and _numeric(self.address) != _numeric(there):
            what = f"this program is connected to the Ray cluster at {there} already"
            fix = "leave the address out, or disconnect first with ray.shutdown()"
            raise ManifestError(what, f"--ray-address {self.address}", fix)

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

    running: dict[Any, str] = field(default_factory=dict)
    waiting: deque[Any] = field(default_factory=deque)
    results: dict[Any, Any] = field(default_factory=dict)

    def end(self) -> None:
        """Stop what runs; nothing is written any more when this returns.

        What ends soon is waited for. To cancel a task just as its answer comes ends our own process: Ray takes it for a
        fault of its own (ADR 062).
        """
        left = list(self.running)
        try:
            left = _unfinished(left, GRACE_S)
        finally:  # a second Ctrl-C cancels at once
            for one in left:
                ray.cancel(one, force=True)
            _unfinished(left, STOP_S)


def _unfinished(tasks: list[Any], seconds: float) -> list[Any]:
    """Wait for tasks; those that are left."""
    return ray.wait(tasks, num_returns=len(tasks), timeout=seconds)[1] if tasks else []


class _Tasks:
    def __init__(self, workers: int | None) -> None:
        cpus = max(1, int(_resources().get("CPU", 1)))
        self.workers = min(workers, cpus) if workers else cpus
        self.threads = max(1, min(self.workers, int(_largest("CPU"))))
        self._most = self.workers * (1 if self.workers < cpus else AHEAD)
        self._name, self._number = f"datapkg-{uuid.uuid4().hex}", 0

    @property
    def may_be_here(self) -> bool:
        """No: the user said where."""
        return False

    def __call__(
        self,
        function: Callable[[Any, Note], Any],
        tasks: Iterable[Any],
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
                    one = call.remote(function, task, place)
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

    def _place(self) -> str:
        self._number += 1
        return f"{self._name}-{self._number}"

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
                flight.results[one] = _Failure(self._told(error, place))
            else:
                flight.results[one] = result
                for told in notes:
                    progress(*told)

    def _told(self, error: Exception, place: str) -> Exception:
        """What Ray says of a task without a result, in words of the files that it was at."""
        lost = (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError)
        if isinstance(error, (*lost, exceptions.ObjectLostError)):
            at = self.anywhere(_left, place)
            return death([at] if at else [])
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return ManifestError(f"Ray could not run a task: {line}", "--engine ray", "see Ray's own logs")

    def wake(self, function: Callable[[Any], object], what: Any) -> None:
        """Nothing: Ray starts its workers itself."""

    def blind(self, folders: Sequence[Path]) -> tuple[str, Path] | None:
        """Ask each machine."""
        paths = [str(folder) for folder in folders]
        for machine, seen in _on_each(_not_seen, paths):
            if seen is not None:
                return machine, Path(seen)
        return None

    def anywhere(self, look: Callable[[Any], Any], what: Any) -> Any:
        """Ask each machine, until one has found it."""
        with suppress(ManifestError):  # a machine that went has nothing to say
            return next((found for _, found in _on_each(look, what) if found is not None), None)
        return None


@dataclass(frozen=True, slots=True)
class _Failure:
    error: BaseException


def _value(result: Any) -> Any:
    if isinstance(result, _Failure):
        raise result.error from None
    return result


def _call(function: Callable[[Any, Note], Any], task: Any, place: str) -> bytes:
    """Run a task; a file of the machine that it runs on says at what it is, also when this process has died.

    The result is packed here: what Ray unpacks is memory of its store, which may not be written to.
    """
    begin_worker()
    notes: list[tuple[str, int, int]] = []
    with open(_file(place), "wb", buffering=0) as file:

        def note(path: str, done: int, files: int = 1, /) -> None:
            notes.append((path, done, files))
            if not done:
                file.seek(0)
                file.write(path.encode())
                file.truncate()

        try:
            result = function(task, note)
        finally:
            _file(place).unlink(missing_ok=True)
    return pickle.dumps((result, notes), protocol=pickle.HIGHEST_PROTOCOL)


def _file(place: str) -> Path:
    return Path(tempfile.gettempdir(), place)


def _left(place: str) -> str | None:
    """What a worker of this machine that died has left; it is needed once."""
    with suppress(OSError):
        said = _file(place).read_bytes().decode()
        _file(place).unlink()
        return said
    return None


def _not_seen(folders: Sequence[str]) -> str | None:
    return next((folder for folder in folders if not Path(folder).is_dir()), None)


def _numeric(address: str) -> tuple[str, str]:
    """An address with the number of its machine."""
    host, _, port = address.rpartition(":")
    with suppress(OSError):
        host = socket.gethostbyname(host)
    return host, port


def _alive() -> list[dict[str, Any]]:
    nodes: Any = ray.nodes
    return [node for node in nodes() if node["Alive"]]


def _resources() -> dict[str, float]:
    resources: Any = ray.cluster_resources
    return dict(resources())


def _on_each(look: Callable[[Any], Any], what: Any) -> Iterator[tuple[str, Any]]:
    """Each machine's name, and what it finds.

    Raises
    ------
    ManifestError
        One cannot run datapkg.
    """
    asking = ray.remote(num_cpus=0, max_retries=RETRIES)(_look)
    for node in _alive():
        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        machine = f"machine {node['NodeManagerHostname']} of the Ray cluster"
        try:
            found = ray.get(asking.options(scheduling_strategy=strategy).remote(look, what), timeout=REACH_S)
        except (exceptions.RayError, TimeoutError) as error:
            line = str(error).strip().splitlines()[-1]
            fix = "install the same lance-datapkg on all of its machines"
            raise ManifestError(f"cannot run datapkg: {line}", machine, fix) from None
        yield machine, found


def _look(look: Callable[[Any], Any], what: Any) -> Any:
    return look(what)


def _largest(name: str) -> float:
    """What the machine has that has most of a resource."""
    return max((float(node["Resources"].get(name, 0)) for node in _alive()), default=0.0)


def _refuse_needs(needs: Needs) -> None:
    """Ray would wait for ever for a machine that is not there."""
    for name, wanted in (("CPU", needs.cpus), ("GPU", needs.gpus)):
        most = _largest(name)
        if wanted > most:
            what = f"a function needs {wanted:g} {name}s, and no machine of the Ray cluster has more than {most:g}"
            raise ManifestError(what, f"num_{name.lower()}s", "ask for less, or add such a machine")
