"""Builds in processes of their own that start at once: a process that has loaded everything and run nothing forks them.

Loading datapkg's libraries takes seconds, and a campaign starts thousands of builds. Run as a program this module is
that process; `Runner` talks to it. The storage engine is loaded there, but has started no thread yet.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from campaigns import steps
from campaigns.steps import Step

ANSWERS_WITHIN_S = 600.0
DUMPS_AFTER_S = 300.0
NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""Libraries start threads when they are loaded, and a process that forks must have none: a lock they hold stays shut."""


@dataclass(frozen=True)
class Ended:
    """How a build ended: its report, an error, or a bug; none of them if it was killed."""

    version: int = 0
    created: bool = False
    digest: str = ""
    warnings: tuple[str, ...] = ()
    error: str = ""
    text: str = ""
    bug: str = ""


class Runner:
    """Runs builds in other processes."""

    def __init__(self) -> None:
        path = [str(Path(__file__).resolve().parents[1]), *(path for path in sys.path if path)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "campaigns.runner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **NO_THREADS, "PYTHONPATH": os.pathsep.join(path)},
            start_new_session=True,
        )
        assert self._told() == "ready"

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._process.communicate("")
        assert kind is not None or self._process.returncode == 0

    def together(
        self, asked: Sequence[Mapping[str, str]], cache: Path, largest: int | None = None
    ) -> list[Ended]:
        """Run builds at the same time; the system refuses files over `largest` bytes."""
        self._tell({"do": "together", "asked": asked, "cache": str(cache), "largest": largest})
        return [_ended(one) for one in self._told()]

    def alone(self, asked: Mapping[str, Any], cache: Path, begins: Callable[[int], object]) -> Ended:
        """Run one build, in a process whose id `begins` is told before anything happens in it."""
        self._tell({"do": "alone", "asked": asked, "cache": str(cache)})
        begins(self._told()["pid"])
        self._tell({})
        return _ended(self._told())

    def watched(
        self,
        asked: Mapping[str, str],
        cache: Path,
        folder: Path,
        kill_at: int = 0,
        pauses: Mapping[int, Callable[[], object]] | None = None,
    ) -> tuple[Ended, list[Step], bool]:
        """Run one build, kill it before a step below `folder`, or do something at others; whether it was killed."""
        pauses = pauses or {}
        task = {"do": "watched", "asked": asked, "cache": str(cache), "folder": str(folder)}
        self._tell({**task, "kill_at": kill_at, "pauses": list(pauses)})
        while "pause" in (told := self._told()):
            pauses[told["pause"]]()
            self._tell({})
        return (
            _ended(told["ended"]),
            [Step(call, tuple(paths), new) for call, paths, new in told["steps"]],
            told["killed"],
        )

    def _tell(self, task: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        print(json.dumps(task), file=self._process.stdin, flush=True)

    def _told(self) -> Any:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], ANSWERS_WITHIN_S)[0]:
            running = "; ".join(_states(self._process.pid))
            os.killpg(self._process.pid, signal.SIGKILL)
            raise AssertionError(f"no build ended within {ANSWERS_WITHIN_S} s: {running}")
        return json.loads(self._process.stdout.readline())


def _states(pid: int) -> Iterator[str]:
    """What a process and those that it started are doing, as the system says: `stopped` waits for somebody's SIGCONT."""
    first = psutil.Process(pid)
    for one in [first, *first.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            yield f"{one.pid} {one.status()} after {sum(one.cpu_times()[:2]):.1f} s of work"


def _ended(told: Mapping[str, Any]) -> Ended:
    return Ended(**{**told, "warnings": tuple(told.get("warnings", ()))})


def _together(asked: Sequence[Mapping[str, str]], cache: str, largest: int | None) -> list[Any]:
    """Fork all, let them wait for the end of a pipe, and end it."""
    gate, opened = os.pipe()
    answers, processes = [], []
    for one in asked:
        answer, to = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(opened)
            os.read(gate, 1)
            if largest is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
            _build(one, cache, to)
        os.close(to)
        answers.append(answer)
        processes.append(pid)
    os.close(gate)
    os.close(opened)
    told = [_answer(answer) for answer in answers]
    for pid in processes:
        os.waitpid(pid, 0)
    return told


def _alone(asked: Mapping[str, Any], cache: str) -> Any:
    gate, opened = os.pipe()
    answer, to = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(opened)
        os.read(gate, 1)
        _build(asked, cache, to)
    os.close(to)
    _say({"pid": pid})
    sys.stdin.readline()
    os.close(gate)
    os.close(opened)
    told = _answer(answer)
    os.waitpid(pid, 0)
    return told


def _watched(asked: Mapping[str, str], cache: str, folder: str, kill_at: int, pauses: Sequence[int]) -> Any:
    answer, to = os.pipe()

    def pause(number: int) -> None:
        _say({"pause": number})
        sys.stdin.readline()

    seen = steps.watch(
        lambda: _build(asked, cache, to),
        Path(folder),
        kill_at,
        {number: lambda number=number: pause(number) for number in pauses},
    )
    os.close(to)
    told = [[step.call, step.paths, step.new] for step in seen.steps]
    return {"ended": _answer(answer), "steps": told, "killed": seen.killed}


def _build(asked: Mapping[str, Any], cache: str, to: int) -> None:
    """Build in this process, tell how it went, and end it."""
    import datapkg

    os.environ["DATAPKG_CACHE"] = cache
    faulthandler.dump_traceback_later(DUMPS_AFTER_S)  # to the log: where a build is that does not end
    try:
        report = datapkg.build(**asked, engine="inline", allow_removals=True)
        told = {name: getattr(report, name) for name in ("version", "created", "digest", "warnings")}
    except datapkg.DatapkgError as error:
        told = {"error": type(error).__name__, "text": str(error)}
    except BaseException:  # noqa: BLE001 - whatever it is, the campaign must see it
        told = {"bug": traceback.format_exc()}
    with open(to, "w", encoding="utf-8") as pipe:
        json.dump(told, pipe)
    os._exit(0)


def _answer(pipe: int) -> Any:
    with open(pipe, encoding="utf-8") as file:
        return json.loads(file.read() or "{}")


def _say(told: Any) -> None:
    print(json.dumps(told), flush=True)


def main() -> None:
    """Load what a build loads, and start builds until nobody asks any more."""
    warnings.simplefilter("ignore")  # the engine warns of every fork
    import awkward  # noqa: F401
    import duckdb  # noqa: F401
    import lance.fragment  # noqa: F401
    import tifffile  # noqa: F401

    import datapkg.builder
    import datapkg.engine.inline
    import datapkg.sources.images.source
    import datapkg.sources.text.source
    import datapkg.sources.tiff.format  # noqa: F401

    threads = os.listdir("/proc/self/task")  # noqa: PTH208 - only names are wanted
    assert len(threads) == 1, threads
    _say("ready")
    for line in sys.stdin:
        task = json.loads(line)
        _say({"together": _together, "alone": _alone, "watched": _watched}[task.pop("do")](**task))


if __name__ == "__main__":
    main()
