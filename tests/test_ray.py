"""Ray: the same packages as from processes of this machine, and a worker that dies is no end of a build."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import make
import make_derive
import pytest
from test_engine import dies_at_three, ignore, raises_at_three, squared

import datapkg
from datapkg import engine
from datapkg.engine import Needs, Note
from datapkg.errors import DeriveError, ManifestError, SourceError


def dies_once(task: tuple[int, Path], note: Note) -> int:
    number, folder = task
    note(f"file {number}", 0)
    if number == 3 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    note(f"file {number}", 1)
    return number


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("workers", [None, 1, 2])
def test_results_come_in_order_and_progress_is_told(workers: int | None) -> None:
    told: list[tuple[str, int]] = []
    with engine.get("ray").session(workers) as run:
        assert run.workers == (workers or 2)
        assert list(run(squared, range(20), lambda path, done, files=1: told.append((path, done)))) == [
            i * i for i in range(20)
        ]
        assert list(run(squared, [], ignore)) == []
    assert sum(done for _, done in told) == sum(range(1, 21))


@pytest.mark.usefixtures("connected")
def test_an_error_comes_back_as_it_was_raised() -> None:
    with engine.get("ray").session(2) as run, pytest.raises(SourceError) as caught:
        list(run(raises_at_three, range(9), ignore))
    assert type(caught.value) is SourceError
    assert (caught.value.what, caught.value.where, caught.value.fix) == (
        "is broken",
        "plate/a.tif",
        "mend it",
    )


STOPS = """
import random, sys, time
import ray
from datapkg import engine
from test_engine import ignore, squared

ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
pause = random.Random(0)
with engine.get("ray").session(2) as run:
    for _ in range(100):
        results = run(squared, range(12), ignore)
        next(results)
        time.sleep(pause.random() * 0.003)
        results.close()
"""


def test_a_program_outlives_tasks_that_end_just_as_they_are_stopped(ray_address: str) -> None:
    command = [sys.executable, "-c", STOPS, ray_address]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.usefixtures("connected")
def test_a_task_whose_worker_died_is_tried_again(tmp_path: Path) -> None:
    with engine.get("ray").session(2) as run:
        assert list(run(dies_once, [(number, tmp_path) for number in range(9)], ignore)) == list(range(9))
    assert (tmp_path / "died").exists()


@pytest.mark.usefixtures("connected")
def test_a_worker_that_always_dies_names_the_file_it_was_reading(tmp_path: Path) -> None:
    with (
        engine.get("ray").session(2) as run,
        pytest.raises(SourceError, match="file 3: a worker process died"),
    ):
        list(run(dies_at_three, range(9), ignore))


@pytest.mark.usefixtures("connected")
def test_a_program_stays_in_the_cluster_that_it_is_connected_to(ray_address: str) -> None:
    for address in (None, "auto", ray_address):
        with engine.get("ray", address).session(1) as run:
            assert list(run(squared, [3], ignore)) == [9]
    for other in ("local", "127.0.0.1:1", f"localhost:{ray_address.rpartition(':')[2]}1"):
        with (
            pytest.raises(
                ManifestError, match=rf"{other}: this program is connected .* {ray_address} already"
            ),
            engine.get("ray", other).session(1),
        ):
            pass


@pytest.mark.usefixtures("connected")
def test_needs_that_no_machine_has_are_refused(tmp_path: Path) -> None:
    with (
        engine.get("ray").session() as run,
        pytest.raises(ManifestError, match="needs 1 GPUs, and no machine"),
    ):
        list(run(squared, [1], ignore, Needs(1, 1)))


@pytest.mark.usefixtures("connected")
def test_a_folder_that_a_machine_does_not_see_is_named(tmp_path: Path) -> None:
    with engine.get("ray").session(2) as run:
        assert run.blind([tmp_path]) is None
        machine, folder = run.blind([tmp_path, tmp_path / "elsewhere"]) or ("", None)
    assert machine.startswith("machine ")
    assert folder == tmp_path / "elsewhere"


OWN = """
import os
import time

def process(image):
    return os.getpid()

def hangs(image):
    return sum(range(10**15))

def sleeps(image):
    time.sleep(600)
"""
CLI = "from datapkg.cli import main; main()"
ENTRY = "derive: [{table: frames, column: m, input: image_array, output: int64, "


@pytest.fixture
def one_image(tmp_path: Path) -> Path:
    make.tiff(tmp_path / "one" / "images" / "a.tif", make.image(1))
    make.text(tmp_path / "one" / "g.py", OWN)
    return make.manifest(tmp_path / "one", 'name: frames, path: "images/*.tif"')


@pytest.mark.usefixtures("connected")
def test_functions_run_in_workers_and_one_that_never_comes_back_is_ended(
    one_image: Path, tmp_path: Path
) -> None:
    make_derive.manifest(one_image, ENTRY + 'function: "g.py:process", num_cpus: 0.5}]\n')
    datapkg.build(one_image, tmp_path / "p", engine="ray")
    column = datapkg.open(tmp_path / "p")["frames"].to_arrow(["m"]).column(0).to_pylist()
    assert os.getpid() not in column
    before = make.tree(tmp_path / "p")
    make_derive.manifest(one_image, ENTRY + 'function: "g.py:hangs", timeout_s: 0.1}]\n')
    with pytest.raises(DeriveError, match=r"row 0 of .* gave no answer within 0.1 s, and its process"):
        datapkg.build(one_image, tmp_path / "p", engine="ray")
    assert make_derive.tree(tmp_path / "p") == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_build_on_the_cluster_that_is_stopped_harms_nothing(
    how: signal.Signals, ray_address: str, one_image: Path, tmp_path: Path
) -> None:
    make.build(one_image, tmp_path / "p")
    before = make.tree(tmp_path / "p")
    make_derive.manifest(one_image, ENTRY + 'function: "g.py:sleeps"}]\n')
    command = ["build", str(one_image), str(tmp_path / "p"), "--engine", "ray", "--ray-address", ray_address]
    process = subprocess.Popen([sys.executable, "-c", CLI, *command], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list((tmp_path / "p").glob("*/_marks/*")):
        time.sleep(0.05)
    process.send_signal(how)
    _, said = process.communicate()
    assert process.returncode == (130 if how is signal.SIGINT else -how), said
    left = {
        name: (tmp_path / "p" / name).read_bytes() for name in before
    }  # workers may still clear up beside
    assert left == before
    if how is signal.SIGINT:
        assert make_derive.tree(tmp_path / "p") == before
    make_derive.manifest(one_image, "")
    assert not make.build(one_image, tmp_path / "p").created
    assert datapkg.open(tmp_path / "p").verify(deep=True).ok


def told(manifest: Path, *options: str, before: str = "") -> str:
    """What a build says that must fail."""
    command = [sys.executable, "-c", before + CLI, "build", str(manifest), *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, cwd=manifest.parent
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_ray_that_is_not_installed_is_told_with_the_line_to_install_it(one_image: Path) -> None:
    gone = "import sys; sys.modules['ray'] = None; "
    assert "pip install 'lance-datapkg[ray]'" in told(one_image, "--engine", "ray", before=gone)


@pytest.mark.parametrize(
    ("address", "said"),
    [("127.0.0.1:1", "Ray cannot be reached: "), ("ray://127.0.0.1:1", "is no address of a cluster")],
)
def test_an_address_where_no_cluster_is_reached_is_told(address: str, said: str, one_image: Path) -> None:
    assert said in told(one_image, "--engine", "ray", "--ray-address", address)
    assert not list(one_image.parent.glob("*.datapkg"))


def test_engines_of_this_machine_take_no_address() -> None:
    for name in ("local", "inline"):
        with pytest.raises(ManifestError, match=f"'{name}' runs on this machine, and takes no address"):
            engine.get(name, "auto")
