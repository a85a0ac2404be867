"""Broken and hostile files: each is refused or warned of in words of a biologist, at once and in little memory."""

from __future__ import annotations

import json
import re
import resource as process
import subprocess
import sys
from pathlib import Path

import h5py
import make_ch5 as make
import numpy as np
import pytest

from datapkg.errors import SourceError

REFUSED = {
    "ch5_bad_contour": "contour of object 0 cannot be read",
    "ch5_bomb_virtual_shape": "planes of 100,000 x 100,000 pixels",
    "ch5_channel_2d": "5 axes: channel, time, z, y and x",
    "ch5_dangling_external": "/etc/passwd, which lies outside of the data root",
    "ch5_external_escape": "outside of the data root",
    "ch5_flipped_bytes": "damaged",
    "ch5_inconsistent": "4 rows, but .* has 5 objects",
    "ch5_truncated": "cut short: it ends after 270,652 bytes",
    "hdf5_not_cellh5": "no CellH5 movie",
    "zero": r"empty \(0 bytes\)",
}
WARNED = {
    "ch5_empty_plate": "no position",
    "ch5_interrupted_bioformats_write": "no plane of it was ever written",
    "ch5_softlink_cycle": "/nowhere, which is not there",
}
OF_THE_WHOLE_FILE = ("ch5_truncated", "hdf5_not_cellh5", "zero")
POSITION = make.position_path("P", "A01", "1")


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_file_is_refused_with_its_place_and_a_fix(shared: Path, name: str) -> None:
    before = process.getrusage(process.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SourceError, match=REFUSED[name]) as caught:
        make.tables(make.movies(), make.source(shared / "bad" / f"{name}.ch5"))
    assert caught.value.where.startswith(f"{name}.ch5") and caught.value.fix
    assert process.getrusage(process.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize("name", WARNED)
def test_an_odd_file_is_warned_of(shared: Path, name: str) -> None:
    file = make.source(shared / "bad" / f"{name}.ch5")
    make.tables(make.movies(), file)
    assert any(WARNED[name] in told for told in make.warnings(make.movies(), file))


def test_every_bad_file_is_known(shared: Path) -> None:
    names = {path.stem for path in (shared / "bad").glob("*.ch5")}
    assert names == set(REFUSED) | set(WARNED)


def test_an_interrupted_movie_gives_its_planes(shared: Path) -> None:
    file = make.source(shared / "bad" / "ch5_interrupted_bioformats_write.ch5")
    planes = make.tables(make.movies(), file)["movies"]
    assert planes.num_rows == 7 and planes.column("shape")[0].as_py() == [167, 439]
    assert not np.any(planes.column("image_array")[3].as_py())


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A movie below the root, so that there is something above it."""
    (tmp_path / "root" / "ch5").mkdir(parents=True)
    local = tmp_path / "root" / "ch5" / "m.ch5"
    with h5py.File(local, "w") as file:
        file.create_group(f"{POSITION}/image")
    return local


def read(local: Path, *globs: str) -> dict[str, int]:
    file = make.source(local, local.parents[1])
    found = make.tables(make.movies(*(globs or ("ch5/m.ch5",))), file)
    return {name: table.num_rows for name, table in found.items()}


def test_a_link_inside_of_the_root_is_followed(movie: Path) -> None:
    other = make.movie(movie.parents[1] / "o.ch5")
    with h5py.File(movie, "a") as file:
        file[f"{POSITION}/image/channel"] = h5py.ExternalLink(
            "../o.ch5", make.position_path("P1", "A01", "0037") + "/image/channel"
        )
        file["sample/0/plate/P/experiment/A01/position/2"] = h5py.ExternalLink(
            str(other), make.position_path("P1", "A01", "0037")
        )
    assert read(movie)["movies"] == 6 + 9
    assert read(movie, "**/*.ch5") == {}


@pytest.mark.parametrize("kind", ["external", "virtual"])
def test_values_outside_of_the_root_are_refused(movie: Path, kind: str) -> None:
    outside = movie.parents[2] / "secret.h5"
    with h5py.File(outside, "w") as file:
        file["x"] = np.ones((1, 1, 1, 4, 4), "u1")
    shape = (1, 1, 1, 4, 4)
    with h5py.File(movie, "a") as file:
        if kind == "virtual":
            layout = h5py.VirtualLayout(shape, "u1")
            layout[:] = h5py.VirtualSource(str(outside), "x", shape)
            file.create_virtual_dataset(f"{POSITION}/image/channel", layout)
        else:
            file.create_dataset(
                f"{POSITION}/image/channel", shape, "u1", external=[(str(outside), 0, h5py.h5f.UNLIMITED)]
            )
    with pytest.raises(SourceError, match="outside of the data root"):
        read(movie)


def test_values_in_other_files_inside_of_the_root_are_read(movie: Path) -> None:
    shape = (1, 1, 1, 4, 4)
    raw = movie.parent / "pixels.raw"
    raw.write_bytes(bytes(range(16)))
    with h5py.File(movie.parent / "source.h5", "w") as file:
        file["x"] = np.arange(16, dtype="u1").reshape(shape)
    with h5py.File(movie, "a") as file:
        file.create_dataset(f"{POSITION}/image/channel", shape, "u1", external=[(str(raw), 0, 16)])
        layout = h5py.VirtualLayout(shape, "u1")
        layout[:] = h5py.VirtualSource("source.h5", "x", shape)
        file.create_virtual_dataset(f"{POSITION}/image/region", layout)
    planes = make.tables(make.movies(), make.source(movie))["movies"].column("image_array")
    assert planes[0].as_py() == planes[1].as_py() == np.arange(16).reshape(4, 4).tolist()


@pytest.mark.parametrize("name", ["gone.h5", "."])
def test_virtual_values_that_are_not_there_are_refused(movie: Path, name: str) -> None:
    shape = (1, 1, 1, 4, 4)
    with h5py.File(movie, "a") as file:
        layout = h5py.VirtualLayout(shape, "u1")
        layout[:] = h5py.VirtualSource(name, f"{POSITION}/image/channel", shape)
        file.create_virtual_dataset(f"{POSITION}/image/channel", layout)
    with pytest.raises(SourceError, match=r"not there|made of itself"):
        read(movie)


def test_a_relative_name_of_raw_values_is_refused(movie: Path) -> None:
    (movie.parent / "pixels.raw").write_bytes(bytes(16))
    with h5py.File(movie, "a") as file:
        file.create_dataset(
            f"{POSITION}/image/channel", (1, 1, 1, 4, 4), "u1", external=[("pixels.raw", 0, 16)]
        )
    with pytest.raises(SourceError, match="folder that a program runs in"):
        read(movie)


def test_a_symbolic_link_out_of_the_root_is_refused(movie: Path) -> None:
    outside = make.movie(movie.parents[2] / "o.ch5")
    (movie.parent / "inner.ch5").symlink_to(outside)
    with h5py.File(movie, "a") as file:
        file["definition"] = h5py.ExternalLink("inner.ch5", "/definition")
    with pytest.raises(SourceError, match="outside of the data root"):
        read(movie)


def test_soft_links_that_multiply_or_circle_come_to_an_end(movie: Path) -> None:
    with h5py.File(movie, "a") as file:
        group = file[POSITION]
        group["loop"] = h5py.SoftLink("loop")
        group["a"] = h5py.SoftLink("b")
        group["b"] = h5py.SoftLink("a")
        group["image/here"] = group["image"]
        group["image/s0"] = h5py.SoftLink("here/here")
        for i in range(40):
            group[f"image/s{i + 1}"] = h5py.SoftLink(f"s{i}/s{i}")
    told = make.warnings(make.movies(), make.source(movie))
    assert sum("go round in a circle" in one for one in told) > 3


def test_a_link_to_a_broken_file_names_that_file(movie: Path) -> None:
    (movie.parent / "o.ch5").write_text("no HDF5")
    with h5py.File(movie, "a") as file:
        file["definition"] = h5py.ExternalLink("o.ch5", "/definition")
    with pytest.raises(SourceError, match=r"ch5/o.ch5: is no HDF5 file"):
        read(movie)


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((10, 10_000, 1, 1000, 1000), (1, 1, 1, 1000, 1000)),
        ((100, 1_000_000, 10, 1, 1), (1, 1000, 1, 1, 1)),
        ((1000, 1000, 1000, 0, 5), (1, 1, 1, 1, 5)),
    ],
)
def test_pixels_that_cannot_be_there_are_refused(
    movie: Path, shape: tuple[int, ...], chunks: tuple[int, ...]
) -> None:
    with h5py.File(movie, "a") as file:
        file.create_dataset(f"{POSITION}/image/channel", shape, "u2", chunks=chunks, maxshape=(None,) * 5)
    with pytest.raises(SourceError, match="most of them were never written"):
        read(movie)


def test_rows_that_cannot_be_there_are_refused(movie: Path) -> None:
    with h5py.File(movie, "a") as file:
        file.create_dataset(f"{POSITION}/object/cell", (10**9,), make.TABLE, chunks=(1000,))
    with pytest.raises(SourceError, match="most of them were never written"):
        read(movie)


def test_a_half_written_movie_is_read(movie: Path) -> None:
    with h5py.File(movie, "a") as file:
        pixels = file.create_dataset(
            f"{POSITION}/image/channel", (2, 50, 1, 64, 64), "u2", chunks=(1, 1, 1, 64, 64)
        )
        pixels[0, 0, 0] = 7
    assert read(movie)["movies"] == 100


BUILD_EACH = """
import json, pathlib, resource, sys
import datapkg

if __name__ == "__main__":
    folder, told = pathlib.Path(sys.argv[1]), {}
    for name in sys.argv[3:]:
        manifest = folder / f"{name}.yaml"
        manifest.write_text(f"name: bad\\nresources: [{{name: movies, path: {name}.ch5}}]\\n")
        try:
            report = datapkg.build(manifest, folder / f"{name}.datapkg", root=sys.argv[2], workers=1)
            told[name] = [None, "", *report.warnings]
        except datapkg.DatapkgError as error:
            told[name] = [error.code, error.where, str(error)]
    print(json.dumps([told, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def test_bad_files_are_told_of_by_builds_whose_workers_live_and_stay_small(
    shared: Path, tmp_path: Path
) -> None:
    script = tmp_path / "build_each.py"
    script.write_text(BUILD_EACH)
    names = [*REFUSED, *WARNED]
    command = [sys.executable, str(script), str(tmp_path), str(shared / "bad"), *names]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told, peak_kb = json.loads(done.stdout)
    for name in names:
        code, where, *texts = told[name]
        wanted = REFUSED.get(name) or WARNED[name]
        assert any(re.search(wanted, text) for text in texts), (name, texts)
        assert all(f"{name}.ch5" in text for text in texts), texts
        assert "a worker process died" not in "".join(texts)
        assert (code == "source") is (name in REFUSED)
        if name in REFUSED and name not in OF_THE_WHOLE_FILE:
            assert re.fullmatch(rf"{name}\.ch5, /\S+.*", where)
        assert (tmp_path / f"{name}.datapkg").exists() is (name in WARNED)
    assert peak_kb < 600_000
