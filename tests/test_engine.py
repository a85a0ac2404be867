"""Engines: the same results in the same order, and a dead worker is a message."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datapkg import engine
from datapkg.engine import Note, local
from datapkg.errors import ManifestError, SourceError


def squared(task: int, note: Note) -> int:
    note(f"file {task}", 0)
    note(f"file {task}", task + 1)
    return task * task


def dies_at_three(task: int, note: Note) -> int:
    note(f"file {task}", 0)
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    note(f"file {task}", 1)
    return task


def raises_at_three(task: int, note: Note) -> int:
    if task == 3:
        raise SourceError("is broken", "plate/a.tif", "mend it")
    return task


def imports_pandas(task: int, note: Note) -> int | None:
    import pyarrow as pa

    pa.array([task])  # has Arrow look for pandas
    if "pandas" in sys.modules:
        return 1
    try:
        import pandas as pd
    except ModuleNotFoundError:
        return None
    return int(pa.array([task, pd.NA]).null_count)


def ignore(path: str, done: int, files: int = 1, /) -> None: ...


@pytest.mark.parametrize("name", ["local", "inline"])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_order_and_progress_is_told(name: str, workers: int) -> None:
    told: list[tuple[str, int]] = []
    with engine.get(name).session(workers) as run:
        assert list(run(squared, range(20), lambda path, done, files=1: told.append((path, done)))) == [
            i * i for i in range(20)
        ]
        assert list(run(squared, [], ignore)) == []
        assert list(run(squared, [5], ignore)) == [25]
    assert sum(done for _, done in told) == sum(range(1, 21))


@pytest.mark.parametrize(("bare", "found"), [(True, None), (False, 1)])
def test_bare_workers_load_no_pandas_and_others_know_its_missing_values(
    bare: bool, found: int | None
) -> None:
    with engine.get("local").session(1, bare=bare) as run:
        assert list(run(imports_pandas, [3], ignore)) == [found]


def counts_threads(task: int, note: Note) -> int:
    import numpy

    numpy.ones((2, 2)) @ numpy.ones((2, 2))
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names are all that is wanted


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_bare_workers_start_no_threads_of_linear_algebra_and_others_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    found = []
    for bare in (True, False):
        with engine.get("local").session(1, bare=bare) as run:
            found += run(counts_threads, [1], ignore)
    assert found[0] < found[1] or local.cpus() == 1


def whoami(task: int, note: Note) -> int:
    return os.getpid()


def raises(_: Any) -> None:
    raise ValueError("fails")


def test_workers_that_are_woken_are_those_that_work() -> None:
    with local.session(2) as run:
        run.wake(len, ())
        woken = {process.pid for process in multiprocessing.active_children()}
        assert len(woken) == 2
        assert set(run(whoami, range(20), ignore)) <= woken
    assert not multiprocessing.active_children()


def test_what_fails_while_workers_wake_fails_no_task() -> None:
    with engine.get("local").session(1) as run:
        run.wake(raises, None)
        assert list(run(squared, [5], ignore)) == [25]


@pytest.mark.parametrize("name", ["local", "inline"])
def test_an_error_comes_back_as_it_was_raised(name: str) -> None:
    with engine.get(name).session(2) as run, pytest.raises(SourceError) as caught:
        list(run(raises_at_three, range(9), ignore))
    assert (caught.value.what, caught.value.where, caught.value.fix) == (
        "is broken",
        "plate/a.tif",
        "mend it",
    )


def test_a_worker_that_dies_names_the_file_it_was_reading() -> None:
    with (
        engine.get("local").session(1) as run,
        pytest.raises(SourceError, match="file 3: a worker process died"),
    ):
        list(run(dies_at_three, range(9), ignore))


ANSWERS = """
import sys, time
from datapkg.engine import local
sys.path.insert(0, sys.argv[2])
from answers import large

def stopped(path, done, files):
    time.sleep(float(sys.argv[1]))
    raise KeyboardInterrupt

try:
    with local.session(1) as run:
        list(run(large, [1], stopped))
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize("wait_s", [0.0, 0.2, 0.3, 0.5])
def test_a_run_that_is_stopped_in_the_middle_of_an_answer_ends(wait_s: float, tmp_path: Path) -> None:
    (tmp_path / "answers.py").write_text(
        "def large(task, note):\n    note('a', 0)\n    return b'x' * 400_000_000\n"
    )
    (tmp_path / "script.py").write_text(ANSWERS)
    command = [sys.executable, tmp_path / "script.py", str(wait_s), tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr


def test_an_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(ManifestError, match="did you mean 'local'"):
        engine.get("lokal")


def test_a_plain_script_without_a_main_guard_works(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import operator\n"
        "from datapkg.engine import local\n"
        "with local.session(2) as run:\n"
        "    print(len(list(run(operator.is_, [1, 2, 3], print))))\n"
    )
    done: Any = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3"]
