"""What things cost, by counts that no noise touches: files opened, bytes read and written, modules loaded, memory taken.

Each bound is near what is needed today, so that a change which makes something dearer is seen at once. What reading costs in
requests and bytes is in `test_lazy_io`, `test_sql_io` and `test_direct`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import make
import make_ch5
import pytest
from spying import spying

import datapkg
from datapkg import hashes
from datapkg.engine import local

ENGINES = {"lance", "lancedb", "pandas", "awkward", "duckdb"}
DECODERS = {"tifffile", "imagecodecs", "h5py"}
COUNTING = """
import json, os, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
def io(name):
    return int(dict(line.split(": ") for line in open("/proc/self/io").read().splitlines())[name])
"""


BUILDER = "import datapkg, datapkg.builder\nfrom datapkg import hashes\nhashes.YOUNG_NS = -(10**18)"


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were just written are trusted: what is counted here is what a build costs a day later."""
    monkeypatch.setenv("DATAPKG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "YOUNG_NS", -(10**18))


def counted(code: str, before: str = "") -> dict[str, Any]:
    """Run code in a process of its own: which files Python opened, what it wrote and read, which modules it loaded."""
    script = (
        f"{COUNTING}\n{before}\nstart = len(opened), io('wchar'), io('rchar')\n{code}\n"
        "print(json.dumps({'opened': opened[start[0]:], 'written': io('wchar') - start[1],"
        " 'read': io('rchar') - start[2], 'modules': sorted(sys.modules)}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What workers have loaded; it fills while they work."""
    modules: set[str] = set()
    monkeypatch.setattr(local._Pool, "__call__", spying(modules))
    return modules


def within(files: list[str], folder: Path) -> list[str]:
    return [path for path in files if path.startswith(str(folder))]


def images(folder: Path, count: int) -> Path:
    """A manifest of so many images and a table; built."""
    for number in range(count):
        make.tiff(folder / "data" / f"{number:03}.tif", make.image(number, (64, 64)))
    make.text(folder / "data" / "wells.csv", "Well,Count\n" + "".join(f"A{n:02},{n}\n" for n in range(50)))
    manifest = make.manifest(folder / "data", 'name: frames, path: "*.tif"', "name: wells, path: wells.csv")
    make.build(manifest, folder / "p")
    return manifest


def test_records_answer_without_any_engine(tmp_path: Path) -> None:
    images(tmp_path, 3)
    found = counted(
        f"p = datapkg.open({str(tmp_path / 'p')!r}); p.tables, p.version, p.release, p.digest, p['frames'].columns, len(p['wells'])",
        "import datapkg",
    )
    assert not ENGINES & set(found["modules"])
    log = counted(
        f"sys.argv = ['datapkg', 'log', {str(tmp_path / 'p')!r}]\ntry: main()\nexcept SystemExit: pass",
        "from datapkg.cli import main",
    )
    assert not ENGINES & set(log["modules"])


def test_opening_costs_the_same_whatever_the_number_of_versions(tmp_path: Path) -> None:
    manifest = images(tmp_path, 2)
    costs = []
    for last in (1, 9):
        for number in range(len(costs), last):
            make.text(manifest.parent / "wells.csv", f"Well,Count\nA01,{number}\n")
            make.build(manifest, tmp_path / "p")
        found = counted(f"datapkg.open({str(tmp_path / 'p')!r}).tables", "import datapkg.reader")
        costs.append(len(within(found["opened"], tmp_path / "p")))
    assert costs == [1, 1]  # the record; the list of versions is no file


def test_the_first_table_needs_the_record_the_list_and_one_manifest(tmp_path: Path) -> None:
    images(tmp_path, 2)
    code = f"datapkg.open({str(tmp_path / 'p')!r})['wells'].to_pandas()"
    found = counted(code, "import datapkg.reader, datapkg.frames, lance")
    opened = [
        Path(path).relative_to(tmp_path / "p").as_posix() for path in within(found["opened"], tmp_path / "p")
    ]
    assert opened[:2] == ["versions/1.json", "versions/1.files.json"]
    assert len(opened) == 3 and opened[2].startswith("wells.lance/_versions/")


def test_a_build_with_nothing_to_do_opens_no_source(tmp_path: Path) -> None:
    data, code = tmp_path / "data", "datapkg.build({!r}, {!r}, engine='inline')"
    code = code.format(str(data / "manifest.yaml"), str(tmp_path / "p"))
    opened = []
    for count in (10, 40):
        images(tmp_path, count)
        counted(code, BUILDER)  # remembers what it looked at
        found = counted(code, BUILDER)
        assert not [path for path in within(found["opened"], data) if path.endswith((".tif", ".csv"))]
        opened.append(len(within(found["opened"], tmp_path)))
    assert opened[0] == opened[1] <= 12
    assert found["written"] < 10_000


def test_a_build_with_nothing_to_do_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    images(tmp_path, 3)
    code = f"datapkg.build({str(tmp_path / 'data' / 'manifest.yaml')!r}, {str(tmp_path / 'p')!r})"
    counted(code, BUILDER)  # remembers what it looked at
    modules = set(counted(code, BUILDER)["modules"])
    found = modules & {*ENGINES, "ssl", "urllib3", "datapkg.deriving.computing"}
    assert not found
    assert len(modules) < 640


def test_one_image_more_costs_one_open_one_read_and_few_calls(tmp_path: Path) -> None:
    images(tmp_path, 40)
    table = datapkg.open(tmp_path / "p")["frames"]
    table.image(1)
    calls: list[str] = []
    system = ("open", "preadv", "close")
    sys.setprofile(
        lambda frame, event, what: calls.append(
            frame.f_code.co_name if event == "call" else what.__name__ if event == "c_call" else ""
        )
    )
    try:
        table.image(7)
    finally:
        sys.setprofile(None)
    assert [calls.count(name) for name in system] == [1, 1, 1]
    assert sum(map(bool, calls)) <= 26


def test_reading_an_image_loads_neither_engine_nor_kernels(tmp_path: Path) -> None:
    images(tmp_path, 3)
    found = counted(f"datapkg.open({str(tmp_path / 'p')!r})['frames'].image(0)", "import datapkg")
    assert not {*ENGINES, *DECODERS, "pyarrow.compute", "multiprocessing", "pydantic"} & set(found["modules"])
    assert len(found["modules"]) < 420


def test_one_changed_image_is_the_only_one_that_is_opened(tmp_path: Path) -> None:
    images(tmp_path, 40)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "p").rglob("*") if path.is_file()}
    make.tiff(tmp_path / "data" / "007.tif", make.image(99, (64, 64)))
    code = f"datapkg.build({str(tmp_path / 'data' / 'manifest.yaml')!r}, {str(tmp_path / 'p')!r}, engine='inline')"
    found = counted(code, BUILDER)
    sources = {path for path in within(found["opened"], tmp_path / "data") if path.endswith((".tif", ".csv"))}
    assert {Path(path).name for path in sources} == {"007.tif"}
    now = [path for path in (tmp_path / "p").rglob("*") if path.is_file()]
    written = [path for path in now if before.get(path) != path.stat().st_mtime_ns]
    assert sum(path.stat().st_size for path in written) < 2 * 64 * 64 * 2 + 60_000
    assert len(written) <= 16


def test_a_lazy_frame_takes_next_to_no_memory(tmp_path: Path) -> None:
    images(tmp_path, 40)
    script = (
        "import tracemalloc, datapkg, pandas, numpy, pyarrow, lance\n"
        f"table = datapkg.open({str(tmp_path / 'p')!r})['frames']; table.to_pandas(limit=1)\n"
        "tracemalloc.start(); frame = table.to_pandas(); half = frame[frame['size_y'] > 1].copy()\n"
        "print(tracemalloc.get_traced_memory()[1])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40 * 64 * 64 * 2  # less than the pixels: none of them was read


@pytest.mark.parametrize(
    ("kind", "of_its_own"),
    [("text", set()), ("equal images", {"tifffile", "imagecodecs"}), ("movies", {"h5py", "imagecodecs"})],
)
def test_a_worker_loads_what_its_files_need(
    kind: str, of_its_own: set[str], tmp_path: Path, loaded: set[str]
) -> None:
    path = {"text": "*.csv", "equal images": "*.tif", "movies": "*.ch5"}[kind]
    make.text(tmp_path / "data" / "wells.csv", "Well,Count\nA01,1\n")
    for number in range(3):
        make.tiff(tmp_path / "data" / f"{number}.tif", make.image(number, (64, 64)))
    make_ch5.movie(tmp_path / "data" / "movie.ch5")
    manifest = make.manifest(tmp_path / "data", f'name: them, path: "{path}"')
    datapkg.build(manifest, tmp_path / "p", workers=1)
    tops = {name.partition(".")[0] for name in loaded}
    assert tops & (ENGINES | DECODERS) == {"lance", *of_its_own}
    assert len(loaded) < 600


def test_a_worker_computes_a_number_from_equal_images_without_the_engine(
    tmp_path: Path, loaded: set[str]
) -> None:
    images(tmp_path, 5)
    make.text(tmp_path / "data" / "f.py", "def mean(image):\n    return float(image.mean())\n")
    manifest = tmp_path / "data" / "manifest.yaml"
    manifest.write_text(
        manifest.read_text()
        + 'derive: [{table: frames, column: mean, function: "f.py:mean", input: image_array, output: float64}]\n'
    )
    datapkg.build(manifest, tmp_path / "p", workers=2)
    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & {*ENGINES, *DECODERS, "pydantic"}
    assert len(loaded) < 420


@pytest.mark.parametrize("task", ["image", "images"])
def test_reading_images_reads_them_and_the_lists_alone(task: str, tmp_path: Path) -> None:
    images(tmp_path, 40)
    ask = {"image": "image(7)", "images": "images(range(40))"}[task]
    number = {"image": 1, "images": 40}[task]
    found = counted(
        f"datapkg.open({str(tmp_path / 'p')!r})['frames'].{ask}",
        "import datapkg.reader, datapkg.loading, numpy",
    )
    lists = sum(path.stat().st_size for path in (tmp_path / "p" / "versions").iterdir())
    code = [
        Path(path) for path in found["opened"] if path.endswith((".py", ".pyc"))
    ]  # as many as are compiled
    own = sum(path.stat().st_size for path in code if path.exists())
    assert found["read"] - own < number * 64 * 64 * 2 + lists + 300_000
    assert len(within(found["opened"], tmp_path / "p")) <= 3


def test_a_package_of_one_table_has_few_files(tmp_path: Path) -> None:
    make.text(tmp_path / "data" / "wells.csv", "Well\nA01\n")
    make.build(make.manifest(tmp_path / "data", "name: wells, path: wells.csv"), tmp_path / "p")
    files = [path for path in (tmp_path / "p").rglob("*") if path.is_file()]
    assert len(files) <= 14
    assert datapkg.open(tmp_path / "p").tables == ["wells"]
